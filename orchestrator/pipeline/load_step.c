/* SPDX-License-Identifier: Apache-2.0
 * One step: its keys, its kind, its defaults.
 */
#include "base/parse.h"
#include "pipeline/load.h"
#include "pipeline/scalar_source.h"
#include "pipeline/shell_text.h"
#include "pipeline/slips.h"

#include <signal.h>

static struct step *step_of(void *target)
{
    return target;
}

/* ---- what runs ---------------------------------------------------------------------------------------- */

static void key_run(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    step->kind = STEP_KIND_RUN;
    if (node->type == JSON_ARRAY ? node->count == 0 : str_trim(node->text).n == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "'run' is empty");
        return;
    }
    if (node->type == JSON_ARRAY) {
        struct template *argv = arena_array(loader->arena, node->count, sizeof *argv);
        step->is_argv = true;
        for (size_t i = 0; i < node->count; i++) {
            if (load_expect(loader, &node->items[i], TAKES_SCALAR, "a word of 'run'") &&
                load_template(loader, &node->items[i], &argv[step->argv_count])) {
                /* A word is text whatever it looks like. */
                if (argv[step->argv_count].part_count == 0) {
                    argv[step->argv_count].plain =
                        (struct json){.type = JSON_STRING, .u.string = node->items[i].text};
                }
                step->argv_count++;
            }
        }
        step->argv = argv;
        (void)shell_words_check(argv, step->argv_count, loader->diags);
        return;
    }
    load_warn_foreign(loader, node);
    (void)shell_text_parse(node->text, yaml_content(loader->diags, node), loader->diags, &step->script);
}

/* Most steps share the words of their shell. */
static const struct str bash_words[] = {STR("bash"), STR("--noprofile"), STR("--norc"),
                                        STR("-eo"),  STR("pipefail"),    STR("{0}")};
static const struct str sh_words[] = {STR("sh"), STR("-e"), STR("{0}")};

static void set_default_shell(struct step *step)
{
    step->shell = bash_words;
    step->shell_count = sizeof bash_words / sizeof bash_words[0];
}

/* `bash`, `sh`, or a template of blank-separated words with {0} for the script's file. */
static void key_shell(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    if (str_is(node->text, "bash")) {
        set_default_shell(step);
        return;
    }
    if (str_is(node->text, "sh")) {
        step->shell = sh_words;
        step->shell_count = sizeof sh_words / sizeof sh_words[0];
        return;
    }
    if (str_find(node->text, STR("{0}")) < 0) {
        load_error(loader, node, DIAG_VALUE, "write the place of the script's file: 'srun bash {0}'",
                   "expected bash, sh, or a template with {0}, found '%.*s'", STR_ARG(node->text));
        return;
    }
    struct str rest = str_trim(node->text);
    struct str word = {0};
    struct str *words = NULL;
    size_t room = 0;
    while (str_cut(&rest, ' ', &word)) {
        if (word.n > 0) {
            words = arena_grow(loader->arena, words, step->shell_count, &room, sizeof *words);
            words[step->shell_count++] = arena_str(loader->arena, word);
        }
    }
    step->shell = words;
}

static void key_uses(struct loader *loader, const struct yaml_node *node, void *target)
{
    step_of(target)->kind = STEP_KIND_USES;
    (void)load_text(loader, node, &step_of(target)->uses);
}

static void key_lua(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    step->kind = STEP_KIND_LUA;
    step->lua = node->text;
    step->lua_is_file = str_ends(node->text, STR(".lua")) && str_find_byte(node->text, '\n', 0) < 0;
    if (str_find(node->text, STR("${{")) >= 0) {
        load_error(loader, node, DIAG_EXPR_PLACE, "give it by 'with:' and read sluice.params",
                   "'lua' takes no expressions");
    }
}

