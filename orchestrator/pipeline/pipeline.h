/* SPDX-License-Identifier: Apache-2.0
 * A pipeline, as its file says it: typed, checked, plain data. Lives in one arena, never changes.
 *
 * pipeline_load() reads and checks a file whole and reports every problem; what it returns has only valid
 * references: steps are indexes into `steps`, plugins are known, expressions parse and name what exists.
 */
#ifndef SLUICE_PIPELINE_PIPELINE_H
#define SLUICE_PIPELINE_PIPELINE_H

#include "base/json.h"
#include "base/str_index.h"
#include "pipeline/diag.h"
#include "pipeline/expr.h"
#include "pipeline/resources.h"
#include "pipeline/shell_text.h"

#include <stdbool.h>
#include <stdint.h>

struct plugin;
struct catalogue;

enum value_type {
    VALUE_STRING,
    VALUE_INTEGER,
    VALUE_NUMBER,
    VALUE_BOOLEAN,
    VALUE_PATH,
    VALUE_JSON,
    VALUE_LIST,
    VALUE_MAP,
};
const char *value_type_name(enum value_type type); /* "string", "integer", ... */

struct named_template {
    struct str name;
    struct pos pos;
    struct template value;
};

struct param {
    struct str name;
    struct pos pos;
    enum value_type type;
    bool required;   /* has no default */
    bool implied;    /* the file does not name it: `on: model_version` gives it, and other runs do not have it */
    struct json def; /* of the right type */
    bool has_minimum, has_maximum;
    double minimum, maximum;
    struct json choices; /* JSON_ARRAY of `enum`, or null */
    struct str description;
};

enum { PRIORITY_LEAST = -1000, PRIORITY_MOST = 1000 };

enum step_kind { STEP_KIND_RUN, STEP_KIND_USES, STEP_KIND_LUA, STEP_KIND_PIPELINE };

enum retry_on { /* bits */
    RETRY_FAILURE = 1,
    RETRY_TIMEOUT = 2,
    RETRY_LOST = 4,
    RETRY_OOM = 8,
};

struct retry_policy {
    int attempts; /* counts the first run; 1 = no retry */
    int64_t delay_ms;
    double factor;
    int64_t max_delay_ms;
    bool jitter; /* full jitter: uniform in [0, delay] */
    unsigned on; /* enum retry_on bits; exit codes below count as well */
    const int *exit_codes;
    size_t exit_code_count;
};

struct step_need {
    size_t step;
    bool optional; /* written `x?`, or named only behind `??`: accepts a skipped step */
    bool explicit_; /* stands in needs: */
};

enum { MATRIX_MAX_ITEMS = 10000 };

struct matrix_axis {
    struct str name;
    const struct template_tree *values; /* scalars, maps and lists */
    size_t count;
    bool whole; /* values[0] is one expression, which gives the list of all values */
};

struct matrix {
    struct pos pos;
    const struct expr *dynamic; /* gives a list of items at run time; else NULL and the axes below */
    const struct matrix_axis *axes;
    size_t axis_count;
    const struct template_tree *include; /* maps */
    size_t include_count;
    const struct template_tree *exclude;
    size_t exclude_count;
};

struct step_input {
    struct str name;
    struct pos pos;
    struct template source; /* a path, models:/…, m-…, runs:/…, last:STEP.NAME */
    struct template dataset; /* plain null when absent */
    struct template context;
    bool optional;
};

struct step_artifact {
    struct str name; /* "" for an unnamed glob of a list */
    struct template glob;
};

struct step_output {
    struct str name;
    enum value_type type;
};

struct step_model {
    bool has_path;
    struct template path;
    struct template name;       /* logged model's name */
    struct template model_type; /* plain null when absent */
    struct template_tree params;
    struct template_tree tags;
    bool has_params, has_tags;
};

/* What the key of a result that may be used again holds beside what always counts (docs/caching.md). */
struct step_cache {
    const struct template *keys; /* texts, and "file:GLOB" */
    size_t key_count;
    int64_t max_age_ms; /* 0: any age */
};

