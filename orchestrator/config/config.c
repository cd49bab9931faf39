/* SPDX-License-Identifier: Apache-2.0
 * config.yaml as tables of keys: they read it, check it, and document it.
 */
#include "config/config.h"

#include "base/fs.h"
#include "config/external_url.h"
#include "base/path.h"
#include "config/group_roles.h"
#include "config/secrets.h"
#include "config/step_user.h"
#include "config/supply.h"
#include "config/texts.h"
#include "pipeline/load.h"

enum { CONFIG_MAX_BYTES = 1 << 20, SLOTS_MAX = 1000000, CONFIG_GPUS_MAX = 1024 };

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

/* What is being read. */
struct reading {
    struct config *config;
    const char *folder; /* of config.yaml: relative paths start here */
};

static struct reading *reading_of(void *target)
{
    return target;
}

/* ---- names and lists ------------------------------------------------------------------------------------ */

/* Environments, pools, groups: what people type and files name. */
static bool is_plain_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr("._-", c) == NULL)) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 100;
}

static bool expect_plain_name(struct loader *loader, const struct yaml_node *node, const char *what)
{
    if (!is_plain_name(node->text)) {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "'%.*s' is no name of %s: expected up to 100 letters, digits, '.', '_' and '-', beginning with a "
                   "letter or digit",
                   STR_ARG(node->text), what);
        return false;
    }
    return true;
}

/* ---- environments ----------------------------------------------------------------------------------------- */

static void key_environment(struct loader *loader, const struct yaml_node *node, void *target)
{
    if (expect_plain_name(loader, node, "an environment")) {
        reading_of(target)->config->environment = arena_str(loader->arena, node->text);
    }
}

/* A text that looks like an expression would reach the pipeline as that text: certainly not meant. */
static void refuse_expressions(struct loader *loader, const struct yaml_node *node)
{
    if (node->type == JSON_STRING && str_find(node->text, STR("${{")) >= 0) {
        load_error(loader, node, DIAG_EXPR_PLACE, "write the value itself, or a secret's name in 'secrets'",
                   "config.yaml takes no expressions");
    }
    for (size_t i = 0; i < node->count; i++) {
        refuse_expressions(loader, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i]);
    }
}

static void environment_vars(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *name = &node->pairs[i].key;
        if (!name_is_identifier(name->text)) {
            load_error(loader, name, DIAG_VALUE, NULL, "'vars': '%.*s' is no name: expected letters, digits and '_'",
                       STR_ARG(name->text));
        }
    }
    refuse_expressions(loader, node);
}

static void environment_triggers(struct loader *loader, const struct yaml_node *node, void *target)
{
    static const char *const words[] = {"all", "none", NULL};
    size_t word = 0;
    (void)target;
    (void)load_choice(loader, node, words, &word);
}

#define ENVIRONMENT_KEYS(ROW)                                                                                          \
    ROW("environments.E.", "vars", TAKES_MAP, environment_vars, "map",                                                 \
        "Values that pipelines read as ${{ vars.NAME }}.")                                                             \
    ROW("environments.E.", "triggers", TAKES_TEXT, environment_triggers, "all or none",                                \
        "Whether triggers fire in it; all by default.")

#define AS_KEY(path, key, what, function, type, text)                                                                  \
    {.name = (key), .takes = (what), .load = (function), .doc = (text)},

static const struct key environment_keys[] = {ENVIRONMENT_KEYS(AS_KEY) {0}};

static void key_environments(struct loader *loader, const struct yaml_node *node, void *target)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        if (expect_plain_name(loader, &pair->key, "an environment")) {
            const char *what = arena_printf(loader->arena, "environment '%.*s'", STR_ARG(pair->key.text));
            (void)load_map(loader, &pair->value, environment_keys, target, what);
        }
    }
    reading_of(target)->config->environments = yaml_to_json(loader->arena, node);
}

/* ---- resources, pools, step_env, groups ----------------------------------------------------------------- */