static void key_pipeline(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    step->kind = STEP_KIND_PIPELINE;
    step->pipeline = node->text;
    bool is_file = str_starts(node->text, STR("./")) || str_starts(node->text, STR("../"));
    if (str_find(node->text, STR("//")) >= 0) {
        load_error(loader, node, DIAG_LATER, NULL,
                   "pipelines of other repositories (SOURCE//FILE@REV) are not in this version");
    } else if (!is_file && (str_ends(node->text, STR(".yaml")) || str_ends(node->text, STR(".yml")))) {
        const char *hint = str_starts(node->text, STR("/"))
                               ? "name it from the workspace"
                               : arena_printf(loader->arena, "write './%.*s'", STR_ARG(node->text));
        load_error(loader, node, DIAG_VALUE, hint,
                   "'%.*s' looks like a file: expected ./FILE.yaml, or the name of a pipeline that has run",
                   STR_ARG(node->text));
    }
}

static void key_with(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct template_tree *with = arena_one(loader->arena, struct template_tree);
    (void)load_tree(loader, node, with);
    step_of(target)->with = with;
}

/* ---- order and fan-out ------------------------------------------------------------------------------------ */

static void key_if(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    step->condition_text = node->text;
    (void)load_expr(loader, node, &step->condition);
}

static void key_max_parallel(struct loader *loader, const struct yaml_node *node, void *target)
{
    int64_t limit = 0;
    if (load_int(loader, node, 1, 10000, &limit)) {
        step_of(target)->max_parallel = (int)limit;
    }
}

static void key_fail_fast(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_bool(loader, node, &step_of(target)->fail_fast);
}

static void key_continue(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_bool(loader, node, &step_of(target)->continue_on_error);
}

/* ---- what it reads and leaves -------------------------------------------------------------------------------- */

static void key_env(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    (void)load_env(loader, node, "'env'", &step->env, &step->env_count);
}

static void input_source(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_template(loader, node, &((struct step_input *)target)->source);
}

static void input_dataset(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_template(loader, node, &((struct step_input *)target)->dataset);
}

static void input_context(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_template(loader, node, &((struct step_input *)target)->context);
}

static void input_optional(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_bool(loader, node, &((struct step_input *)target)->optional);
}

static const struct key input_keys[] = {
    {.name = "path", .takes = TAKES_TEXT, .load = input_source, .doc = "A file or folder, relative to the workspace."},
    {.name = "uri", .takes = TAKES_TEXT, .load = input_source,
     .doc = "models:/NAME@ALIAS, m-..., runs:/..., last:STEP.NAME."},
    {.name = "dataset", .takes = TAKES_TEXT, .load = input_dataset, .doc = "Logged as an MLflow dataset of this name."},
    {.name = "context", .takes = TAKES_TEXT, .load = input_context,
     .doc = "What it is used for: training, evaluation, ..."},
    {.name = "optional", .takes = TAKES_SWITCH, .load = input_optional,
     .doc = "Absent is null, not an error."},
    {0},
};

static void key_inputs(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    struct step_input *inputs = arena_array(loader->arena, node->count, sizeof *inputs);
    for (size_t i = 0; load_few(loader, node, "'inputs'") && i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        struct step_input *input = &inputs[step->input_count];
        *input = (struct step_input){.name = pair->key.text, .pos = pair->key.pos};
        if (!name_is_identifier(input->name)) {
            load_error(loader, &pair->key, DIAG_VALUE, NULL,
                       "'%.*s' is no name of an input: expected letters, digits and '_'", STR_ARG(input->name));
            continue;
        }
        const char *what = load_what(loader, STR("input"), input->name);
        if (pair->value.type == JSON_OBJECT) {
            (void)load_map(loader, &pair->value, input_keys, input, what);
            bool one = (yaml_get(&pair->value, "path") != NULL) != (yaml_get(&pair->value, "uri") != NULL);
            if (!one) {
                load_error(loader, &pair->value, DIAG_MISSING, NULL, "%s: expected exactly one of 'path' and 'uri'",
                           what);
            }
        } else if (load_expect(loader, &pair->value, TAKES_TEXT | TAKES_MAP, what)) {
            (void)load_template(loader, &pair->value, &input->source);
        }
        step->input_count++;
    }
    step->inputs = inputs;
}

