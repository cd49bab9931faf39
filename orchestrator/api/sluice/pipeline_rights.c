/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/pipeline_rights.h"

#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "pipeline/pipeline.h"
#include "plugin/catalogue.h"
#include "store/experiments.h"
#include "store/in_force.h"
#include "store/pages.h"

int pipeline_is_unknown(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no pipeline '%s' has run in this home, or is in force there", name);
}

/* ---- where it is ------------------------------------------------------------------------------------------------ */

/* The name stands in the definition, which is read as it would be to start it. NULL: it cannot be read any more. */
static int read_experiment(struct api_call *call, const struct pipeline_in_force *row, const char **ret,
                           struct err *err)
{
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    struct diags diags;
    diags_init(&diags, call->arena, row->file);
    if (store_definition_get(call->store, row->definition, call->arena, &diags.text, err) < 0) {
        return -1;
    }
    rest_catalogue(call, catalogue);
    struct pipeline_world world = {.plugins = catalogue, .folder = row->folder, .root = row->workspace};
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    *ret = pipeline == NULL ? NULL : arena_str(call->arena, pipeline->experiment).p;
    return 0;
}

/* 1, 0, -1 */
static int find_newest(struct api_call *call, const char *name, struct pipeline_place *ret, struct err *err)
{
    struct pipeline_page anybodys = {.name = name, .limit = 1};
    struct pipeline_known *known = NULL;
    size_t count = 0;
    if (store_pipeline_page(call->store, &anybodys, call->arena, &known, &count, err) < 0) {
        return -1;
    }
    if (count > 0) {
        ret->experiment_id = known[0].newest.experiment_id;
    }
    return count > 0;
}

/* 1, 0, -1 */
static int find_place(struct api_call *call, const char *name, struct pipeline_place *ret, struct err *err)
{
    struct pipeline_in_force row;
    *ret = (struct pipeline_place){.pipeline = arena_strdup(call->arena, name), .definition = ""};
    int in_force = store_in_force_find(call->store, name, call->arena, &row, err);
    if (in_force == 1) {
        ret->definition = row.definition;
        if (read_experiment(call, &row, &ret->experiment, err) < 0) {
            return -1;
        }
    }
    return in_force < 0 || ret->experiment != NULL ? in_force : find_newest(call, name, ret, err);
}

int pipeline_place_find(struct api_call *call, const char *name, struct pipeline_place *ret, struct err *err)
{
    int found = find_place(call, name, ret, err);
    return found == 0 ? pipeline_is_unknown(name, err) : found < 0 ? -1 : 0;
}

/* Of an experiment that is named: 1 with its id, 0: there is none yet, -1. */
static int find_experiment(struct api_call *call, const struct pipeline_place *place, int64_t *ret, struct err *err)
{
    struct experiment found;
    struct err none = {0};
    *ret = place->experiment_id;
    if (place->experiment == NULL) {
        return 1;
    }
    if (store_experiment_find(call->store, place->experiment, call->arena, &found, &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_set(err, none.code, "%s", none.message);
    }
    *ret = found.id;
    return 1;
}

/* ---- who may ---------------------------------------------------------------------------------------------------- */

int pipeline_place_is_seen(struct api_call *call, const char *name, struct err *err)
{
    struct pipeline_place place;
    struct permission_object experiment = {0};
    if (call->reader == NULL) {
        return 1;
    }
    int found = find_place(call, name, &place, err);
    int there = found == 1 ? find_experiment(call, &place, &experiment.experiment_id, err) : found;
    if (there != 1) { /* where there is no experiment yet, nothing is said of it to anybody */
        bool by_default = call->reader->experiments == NULL && (call->reader->by_default || call->reader->sees_all);
        return there < 0 ? -1 : found == 1 && by_default;
    }
    return store_reader_sees(call->store, call->reader, &experiment, err);
}

int pipeline_place_need(struct api_call *call, const char *name, struct err *err)
{
    int seen = pipeline_place_is_seen(call, name, err);
    return seen == 0 ? pipeline_is_unknown(name, err) : seen < 0 ? -1 : 0;
}

static int check_definition(struct api_call *call, const struct pipeline_place *place, struct err *err)
{
    struct pipeline_in_force row;
    int in_force = store_in_force_find(call->store, place->pipeline, call->arena, &row, err);
    bool same = strcmp(in_force == 1 ? row.definition : "", place->definition) == 0;
    return in_force < 0 ? -1
           : same       ? 0
                        : err_set(err, ERR_EXISTS, "another definition of '%s' has come in force meanwhile: ask again",
                                  place->pipeline);
}

int pipeline_place_check_start(struct api_call *call, const struct pipeline_place *place, bool *ret_makes,
                               struct err *err)
{
    int64_t id = 0;
    struct err wrong = {0};
    *ret_makes = false;
    if (call->who == NULL) {
        return 0;
    }
    int there = find_experiment(call, place, &id, err);
    if (there <= 0) {
        const struct api_need need = API_NEEDS(RUNNER, EDIT, NEW);
        *ret_makes = true;
        return there < 0 ? -1 : user_check_scope(call, &need, err);
    }
    if (user_check_experiment(call, id, PERMISSION_READ, &wrong) < 0) {
        return wrong.code == ERR_DENIED ? pipeline_is_unknown(place->pipeline, err)
                                        : err_set(err, wrong.code, "%s", wrong.message);
    }
    return user_check_experiment(call, id, PERMISSION_EDIT, err);
}

int pipeline_place_check(struct api_call *call, const struct pipeline_place *place, struct err *err)
{
    bool makes = false;
    return check_definition(call, place, err) < 0 ? -1 : pipeline_place_check_start(call, place, &makes, err);
}