static void add_supply(struct loader *loader, struct config *config, struct resource_supply supply)
{
    config->supply = arena_grow(loader->arena, config->supply, config->supply_count, &config->supply_room,
                                sizeof *config->supply);
    config->supply[config->supply_count++] = supply;
}

static bool is_machine_resource(struct str name)
{
    return str_is(name, RESOURCE_CPU) || str_is(name, RESOURCE_MEMORY) || str_is(name, RESOURCE_GPU);
}

static void key_pools(struct loader *loader, const struct yaml_node *node, void *target)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = &node->pairs[i].key;
        int64_t slots = 0;
        if (is_machine_resource(key->text) || str_is(key->text, RESOURCE_SLOT)) {
            load_error(loader, key, DIAG_VALUE,
                       str_is(key->text, RESOURCE_SLOT) ? "--jobs says how many steps run at once"
                                                        : "write it in 'resources'",
                       "'%.*s' is no name of a pool: it is a resource of its own", STR_ARG(key->text));
        } else if (expect_plain_name(loader, key, "a pool") &&
                   load_int(loader, &node->pairs[i].value, 0, SLOTS_MAX, &slots)) {
            add_supply(loader, reading_of(target)->config,
                       (struct resource_supply){.name = arena_str(loader->arena, key->text), .amount = slots});
        }
    }
}

static void resource_amount(struct loader *loader, const struct yaml_node *node, void *target, const char *name)
{
    struct resource_supply supply = {.name = str_from(name)};
    if (resource_load(loader, node, supply.name, &supply.amount)) {
        add_supply(loader, reading_of(target)->config, supply);
    }
}

static void resource_cpu(struct loader *loader, const struct yaml_node *node, void *target)
{
    resource_amount(loader, node, target, RESOURCE_CPU);
}

static void resource_memory(struct loader *loader, const struct yaml_node *node, void *target)
{
    resource_amount(loader, node, target, RESOURCE_MEMORY);
}

/* How many, numbered from 0, or as CUDA names them. */
static void resource_gpu(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct resource_supply supply = {.name = STR(RESOURCE_GPU)};
    if (node->type == JSON_ARRAY) {
        size_t count = 0;
        if (!config_texts_read(loader, node, "'gpu'", &supply.devices, &count)) {
            return;
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < i; k++) {
                if (str_eq(supply.devices[i], supply.devices[k])) {
                    load_error(loader, &node->items[i], DIAG_VALUE, NULL, "'gpu': device %.*s stands there twice",
                               STR_ARG(supply.devices[i]));
                }
            }
            if (str_find_byte(supply.devices[i], ',', 0) >= 0) {
                load_error(loader, &node->items[i], DIAG_VALUE, "write a list", "'gpu': '%.*s' is no device",
                           STR_ARG(supply.devices[i]));
            }
        }
        supply.amount = (int64_t)count;
    } else if (resource_load(loader, node, supply.name, &supply.amount)) {
        if (supply.amount > CONFIG_GPUS_MAX) {
            load_error(loader, node, DIAG_VALUE, NULL, "'gpu': expected at most %d, found %.*s", CONFIG_GPUS_MAX,
                       STR_ARG(node->text));
            return;
        }
        supply.devices = config_devices(supply.amount, loader->arena);
    } else {
        return;
    }
    add_supply(loader, reading_of(target)->config, supply);
}

#define RESOURCE_KEYS(ROW)                                                                                             \
    ROW("resources.", "cpu", TAKES_NUMBER, resource_cpu, "number",                                                     \
        "Cores that steps share; those of the machine by default.")                                                    \
    ROW("resources.", "memory", TAKES_NUMBER | TAKES_TEXT, resource_memory, "size",                                    \
        "Memory that steps share; that of the machine by default.")                                                    \
    ROW("resources.", "gpu", TAKES_NUMBER | TAKES_LIST, resource_gpu, "integer or list",                               \
        "How many devices, or which, as CUDA_VISIBLE_DEVICES names them; those found by default.")

static const struct key resource_keys[] = {RESOURCE_KEYS(AS_KEY) {0}};

static void key_resources(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, resource_keys, target, "'resources'");
}