static void key_artifacts(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    struct step_artifact *artifacts = arena_array(loader->arena, node->count, sizeof *artifacts);
    for (size_t i = 0; load_few(loader, node, "'artifacts'") && i < node->count; i++) {
        const struct yaml_node *glob = node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i];
        struct step_artifact *artifact = &artifacts[step->artifact_count];
        artifact->name = node->type == JSON_OBJECT ? node->pairs[i].key.text : STR("");
        if (node->type == JSON_OBJECT && !name_is_identifier(artifact->name)) {
            load_error(loader, &node->pairs[i].key, DIAG_VALUE, NULL,
                       "'%.*s' is no name of an artifact: expected letters, digits and '_'", STR_ARG(artifact->name));
        }
        if (load_expect(loader, glob, TAKES_TEXT, "an artifact") && load_template(loader, glob, &artifact->glob)) {
            step->artifact_count++;
        }
    }
    step->artifacts = artifacts;
}

static void key_metrics(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    struct template *globs = arena_array(loader->arena, node->count, sizeof *globs);
    for (size_t i = 0; i < node->count; i++) {
        if (load_expect(loader, &node->items[i], TAKES_TEXT, "a metrics file")) {
            step->metric_count += load_template(loader, &node->items[i], &globs[step->metric_count]) ? 1 : 0;
        }
    }
    step->metrics = globs;
}

static void key_outputs(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    struct step_output *outputs = arena_array(loader->arena, node->count, sizeof *outputs);
    for (size_t i = 0; load_few(loader, node, "'outputs'") && i < node->count; i++) {
        const struct yaml_node *name = node->type == JSON_OBJECT ? &node->pairs[i].key : &node->items[i];
        size_t type = VALUE_STRING;
        if (!load_expect(loader, name, TAKES_TEXT, "an output") ||
            (node->type == JSON_OBJECT && !load_choice(loader, &node->pairs[i].value, value_type_names, &type))) {
            continue;
        }
        if (!name_is_identifier(name->text)) {
            load_error(loader, name, DIAG_VALUE, NULL,
                       "'%.*s' is no name of an output: expected letters, digits and '_'", STR_ARG(name->text));
            continue;
        }
        outputs[step->output_count++] = (struct step_output){.name = name->text, .type = (enum value_type)type};
    }
    step->outputs = outputs;
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void key_retry(struct loader *loader, const struct yaml_node *node, void *target)
{
    step_of(target)->retry = load_retry(loader, node, step_of(target)->retry);
}

static void key_timeout(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &step_of(target)->timeout_ms);
}

static const char *const signal_names[] = {"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL", NULL};

static void stop_signal(struct loader *loader, const struct yaml_node *node, void *target)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGKILL};
    size_t word = 0;
    if (load_choice(loader, node, signal_names, &word)) {
        step_of(target)->stop_signal = signals[word];
    }
}

static void stop_grace(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &step_of(target)->stop_grace_ms);
}

static const struct key stop_keys[] = {
    {.name = "signal", .takes = TAKES_TEXT, .load = stop_signal,
     .doc = "The first signal to the step's process group: TERM (default), INT, HUP, QUIT, USR1, USR2, KILL.",
     .choices = signal_names},
    {.name = "grace", .takes = TAKES_DURATION, .load = stop_grace, .doc = "Time before SIGKILL (10s)."},
    {0},
};

static void key_stop(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, stop_keys, target, "'stop'");
}

/* ---- what it may have ------------------------------------------------------------------------------------ */

static void key_resources(struct loader *loader, const struct yaml_node *node, void *target)
{
    load_asks(loader, node, &step_of(target)->asks, &step_of(target)->ask_count);
}

static void permission_register(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = step_of(target);
    struct str *names = arena_array(loader->arena, node->count, sizeof *names);
    for (size_t i = 0; i < node->count; i++) {
        step->register_count += load_text(loader, &node->items[i], &names[step->register_count]) ? 1 : 0;
    }
    step->register_names = names;
}

