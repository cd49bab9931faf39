/* SPDX-License-Identifier: Apache-2.0 */
#include "api/user_rights.h"

#include "api/noting.h"
#include "auth/account.h"
#include "base/parse.h"
#include "store/evaluation_datasets.h"
#include "store/experiments.h"
#include "store/gates.h"
#include "store/registry.h"
#include "store/steps.h"

/* ---- one object ------------------------------------------------------------------------------------------------- */

static int compare(const struct api_call *call, enum permission has, enum permission needed, const char *what,
                   struct err *err)
{
    return has >= needed ? 0
                         : err_set(err, ERR_DENIED, "Permission denied: user '%s' has %s on %s%s, and needs %s",
                                   call->who->name, permission_word(has), what,
                                   call->who->sha256[0] == '\0' ? "" : " by this token", permission_word(needed));
}

static int check_object(struct api_call *call, const struct permission_object *object, enum permission needed,
                        struct err *err)
{
    enum permission has = PERMISSION_NONE;
    if (auth_permission(call->auth, call->who, object, &has, err) < 0) {
        return -1;
    }
    if (has >= needed) {
        return 0;
    }
    return compare(call, has, needed,
                   object->model != NULL
                       ? arena_printf(call->arena, "registered model '%s'", object->model)
                       : arena_printf(call->arena, "experiment %lld", (long long)object->experiment_id),
                   err);
}

int user_check_experiment(struct api_call *call, int64_t experiment_id, enum permission needed, struct err *err)
{
    const struct permission_object object = {.experiment_id = experiment_id};
    return call->who == NULL ? 0 : check_object(call, &object, needed, err);
}

int user_check_registered(struct api_call *call, const char *name, enum permission needed, struct err *err)
{
    const struct permission_object object = {.model = name};
    return call->who == NULL ? 0 : check_object(call, &object, needed, err);
}

int user_check_owned(struct api_call *call, enum owned kind, const char *id, enum permission needed, struct err *err)
{
    int64_t experiment_id = 0;
    if (call->who == NULL) {
        return 0;
    }
    int found = kind == OWNED_RUN ? auth_experiment_of_run(call->auth, id, &experiment_id, err)
                                  : store_experiment_of(call->store, kind, id, &experiment_id, err);
    return found != 1 ? found : user_check_experiment(call, experiment_id, needed, err);
}

/* What nobody's experiment says anything of is the admins'. */
int user_check_admin(struct api_call *call, const char *what, struct err *err)
{
    const struct auth_who *who = call->who;
    return who == NULL || (who->is_admin && who->experiments == NULL)
               ? 0
               : err_set(err, ERR_DENIED, "Permission denied: user '%s' is no admin, and this is %s", who->name, what);
}

int user_check_rest(struct api_call *call, const char *what, enum permission needed, struct err *err)
{
    return call->who == NULL ? 0 : compare(call, auth_default(call->auth, call->who), needed, what, err);
}

/* A request may name a million experiments. */
enum { MANY = 100 };

/* ---- what the fields name --------------------------------------------------------------------------------------- */

/* False: it is no id, which the route says. */
static bool read_id(const char *text, int64_t *ret)
{
    *ret = 0; /* as the route reads an empty one */
    return *text == '\0' || parse_int(str_from(text), 0, INT64_MAX, ret, NULL) == 0;
}

static int check_id(struct api_call *call, const char *text, enum permission needed, struct err *err)
{
    int64_t id = 0;
    return read_id(text, &id) ? user_check_experiment(call, id, needed, err) : 0;
}

/* Evaluation datasets may be of experiments that are no numbers. */
static int check_member(struct api_call *call, const char *text, enum permission needed, struct err *err)
{
    int64_t id = 0;
    return read_id(text, &id) ? user_check_experiment(call, id, needed, err)
                              : user_check_admin(call, "what belongs to no experiment", err);
}

