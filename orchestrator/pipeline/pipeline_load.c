/* SPDX-License-Identifier: Apache-2.0
 * A whole file: the top keys, then the checks that need all of it.
 */
#include "pipeline/pipeline.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "pipeline/load.h"
#include "pipeline/slips.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct pipeline *pipeline_of(void *target)
{
    return target;
}

static bool is_pipeline_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr("._-", c) == NULL)) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 100;
}

static void key_name(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct str name = node->text;
    if (!is_pipeline_name(name)) {
        load_error(loader, node, DIAG_VALUE, slip_hint_name(loader->arena, name, '-', is_pipeline_name),
                   "'%.*s' is no name of a pipeline: expected up to 100 of a-z, 0-9, '.', '_' and '-', a letter or "
                   "digit first",
                   STR_ARG(name));
        return;
    }
    pipeline_of(target)->name = name;
}

static void key_description(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &pipeline_of(target)->description);
}

static void key_experiment(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &pipeline_of(target)->experiment);
    if (node->text.n == 0 || node->text.n > 500) {
        load_error(loader, node, DIAG_VALUE, NULL, "expected the name of an experiment, 1 to 500 characters");
    }
}

static void key_tags(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct json *tags = &pipeline_of(target)->tags;
    for (size_t i = 0; load_few(loader, node, "'tags'") && i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        if (load_expect(loader, &pair->value, TAKES_SCALAR, "a tag")) {
            json_set(loader->arena, tags, pair->key.text.p, json_string(loader->arena, pair->value.text));
        }
    }
}

static void key_env(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_env(loader, node, "'env'", &pipeline_of(target)->env, &pipeline_of(target)->env_count);
}

static void python_requirements(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &pipeline_of(target)->python_requirements);
}

static void python_lock(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &pipeline_of(target)->python_lock);
}

static const struct key python_keys[] = {
    {.name = "requirements", .takes = TAKES_TEXT, .load = python_requirements, .doc = "A requirements file for pip."},
    {.name = "lock", .takes = TAKES_TEXT, .load = python_lock, .doc = "A uv.lock; needs uv."},
    {0},
};

static void key_python(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, python_keys, target, "'python'");
    const struct pipeline *pipeline = pipeline_of(target);
    if ((pipeline->python_requirements.n > 0) == (pipeline->python_lock.n > 0)) {
        load_error(loader, node, DIAG_MISSING, NULL, "'python': expected exactly one of 'requirements' and 'lock'");
    }
}

static void default_timeout(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    loader->has_default_timeout = load_duration(loader, node, &loader->default_timeout_ms);
}

static void default_retry(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    loader->default_retry = load_retry(loader, node, &retry_policy_default);
}

static const struct key default_keys[] = {
    {.name = "timeout", .takes = TAKES_DURATION, .load = default_timeout, .doc = "Of each attempt."},
    {.name = "retry", .takes = TAKES_MAP, .load = default_retry, .doc = "Further attempts.", .keys = retry_keys},
    {0},
};

static void key_defaults(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, default_keys, target, "'defaults'");
}

static void concurrency_group(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct concurrency *concurrency = &pipeline_of(target)->concurrency;
    if (node->text.n == 0) {
        load_error(loader, node, DIAG_VALUE, "leave the key out for the pipeline's name", "'group' is empty");
        return;
    }
    concurrency->has_group = load_template(loader, node, &concurrency->group);
}

static void concurrency_limit(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_int(loader, node, 1, 10000, &pipeline_of(target)->concurrency.limit);
}

/* By enum concurrency_policy. */
static const char *const policies[] = {"queue", "latest", "skip", "cancel_running", NULL};

static void concurrency_policy(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, policies, &word)) {
        pipeline_of(target)->concurrency.policy = (enum concurrency_policy)word;
    }
}

static const struct key concurrency_keys[] = {
    {.name = "group", .takes = TAKES_TEXT, .load = concurrency_group,
     .doc = "Runs of one group share the limit, whatever their pipeline; the pipeline's name by default."},
    {.name = "limit", .takes = TAKES_NUMBER, .load = concurrency_limit, .doc = "Runs at once (1)."},
    {.name = "policy", .takes = TAKES_TEXT, .load = concurrency_policy,
     .doc = "What a run does when no place is free: queue (default), latest, skip or cancel_running.",
     .choices = policies},
    {0},
};

static void key_concurrency(struct loader *loader, const struct yaml_node *node, void *target)
{
    pipeline_of(target)->concurrency = (struct concurrency){.present = true, .limit = 1};
    (void)load_map(loader, node, concurrency_keys, target, "'concurrency'");
}

static void key_priority(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_int(loader, node, PRIORITY_LEAST, PRIORITY_MOST, &pipeline_of(target)->priority);
}

static void key_timeout(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &pipeline_of(target)->timeout_ms);
}

static void key_late_after(struct loader *loader, const struct yaml_node *node, void *target)
{
    int64_t ms = 0;
    if (load_duration(loader, node, &ms) && ms < 1) {
        load_error(loader, node, DIAG_VALUE, NULL, "'late_after': expected at least 1ms");
    } else {
        pipeline_of(target)->late_after_ms = ms;
    }
}

