/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/memory_watch.h"

#include "base/arena.h"
#include "base/fs.h"
#include "base/path.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static void put(const char *folder, const char *name, const char *text)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, folder, name);
    assert_int_equal(fs_make_folders(path_dir(arena, path), 0700, NULL), 0);
    assert_int_equal(fs_write(path, str_from(text), 0600, false, NULL), 0);
    arena_free(arena);
}

TEST(a_process_is_measured_by_its_share_or_by_all_it_has)
{
    char proc[] = "/tmp/sluice-proc-XXXXXX";
    int64_t page = sysconf(_SC_PAGESIZE);
    assert_non_null(mkdtemp(proc));
    put(proc, "7/statm", "9000 500 20 1 0 300 0\n");
    put(proc, "7/smaps_rollup", "55d0-7ffe ---p 0 00:00 0 [rollup]\nRss: 2000 kB\nPss:  700 kB\nPss_Dirty: 1 kB\n");
    put(proc, "8/statm", "9000 40 20 1 0 300 0\n");
    put(proc, "9/statm", "what\n");
    assert_int_equal(memory_of_process(proc, 7, false), 500 * page);
    assert_int_equal(memory_of_process(proc, 7, true), 700 * 1024);
    assert_int_equal(memory_of_process(proc, 8, true), 40 * page);
    assert_int_equal(memory_of_process(proc, 9, true), 0);
    assert_int_equal(memory_of_process(proc, 10, false), 0);
    assert_true(memory_of_process("/proc", getpid(), true) > 0);
    assert_int_equal(fs_remove(proc, NULL), 0);
}

TESTS(RUN(a_process_is_measured_by_its_share_or_by_all_it_has))
