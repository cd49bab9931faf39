/* SPDX-License-Identifier: Apache-2.0
 * `on:`: parsed and checked in full; firing is the daemon's.
 */
#include "pipeline/load.h"
#include "time/cron_expr.h"
#include "time/tzif.h"

struct triggers {
    struct trigger *items;
    size_t count;
    size_t room;
};

static struct trigger *add_trigger(struct loader *loader, struct triggers *triggers, enum trigger_kind kind,
                                   const struct yaml_node *node)
{
    triggers->items = arena_grow(loader->arena, triggers->items, triggers->count, &triggers->room,
                                 sizeof *triggers->items);
    struct trigger *trigger = &triggers->items[triggers->count++];
    *trigger = (struct trigger){.kind = kind,
                                .pos = node->pos,
                                .timezone = STR("UTC"),
                                .catchup_limit = CATCHUP_LIMIT,
                                .settings = yaml_to_json(loader->arena, node)};
    return trigger;
}

const char *trigger_kind_name(enum trigger_kind kind)
{
    static const char *const names[] = {"schedule",    "webhook",   "push",        "model_version",
                                        "model_alias", "model_tag", "model_stage", "pipeline"};
    return names[kind];
}

const struct trigger *pipeline_find_trigger(const struct pipeline *pipeline, enum trigger_kind kind, struct str id)
{
    for (size_t i = 0; i < pipeline->trigger_count; i++) {
        const struct trigger *trigger = &pipeline->triggers[i];
        if (trigger->kind == kind && (kind != TRIGGER_SCHEDULE || str_eq(trigger->id, id))) {
            return trigger;
        }
    }
    return NULL;
}

/* ---- shared keys ------------------------------------------------------------------------------------------ */

static void key_params(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct trigger *trigger = target;
    (void)load_named_templates(loader, node, "'params' of a trigger", &trigger->params, &trigger->param_count);
}

static void key_if(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_expr(loader, node, &((struct trigger *)target)->condition);
}

static void key_bool(struct loader *loader, const struct yaml_node *node, void *target)
{
    bool value = false;
    (void)target;
    (void)load_bool(loader, node, &value);
}

static void key_texts(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    for (size_t i = 0; node->type == JSON_ARRAY && i < node->count; i++) {
        (void)load_expect(loader, &node->items[i], TAKES_TEXT, "this list");
    }
}

/* ---- schedule ------------------------------------------------------------------------------------------------- */

static void schedule_id(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &((struct trigger *)target)->id);
}

static void schedule_cron(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct trigger *trigger = target;
    struct cron_expr expr;
    struct err err = {0};
    trigger->cron = node->text;
    if (str_find(node->text, STR("${{")) >= 0) { /* check_names tells */
        return;
    }
    if (cron_expr_parse(node->text, &expr, &err) < 0) {
        load_error(loader, node, DIAG_CRON, NULL, "%s", err.message);
        return;
    }
    char warning[256];
    if (cron_expr_warning(&expr, warning, sizeof warning)) {
        load_error(loader, node, DIAG_SUSPECT, NULL, "%s", warning);
    }
}

static void schedule_timezone(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct trigger *trigger = target;
    const struct tzif *zone = NULL;
    struct err err = {0};
    trigger->timezone = node->text;
    if (loader->zone.n > 0 && str_eq(loader->zone, node->text)) {
        return;
    }
    if (tzif_load(node->text, loader->scratch, &zone, &err) < 0) {
        load_error(loader, node, DIAG_CRON, NULL, "%s", err.message);
        return;
    }
    loader->zone = node->text;
}

const char *const catchup_names[] = {[CATCHUP_NONE] = "none", [CATCHUP_ONE] = "one", [CATCHUP_ALL] = "all", NULL};

static void schedule_catchup(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    (void)load_choice(loader, node, catchup_names, &word);
    ((struct trigger *)target)->catchup = (enum catchup)word;
}

static void schedule_window(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &((struct trigger *)target)->catchup_window_ms);
}

static void schedule_limit(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_int(loader, node, 1, CATCHUP_LIMIT_MAX, &((struct trigger *)target)->catchup_limit);
}

static void schedule_jitter(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &((struct trigger *)target)->jitter_ms);
}

const char *const overlap_names[] = {
    [OVERLAP_ALLOW] = "allow",         [OVERLAP_SKIP] = "skip",
    [OVERLAP_QUEUE] = "queue",         [OVERLAP_QUEUE_ONE] = "queue_one",
    [OVERLAP_CANCEL_RUNNING] = "cancel_running", NULL,
};

static void schedule_overlap(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    (void)load_choice(loader, node, overlap_names, &word);
    ((struct trigger *)target)->overlap = (enum overlap)word;
}