/* A file may have 100,000: what few of them have stands behind a pointer. */
/* How the MLflow client of a step finds its run (docs/mlflow.md). */
enum tracking_mode {
    TRACKING_ADOPT,  /* the first run that it makes is the step's */
    TRACKING_RESUME, /* MLFLOW_RUN_ID says it */
    TRACKING_OFF,    /* it is told of no server */
};

struct step {
    struct str id;
    struct pos pos;
    struct str source; /* its part of the file, without its id: step_definition */
    enum step_kind kind;
    bool is_argv;                /* of run */
    bool lua_is_file;
    bool condition_names_status; /* else it means success() && (condition) */
    bool fail_fast;
    bool continue_on_error;
    int max_parallel; /* 0: no limit */
    int stop_signal;
    enum tracking_mode tracking;

    /* run */
    const struct template *argv; /* when is_argv */
    size_t argv_count;
    struct shell_text script;    /* when !is_argv */
    const struct str *shell;     /* argv with "{0}" for the script's file */
    size_t shell_count;
    /* uses */
    struct str uses;
    const struct plugin *plugin;
    const char *plugin_gone; /* why there is none, of a run that goes on; NULL: there is one */
    const struct template_tree *with; /* uses, lua, pipeline; an empty map when absent */
    /* lua */
    struct str lua;              /* path relative to the pipeline's folder, or the text */
    /* pipeline */
    struct str pipeline;         /* NAME or ./FILE.yaml */

    const struct step_need *needs; /* every edge, explicit or by expression; no duplicates */
    size_t need_count;
    const struct expr *condition;  /* NULL: success() */
    struct str condition_text;     /* as it is written */
    const struct matrix *matrix;   /* NULL: it has none */

    const struct named_template *env;
    size_t env_count;
    const struct step_input *inputs;
    size_t input_count;
    const struct step_artifact *artifacts;
    size_t artifact_count;
    const struct template *metrics; /* globs */
    size_t metric_count;
    const struct step_output *outputs;
    size_t output_count;
    const struct step_model *model; /* NULL: it leaves none */

    const struct step_cache *cache;   /* NULL: its result is not used again */
    const struct retry_policy *retry; /* many share one */
    int64_t timeout_ms;               /* of each attempt; 0: none */
    int64_t stop_grace_ms;
    const struct resource_ask *asks; /* `resources`, sorted by name */
    size_t ask_count;
    const struct str *register_names; /* permissions: {register: [...]} */
    size_t register_count;
};

enum trigger_kind {
    TRIGGER_SCHEDULE,
    TRIGGER_WEBHOOK,
    TRIGGER_PUSH,
    TRIGGER_MODEL_VERSION,
    TRIGGER_MODEL_ALIAS,
    TRIGGER_MODEL_TAG,
    TRIGGER_MODEL_STAGE,
    TRIGGER_PIPELINE
};

/* What a schedule does when its last run has not ended. */
enum overlap {
    OVERLAP_ALLOW, /* nothing: only the groups of `concurrency` count */
    OVERLAP_SKIP,
    OVERLAP_QUEUE,     /* waits for it */
    OVERLAP_QUEUE_ONE, /* the same, but only the newest waits */
    OVERLAP_CANCEL_RUNNING,
};
/* What is run of what was missed. */
enum catchup { CATCHUP_NONE, CATCHUP_ONE, CATCHUP_ALL };
extern const char *const overlap_names[]; /* NULL at the end */
extern const char *const catchup_names[];
enum { CATCHUP_LIMIT = 100, CATCHUP_LIMIT_MAX = 1000 };

/* One entry of `on:`, checked in full. Firing is the daemon's. */
struct trigger {
    enum trigger_kind kind;
    struct pos pos;
    struct str id;       /* of a schedule; default: the expression */
    struct str cron;
    struct str timezone; /* "UTC" by default */
    enum catchup catchup;
    int64_t catchup_window_ms; /* 0: of any age */
    int64_t catchup_limit;
    int64_t jitter_ms;
    enum overlap overlap;
    int64_t debounce_ms; /* of what happens to models: 0: each is decided at once */
    struct json settings; /* all keys as written, for the daemon */
    const struct expr *condition; /* `if` */
    const struct named_template *params;
    size_t param_count;
};

