/* SPDX-License-Identifier: Apache-2.0
 * JSON of any bytes: the reader ends; what it gives can be written in all three ways, and each reads back as the same
 * value. Read in place it is the same value, or the same refusal.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

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

static void check_in_place(const uint8_t *bytes, size_t size, const struct json *value, const struct err *err,
                           struct arena *arena)
{
    struct err other = {0};
    struct json same;
    char *room = arena_dup(arena, bytes, size);
    bool good = json_read((struct str){room, size}, (struct json_limits){.in_place = true}, arena, &same, &other) == 0;
    if (good ? err->code != ERR_NONE || !json_equal(value, &same) : strcmp(err->message, other.message) != 0) {
        abort();
    }
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
    check_in_place(bytes, size, &value, &err, arena);
    arena_free(arena);
    return 0;
}
