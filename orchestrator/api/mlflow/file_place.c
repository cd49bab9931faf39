/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/file_place.h"

#include "api/file_path.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "base/parse.h"
#include "base/percent.h"
#include "store/artifact_uri.h"
#include "store/experiments.h"
#include "store/models.h"
#include "store/runs.h"
#include "store/traces.h"

#include <string.h>
#include <strings.h>

/* No id of ours is shorter. */
enum { ID_MIN = 16 };

/* ---- whose it is ------------------------------------------------------------------------------------------------ */

/* The part of a stored place that lies below the home's artifacts; NULL when it lies elsewhere. A location that a
 * client gave an experiment may name the folder by its scheme. */
static const char *below_artifacts(struct api_call *call, const char *stored, bool any_host)
{
    static const char scheme[] = "mlflow-artifacts:";
    const char *below = artifact_below_home(str_from(call->home), stored);
    if (below == NULL && strncasecmp(stored, scheme, strlen(scheme)) == 0) {
        below = stored + strlen(scheme);
        bool has_host = strncmp(below, "//", 2) == 0 && below[2] != '/';
        below = !has_host ? below : any_host ? strchr(below + 2, '/') : NULL;
    }
    return below == NULL ? NULL : below + strspn(below, "/");
}

/* What a folder is named for. */
struct owner {
    enum owned kind;
    const char *stored; /* where its files are; NULL: the store knows no such thing */
};

static struct owner find_owner(struct api_call *call, const char *id, bool of_trace)
{
    struct run_info run;
    struct logged_model model;
    struct trace trace;
    if (id_is_model(id)) {
        bool known = store_model_get_any(call->store, id, call->arena, &model, NULL) == 0;
        return (struct owner){OWNED_LOGGED_MODEL, known ? model.artifact_uri : NULL};
    }
    if (of_trace && store_trace_get(call->store, id, call->arena, &trace, NULL) == 0) {
        return (struct owner){OWNED_TRACE, trace.artifact_uri};
    }
    bool known = store_run_get(call->store, id, call->arena, &run, NULL) == 0;
    return known ? (struct owner){OWNED_RUN, run.artifact_uri}
                 : (struct owner){of_trace ? OWNED_TRACE : OWNED_RUN, NULL};
}

/* A run, model or trace that the store knows has one folder, whatever other paths have its id in them. */
static bool is_at(struct api_call *call, const char *stored, struct str folder)
{
    const char *below = below_artifacts(call, stored, true);
    return below != NULL && str_is(folder, below);
}

/* A path, as far as it has been looked at. */
struct walk {
    const char *path;
    struct str rest;
    struct str part, before, before_that;
    size_t count; /* of the parts */
};

static bool walk_on(struct walk *walk)
{
    walk->before_that = walk->before;
    walk->before = walk->part;
    walk->count++;
    return walk->rest.p != NULL && str_cut(&walk->rest, '/', &walk->part);
}

/* As the home's own folders are made: "0/ID/artifacts", "0/models/ID/artifacts", "0/traces/ID/artifacts". */
static bool has_our_form(const struct walk *walk)
{
    bool in_kind = str_is(walk->before_that, "traces") || str_is(walk->before_that, "models");
    return walk->count == (in_kind ? 4 : 3);
}

/* The outermost folder of one that the store knows; else the one whose form is ours: clients may put files anywhere. */
struct file_place file_place_of(struct api_call *call, const char *path)
{
    struct file_place place = {.path = path};
    struct walk walk = {.path = path, .rest = str_from(path)};
    while (walk_on(&walk)) {
        if (!str_is(walk.part, "artifacts") || walk.count < 2) {
            continue;
        }
        bool of_trace = str_is(walk.before_that, "traces");
        const char *id = arena_str(call->arena, walk.before).p;
        struct owner owner = find_owner(call, id, of_trace);
        struct str folder = {path, (size_t)(walk.part.p + walk.part.n - path)};
        bool is_its = owner.stored != NULL && is_at(call, owner.stored, folder);
        if (is_its || (owner.stored == NULL && place.owner == NULL && has_our_form(&walk))) {
            place.owner = id;
            place.of_trace = owner.kind == OWNED_TRACE;
            place.below = arena_str(call->arena, walk.rest).p;
        }
        if (is_its) {
            break;
        }
    }
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
    const char *folder = below_artifacts(call, stored, false);
    const char *checked = NULL;
    if (folder == NULL) {
        return err_set(err, ERR_INPUT, "The artifacts are at '%s', which only clients reach", stored);
    }
    if (file_path_check(str_from(folder), call->arena, &folder, err) < 0 ||
        file_path_check(str_from(path), call->arena, &checked, err) < 0) {
        return -1;
    }
    bool both = *folder != '\0' && *checked != '\0';
    *ret = file_place_of(call, arena_printf(call->arena, "%s%s%s", folder, both ? "/" : "", checked));
    ret->below = checked;
    return 0;
}