static void key_notify(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct pipeline *pipeline = pipeline_of(target);
    const struct pipeline_world *world = loader->world;
    bool judges = !world->accepted && !world->begun; /* channels may go while a run goes on */
    const struct notify_reading reading = {
        .channels = judges ? world->channels : NULL,
        .channel_count = world->channel_count,
        .ret = &pipeline->notify,
        .ret_count = &pipeline->notify_count,
    };
    load_notify(loader, node, &reading);
}

static void key_outputs(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_named_templates(loader, node, "'outputs'", &pipeline_of(target)->outputs,
                               &pipeline_of(target)->output_count);
}

const struct key pipeline_keys[] = {
    {.name = "name", .takes = TAKES_TEXT | TAKES_NUMBER, .load = key_name,
     .doc = "Unique in a home: [a-z0-9][a-z0-9._-]{0,99}.", .required = true, .pattern = "^[a-z0-9][a-z0-9._-]{0,99}$"},
    {.name = "requires", .takes = TAKES_TEXT, .doc = "The sluice versions that can run this file: \">= 0.1\"."},
    {.name = "description", .takes = TAKES_TEXT, .load = key_description, .doc = "For people."},
    {.name = "experiment", .takes = TAKES_TEXT | TAKES_NUMBER, .load = key_experiment,
     .doc = "MLflow experiment of its runs; default: the name."},
    {.name = "tags", .takes = TAKES_MAP, .load = key_tags,
     .such_as = "tags: {team: wine}",
     .doc = "Tags of its runs."},
    {.name = "on", .takes = TAKES_MAP, .load = load_triggers,
     .such_as = "on: {schedule: {cron: \"0 2 * * *\"}}",
     .doc = "What starts it besides people. Write \"on\" in quotes for YAML 1.1 readers.", .keys = trigger_keys},
    {.name = "params", .takes = TAKES_MAP, .load = load_params,
     .such_as = "params: {rate: {type: number, default: 0.1}}",
     .doc = "Typed values a run is started with.",
     .each = param_keys, .names = IDENTIFIER_PATTERN},
    {.name = "env", .takes = TAKES_MAP, .load = key_env,
     .such_as = "env: {NAME: value}",
     .doc = "Environment variables of all steps.",
     .names = IDENTIFIER_PATTERN},
    {.name = "python", .takes = TAKES_MAP, .load = key_python,
     .such_as = "python: {requirements: requirements.txt}",
     .doc = "A virtual environment for its steps.",
     .keys = python_keys},
    {.name = "defaults", .takes = TAKES_MAP,
     .such_as = "defaults: {timeout: 1h}",
     .doc = "For run and lua steps, and for plugins that may be repeated.",
     .keys = default_keys},
    {.name = "concurrency", .takes = TAKES_MAP, .load = key_concurrency,
     .such_as = "concurrency: {limit: 1, policy: queue}",
     .doc = "How many runs at once.",
     .keys = concurrency_keys},
    {.name = "priority", .takes = TAKES_NUMBER, .load = key_priority,
     .doc = "Steps of its runs start before those of runs with a lower one: -1000 to 1000 (0)."},
    {.name = "timeout", .takes = TAKES_DURATION, .load = key_timeout,
     .doc = "Running time of a run; queued and waiting time is not counted."},
    {.name = "late_after", .takes = TAKES_DURATION, .load = key_late_after,
     .doc = "A run that has not ended so long after it was due, or made, is late."},
    {.name = "steps", .takes = TAKES_MAP, .load = load_steps,
     .such_as = "steps: {train: {run: python3 train.py}}",
     .doc = "The steps by their ids.", .each = step_keys,
     .names = STEP_PATTERN, .required = true},
    {.name = "outputs", .takes = TAKES_MAP, .load = key_outputs,
     .doc = "What a pipeline that has this one as a step sees.", .names = IDENTIFIER_PATTERN},
    {.name = "notify", .takes = TAKES_LIST, .load = key_notify,
     .such_as = "notify: [{on: [failed], to: CHANNEL}]",
     .doc = "Who is told of its runs.", .keys = notify_keys},
    {0},
};

/* ---- requires: read before anything else --------------------------------------------------------------- */

static int version_number(struct str text, int64_t *ret)
{
    int64_t parts[3] = {0, 0, 0};
    struct str part = {0};
    text = str_trim(text);
    for (int i = 0; i < 3 && str_cut(&text, '.', &part); i++) {
        if (parse_int(part, 0, 99999, &parts[i], NULL) < 0) {
            return -1;
        }
    }
    *ret = (parts[0] * 100000 + parts[1]) * 100000 + parts[2];
    return text.p == NULL ? 0 : -1;
}

