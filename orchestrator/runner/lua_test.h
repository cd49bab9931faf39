/* SPDX-License-Identifier: Apache-2.0
 * Tests of Lua code: a file that returns a table from name to function.
 */
#ifndef SLUICE_RUNNER_LUA_TEST_H
#define SLUICE_RUNNER_LUA_TEST_H

#include "base/err.h"

struct lua_test_counts {
    int passed;
    int failed;
};

/* Runs the functions of one file in the order of their names, each with a line on standard output, in one state with a
 * fake host. A file that cannot be run or returns no such table counts as one failed test. */
void lua_test_file(const char *file, const char *lua_folder, struct lua_test_counts *counts);
/* The files *_test.lua below a folder, hidden folders left out, or the file itself. -1 with `err`. */
int lua_test_path(const char *path, const char *lua_folder, struct lua_test_counts *counts, struct err *err);

#endif