static const struct key permission_keys[] = {
    {.name = "register", .takes = TAKES_LIST, .load = permission_register,
     .doc = "Registered models that the step's own MLflow client may add versions to."},
    {0},
};

static void key_permissions(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, permission_keys, target, "'permissions'");
}

static const char *const tracking_words[] = {"adopt", "resume", "off", NULL};

static void key_mlflow(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, tracking_words, &word)) {
        step_of(target)->tracking = (enum tracking_mode)word;
    }
}

const struct key step_keys[] = {
    {.name = "run",
     .takes = TAKES_TEXT | TAKES_LIST,
     .load = key_run,
     .doc = "A shell script, or a list of words that no shell sees."},
    {.name = "shell",
     .takes = TAKES_TEXT,
     .load = key_shell,
     .doc = "bash (default, with -eo pipefail), sh, or a template such as \"srun bash {0}\"."},
    {.name = "uses", .takes = TAKES_TEXT, .load = key_uses, .doc = "A plugin by name, or ./path/to/plugin.so."},
    {.name = "with",
     .takes = TAKES_MAP,
     .load = key_with,
     .such_as = "with: {NAME: value}",
     .doc = "Inputs of the plugin, the Lua script or the pipeline."},
    {.name = "lua", .takes = TAKES_TEXT, .load = key_lua, .doc = "A .lua file, or the script itself."},
    {.name = "pipeline", .takes = TAKES_TEXT, .load = key_pipeline, .doc = "Another pipeline: NAME, or ./FILE.yaml."},
    {.name = "needs",
     .takes = TAKES_LIST | TAKES_TEXT,
     .doc = "Steps that must end before; `x?` accepts a skipped one."},
    {.name = "if",
     .takes = TAKES_SCALAR,
     .load = key_if,
     .doc =
         "One expression; unless it names success(), failure(), always() or cancelled() it means success() && (...)."},
    {.name = "matrix",
     .takes = TAKES_MAP | TAKES_TEXT,
     .load = load_matrix,
     .such_as = "matrix: {rate: [0.1, 0.01]}",
     .doc = "Axes (with include and exclude), or one expression that gives a list: the step runs once for each."},
    {.name = "max_parallel", .takes = TAKES_NUMBER, .load = key_max_parallel, .doc = "Items of the matrix at once."},
    {.name = "fail_fast",
     .takes = TAKES_SWITCH,
     .load = key_fail_fast,
     .doc = "One failed item cancels the others (false)."},
    {.name = "continue_on_error",
     .takes = TAKES_SWITCH,
     .load = key_continue,
     .doc = "A failure of this step fails nothing else (false)."},
    {.name = "env", .takes = TAKES_MAP, .load = key_env,
     .such_as = "env: {NAME: value}",
     .doc = "Environment variables.", .names = IDENTIFIER_PATTERN},
    {.name = "inputs",
     .takes = TAKES_MAP,
     .load = key_inputs,
     .such_as = "inputs: {data: data/today.csv}",
     .doc = "NAME: a path or model that the step reads; its digest is recorded.",
     .each = input_keys,
     .names = IDENTIFIER_PATTERN},
    {.name = "artifacts",
     .takes = TAKES_MAP | TAKES_LIST,
     .load = key_artifacts,
     .doc = "NAME: glob, or a list of globs, published when the step succeeds.",
     .names = IDENTIFIER_PATTERN},
    {.name = "metrics",
     .takes = TAKES_LIST,
     .load = key_metrics,
     .doc = "JSON or CSV files whose numbers become metrics."},
    {.name = "outputs",
     .takes = TAKES_MAP | TAKES_LIST,
     .load = key_outputs,
     .doc = "NAME: type of what the step writes to $SLUICE_OUTPUT.",
     .names = IDENTIFIER_PATTERN,
     .choices = value_type_names},
    {.name = "model",
     .takes = TAKES_MAP,
     .load = load_model,
     .such_as = "model: {path: \"${{ step.dir }}/model\"}",
     .doc = "What becomes a logged model.",
     .keys = model_keys},
    {.name = "retry", .takes = TAKES_MAP, .load = key_retry,
     .such_as = "retry: {attempts: 3}",
     .doc = "Further attempts.", .keys = retry_keys},
    {.name = "timeout", .takes = TAKES_DURATION, .load = key_timeout, .doc = "Running time of each attempt."},
    {.name = "stop", .takes = TAKES_MAP, .load = key_stop,
     .such_as = "stop: {grace: 30s}",
     .doc = "How a step is stopped.", .keys = stop_keys},
    {.name = "cache",
     .takes = TAKES_BOOL | TAKES_MAP,
     .load = load_cache,
     .doc = "Reuse the result while nothing it depends on changed.",
     .keys = cache_keys},
    {.name = "resources",
     .takes = TAKES_MAP,
     .load = key_resources,
     .such_as = "resources: {memory: 8G}",
     .doc = "What it must have to start: cpu (cores), memory (a size), gpu (devices), and pools of config.yaml."},
    {.name = "permissions",
     .takes = TAKES_MAP,
     .load = key_permissions,
     .doc = "What the step's MLflow token may do.",
     .keys = permission_keys},
    {.name = "mlflow",
     .takes = TAKES_TEXT,
     .load = key_mlflow,
     .doc = "How the step's MLflow client finds its run: adopt, resume or off.",
     .choices = tracking_words},
    {.name = "container", .takes = TAKES_ANY, .later = "run the container's command with 'run'", .doc = "Later."},
    {.name = "search", .takes = TAKES_ANY, .later = "use 'matrix' and the plugin 'select'", .doc = "Later."},
    {0},
};

