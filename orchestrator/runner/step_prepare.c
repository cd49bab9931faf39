/* SPDX-License-Identifier: Apache-2.0
 * Before a step: what it is given of other steps' results is still what was recorded; what it will read, with the
 * digest it had at that moment.
 */
#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "digest/stamp.h"
#include "runner/step_link.h"
#include "runner/step_process.h"

/* Copies the texts that the engine wants to see again. */
static struct json input_report(const struct json *input, const char *path, const struct digest *digest, int64_t size,
                                struct arena *arena)
{
    static const char *const kept[] = {"name", "uri", "dataset", "context"};
    struct json report = json_object();
    json_set(arena, &report, "kind", json_cstring(arena, "input"));
    json_set(arena, &report, "path", json_cstring(arena, path));
    json_set(arena, &report, "sha256", json_cstring(arena, digest->hex));
    json_set(arena, &report, "size", json_int(size));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *text = json_get_text(input, kept[i], NULL);
        if (text != NULL) {
            json_set(arena, &report, kept[i], json_cstring(arena, text));
        }
    }
    return report;
}

static int prepare_input(const struct json *spawn, const struct json *input, const struct step_sink *sink,
                         struct arena *arena, struct err *err)
{
    const char *name = json_get_text(input, "name", "");
    const char *path = path_join(arena, json_get_text(spawn, "cwd", "/"), json_get_text(input, "path", ""));
    struct digest digest;
    int64_t size = 0;
    if (!fs_exists(path)) {
        return json_get_bool(input, "optional", false)
                   ? 0
                   : err_set(err, ERR_NOT_FOUND, "input '%s': there is no file or folder '%s'", name, path);
    }
    if (digest_tree(path, &digest, &size, err) < 0) {
        return err_add(err, "input '%s'", name);
    }
    struct json report = input_report(input, path, &digest, size, arena);
    return sink->report(sink->ctx, &report, err);
}

static size_t count_of(const struct json *spawn, const char *list)
{
    const struct json *found = json_get(spawn, list);
    return found != NULL && found->type == JSON_ARRAY ? found->u.array.count : 0;
}

int step_process_prepare(const struct json *spawn, int channel)
{
    if (count_of(spawn, "verify") + count_of(spawn, "inputs") == 0) {
        return 0;
    }
    struct step_link *link = step_link_new(channel, NULL);
    struct step_sink sink = step_link_sink(link);
    struct arena *arena = arena_new();
    struct err err = {0};
    int result = 0;
    for (size_t i = 0; i < count_of(spawn, "verify") && result == 0; i++) {
        result = stamp_verify(&json_get(spawn, "verify")->u.array.items[i], arena, &err);
    }
    for (size_t i = 0; i < count_of(spawn, "inputs") && result == 0; i++) {
        result = prepare_input(spawn, &json_get(spawn, "inputs")->u.array.items[i], &sink, arena, &err);
    }
    if (result < 0) {
        (void)step_link_result(link, "failed", err.message);
    }
    result = step_link_free(link) < 0 ? -1 : result;
    arena_free(arena);
    return result < 0 ? 1 : 0;
}
