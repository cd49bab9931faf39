/* SPDX-License-Identifier: Apache-2.0 */
#include "config/supply.h"

#include "base/fs.h"
#include "base/parse.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

enum { CORE = 1000, PROC_FILE_MAX = 1 << 20 };

const struct str *config_devices(int64_t count, struct arena *arena)
{
    struct str *devices = arena_array(arena, (size_t)count, sizeof *devices);
    for (int64_t i = 0; i < count; i++) {
        devices[i] = str_from(arena_printf(arena, "%lld", (long long)i));
    }
    return devices;
}

/* The processors that we may use: fewer than the machine has, in a container or below taskset. */
static int64_t cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? online : 1;
}

/* MemTotal of /proc/meminfo, which stands in KiB; 0 when it cannot be read. */
static int64_t memory_bytes(const char *root, struct arena *arena)
{
    struct str text = {0};
    struct str line = {0};
    struct err ignored = {0};
    int64_t kib = 0;
    if (fs_read(arena_printf(arena, "%s/proc/meminfo", root), PROC_FILE_MAX, arena, &text, &ignored) < 0) {
        return 0;
    }
    while (str_cut(&text, '\n', &line)) {
        if (str_starts(line, STR("MemTotal:"))) {
            struct str rest = str_trim(str_slice(line, strlen("MemTotal:"), line.n));
            struct str number = {0};
            (void)str_cut(&rest, ' ', &number);
            (void)parse_int(number, 0, INT64_MAX / 1024, &kib, NULL);
        }
    }
    return kib * 1024;
}

/* The entries of a folder whose names are the prefix and then digits, or all when it is NULL. */
static int64_t entries(const char *folder, const char *prefix)
{
    int64_t count = 0;
    DIR *open = opendir(folder);
    struct dirent *entry = NULL;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        struct str name = str_from(entry->d_name);
        size_t skip = prefix == NULL ? 0 : strlen(prefix);
        bool counts = prefix == NULL ? name.p[0] != '.'
                                     : str_starts(name, str_from(prefix)) && name.n > skip &&
                                           strspn(name.p + skip, "0123456789") == name.n - skip;
        count += counts ? 1 : 0;
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return count;
}

/* What the driver lists; where /proc is hidden (some containers), the device files. */
static int64_t device_count(const char *root, struct arena *arena)
{
    int64_t listed = entries(arena_printf(arena, "%s/proc/driver/nvidia/gpus", root), NULL);
    return listed > 0 ? listed : entries(arena_printf(arena, "%s/dev", root), "nvidia");
}

static bool is_among(const struct str *devices, size_t count, struct str device)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(devices[i], device)) {
            return true;
        }
    }
    return false;
}

/* "0,2": as far as the first that is no device, as CUDA reads it, or stands there again: it is one device. */
static const struct str *visible_devices(struct str text, struct arena *arena, int64_t *ret_count)
{
    struct str *devices = NULL;
    struct str device = {0};
    size_t count = 0;
    size_t room = 0;
    while (str_cut(&text, ',', &device)) {
        device = str_trim(device);
        if (device.n == 0 || str_is(device, "-1") || str_is(device, "NoDevFiles") ||
            is_among(devices, count, device)) {
            break;
        }
        devices = arena_grow(arena, devices, count, &room, sizeof *devices);
        devices[count++] = arena_str(arena, device);
    }
    *ret_count = (int64_t)count;
    return devices;
}

static struct resource_supply found(const char *name, const char *root, const char *visible, struct arena *arena)
{
    struct resource_supply supply = {.name = str_from(name)};
    if (strcmp(name, RESOURCE_CPU) == 0) {
        supply.amount = cores() * CORE;
    } else if (strcmp(name, RESOURCE_MEMORY) == 0) {
        supply.amount = memory_bytes(root, arena);
    } else if (visible != NULL) {
        supply.devices = visible_devices(str_from(visible), arena, &supply.amount);
    } else {
        supply.amount = device_count(root, arena);
        supply.devices = config_devices(supply.amount, arena);
    }
    return supply;
}

void config_supply(const struct config *config, const char *root, const char *visible,
                   const struct resource_supply **ret, size_t *ret_count)
{
    static const char *const machine[] = {RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_GPU};
    struct resource_supply *all = arena_array(config->arena, config->supply_count + 3, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < config->supply_count; i++) {
        all[count++] = config->supply[i];
    }
    for (size_t i = 0; i < 3; i++) {
        if (resource_find(config->supply, config->supply_count, str_from(machine[i])) == NULL) {
            all[count++] = found(machine[i], root, visible, config->arena);
        }
    }
    *ret = all;
    *ret_count = count;
}