static const struct key schedule_keys[] = {
    {.name = "id", .takes = TAKES_TEXT, .load = schedule_id,
     .doc = "Keeps its place when schedules are reordered; default: the expression."},
    {.name = "cron", .takes = TAKES_TEXT, .load = schedule_cron,
     .doc = "Five fields, names, ranges, steps, lists, or @daily and the like.", .required = true},
    {.name = "timezone", .takes = TAKES_TEXT, .load = schedule_timezone, .doc = "IANA name; default UTC."},
    {.name = "catchup", .takes = TAKES_TEXT, .load = schedule_catchup,
     .doc = "none (default), one or all of the runs that were missed.", .choices = catchup_names},
    {.name = "catchup_window", .takes = TAKES_DURATION, .load = schedule_window, .doc = "How far back."},
    {.name = "catchup_limit", .takes = TAKES_NUMBER, .load = schedule_limit, .doc = "At most this many (100)."},
    {.name = "jitter", .takes = TAKES_DURATION, .load = schedule_jitter, .doc = "A delay up to this, by chance."},
    {.name = "overlap", .takes = TAKES_TEXT, .load = schedule_overlap,
     .doc = "While its last run goes on: allow (default), skip, queue, queue_one, cancel_running.",
     .choices = overlap_names},
    {.name = "params", .takes = TAKES_MAP, .load = key_params, .doc = "Params of the run."},
    {0},
};

static void on_schedule(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct triggers *triggers = target;
    size_t count = node->type == JSON_ARRAY ? node->count : 1;
    size_t first = triggers->count;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *entry = node->type == JSON_ARRAY ? &node->items[i] : node;
        if (!load_expect(loader, entry, TAKES_MAP, "a schedule")) {
            continue;
        }
        struct trigger *trigger = add_trigger(loader, triggers, TRIGGER_SCHEDULE, entry);
        (void)load_map(loader, entry, schedule_keys, trigger, "a schedule");
        trigger->id = trigger->id.n == 0 ? trigger->cron : trigger->id;
        for (size_t k = first; k + 1 < triggers->count; k++) {
            if (str_eq(triggers->items[k].id, trigger->id)) {
                load_error(loader, entry, DIAG_VALUE, "give each an 'id'", "two schedules have the id '%.*s'",
                           STR_ARG(trigger->id));
            }
        }
    }
}

/* ---- webhook and events --------------------------------------------------------------------------------- */

/* Of each the senders' table has a row (trigger/webhook_verify.c). */
const char *const webhook_verifications[] = {"github",   "gitlab", "gitea",  "bitbucket",
                                            "standard", "mlflow", "bearer", "none", NULL};

static void webhook_verify(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    (void)target;
    (void)load_choice(loader, node, webhook_verifications, &word);
}

static void webhook_secret(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct template secret;
    struct str name;
    (void)target;
    if (!load_template(loader, node, &secret)) {
        return;
    }
    if (template_is_plain(&secret)) {
        load_error(loader, node, DIAG_SECRET, "write ${{ secrets.NAME }}", "a webhook's secret stands in the file");
    } else if (!template_is_secret(&secret, &name)) {
        load_error(loader, node, DIAG_SECRET, "write ${{ secrets.NAME }}, and put the whole text into that secret",
                   "a webhook's secret is one secret, and nothing beside it");
    }
}

static const struct key webhook_keys[] = {
    {.name = "verify", .takes = TAKES_TEXT, .load = webhook_verify,
     .doc = "github, gitlab, gitea, bitbucket, standard, mlflow, bearer or none.", .required = true,
     .choices = webhook_verifications},
    {.name = "secret", .takes = TAKES_TEXT, .load = webhook_secret, .doc = "${{ secrets.NAME }}"},
    {.name = "if", .takes = TAKES_SCALAR, .load = key_if, .doc = "Which deliveries start a run."},
    {.name = "params", .takes = TAKES_MAP, .load = key_params, .doc = "Params of the run, from event.*."},
    {0},
};

static const struct key push_keys[] = {
    {.name = "branches", .takes = TAKES_LIST, .load = key_texts, .doc = "Globs of branches."},
    {.name = "paths", .takes = TAKES_LIST, .load = key_texts, .doc = "Globs of changed files."},
    {.name = "if", .takes = TAKES_SCALAR, .load = key_if, .doc = "Which pushes start a run."},
    {.name = "params", .takes = TAKES_MAP, .load = key_params, .doc = "Params of the run."},
    {0},
};

/* ---- what happens to registered models -------------------------------------------------------------------- */

