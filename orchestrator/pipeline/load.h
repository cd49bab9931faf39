/* SPDX-License-Identifier: Apache-2.0
 * Inside of pipeline loading: tables of keys drive everything, and the JSON Schema is printed from the same tables.
 */
#ifndef SLUICE_PIPELINE_LOAD_H
#define SLUICE_PIPELINE_LOAD_H

#include "pipeline/pipeline.h"
#include "pipeline/yaml_doc.h"

struct plugin_file {
    struct str path; /* as `uses` names it */
    const struct plugin *plugin; /* NULL: it is no plugin, as `problem` says */
    const char *problem;
};

struct loader {
    struct diags *diags;
    struct arena *arena;   /* of the pipeline */
    struct arena *scratch; /* of what only loading needs: diags->scratch */
    const struct pipeline_world *world;
    struct pipeline *pipeline;
    size_t compared; /* names, for hints */
    bool has_default_timeout;
    int64_t default_timeout_ms;
    const struct retry_policy *default_retry; /* NULL: the file names none */
    struct plugin_file *plugin_files; /* each looked for once, those named by path also in vain */
    size_t plugin_file_count;
    size_t plugin_file_room;
    struct str zone; /* the last time zone that is one: a file mostly names only that */
    const struct yaml_node *steps; /* the map `steps:`: its pair i is step i; NULL: the file has none */
    const struct pipeline *
        *children; /* check_children: the pipeline that step i runs, when it is a file that could be read */
};

/* Which values a key takes. */
enum takes {
    TAKES_TEXT = 1,
    TAKES_NUMBER = 2, /* integer or number */
    TAKES_BOOL = 4,
    TAKES_LIST = 8,
    TAKES_MAP = 16,
    TAKES_NULL = 32,
    TAKES_SCALAR = TAKES_TEXT | TAKES_NUMBER | TAKES_BOOL,
    TAKES_ANY = 63,
    /* What else a person may write here is taken only to be told what is missing. */
    TAKES_DURATION = 64 | TAKES_TEXT | TAKES_NUMBER, /* text with a unit; of a bare number the unit is missing */
    TAKES_SWITCH = 128 | TAKES_BOOL | TAKES_TEXT,    /* true or false; `yes` is text */
};

struct key {
    const char *name;
    unsigned takes;
    void (*load)(struct loader *loader, const struct yaml_node *node, void *target); /* NULL: nothing to keep */
    const char *doc;
    const char *such_as;   /* "retry: {attempts: 3}": for who has written something of another shape; or NULL */
    const char *later;     /* why it is refused, or NULL */
    const char *unhonoured;/* why it has no effect yet, or NULL */
    bool required;
    /* For the JSON Schema, beside what `takes` says: */
    const struct key *keys; /* of a map with fixed keys, or of each map in a list */
    const struct key *each; /* of a map NAME: map with these keys */
    const char *names;      /* pattern of the names in a map with free ones */
    const char *pattern;    /* of text */
    const char *const *choices; /* the words, NULL at the end: of text, or of each item of a list or value of a map */
};

/* Loads a map by its table (at most 64 rows, and one with a NULL name). `what` is "step 'train'" for messages. Returns
 * false when `node` is no map. */
bool load_map(struct loader *loader, const struct yaml_node *node, const struct key *keys, void *target,
              const char *what);
/* "step 'train'", for messages; in the scratch. */
const char *load_what(const struct loader *loader, struct str kind, struct str name);
/* Checks the type of a value; reports and returns false when `node` is none of `takes`. */
bool load_expect(struct loader *loader, const struct yaml_node *node, unsigned takes, const char *what);
/* The same with a hint of the caller's; NULL: that of load_expect. */
bool load_expect_else(struct loader *loader, const struct yaml_node *node, unsigned takes, const char *what,
                      const char *hint);
/* Is it text that a hint may repeat between quotes: short, one line? */
bool load_may_echo(const struct yaml_node *node);

/* ---- values: each reports what is wrong and then leaves the target alone ---- */
bool load_text(struct loader *loader, const struct yaml_node *node, struct str *ret); /* any scalar as it is written */
bool load_bool(struct loader *loader, const struct yaml_node *node, bool *ret);
bool load_int(struct loader *loader, const struct yaml_node *node, int64_t min, int64_t max, int64_t *ret);
bool load_number(struct loader *loader, const struct yaml_node *node, double *ret);
bool load_duration(struct loader *loader, const struct yaml_node *node, int64_t *ret_ms);
/* The place of the word among `choices`, which end with NULL. */
bool load_choice(struct loader *loader, const struct yaml_node *node, const char *const *choices, size_t *ret);
/* Warns of expressions as other tools write them: expr_report_foreign. */
void load_warn_foreign(struct loader *loader, const struct yaml_node *node);
/* A scalar with expressions in it. */
bool load_template(struct loader *loader, const struct yaml_node *node, struct template *ret);
bool load_tree(struct loader *loader, const struct yaml_node *node, struct template_tree *ret);
bool load_expr(struct loader *loader, const struct yaml_node *node, const struct expr **ret);
/* Makes text of the numbers and booleans in a tree, as they are written: what MLflow calls a tag is text, and 1.10 is
 * not 1.1 there. `node` is what the tree was loaded from. */