/* ---- the whole step ------------------------------------------------------------------------------------- */

/* Lua and plugins report by their hosts: only a command has a client of MLflow that would look for a server. */
static void check_tracking(struct loader *loader, const struct yaml_node *node, const struct step *step)
{
    static const struct str keys[] = {STR("permissions"), STR("mlflow")};
    bool inside = step->kind == STEP_KIND_USES || step->kind == STEP_KIND_LUA;
    for (size_t i = 0; inside && i < sizeof keys / sizeof keys[0]; i++) {
        const struct yaml_node *key = yaml_get_key(node, keys[i]);
        if (key != NULL) {
            load_error(loader, key, DIAG_UNHONOURED, NULL, "step '%.*s': '%.*s' is without effect: it goes with 'run'",
                       STR_ARG(step->id), STR_ARG(keys[i]));
        }
    }
}

static void check_kind(struct loader *loader, const struct yaml_node *node, const struct step *step)
{
    static const struct str kinds[] = {STR("run"), STR("uses"), STR("lua"), STR("pipeline")};
    int count = 0;
    for (size_t i = 0; i < 4; i++) {
        count += yaml_get_str(node, kinds[i]) != NULL ? 1 : 0;
    }
    if (count != 1) {
        load_error(loader, node, count == 0 ? DIAG_MISSING : DIAG_VALUE, NULL,
                   "step '%.*s': expected exactly one of run, uses, lua and pipeline, found %d", STR_ARG(step->id),
                   count);
        return;
    }
    const struct yaml_node *with = yaml_get(node, "with");
    if (with != NULL && step->kind == STEP_KIND_RUN) {
        load_error(loader, with, DIAG_VALUE, "use 'env:' or an expression in 'run'",
                   "step '%.*s': 'with' goes with uses, lua or pipeline", STR_ARG(step->id));
    }
    static const struct {
        struct str key;
        bool run_only;
    } limited[] = {{STR("shell"), true},      {STR("env"), false},     {STR("metrics"), false},
                   {STR("outputs"), false},   {STR("inputs"), false},  {STR("model"), false},
                   {STR("timeout"), false},   {STR("artifacts"), false}, {STR("resources"), false},
                   {STR("stop"), false},      {STR("cache"), false},   {STR("permissions"), false},
                   {STR("mlflow"), false}};
    for (size_t i = 0; i < sizeof limited / sizeof limited[0]; i++) {
        bool wrong = limited[i].run_only ? step->kind != STEP_KIND_RUN || step->is_argv
                                         : step->kind == STEP_KIND_PIPELINE;
        const struct yaml_node *key = wrong ? yaml_get_key(node, limited[i].key) : NULL;
        if (key != NULL) {
            const char *hint = limited[i].run_only ? "it goes with a script in 'run'"
                                                   : "write it in the steps of that pipeline";
            load_error(loader, key, DIAG_VALUE, hint, "step '%.*s': '%.*s' has no meaning here", STR_ARG(step->id),
                       STR_ARG(limited[i].key));
        }
    }
    check_tracking(loader, node, step);
    static const struct str of_matrix[] = {STR("max_parallel"), STR("fail_fast")};
    for (size_t i = 0; i < 2 && step->matrix == NULL; i++) {
        const struct yaml_node *key = yaml_get_key(node, of_matrix[i]);
        if (key != NULL) {
            load_error(loader, key, DIAG_VALUE, NULL, "step '%.*s': '%.*s' has no meaning without 'matrix'",
                       STR_ARG(step->id), STR_ARG(of_matrix[i]));
        }
    }
}