/* ---- who may ---------------------------------------------------------------------------------------------------- */

/* On whatever the store knows by a name in the path, though its files be elsewhere: a location may be written in more
 * ways than we read. */
static int check_names(struct api_call *call, const char *path, enum permission needed, struct err *err)
{
    static const enum owned kinds[] = {OWNED_RUN, OWNED_LOGGED_MODEL, OWNED_TRACE};
    struct walk walk = {.path = path, .rest = str_from(path)};
    while (walk_on(&walk)) {
        const char *id = arena_str(call->arena, walk.part).p;
        for (size_t i = 0; walk.part.n >= ID_MIN && i < sizeof kinds / sizeof kinds[0]; i++) {
            if (user_check_owned(call, kinds[i], id, needed, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Is the path the folder, or below it? */
static bool lies_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    while (size > 0 && folder[size - 1] == '/') {
        size--;
    }
    return size > 0 && strncmp(path, folder, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

/* On the experiments whose folder it lies in: `*ret_some` when there are any. */
static int check_located(struct api_call *call, const char *path, enum permission needed, bool *ret_some,
                         struct err *err)
{
    struct experiment_location *places = NULL;
    size_t count = 0;
    *ret_some = false;
    if (store_experiment_locations(call->store, call->arena, &places, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *folder = below_artifacts(call, places[i].location, true);
        if (folder == NULL || !lies_in(path, folder)) {
            continue;
        }
        *ret_some = true;
        if (user_check_experiment(call, places[i].experiment_id, needed, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Of nothing that the store knows: `*ret_some` when somebody's experiment has a say in it. */
static int check_folder(struct api_call *call, const char *path, enum permission needed, bool *ret_some,
                        struct err *err)
{
    int64_t experiment_id = 0;
    struct str rest = str_from(path);
    struct str first = {0};
    if (*path == '\0') {
        return user_check_admin(call, "the folder of all experiments", err);
    }
    (void)str_cut(&rest, '/', &first);
    bool is_number = parse_int(first, 0, INT64_MAX, &experiment_id, NULL) == 0;
    if (check_names(call, path, needed, err) < 0 || check_located(call, path, needed, ret_some, err) < 0 ||
        (is_number && user_check_experiment(call, experiment_id, needed, err) < 0)) {
        return -1;
    }
    *ret_some = *ret_some || is_number;
    return 0;
}

static int check_place(struct api_call *call, const struct file_place *place, enum permission needed, bool *ret_some,
                       struct err *err)
{
    int64_t experiment_id = 0;
    int found = 0;
    *ret_some = true;
    if (place->owner != NULL) {
        enum owned kind = place->of_trace             ? OWNED_TRACE
                          : id_is_model(place->owner) ? OWNED_LOGGED_MODEL
                                                      : OWNED_RUN;
        found = store_experiment_of(call->store, kind, place->owner, &experiment_id, err);
    }
    return found < 0 ? -1
           : found == 0 ? check_folder(call, place->path, needed, ret_some, err)
                        : user_check_experiment(call, experiment_id, needed, err);
}

int file_place_check(struct api_call *call, const struct file_place *place, enum permission needed, struct err *err)
{
    bool some = true;
    if (call->who == NULL) {
        return 0;
    }
    if (check_place(call, place, needed, &some, err) < 0) {
        return -1;
    }
    return some ? 0 : user_check_rest(call, "files of no experiment", needed, err);
}

int file_place_claim(struct api_call *call, const char *location, struct err *err)
{
    bool some = false;
    const char *folder = call->who == NULL ? NULL : below_artifacts(call, location, true);
    if (folder == NULL) {
        return 0;
    }
    if (file_path_check(str_from(folder), call->arena, &folder, err) < 0) {
        return -1;
    }
    const struct file_place place = file_place_of(call, folder);
    return check_place(call, &place, PERMISSION_EDIT, &some, err);
}
