/* SPDX-License-Identifier: Apache-2.0 */
#include "config/supply.h"

#include "base/machine_share.h"

#include <dirent.h>

const struct str *config_devices(int64_t count, struct arena *arena)
{
    struct str *devices = arena_array(arena, (size_t)count, sizeof *devices);
    for (int64_t i = 0; i < count; i++) {
        devices[i] = str_from(arena_printf(arena, "%lld", (long long)i));
    }
    return devices;
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
        supply.amount = machine_cpu(root);
    } else if (strcmp(name, RESOURCE_MEMORY) == 0) {
        supply.amount = machine_memory(root);
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
