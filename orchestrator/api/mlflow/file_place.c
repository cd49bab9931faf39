/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/file_place.h"

#include "api/file_path.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "base/parse.h"
#include "base/percent.h"
#include "store/models.h"
#include "store/runs.h"

static bool take_part(struct str *rest, struct str *ret)
{
    return rest->p != NULL && str_cut(rest, '/', ret);
}

/* A run or model that the store knows has one folder, whatever other paths have its id in them. */
static bool is_elsewhere(struct api_call *call, const char *owner, struct str folder)
{
    struct run_info run;
    struct logged_model model;
    const char *stored = NULL;
    if (id_is_model(owner)) {
        stored = store_model_get(call->store, owner, call->arena, &model, NULL) < 0 ? NULL : model.artifact_uri;
    } else {
        stored = store_run_get(call->store, owner, call->arena, &run, NULL) < 0 ? NULL : run.artifact_uri;
    }
    return stored != NULL &&
           strcmp(stored, arena_printf(call->arena, "%s/artifacts/%.*s", call->home, STR_ARG(folder))) != 0;
}

struct file_place file_place_of(struct api_call *call, const char *path)
{
    struct file_place place = {.path = path};
    struct str rest = str_from(path);
    struct str experiment, owner, folder;
    if (!take_part(&rest, &experiment) || !take_part(&rest, &owner)) {
        return place;
    }
    place.of_trace = str_is(owner, "traces");
    if (((place.of_trace || str_is(owner, "models")) && !take_part(&rest, &owner)) || !take_part(&rest, &folder) ||
        !str_is(folder, "artifacts")) {
        return place;
    }
    const char *id = arena_str(call->arena, owner).p;
    if (is_elsewhere(call, id, (struct str){path, (size_t)(folder.p + folder.n - path)})) {
        return place;
    }
    place.owner = id;
    place.below = arena_str(call->arena, rest).p;
    return place;
}

int file_place_of_url(struct api_call *call, const char *prefix, struct file_place *ret, struct err *err)
{
    struct str whole = call->exchange->path;
    ptrdiff_t at = str_find(whole, str_from(prefix));
    struct str rest = str_slice(whole, (size_t)at + strlen(prefix), whole.n);
    struct str decoded;
    const char *path = NULL;
    if (!percent_decode(rest, false, call->arena, &decoded)) {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    if (file_path_check(decoded, call->arena, &path, err) < 0) {
        return -1;
    }
    *ret = file_place_of(call, path);
    return 0;
}

int file_place_in(struct api_call *call, const char *stored, const char *path, struct file_place *ret, struct err *err)
{
    const char *root = arena_printf(call->arena, "%s/artifacts/", call->home);
    const char *checked = NULL;
    if (!str_starts(str_from(stored), str_from(root))) {
        return err_set(err, ERR_INPUT, "The artifacts are at '%s', which only clients reach", stored);
    }
    if (file_path_check(str_from(path), call->arena, &checked, err) < 0) {
        return -1;
    }
    const char *folder = stored + strlen(root);
    bool both = *folder != '\0' && *checked != '\0';
    *ret = file_place_of(call, arena_printf(call->arena, "%s%s%s", folder, both ? "/" : "", checked));
    ret->below = checked;
    return 0;
}

int file_place_check(struct api_call *call, const struct file_place *place, enum permission needed, struct err *err)
{
    int64_t experiment_id = 0;
    struct str rest = str_from(place->path);
    struct str first = {0};
    if (call->who == NULL) {
        return 0;
    }
    if (place->owner != NULL) {
        enum owned kind = place->of_trace             ? OWNED_TRACE
                          : id_is_model(place->owner) ? OWNED_LOGGED_MODEL
                                                      : OWNED_RUN;
        int found = store_experiment_of(call->store, kind, place->owner, &experiment_id, err);
        if (found != 0) {
            return found < 0 ? -1 : user_check_experiment(call, experiment_id, needed, err);
        }
    }
    (void)str_cut(&rest, '/', &first);
    return parse_int(first, 0, INT64_MAX, &experiment_id, NULL) == 0
               ? user_check_experiment(call, experiment_id, needed, err)
               : user_check_rest(call, "files of no experiment", needed, err);
}