static void load_step(struct loader *loader, const struct yaml_pair *pair, struct step *step)
{
    static const struct template_tree nothing = {.type = JSON_OBJECT};
    *step = (struct step){
        .id = pair->key.text,
        .pos = pair->key.pos,
        .retry = &retry_policy_default,
        .stop_signal = SIGTERM,
        .stop_grace_ms = 10000,
        .with = &nothing,
        .timeout_ms = -1,
    };
    if (!name_is_step(step->id)) {
        load_error(loader, &pair->key, DIAG_VALUE, slip_hint_name(loader->arena, step->id, '_', name_is_step),
                   "'%.*s' is no id of a step: expected a lower-case letter, then up to 62 of a-z, 0-9 and '_'",
                   STR_ARG(step->id));
    }
    const char *what = load_what(loader, STR("step"), step->id);
    size_t begin = scalar_source_offset(loader->diags, pair->value.pos);
    /* Defaults first, so that the step's own keys win. They bind to run and lua steps; check_plugins adds repeatable
     * plugins. */
    bool bound = yaml_get(&pair->value, "run") != NULL || yaml_get(&pair->value, "lua") != NULL;
    if (bound && loader->default_retry != NULL) {
        step->retry = loader->default_retry;
    }
    const char *hint = load_may_echo(&pair->value)
                           ? arena_printf(loader->arena, "write '%.*s: {run: \"%.*s\"}'", STR_ARG(step->id),
                                          STR_ARG(pair->value.text))
                           : NULL;
    bool is_map = load_expect_else(loader, &pair->value, TAKES_MAP, what, hint) &&
                  load_map(loader, &pair->value, step_keys, step, what);
    step->source = str_slice(loader->diags->text, begin, scalar_source_offset(loader->diags, pair->value.end));
    if (!is_map) {
        return;
    }
    check_kind(loader, &pair->value, step);
    if (step->timeout_ms < 0) {
        step->timeout_ms = bound && loader->has_default_timeout ? loader->default_timeout_ms : 0;
    }
    if (step->kind == STEP_KIND_RUN && !step->is_argv && step->shell == NULL) {
        set_default_shell(step);
    }
}

void load_steps(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    struct step *steps = arena_array(loader->arena, node->count, sizeof *steps);
    for (size_t i = 0; i < node->count; i++) {
        load_step(loader, &node->pairs[i], &steps[i]);
    }
    loader->pipeline->steps = steps;
    loader->pipeline->step_count = node->count;
    if (node->count == 0) {
        load_error(loader, node, DIAG_MISSING, NULL, "'steps' is empty");
    }
}