/* False when the file is for another version: then nothing else is worth telling. */
static bool check_requires(struct loader *loader, const struct yaml_node *node)
{
    static const char *const operators[] = {">=", "<=", "==", ">", "<"};
    if (node->type != JSON_STRING) {
        return true; /* its row tells */
    }
    int64_t ours = 0;
    int64_t theirs = 0;
    (void)version_number(str_from(SLUICE_VERSION), &ours);
    struct str text = str_trim(node->text);
    for (size_t i = 0; i < 5; i++) {
        if (!str_starts(text, str_from(operators[i]))) {
            continue;
        }
        if (version_number(str_slice(text, strlen(operators[i]), text.n), &theirs) < 0) {
            break;
        }
        bool fits[] = {ours >= theirs, ours <= theirs, ours == theirs, ours > theirs, ours < theirs};
        if (!fits[i]) {
            load_error(loader, node, DIAG_REQUIRES, NULL, "this file needs sluice %.*s; this is %s", STR_ARG(text),
                       SLUICE_VERSION);
        }
        return fits[i];
    }
    load_error(loader, node, DIAG_VALUE, NULL, "expected a version like \">= 0.1\", found '%.*s'", STR_ARG(node->text));
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static struct str absolute(struct arena *arena, const char *folder)
{
    char *real = realpath(folder, NULL);
    struct str result = arena_str(arena, str_from(real == NULL ? folder : real));
    free(real);
    return result;
}

static void set_folders(struct loader *loader, struct pipeline *pipeline)
{
    const char *file = loader->diags->file == NULL ? "-" : loader->diags->file;
    const char *folder = loader->world->folder != NULL ? loader->world->folder : path_dir(loader->arena, file);
    pipeline->file = arena_str(loader->arena, str_from(file));
    pipeline->folder = absolute(loader->arena, folder);
    pipeline->root = loader->world->root != NULL ? absolute(loader->arena, loader->world->root) : pipeline->folder;
}

static const struct pipeline *load_whole(struct diags *diags, const struct pipeline_world *world)
{
    static const struct pipeline_world nothing = {0};
    const struct yaml_node *root = yaml_doc_parse(diags);
    if (root == NULL) {
        diags_sort(diags);
        return NULL;
    }
    struct pipeline *pipeline = arena_one(diags->arena, struct pipeline);
    struct loader loader = {.diags = diags,
                            .arena = diags->arena,
                            .scratch = diags->scratch,
                            .world = world == NULL ? &nothing : world,
                            .pipeline = pipeline};
    pipeline->tags = json_object();
    pipeline->source = diags->text;
    set_folders(&loader, pipeline);
    const struct yaml_node *requires = yaml_get(root, "requires");
    if (requires != NULL && !check_requires(&loader, requires) && !loader.world->accepted) {
        return NULL;
    }
    const struct yaml_node *defaults = yaml_get(root, "defaults"); /* steps need them first */
    if (defaults != NULL && defaults->type == JSON_OBJECT) {
        key_defaults(&loader, defaults, pipeline);
    }
    if (!load_map(&loader, root, pipeline_keys, pipeline, "the pipeline")) {
        return NULL;
    }
    pipeline->experiment = pipeline->experiment.n == 0 ? pipeline->name : pipeline->experiment;
    load_given_params(&loader);
    pipeline->index = step_index_new(loader.arena, pipeline);
    loader.steps = yaml_get(root, "steps");
    check_plugins(&loader);
    check_caches(&loader);
    check_files(&loader, root);
    check_children(&loader);
    check_scripts(&loader);
    check_names(&loader, root);
    check_cycles(&loader);
    check_matrices(&loader);
    check_races(&loader);
    diags_sort(diags);
    return diags->errors > 0 && !loader.world->accepted ? NULL : pipeline;
}

/* The tree of the file and the work of the checks take as much again as the pipeline, which may be kept for days. */
const struct pipeline *pipeline_load(struct diags *diags, const struct pipeline_world *world)
{
    diags->scratch = arena_new();
    const struct pipeline *pipeline = load_whole(diags, world);
    diags_drop_scratch(diags);
    return pipeline;
}

typedef int read_function(const char *path, size_t max_bytes, struct arena *arena, struct str *ret, struct err *err);

static const struct pipeline *load_by(read_function *read, const char *path, struct diags *diags,
                                      const struct pipeline_world *world)
{
    struct err err = {0};
    if (fs_is_folder(path)) {
        diag_add(diags, DIAG_FILE, (struct pos){0}, NULL, "'%s' is a folder: expected a pipeline file", path);
        return NULL;
    }
    if (read(path, YAML_MAX_BYTES, diags->arena, &diags->text, &err) < 0) {
        bool large = err.code == ERR_LIMIT;
        diag_add(diags, large ? DIAG_BOUND : DIAG_FILE, (struct pos){0}, NULL, "%s",
                 large ? "the file is larger than 16 MiB" : err.message);
        diags->unread = err.code == ERR_IO ? arena_strdup(diags->arena, err.message) : NULL;
        return NULL;
    }
    return pipeline_load(diags, world);
}

const struct pipeline *pipeline_load_file(const char *path, struct diags *diags, const struct pipeline_world *world)
{
    return load_by(fs_read, strcmp(path, "-") == 0 ? "/dev/stdin" : path, diags, world);
}

const struct pipeline *pipeline_load_named(const char *path, struct diags *diags, const struct pipeline_world *world)
{
    return load_by(fs_read_file, path, diags, world);
}
