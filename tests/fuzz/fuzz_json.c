/* SPDX-License-Identifier: Apache-2.0
 * JSON of any bytes: the reader ends; what it gives can be written in all three ways, and each reads back as the same
 * value.
 */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_written(const struct json *value, void (*write)(struct strbuf *, const struct json *),
                          struct arena *arena)
{
    struct strbuf out;
    struct json again;
    strbuf_init(&out, (size_t)1 << 28);
    write(&out, value);
    if (json_read(strbuf_str(&out), (struct json_limits){0}, arena, &again, NULL) < 0 || !json_equal(value, &again)) {
        abort();
    }
    strbuf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct json value;
    if (json_read((struct str){(const char *)bytes, size}, (struct json_limits){0}, arena, &value, &err) == 0) {
        check_written(&value, json_write, arena);
        check_written(&value, json_write_canonical, arena);
        check_written(&value, json_write_pretty, arena);
        struct json copy = json_copy(arena, &value);
        if (!json_equal(&copy, &value)) {
            abort();
        }
    } else if (err.code == ERR_NONE || err.message[0] == '\0') {
        abort();
    }
    arena_free(arena);
    return 0;
}