static void key_step_env(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct config *config = reading_of(target)->config;
    if (!config_texts_read(loader, node, "'step_env'", &config->step_env, &config->step_env_count)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        struct str name = config->step_env[i];
        bool prefix = str_ends(name, STR("*"));
        if (!name_is_identifier(prefix ? str_slice(name, 0, name.n - 1) : name)) {
            load_error(loader, &node->items[i], DIAG_VALUE, "write NAME, or PREFIX_* for all that begin so",
                       "'%.*s' is no name of an environment variable", STR_ARG(name));
        }
    }
}

static void auth_default_permission(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, permission_words, &word)) {
        reading_of(target)->config->default_permission = (enum permission)word;
    }
}

static void auth_group_roles(struct loader *loader, const struct yaml_node *node, void *target)
{
    config_group_roles_load(loader, node, &reading_of(target)->config->group_roles);
}

#define AUTH_KEYS(ROW)                                                                                                 \
    ROW("auth.", "group_roles", TAKES_MAP, auth_group_roles, "map of roles",                                           \
        "The role that logins have at least by being in a group: viewer, runner, approver, editor, admin.")            \
    ROW("auth.", "default_permission", TAKES_TEXT, auth_default_permission,                                            \
        "NO_PERMISSIONS, READ, USE, EDIT or MANAGE",                                                                   \
        "What users may do with experiments and models of which nothing is said; READ by default.")

static const struct key auth_keys[] = {AUTH_KEYS(AS_KEY) {0}};

static void key_auth(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, auth_keys, target, "'auth'");
}

static void key_external_url(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct err wrong = {0};
    if (external_url_read(node->text, loader->arena, &reading_of(target)->config->external_url, &wrong) < 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s", wrong.message);
    }
}

static void key_gc(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct config *config = reading_of(target)->config;
    retention_load(loader, node, config->retention, &config->gc_every_ms);
}

static void key_guards(struct loader *loader, const struct yaml_node *node, void *target)
{
    guards_load(loader, node, &reading_of(target)->config->guards);
}

static void key_sources(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct reading *reading = reading_of(target);
    sources_load(loader, node, reading->folder, &reading->config->sources);
}

static void key_webhooks(struct loader *loader, const struct yaml_node *node, void *target)
{
    telling_load(loader, node, &reading_of(target)->config->telling);
}

static void key_channels(struct loader *loader, const struct yaml_node *node, void *target)
{
    channels_load(loader, node, &reading_of(target)->config->channels);
}

static void key_reap_after(struct loader *loader, const struct yaml_node *node, void *target)
{
    int64_t ms = 0;
    if (load_duration(loader, node, &ms) && (ms < 1000 || ms > 365 * day_ms)) {
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s': expected 1s to 365d", STR_ARG(node->text));
    } else {
        reading_of(target)->config->reap_after_ms = ms;
    }
}

#define MLFLOW_KEYS(ROW)                                                                                               \
    ROW("mlflow.", "reap_after", TAKES_DURATION, key_reap_after, "duration",                                           \
        "When a run that its client has left open, and does not write, has failed; never by default.")

static const struct key mlflow_keys[] = {MLFLOW_KEYS(AS_KEY) {0}};

static void key_mlflow(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, mlflow_keys, target, "'mlflow'");
}

static void key_runner(struct loader *loader, const struct yaml_node *node, void *target)
{
    step_user_load(loader, node, &reading_of(target)->config->runner_socket);
}

static void key_metrics(struct loader *loader, const struct yaml_node *node, void *target)
{
    watching_load(loader, node, &reading_of(target)->config->watching);
}

static void key_groups(struct loader *loader, const struct yaml_node *node, void *target)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        const char *what = arena_printf(loader->arena, "group '%.*s'", STR_ARG(pair->key.text));
        const struct str *actors = NULL;
        size_t count = 0;
        if (expect_plain_name(loader, &pair->key, "a group") && load_expect(loader, &pair->value, TAKES_LIST, what)) {
            (void)config_texts_read(loader, &pair->value, what, &actors, &count);
        }
        for (size_t k = 0; k < count; k++) {
            if (pair->value.items[k].type != JSON_STRING) {
                load_error(loader, &pair->value.items[k], DIAG_TYPE, "write it in quotes",
                           "%s: expected the name of a person", what);
            }
        }
    }
    reading_of(target)->config->groups = yaml_to_json(loader->arena, node);
}

