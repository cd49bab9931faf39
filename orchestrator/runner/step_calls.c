/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_calls.h"

#include "base/path.h"
#include "digest/digest.h"

static int answer_error(struct arena *arena, const char *code, const char *message, struct json *ret)
{
    *ret = json_object();
    json_set(arena, ret, "error", json_cstring(arena, code));
    json_set(arena, ret, "message", json_cstring(arena, message));
    return -1;
}

static int digest_of_file(const struct json *spawn, const struct json *params, struct arena *arena, struct json *ret,
                          struct err *err)
{
    const char *path = json_get_text(params, "path", "");
    struct digest digest;
    int64_t size = 0;
    if (*path == '\0') {
        return err_set(err, ERR_INPUT, "'path' is missing: expected text");
    }
    if (digest_tree(path_join(arena, json_get_text(spawn, "cwd", "/"), path), &digest, &size, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(arena, ret, "sha256", json_cstring(arena, digest.hex));
    json_set(arena, ret, "size", json_int(size));
    return 0;
}

static const struct {
    const char *method;
    int (*answer)(const struct json *spawn, const struct json *params, struct arena *arena, struct json *ret,
                  struct err *err);
} local_methods[] = {
    {"digest.file", digest_of_file},
};

int step_call(const struct json *spawn, const struct step_sink *sink, const char *method, const struct json *params,
              struct arena *arena, struct json *ret_answer)
{
    struct err err = {0};
    struct json answer = json_null();
    for (size_t i = 0; i < sizeof local_methods / sizeof local_methods[0]; i++) {
        if (strcmp(local_methods[i].method, method) == 0) {
            return local_methods[i].answer(spawn, params, arena, ret_answer, &err) == 0
                       ? 0
                       : answer_error(arena, err_code_name(err.code), err.message, ret_answer);
        }
    }
    if (sink->call(sink->ctx, method, params, arena, &answer, &err) < 0) {
        return answer_error(arena, err_code_name(err.code), err.message, ret_answer);
    }
    const struct json *error = json_get(&answer, "error");
    if (error != NULL) {
        return answer_error(arena, json_get_text(error, "code", "internal"), json_get_text(error, "message", ""),
                            ret_answer);
    }
    const struct json *result = json_get(&answer, "result");
    *ret_answer = result == NULL ? json_null() : *result;
    return 0;
}
