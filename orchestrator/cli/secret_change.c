/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret_change.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "config/config.h"
#include "crypto/seal.h"
#include "store/activity.h"

#include <stdio.h>

/* ---- in this process --------------------------------------------------------------------------------------------- */

static int note(struct store *store, const char *name, const char *actor, const char *action, const char *from,
                const char *to, const char *reason, struct err *err)
{
    char object[SECRET_NAME_MAX_BYTES + 16];
    (void)snprintf(object, sizeof object, "secret %s", name);
    struct activity activity = {
        .at_ms = clock_wall_ms(&clock_system),
        .actor = actor,
        .action = action,
        .object = object,
        .object_id = name,
        .from_state = from,
        .to_state = to,
        .reason = reason,
    };
    return store_activity_append(store, &activity, err);
}

const char *secret_pipelines_words(struct arena *arena, const char *pipelines)
{
    struct json list;
    const char *words = "";
    if (json_read(str_from(pipelines), (struct json_limits){0}, arena, &list, NULL) < 0 || list.type != JSON_ARRAY) {
        return NULL;
    }
    for (size_t i = 0; i < list.u.array.count; i++) {
        const struct json *item = &list.u.array.items[i];
        struct str name = item->type == JSON_STRING ? item->u.string : STR("?");
        words = arena_printf(arena, "%s%s%.*s", words, i == 0 ? "" : ", ", STR_ARG(name));
    }
    return words;
}

static int put(struct store *store, const struct secret_row *row, bool *ret_replaced, struct err *err)
{
    struct err none = {0};
    struct secret_row before;
    struct arena *scratch = arena_new();
    const char *words = secret_pipelines_words(scratch, row->pipelines);
    const char *reason = words == NULL ? "" : arena_printf(scratch, "for %s", words);
    *ret_replaced = store_secret_get(store, row->name, scratch, &before, &none) == 0;
    int result = 0;
    if (!*ret_replaced && none.code != ERR_NOT_FOUND) {
        *err = none;
        result = -1;
    } else if (store_secret_put(store, row, err) < 0 ||
               note(store, row->name, row->set_by, "secret.set", *ret_replaced ? "set" : "", "set", reason, err) < 0) {
        result = -1;
    }
    arena_free(scratch);
    return result;
}

/* Ends the transaction by what came of it. */
static int settle(struct store *store, int result, struct err *err)
{
    if (result < 0) {
        store_rollback(store);
        return -1;
    }
    crash_point_pass("before_secret_commit");
    result = store_commit(store, err);
    crash_point_pass("after_secret_commit");
    return result;
}

int secret_change_set(struct store *store, struct secret_row *row, const char *actor, bool *ret_replaced,
                      struct err *err)
{
    row->set_by = actor;
    row->set_ms = clock_wall_ms(&clock_system);
    return store_begin(store, err) < 0 ? -1 : settle(store, put(store, row, ret_replaced, err), err);
}

static int unknown(struct store *store, const char *name, struct err *err)
{
    struct arena *scratch = arena_new();
    struct secret_row *rows = NULL;
    size_t count = 0;
    int result = store_secret_list(store, scratch, &rows, &count, err);
    if (result == 0) {
        struct str *names = arena_array(scratch, count + 1, sizeof *names);
        for (size_t i = 0; i < count; i++) {
            names[i] = str_from(rows[i].name);
        }
        ptrdiff_t near = str_nearest(str_from(name), names, count);
        result = near < 0 ? err_set(err, ERR_NOT_FOUND, "there is no secret '%s': 'sluice secrets list' shows those "
                                                        "that are set",
                                    name)
                          : err_set(err, ERR_NOT_FOUND, "there is no secret '%s': did you mean '%.*s'?", name,
                                    STR_ARG(names[near]));
    }
    arena_free(scratch);
    return result;
}