enum concurrency_policy { CONCURRENCY_QUEUE, CONCURRENCY_LATEST, CONCURRENCY_SKIP, CONCURRENCY_CANCEL_RUNNING };

/* How many runs of a group may run at once, and what a new one does when no place is free. */
struct concurrency {
    bool present;
    bool has_group; /* no: the group is the pipeline's name */
    struct template group;
    int64_t limit;
    enum concurrency_policy policy;
};

/* What somebody wants to be told of runs, as bits. */
enum notice {
    NOTICE_FAILED = 1,
    NOTICE_RECOVERED = 2, /* the first success after a run that failed or was refused */
    NOTICE_REFUSED = 4,
    NOTICE_WAITING = 8, /* for people */
    NOTICE_LATE = 16,   /* has not ended `late_after` it was due */
    NOTICE_MISSED = 32, /* times of a schedule passed that are not started any more */
};
extern const char *const notice_names[]; /* in the order of the bits; NULL at the end */

/* An entry of `notify`. */
struct notify_rule {
    struct pos pos;
    unsigned on;                 /* enum notice bits */
    struct str to;               /* the name of a channel of config.yaml */
    const struct str *pipelines; /* globs, in config.yaml; none: all */
    size_t pipeline_count;
};

struct pipeline {
    struct str name;
    struct str description;
    struct str requires;
    struct str experiment;   /* plain text; default: the name */
    struct json tags;        /* map of text */
    const struct trigger *triggers;
    size_t trigger_count;
    const struct param *params;
    size_t param_count;
    const struct named_template *env;
    size_t env_count;
    struct str python_requirements; /* path, or empty */
    struct str python_lock;         /* path of a uv.lock, or empty */
    int64_t timeout_ms;             /* running time of a run; 0: none */
    int64_t late_after_ms;          /* a run that has not ended so long after it was due is late; 0: none is */
    const struct notify_rule *notify;
    size_t notify_count;
    struct concurrency concurrency;
    int64_t priority;               /* of its runs, PRIORITY_LEAST to PRIORITY_MOST */
    const struct step *steps;       /* in the order written */
    size_t step_count;
    const struct named_template *outputs; /* what a parent pipeline sees */
    size_t output_count;

    const struct str_index *index; /* the ids of the steps: pipeline_find_step */

    struct str source; /* the file's text */
    struct str file;   /* as the user named it */
    struct str folder; /* absolute folder of the file */
    struct str root;   /* absolute folder that the relative paths in the file start from: the workspace */
};

/* A Lua script of a pipeline, and what is wrong with it. */
struct lua_script {
    struct str text;     /* of a block */
    const char *file;    /* its path; NULL: it is `text` */
    bool known;          /* it was compiled, or could not be read */
    int line;            /* of the script, where it is wrong; 0: it is not, or could not be read */
    const char *problem; /* "unexpected symbol near 'end'"; NULL: there is none */
};

/* What checking needs from outside; may be NULL fields. */
struct pipeline_world {
    struct catalogue *plugins; /* plugins that `uses` may name */
    const struct resource_supply *supply; /* what the home has: steps may ask for no more; NULL: not known */
    size_t supply_count;
    const struct str *channels; /* that `notify` may name; NULL: not known */
    size_t channel_count;
    /* Reads another pipeline file named by `pipeline: ./FILE.yaml` or a Lua file, to check that it exists. */
    bool check_files;
    const char *folder; /* of a text that is no file any more: the folder its file was in; NULL: that of diags->file */
    const char *root;   /* the folder that relative paths start from (the workspace); NULL: `folder` */
    /* It was accepted when it ran, and is only to be shown: what a plugin that is gone or a version with other rules
     * makes of it now stands in `diags`, and does not prevent it. Such a pipeline is not run. */
    bool accepted;
    /* It was accepted when it was submitted, and goes on. A plugin that is gone or takes other inputs now is the matter
     * of the steps that use it: they fail when they begin (step.plugin_gone). */
    bool begun;
    /* Compiles all scripts of a pipeline, and runs none: the runner does, as nothing here has Lua. In the order of the
     * list: the first that is not known then is the one that it could not be done for, for the reason in `err`. NULL:
     * scripts are not looked into. */
    int (*compile_lua)(void *compiler, struct lua_script *scripts, size_t count, struct arena *arena, struct err *err);
    void *compiler;
};