void load_tree_as_text(struct loader *loader, const struct yaml_node *node, struct template_tree *tree);
/* A map NAME: template; names are those of C. */
bool load_named_templates(struct loader *loader, const struct yaml_node *node, const char *what,
                          const struct named_template **ret, size_t *ret_count);
/* The same for `env`: all values are text as it is written, nothing is the empty text. */
bool load_env(struct loader *loader, const struct yaml_node *node, const char *what, const struct named_template **ret,
              size_t *ret_count);
/* False, after reporting, when a map or list has more items than a person writes: what is looked up in it for each
 * expression stays quick. */
bool load_few(struct loader *loader, const struct yaml_node *node, const char *what);
void load_error(struct loader *loader, const struct yaml_node *node, enum diag_code code, const char *hint,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* diag_hint_near, as long as that is quick: each name of a file against each that is wrong in it takes time. */
const char *load_hint_near(struct loader *loader, struct str word, const struct str *candidates, size_t count);
bool name_is_identifier(struct str name);
#define IDENTIFIER_PATTERN "^[A-Za-z_][A-Za-z0-9_]*$"
bool name_is_step(struct str name);
#define STEP_PATTERN "^[a-z][a-z0-9_]{0,62}$"

/* ---- parts ---- */
/* The words of `verify` of a webhook. */
extern const char *const webhook_verifications[];
extern const struct key pipeline_keys[];
extern const struct key step_keys[];
extern const struct key retry_keys[];
extern const struct key param_keys[];
extern const struct key trigger_keys[];
extern const char *const value_type_names[]; /* by enum value_type; NULL at the end */
void load_params(struct loader *loader, const struct yaml_node *node, void *target);
/* Why a param does not take a value ("expected an integer, found a string"), or NULL. */
const char *load_param_problem(const struct param *param, const struct json *value, struct arena *arena);
/* The value that a template without expressions gives to a param: for one that is text, a number as it is written. */
struct json load_param_value(const struct param *param, const struct template *given, struct arena *arena);
/* The same of a node of YAML: a number for a param that is text is as it is written, 1.10. */
struct json load_param_node(const struct param *param, const struct yaml_node *node, struct arena *arena);
void load_triggers(struct loader *loader, const struct yaml_node *node, void *target);
/* Once all is read: a deployment job has the params that it is given, also where the file does not name them. */
void load_given_params(struct loader *loader);
void load_steps(struct loader *loader, const struct yaml_node *node, void *target);
void load_matrix(struct loader *loader, const struct yaml_node *node, void *target);
void load_model(struct loader *loader, const struct yaml_node *node, void *target);
extern const struct key model_keys[];
/* The entries of `notify`. Each `to` is one of the channels, unless these
 * are NULL: then they are not known. */
extern const struct key notify_keys[];
struct notify_reading {
    bool of_config; /* which has the key `pipelines` */
    const struct str *channels;
    size_t channel_count;
    const struct notify_rule **ret;
    size_t *ret_count;
};
void load_notify(struct loader *loader, const struct yaml_node *node, const struct notify_reading *reading);
void load_cache(struct loader *loader, const struct yaml_node *node, void *target);
extern const struct key cache_keys[];
/* What `node` names, and the rest as it is in `base`. */
const struct retry_policy *load_retry(struct loader *loader, const struct yaml_node *node,
                                      const struct retry_policy *base);
extern const struct retry_policy retry_policy_default;

/* ---- checks of the whole, after loading ---- */
/* Contexts, params, steps, outputs; finds the edges too. */
void check_names(struct loader *loader, const struct yaml_node *root);
/* The files that the pipeline names: Lua scripts, Python requirements. Only when the world says so. */
void check_files(struct loader *loader, const struct yaml_node *root);
/* The file that `node` names must be there, when no expression stands in it. `what`: "the Lua script". */
void check_exists(struct loader *loader, const struct yaml_node *node, const char *what);
/* The pipelines of steps: they load, take what they are given, and none runs itself. */
void check_children(struct loader *loader);
/* The Lua scripts of steps, and of plugins that take one, must compile. Only when the world has a compiler. */
void check_scripts(struct loader *loader);
/* A cycle of needs, printed. */
void check_cycles(struct loader *loader);
/* `uses` and `with`; finds the plugins, and binds `defaults` to those that are repeatable. */
void check_plugins(struct loader *loader);
/* Steps whose result may be kept: no gates, and no plugin that does not say so. After check_plugins. */
void check_caches(struct loader *loader);
/* The number of items, and `exclude`, as far as both are known before a run. */
void check_matrices(struct loader *loader);
/* Steps that can run at once and declare one path; paths of other steps that are named as text. */
void check_races(struct loader *loader);
/* The value of `key` in step number `step` as it stands in the file, or NULL. */
const struct yaml_node *load_step_node_str(const struct loader *loader, size_t step, struct str key);
static inline const struct yaml_node *load_step_node(const struct loader *loader, size_t step, const char *key)
{
    return load_step_node_str(loader, step, str_from(key));
}

/* The ids of the steps, for pipeline_find_step. */
const struct str_index *step_index_new(struct arena *arena, const struct pipeline *pipeline);

#endif
