/* SPDX-License-Identifier: Apache-2.0
 * What stands in URLs: a query of any bytes ends, and a path that passes stays below its folder however often somebody
 * decodes it.
 */
#include "api/file_path.h"
#include "base/percent.h"
#include "http/exchange.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_parts(struct str path)
{
    struct str rest = path;
    struct str part;
    while (path.n > 0 && str_cut(&rest, '/', &part)) {
        check(part.n > 0 && !str_is(part, ".") && !str_is(part, ".."));
    }
}

static void check_path(struct str text, struct arena *arena)
{
    struct str decoded;
    const char *path = NULL;
    if (!percent_decode(text, false, arena, &decoded) || file_path_check(decoded, arena, &path, NULL) < 0) {
        return;
    }
    struct str again = str_from(path);
    check(again.n <= FILE_PATH_BYTES_MAX);
    for (int i = 0; i < 4; i++) {
        check_parts(again);
        if (!percent_decode(again, false, arena, &again)) {
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = {(const char *)bytes, size};
    struct str rest = text;
    struct str name, value;
    bool bad = false;
    size_t count = 0;
    while (percent_pair_next(&rest, arena, &name, &value, &bad)) {
        check(++count <= size);
    }
    check_path(text, arena);
    arena_free(arena);
    return 0;
}
