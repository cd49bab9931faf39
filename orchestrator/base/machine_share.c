/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine_share.h"

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"

#include <sched.h>
#include <unistd.h>

enum { CORE = 1000, FILE_MAX = 1 << 20 };

static struct str read_text(const char *path, struct arena *arena)
{
    struct str text = {0};
    return fs_read(path, FILE_MAX, arena, &text, NULL) < 0 ? STR("") : str_trim(text);
}

/* INT64_MAX: there is no such number. "max", and -1 of version 1, are none. */
static int64_t read_number(struct str text)
{
    int64_t number = 0;
    return parse_int(text, 0, INT64_MAX, &number, NULL) < 0 ? INT64_MAX : number;
}

/* ---- what a control group allows; INT64_MAX: all there is ------------------------------------------------------- */

static int64_t memory_of(const char *folder, const char *file, struct arena *arena)
{
    return read_number(read_text(path_join(arena, folder, file), arena));
}

static int64_t cpu_of_quota(int64_t quota_us, int64_t period_us)
{
    return quota_us >= INT64_MAX / CORE || period_us == 0 || period_us == INT64_MAX ? INT64_MAX
                                                                                    : quota_us * CORE / period_us;
}

/* "150000 100000", "max 100000" */
static int64_t cpu_2(const char *folder, struct arena *arena)
{
    struct str rest = read_text(path_join(arena, folder, "cpu.max"), arena);
    struct str quota = {0};
    (void)str_cut(&rest, ' ', &quota);
    return cpu_of_quota(read_number(quota), read_number(str_trim(rest)));
}

static int64_t cpu_1(const char *folder, struct arena *arena)
{
    return cpu_of_quota(read_number(read_text(path_join(arena, folder, "cpu.cfs_quota_us"), arena)),
                        read_number(read_text(path_join(arena, folder, "cpu.cfs_period_us"), arena)));
}

static int64_t memory_2(const char *folder, struct arena *arena)
{
    return memory_of(folder, "memory.max", arena);
}

static int64_t memory_1(const char *folder, struct arena *arena)
{
    return memory_of(folder, "memory.limit_in_bytes", arena);
}

/* The least of what our group allows, and those above it. */
static int64_t allowed(const char *root, enum cgroup_tree tree,
                       int64_t (*read)(const char *folder, struct arena *arena), struct arena *arena)
{
    int64_t least = INT64_MAX;
    size_t count = 0;
    const char *const *folders = cgroup_line(root, tree, arena, &count);
    for (size_t i = 0; i < count; i++) {
        int64_t here = read(folders[i], arena);
        least = here < least ? here : least;
    }
    return least;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- together --------------------------------------------------------------------------------------------------- */

static int64_t processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? online : 1;
}

int64_t machine_cpu(const char *root)
{
    struct arena *arena = arena_new();
    int64_t groups = lesser(allowed(root, CGROUP_2, cpu_2, arena), allowed(root, CGROUP_1_CPU, cpu_1, arena));
    arena_free(arena);
    int64_t share = lesser(processors() * CORE, groups);
    return share < CORE ? CORE : share;
}

int machine_processors(const char *root)
{
    return (int)((machine_cpu(root) + CORE - 1) / CORE);
}

/* "MemTotal:       16311204 kB" */
static int64_t total_memory(const char *root, struct arena *arena)
{
    struct str text = read_text(arena_printf(arena, "%s/proc/meminfo", root), arena);
    struct str line = {0};
    int64_t kib = 0;
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

int64_t machine_memory(const char *root)
{
    struct arena *arena = arena_new();
    int64_t groups = lesser(allowed(root, CGROUP_2, memory_2, arena), allowed(root, CGROUP_1_MEMORY, memory_1, arena));
    int64_t share = lesser(total_memory(root, arena), groups);
    arena_free(arena);
    return share;
}