static void key_secrets(struct loader *loader, const struct yaml_node *node, void *target)
{
    const struct reading *reading = reading_of(target);
    config_secrets_load(loader, node, reading->folder, reading->config);
}

/* ---- the table -------------------------------------------------------------------------------------------- */

#define TOP_KEYS(ROW)                                                                                                  \
    ROW("", "auth", TAKES_MAP, key_auth, "map", "What users of 'sluice serve' may do.")                                \
    ROW("", "channels", TAKES_MAP, key_channels, "map", "Whom to tell of what happens: webhook, slack, email.")        \
    ROW("", "environment", TAKES_TEXT, key_environment, "text", "The environment when -e names none.")                 \
    ROW("", "environments", TAKES_MAP, key_environments, "map", "The environments by name.")                           \
    ROW("", "external_url", TAKES_TEXT, key_external_url, "URL", "How people reach 'sluice serve': for links.")        \
    ROW("", "gc", TAKES_MAP, key_gc, "map", "What 'sluice gc' removes: rules for runs, logs, artifacts, cache.")       \
    ROW("", "groups", TAKES_MAP, key_groups, "map of lists", "The people of each group, for approvals and roles.")     \
    ROW("", "guards", TAKES_LIST, key_guards, "list of maps", "What may hold an alias or a stage, or serve a target.") \
    ROW("", "metrics", TAKES_MAP, key_metrics, "map", "Who may watch 'sluice serve'.")                                 \
    ROW("", "mlflow", TAKES_MAP, key_mlflow, "map", "What 'sluice serve' does for MLflow's clients.")                  \
    ROW("", "notify", TAKES_LIST, NULL, "list of maps", "Which channel is told of what runs come to.")                 \
    ROW("", "pools", TAKES_MAP, key_pools, "map of integers", "Slots by name, which steps ask for by 'resources'.")    \
    ROW("", "resources", TAKES_MAP, key_resources, "map", "What this home gives its steps.")                           \
    ROW("", "runner", TAKES_MAP, key_runner, "map", "Whose the steps are: of another user, by a service.")             \
    ROW("", "secrets", TAKES_MAP, key_secrets, "map", "Where ${{ secrets.NAME }} comes from.")                         \
    ROW("", "sources", TAKES_LIST, key_sources, "list of maps", "Repositories whose pipelines are in force.")          \
    ROW("", "step_env", TAKES_LIST, key_step_env, "list of text",                                                      \
        "Environment variables of sluice that steps see, too; PREFIX_* for several.")                                  \
    ROW("", "webhooks", TAKES_MAP, key_webhooks, "map", "Where webhooks may point, and how long they are tried.")

static const struct key top_keys[] = {
    TOP_KEYS(AS_KEY)
    {0},
};

#define AS_DOC(path, key, what, function, type, text) {path key, type, text},

const struct config_key config_keys[] = {
    TOP_KEYS(AS_DOC)
    ENVIRONMENT_KEYS(AS_DOC)
    SECRET_DOCS(AS_DOC)
    WATCHING_DOCS(AS_DOC)
    MLFLOW_KEYS(AS_DOC)
    RESOURCE_KEYS(AS_DOC)
    STEP_USER_DOCS(AS_DOC)
    AUTH_KEYS(AS_DOC)
    GUARD_DOCS(AS_DOC)
    SOURCE_DOCS(AS_DOC)
    RETENTION_DOCS(AS_DOC)
    TELLING_DOCS(AS_DOC)
    CHANNEL_DOCS(AS_DOC)
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

/* ---- the file ----------------------------------------------------------------------------------------------- */

/* A file of comments, as `sluice init` writes one, configures nothing. */
static bool is_blank(struct str text)
{
    struct str line = {0};
    while (str_cut(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.n > 0 && line.p[0] != '#') {
            return false;
        }
    }
    return true;
}

static const struct json *environment_find(const struct config *config, struct str name, struct arena *arena,
                                           const char **ret_hint)
{
    const struct json *all = &config->environments;
    size_t count = all->type == JSON_OBJECT ? all->u.object.count : 0;
    struct str *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = all->u.object.members[i].key;
        if (str_eq(names[i], name)) {
            return &all->u.object.members[i].value;
        }
    }
    *ret_hint = count == 0 ? "config.yaml has no 'environments'" : diag_hint_near(arena, name, names, count);
    return NULL;
}