static int check_name(struct api_call *call, const char *name, enum permission needed, struct err *err)
{
    struct experiment experiment;
    struct err none = {0};
    if (store_experiment_find(call->store, name, call->arena, &experiment, &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_pass(err, &none);
    }
    return user_check_experiment(call, experiment.id, needed, err);
}

static int check_each(struct api_call *call, const char *field, const struct api_need *need, struct err *err)
{
    size_t count = 0;
    const char **items = param_texts(&call->params, field, call->arena, &count);
    if (count > MANY && auth_know_all(call->auth, call->who, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if ((need->object == API_OF_RUNS ? user_check_owned(call, OWNED_RUN, items[i], need->permission, err)
                                         : check_member(call, items[i], need->permission, err)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_named(struct api_call *call, const struct api_need *need, struct err *err)
{
    size_t count = 0;
    (void)param_list(&call->params, "experiment_ids", &count);
    return count > 0 ? check_each(call, "experiment_ids", need, err)
                     : user_check_admin(call, "what belongs to no experiment", err);
}

static int check_dataset(struct api_call *call, const struct api_need *need, struct err *err)
{
    const char **items = NULL;
    size_t count = 0;
    struct evaluation_dataset dataset;
    struct err none = {0};
    const char *id = param_text(&call->params, "dataset_id");
    if (store_evaluation_get(call->store, id, call->arena, &dataset, &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_pass(err, &none);
    }
    if (store_evaluation_experiments(call->store, id, call->arena, &items, &count, err) < 0 ||
        (count == 0 && user_check_admin(call, "a dataset of no experiment", err) < 0) ||
        (count > MANY && auth_know_all(call->auth, call->who, err) < 0)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (check_member(call, items[i], need->permission, err) < 0) {
            return -1;
        }
    }
    return check_each(call, "experiment_ids", need, err);
}

/* Searches look through what is left. */
static int leave_out(struct api_call *call, enum permission needed, struct err *err)
{
    size_t count = 0;
    const char **items = param_texts(&call->params, "experiment_ids", call->arena, &count);
    struct json left = json_array();
    if (count > MANY && auth_know_all(call->auth, call->who, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct err wrong = {0};
        if (check_id(call, items[i], needed, &wrong) == 0) {
            json_push(call->arena, &left, json_cstring(call->arena, items[i]));
        } else if (wrong.code != ERR_DENIED) {
            *err = wrong;
            return -1;
        }
    }
    if (count > 0) {
        json_set(call->arena, &call->params, "experiment_ids", left);
    }
    return 0;
}

static int check_user(const struct api_call *call, struct err *err)
{
    const char *name = param_text(&call->params, "username");
    return strcmp(call->who->name, name) == 0
               ? 0
               : user_check_scope(call, &(struct api_need)API_NEEDS(ADMIN, MANAGE, ADMIN), err);
}

static const char *field_text(const struct api_call *call, const char *name)
{
    return param_text(&call->params, name);
}

static int check_gate(struct api_call *call, const struct api_need *need, struct err *err)
{
    int64_t id = 0;
    struct gate gate;
    struct err none = {0};
    if (parse_int(str_from(field_text(call, "gate_id")), 1, INT64_MAX, &id, NULL) < 0) {
        return 0;
    }
    if (store_gate_get(call->store, id, call->arena, &gate, &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_pass(err, &none);
    }
    return user_check_owned(call, OWNED_RUN, gate.run_id, need->permission, err);
}

int user_check(struct api_call *call, const struct api_need *need, struct err *err)
{
    if (call->who == NULL || user_check_scope(call, need, err) < 0) {
        return call->who == NULL ? 0 : -1;
    }
    switch (need->object) {
    case API_OF_EXPERIMENT:
        return check_id(call, field_text(call, "experiment_id"), need->permission, err);
    case API_OF_EXPERIMENT_NAME:
        return check_name(call, field_text(call, "experiment_name"), need->permission, err);
    case API_OF_EXPERIMENTS:
        return leave_out(call, need->permission, err);
    case API_OF_EACH_EXPERIMENT:
        return check_named(call, need, err);
    case API_OF_RUN:
        return user_check_owned(call, OWNED_RUN, field_text(call, "run_id"), need->permission, err);
    case API_OF_RUNS:
        return check_each(call, json_get(&call->params, "run_ids") == NULL ? "run_id" : "run_ids", need, err);
    case API_OF_LOGGED_MODEL:
        return user_check_owned(call, OWNED_LOGGED_MODEL, field_text(call, "model_id"), need->permission, err);
    case API_OF_TRACE:
        return user_check_owned(call, OWNED_TRACE, field_text(call, "request_id"), need->permission, err);
    case API_OF_GATE:
        return check_gate(call, need, err);
    case API_OF_REGISTERED:
        return user_check_registered(call, field_text(call, "name"), need->permission, err);
    case API_OF_EVALUATION:
        return check_dataset(call, need, err);
    case API_OF_USER:
        return check_user(call, err);
    case API_OF_NOBODY:
        return err_set(err, ERR_INTERNAL, "the route names no permission");
    case API_OF_ANYBODY:
    case API_OF_NEW:
    case API_OF_ITSELF:
    case API_OF_ADMIN:
        break;
    }
    return 0;
}

/* ---- without the fields ----------------------------------------------------------------------------------------- */

int user_check_account(const struct api_call *call, struct err *err)
{
    return call->who->most == ROLE_ADMIN
               ? 0
               : err_set(err, ERR_DENIED,
                         "Permission denied: this token's role is '%s', and accounts and permissions are managed with "
                         "a password or a token of the role 'admin'",
                         role_table[call->who->most].name);
}

int user_check_scope(const struct api_call *call, const struct api_need *need, struct err *err)
{
    const struct auth_who *who = call->who;
    if (who == NULL) {
        return 0;
    }
    if (who->role < need->role) {
        return err_set(err, ERR_DENIED, "Permission denied: user '%s' is %s%s, and this takes %s", who->name,
                       role_table[who->role].article, who->most < need->role ? " by this token" : "",
                       role_table[need->role].article);
    }
    bool rules = need->object == API_OF_ADMIN || need->object == API_OF_USER;
    if (rules && user_check_account(call, err) < 0) {
        return -1;
    }
    if ((rules || need->object == API_OF_NEW) && who->experiments != NULL) {
        return err_set(err, ERR_DENIED, "Permission denied: this token is only for what is in its experiments");
    }
    return 0;
}

/* ---- what others use -------------------------------------------------------------------------------------------- */

int user_require_object(struct api_call *call, const struct permission_object *object, struct err *err)
{
    struct experiment experiment;
    struct registered_model model;
    return object->model != NULL ? store_registry_get(call->store, object->model, call->arena, &model, err)
                                 : store_experiment_get(call->store, object->experiment_id, call->arena, &experiment,
                                                        err);
}

int user_made(struct api_call *call, const struct permission_object *object, struct err *err)
{
    if (call->who == NULL) {
        return 0;
    }
    const struct account_change change = {call->store, call->who->name, call->now_ms, call->arena};
    const struct user_row user = {.user_id = call->who->user_id, .name = call->who->name};
    return account_permit(&change, &user, object, PERMISSION_MANAGE, err);
}

const struct reader *user_reader(struct api_call *call)
{
    return call->who == NULL ? NULL : auth_reader(call->auth, call->who, call->arena);
}

/* Of the run whose step's token it is. */
static struct mover step_mover(const struct api_call *call)
{
    struct attempt_origin step;
    struct mover by = {.actor = "a step", .door = "mlflow"};
    if (store_attempt_origin(call->store, call->step->attempt, call->arena, &step, NULL) == 1) {
        by.actor = arena_printf(call->arena, "step %s of run %s %s", step.step, step.pipeline, step.label);
        by.run_id = step.run_id;
        by.person = step.actor;
    }
    return by;
}

struct mover api_mover(const struct api_call *call)
{
    if (call->step != NULL) {
        return step_mover(call);
    }
    return (struct mover){.actor = noting_actor(call),
                          .door = "mlflow",
                          .person = call->who == NULL ? NULL : call->who->name};
}