static void key_glob(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct str text = {0};
    (void)target;
    if (load_text(loader, node, &text) && text.n == 0) {
        load_error(loader, node, DIAG_VALUE, "write \"*\" for any", "a glob that is empty matches nothing");
    }
}

static void key_debounce(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &((struct trigger *)target)->debounce_ms);
}

static const char *const actions[] = {"set", "deleted", NULL};

static void key_actions(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    (void)target;
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, "leave it out for both", "'actions' is empty: nothing would start a run");
    }
    for (size_t i = 0; i < node->count; i++) {
        (void)load_choice(loader, &node->items[i], actions, &word);
    }
}

#define MODEL_KEYS(which)                                                                                              \
    {.name = "model", .takes = TAKES_TEXT, .load = key_glob, .doc = "Glob of registered models.", .required = true},   \
        {.name = "prompts", .takes = TAKES_SWITCH, .load = key_bool, .doc = "Also for prompts (false)."},              \
        {.name = "debounce", .takes = TAKES_DURATION, .load = key_debounce,                                            \
         .doc = "The last of those that come within this after each other starts one run."},                           \
        {.name = "if", .takes = TAKES_SCALAR, .load = key_if, .doc = which},                                           \
        {.name = "params", .takes = TAKES_MAP, .load = key_params, .doc = "Params of the run."},                       \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define ACTIONS                                                                                                        \
    {                                                                                                                  \
        .name = "actions", .takes = TAKES_LIST, .load = key_actions, .doc = "set, deleted; both by default.",          \
        .choices = actions                                                                                             \
    }

static const struct key model_version_keys[] = {MODEL_KEYS("Which versions start a run.")};

static const struct key model_alias_keys[] = {
    {.name = "alias", .takes = TAKES_TEXT, .load = key_glob, .doc = "Glob of aliases; any by default."},
    ACTIONS,
    MODEL_KEYS("Which moves start a run."),
};

static const struct key model_tag_keys[] = {
    {.name = "key", .takes = TAKES_TEXT, .load = key_glob, .doc = "Glob of keys of version tags; any by default."},
    ACTIONS,
    MODEL_KEYS("Which tags start a run."),
};

static const struct key model_stage_keys[] = {
    {.name = "stage", .takes = TAKES_TEXT, .load = key_glob,
     .doc = "Glob of the stages that a version comes into, in any case; any by default."},
    MODEL_KEYS("Which changes start a run."),
};

static const char *const ends[] = {"succeeded", "failed", "cancelled", NULL};

static void pipeline_status(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    (void)target;
    for (size_t i = 0; i < node->count; i++) {
        (void)load_choice(loader, &node->items[i], ends, &word);
    }
}

static const struct key pipeline_trigger_keys[] = {
    {.name = "name", .takes = TAKES_TEXT, .doc = "The other pipeline.", .required = true},
    {.name = "status", .takes = TAKES_LIST, .load = pipeline_status, .doc = "succeeded, failed, cancelled.",
     .choices = ends},
    {.name = "if", .takes = TAKES_SCALAR, .load = key_if, .doc = "Which ends start a run."},
    {.name = "params", .takes = TAKES_MAP, .load = key_params, .doc = "Params of the run."},
    {0},
};

/* A signature, or a token, is checked against a secret. */
static void check_webhook(struct loader *loader, const struct yaml_node *node)
{
    const struct yaml_node *verify = yaml_get(node, "verify");
    const struct yaml_node *secret = yaml_get(node, "secret");
    bool none = verify != NULL && str_is(verify->text, "none");
    if (verify != NULL && secret == NULL && !none) {
        load_error(loader, verify, DIAG_MISSING, "write secret: ${{ secrets.NAME }}",
                   "'on: webhook' has no 'secret': '%.*s' checks deliveries by one", STR_ARG(verify->text));
    } else if (none && secret != NULL) {
        load_error(loader, yaml_get_key(node, STR("secret")), DIAG_VALUE, NULL,
                   "'secret' has no meaning with 'verify: none'");
    } else if (none) {
        load_error(loader, verify, DIAG_SUSPECT, "say who sends it, and give it a secret",
                   "'verify: none': whoever reaches the server starts this pipeline, with whatever he sends");
    }
}

static void load_event(struct loader *loader, const struct yaml_node *node, struct triggers *triggers,
                       enum trigger_kind kind, const struct key *keys)
{
    struct yaml_node map = *node;
    map.type = JSON_OBJECT; /* "push:" alone means any push */
    struct trigger *trigger = add_trigger(loader, triggers, kind, &map);
    (void)load_map(loader, &map, keys, trigger, arena_printf(loader->arena, "'on: %s'", trigger_kind_name(kind)));
}