static void check_environment(struct loader *loader, const struct yaml_node *root, const struct config *config)
{
    const struct yaml_node *node = yaml_get(root, "environment");
    const char *hint = NULL;
    if (node != NULL && config->environment.n > 0 &&
        environment_find(config, config->environment, loader->arena, &hint) == NULL) {
        load_error(loader, node, DIAG_VALUE, hint, "there is no environment '%.*s'", STR_ARG(node->text));
    }
}

int config_load(const char *path, struct diags *diags, struct config *ret_config)
{
    struct arena *arena = diags->arena;
    struct config config = {
        .arena = arena,
        .environments = json_object(),
        .groups = json_object(),
        .group_roles = json_object(),
        .guards = json_array(),
        .sources = json_array(),
        .document = json_object(),
        .channels = telling_rules_none,
        .default_permission = PERMISSION_READ,
    };
    struct err err = {0};
    retention_clear(config.retention);
    if (!fs_exists(path)) {
        *ret_config = config;
        return 0;
    }
    if (fs_read(path, CONFIG_MAX_BYTES, arena, &diags->text, &err) < 0) {
        diag_add(diags, err.code == ERR_LIMIT ? DIAG_BOUND : DIAG_FILE, (struct pos){0}, NULL, "%s", err.message);
        return -1;
    }
    if (!is_blank(diags->text)) {
        struct loader loader = {.diags = diags, .arena = arena};
        struct reading reading = {.config = &config, .folder = path_dir(arena, path)};
        const struct yaml_node *root = yaml_doc_parse(diags);
        if (root != NULL && load_map(&loader, root, top_keys, &reading, "config.yaml")) {
            check_environment(&loader, root, &config);
            config_group_roles_check(&loader, root, &config.groups);
            notify_load(&loader, yaml_get(root, "notify"), config.external_url, &config.channels);
            config.document = yaml_to_json(arena, root);
        }
    }
    diags_sort(diags);
    if (diags->errors > 0) {
        return -1;
    }
    *ret_config = config;
    return 0;
}

int config_load_home(const char *home, struct arena *arena, struct diags *diags, struct config *ret_config,
                     struct err *err)
{
    const char *path = path_join(arena, home, "config.yaml");
    diags_init(diags, arena, path);
    if (config_load(path, diags, ret_config) == 0) {
        return 0;
    }
    const struct diag *first = diags->items;
    while (first->level != DIAG_ERROR) {
        first++;
    }
    return err_set(err, ERR_INPUT, "%s:%d:%d: %s%s%s", path, first->pos.line, first->pos.column, first->message,
                   first->hint == NULL ? "" : ": ", first->hint == NULL ? "" : first->hint);
}

int config_vars(const struct config *config, const char *environment, struct json *ret_vars, struct err *err)
{
    struct str name = environment != NULL ? str_from(environment) : config->environment;
    if (environment == NULL && name.n == 0) {
        *ret_vars = json_object();
        return 0;
    }
    struct arena *scratch = arena_new();
    const char *hint = NULL;
    const struct json *found = environment_find(config, name, scratch, &hint);
    if (found == NULL) {
        (void)err_set(err, ERR_INPUT, "there is no environment '%.*s'%s%s", STR_ARG(name), hint == NULL ? "" : ": ",
                      hint == NULL ? "" : hint);
    } else {
        const struct json *vars = json_get(found, "vars");
        *ret_vars = vars == NULL ? json_object() : *vars;
    }
    arena_free(scratch);
    return found == NULL ? -1 : 0;
}
