/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

#include <stdint.h>

/* The library would make a node of each parameter in the connection's memory, and where that is full cut the connection
 * without an answer, or leave it hanging. We read the query by ourselves; the text is the library's own buffer. */
static void hide_query(const char *target, size_t path_bytes)
{
    char *query = (char *)(uintptr_t)target + path_bytes;
    if (query[0] == '?') {
        query[1] = '\0';
    }
}

/* A client whose address of the server ends in '/' asks for "//api/...", and so does a proxy that cuts a prefix off. */
static struct str with_one_slash(struct str path)
{
    while (str_starts(path, STR("//"))) {
        path = str_slice(path, 1, path.n);
    }
    return path;
}

void target_take(const char *target, struct arena *arena, struct str *ret_path, struct str *ret_query)
{
    struct str rest = str_from(arena_strdup(arena, target));
    (void)str_cut(&rest, '?', ret_path);
    hide_query(target, ret_path->n);
    *ret_path = with_one_slash(*ret_path);
    *ret_query = rest;
}