/* Loads text that stands in diags->text. NULL when there are errors (all are in `diags`), unless the world says that
 * they do not matter; the pipeline lives in diags->arena. Warnings alone do not prevent it. */
const struct pipeline *pipeline_load(struct diags *diags, const struct pipeline_world *world);
/* Reads `path` ("-" is standard input) into diags->text and loads it. */
const struct pipeline *pipeline_load_file(const char *path, struct diags *diags, const struct pipeline_world *world);
/* The same of a file that another pipeline names: nothing but a plain file is read, so that nobody waits for a pipe. */
const struct pipeline *pipeline_load_named(const char *path, struct diags *diags, const struct pipeline_world *world);

/* The key below `on` that stands for a kind: "schedule", "model_alias". */
const char *trigger_kind_name(enum trigger_kind kind);
/* The entry of `on:` of a kind, of a schedule with this id; NULL: there is none. */
const struct trigger *pipeline_find_trigger(const struct pipeline *pipeline, enum trigger_kind kind, struct str id);
/* The param of this name, or NULL. */
const struct param *pipeline_find_param(const struct pipeline *pipeline, struct str name);
/* What a run is given by itself that a model has started: model_name and model_version, unless the trigger's own
 * `params` give them. `on: model_version` makes the pipeline a deployment job, which has these params also when the
 * file does not name them. */
struct given_param {
    struct str name;
    enum value_type type;
    const char *doc; /* NULL ends the table */
    unsigned types;  /* of which a param of that name may be: bits by enum value_type */
};
extern const struct given_param trigger_given[];
/* The row of a param that a trigger of this kind gives; NULL: it does not. */
const struct given_param *trigger_gives(enum trigger_kind kind, struct str name);
/* The names under `outputs` of a step, as far as it and its plugin declare them. */
size_t step_output_name_count(const struct step *step);
struct str step_output_name(const struct step *step, size_t index);
/* The step with this id, or -1. */
ptrdiff_t pipeline_find_step(const struct pipeline *pipeline, struct str id);
/* Walks all of a step in which a secret may stand: `env` of the pipeline and its own, `with`, an argv. */
void pipeline_walk_secrets(const struct pipeline *pipeline, const struct step *step,
                           const struct expr_visitor *visitor);
/* Walks what a step is given and says of itself: `env` of the pipeline and its own, its command, `with`, inputs,
 * artifacts, metrics, model. Not its condition and its matrix. */
void pipeline_walk_step(const struct pipeline *pipeline, const struct step *step, const struct expr_visitor *visitor);
/* Hex sha256 of the canonical document, and of a step: its canonical definition with the timeout and retry that apply.
 * Both are made anew from the source each time. */
struct str pipeline_digest(const struct pipeline *pipeline, struct arena *arena);
struct str step_digest(const struct pipeline *pipeline, const struct step *step, struct arena *arena);
/* The step's part of the file as a value. */
struct json step_definition(const struct pipeline *pipeline, const struct step *step, struct arena *arena);
/* All steps, each behind those it needs, in the order of the file where that leaves a choice. */
const size_t *pipeline_order(const struct pipeline *pipeline, struct arena *arena);
/* Evaluated parameters: defaults, overlaid by `given` (a map whose values are JSON, or text when they came from the
 * command line: text is converted by the param's type). All problems in one message. */
int pipeline_params(const struct pipeline *pipeline, const struct json *given, bool given_is_text, struct arena *arena,
                    struct json *ret_params, struct err *err);
/* Evaluates the `with` of a step that runs this pipeline, for pipeline_params. For a param that is text, a plain number
 * is given as it is written. */
int pipeline_with(const struct pipeline *pipeline, const struct template_tree *with, const struct expr_env *env,
                  struct arena *arena, struct json *ret_given, struct err *err);

#endif