static void on_webhook(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_WEBHOOK, webhook_keys);
    check_webhook(loader, node);
}

static void on_push(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_PUSH, push_keys);
}

static void on_model_version(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_MODEL_VERSION, model_version_keys);
}

static void on_model_alias(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_MODEL_ALIAS, model_alias_keys);
}

static void on_model_tag(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_MODEL_TAG, model_tag_keys);
}

static void on_model_stage(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_MODEL_STAGE, model_stage_keys);
}

static void on_pipeline(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_event(loader, node, target, TRIGGER_PIPELINE, pipeline_trigger_keys);
}

const struct key trigger_keys[] = {
    {.name = "schedule", .takes = TAKES_LIST | TAKES_MAP, .load = on_schedule,
     .such_as = "schedule: {cron: \"0 2 * * *\"}",
     .doc = "At times: one, or a list.",
     .keys = schedule_keys},
    {.name = "webhook", .takes = TAKES_MAP, .load = on_webhook, .doc = "POST /hooks/NAME.", .keys = webhook_keys},
    {.name = "push", .takes = TAKES_MAP | TAKES_NULL, .load = on_push,
     .such_as = "push: {branches: [main]}",
     .doc = "New commits of its repository.",
     .keys = push_keys},
    {.name = "model_version", .takes = TAKES_MAP, .load = on_model_version,
     .doc = "A new version of a model: a deployment job.", .keys = model_version_keys},
    {.name = "model_alias", .takes = TAKES_MAP, .load = on_model_alias, .doc = "An alias that is set or deleted.",
     .keys = model_alias_keys},
    {.name = "model_tag", .takes = TAKES_MAP, .load = on_model_tag, .doc = "A version's tag that is set or deleted.",
     .keys = model_tag_keys},
    {.name = "model_stage", .takes = TAKES_MAP, .load = on_model_stage, .doc = "A version that comes into a stage.",
     .keys = model_stage_keys},
    {.name = "pipeline", .takes = TAKES_MAP, .load = on_pipeline, .doc = "The end of another pipeline's run.",
     .keys = pipeline_trigger_keys},
    {.name = "call", .takes = TAKES_ANY, .later = "pipelines that can only be called", .doc = "Later."},
    {0},
};

void load_triggers(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct triggers triggers = {0};
    (void)target;
    (void)load_map(loader, node, trigger_keys, &triggers, "'on'");
    loader->pipeline->triggers = triggers.items;
    loader->pipeline->trigger_count = triggers.count;
}

/* ---- deployment jobs -------------------------------------------------------------------------------------- */

const struct given_param trigger_given[] = {
    {{"model_name", 10}, VALUE_STRING, "the registered model's name", 1u << VALUE_STRING | 1u << VALUE_JSON},
    {{"model_version", 13}, VALUE_INTEGER, "the version's number",
     1u << VALUE_INTEGER | 1u << VALUE_NUMBER | 1u << VALUE_STRING | 1u << VALUE_JSON},
    {{0}, VALUE_STRING, NULL, 0},
};

const struct given_param *trigger_gives(enum trigger_kind kind, struct str name)
{
    bool about_model = kind == TRIGGER_MODEL_VERSION || kind == TRIGGER_MODEL_ALIAS || kind == TRIGGER_MODEL_TAG ||
                       kind == TRIGGER_MODEL_STAGE;
    const struct given_param *given = trigger_given;
    while (given->doc != NULL && !str_eq(given->name, name)) {
        given++;
    }
    return about_model && given->doc != NULL ? given : NULL;
}

const struct param *pipeline_find_param(const struct pipeline *pipeline, struct str name)
{
    for (size_t i = 0; i < pipeline->param_count; i++) {
        if (str_eq(pipeline->params[i].name, name)) {
            return &pipeline->params[i];
        }
    }
    return NULL;
}

void load_given_params(struct loader *loader)
{
    struct pipeline *pipeline = loader->pipeline;
    if (pipeline_find_trigger(pipeline, TRIGGER_MODEL_VERSION, (struct str){0}) == NULL) {
        return;
    }
    size_t count = pipeline->param_count;
    struct param *params = arena_array(loader->arena, count + 2, sizeof *params);
    for (size_t i = 0; i < count; i++) {
        params[i] = pipeline->params[i];
    }
    for (const struct given_param *given = trigger_given; given->doc != NULL; given++) {
        if (pipeline_find_param(pipeline, given->name) == NULL) {
            params[count++] = (struct param){.name = given->name,
                                             .type = given->type,
                                             .implied = true,
                                             .def = json_null(),
                                             .choices = json_null(),
                                             .description = str_from(given->doc)};
        }
    }
    pipeline->params = params;
    pipeline->param_count = count;
}