int secret_change_remove(struct store *store, const char *const *names, size_t count, const char *actor,
                         struct err *err)
{
    struct err wrong = {0};
    size_t done = 0;
    if (store_begin(store, err) < 0) {
        return -1;
    }
    while (done < count && store_secret_remove(store, names[done], &wrong) == 0 &&
           note(store, names[done], actor, "secret.removed", "set", "removed", "", &wrong) == 0) {
        done++;
    }
    if (settle(store, done == count ? 0 : -1, &wrong) == 0) {
        return 0;
    }
    if (wrong.code == ERR_NOT_FOUND) { /* all names are there again to compare with */
        return unknown(store, names[done], err);
    }
    *err = wrong;
    return -1;
}

/* ---- by the holder of the home ----------------------------------------------------------------------------------- */

struct json secret_change_ask_set(struct arena *arena, const struct secret_row *row)
{
    struct json request = json_object();
    json_set(arena, &request, "do", json_cstring(arena, "set"));
    json_set(arena, &request, "name", json_cstring(arena, row->name));
    json_set(arena, &request, "sealed", json_string(arena, seal_to_text(row->sealed, arena)));
    json_set(arena, &request, "key_id", json_cstring(arena, row->key_id));
    json_set(arena, &request, "pipelines", json_cstring(arena, row->pipelines));
    return request;
}

struct json secret_change_ask_remove(struct arena *arena, const char *const *names, size_t count)
{
    struct json request = json_object();
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(arena, &list, json_cstring(arena, names[i]));
    }
    json_set(arena, &request, "do", json_cstring(arena, "remove"));
    json_set(arena, &request, "names", list);
    return request;
}

/* A row that this version could have made. */
static int check_row(const struct secret_row *row, const struct json *pipelines, struct err *err)
{
    size_t least = SEAL_OVERHEAD_BYTES + SEAL_BLOCK_BYTES;
    bool good = row->sealed.n >= least && row->sealed.n <= least + SECRET_MAX_BYTES &&
                strlen(row->key_id) == 2 * SEAL_ID_BYTES &&
                (pipelines->type == JSON_NULL || pipelines->type == JSON_ARRAY);
    return good ? 0
                : err_set(err, ERR_INPUT, "secret '%s': expected a sealed value, its key and its pipelines", row->name);
}

static int obey_set(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                    struct json *ret_outcome, struct err *err)
{
    struct json pipelines;
    bool replaced = false;
    struct secret_row row = {
        .name = json_get_text(request, "name", ""),
        .key_id = json_get_text(request, "key_id", ""),
        .pipelines = json_get_text(request, "pipelines", ""),
    };
    if (config_secret_check_name(str_from(row.name), err) < 0 ||
        json_read(str_from(row.pipelines), (struct json_limits){0}, arena, &pipelines, err) < 0 ||
        seal_from_text(str_from(json_get_text(request, "sealed", "")), arena, &row.sealed, err) < 0 ||
        check_row(&row, &pipelines, err) < 0 || secret_change_set(store, &row, actor, &replaced, err) < 0) {
        return -1;
    }
    *ret_outcome = json_object();
    json_set(arena, ret_outcome, "replaced", json_bool(replaced));
    return 0;
}

static int obey_remove(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                       struct json *ret_outcome, struct err *err)
{
    const struct json *list = json_get(request, "names");
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->u.array.count : 0;
    const char **names = arena_array(arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = list->u.array.items[i].type == JSON_STRING ? list->u.array.items[i].u.string.p : "";
    }
    *ret_outcome = json_object();
    return secret_change_remove(store, names, count, actor, err);
}

int secret_change_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                       struct json *ret_outcome, struct err *err)
{
    const char *what = json_get_text(request, "do", "");
    return strcmp(what, "set") == 0      ? obey_set(store, request, actor, arena, ret_outcome, err)
           : strcmp(what, "remove") == 0 ? obey_remove(store, request, actor, arena, ret_outcome, err)
                                         : err_set(err, ERR_INPUT, "this sluice cannot '%s' a secret", what);
}
