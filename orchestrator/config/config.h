/* SPDX-License-Identifier: Apache-2.0
 * config.yaml of a home: what must not stand in the file of the one it binds (docs/operations.md).
 *
 * One table of keys reads, checks and documents it (config_keys). An absent file is an empty configuration.
 */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include "base/json.h"
#include "config/channels.h"
#include "config/guards.h"
#include "config/retention.h"
#include "config/sources.h"
#include "config/telling.h"
#include "config/watching.h"
#include "pipeline/diag.h"
#include "pipeline/resources.h"
#include "store/permissions.h"

enum {
    SECRET_NAME_MAX_BYTES = 100,
    SECRET_MIN_BYTES = 8, /* masking less would blot out ordinary words */
    SECRET_MIN_SOLID_BYTES = 4, /* without blanks around it: base/mask.h looks for no less */
    SECRET_MAX_BYTES = 64 << 10,
};

struct secret_command;

struct config_secret {
    struct str name;
    struct str env;             /* environment variable of the daemon, or empty */
    struct str file;            /* path, or empty */
    const struct str *exec;     /* argv, or NULL */
    size_t exec_count;
    int64_t ttl_ms;             /* of exec's answer; 0: asked each time */
    const struct str *pipelines; /* `for`: NULL means every pipeline */
    size_t pipeline_count;
};

/* What a secret's command answered, for as long as its ttl says. */
struct config_answer {
    char *bytes; /* NULL: nothing is kept */
    size_t size;
    size_t room;
    int64_t until_ms; /* monotonic */
};

struct config {
    struct arena *arena;
    struct str environment;     /* default of -e, or empty */
    struct json environments;   /* {E: {vars: {...}, triggers: all|none}} */
    struct resource_supply *supply; /* of `pools` and `resources`, as far as they are written: config_supply has all */
    size_t supply_count;
    size_t supply_room;
    const struct str *step_env; /* names of the daemon's environment that steps may see, NUL-terminated; '*' at the
                                 * end of a name is a prefix */
    size_t step_env_count;
    const struct config_secret *secrets;
    size_t secret_count;
    struct config_answer *answers; /* one for each secret: config_secret_read keeps them here */
    struct json groups;         /* {group: [actor, ...]} */
    struct json group_roles;    /* of `auth`: {group: role}, for those that have one */
    struct json guards;         /* list, checked (config/guards.h) */
    struct json sources;        /* list, checked (config/sources.h) */
    struct json document;       /* all of the file; an empty map for none */
    struct retention retention[RETENTION_KINDS]; /* of `gc` */
    int64_t gc_every_ms;        /* how often a server lets these rules remove; 0: never by itself */
    struct telling telling;     /* of `webhooks` */
    struct telling_rules channels; /* `channels`, `notify` */
    int64_t reap_after_ms;      /* of `mlflow`; 0: runs of clients are never given up */
    struct watching watching;   /* of `metrics` */
    const char *external_url;   /* by which people reach the server; NULL: not said */
    const char *runner_socket;  /* of `runner`: of the service that starts runners as another user; NULL: we do */
    enum permission default_permission; /* of users, for what nothing is said of */
};

/* Reads `<home>/config.yaml`. All problems are in `diags` (file set by the caller), sorted by position, warnings among
 * them; -1 when there is an error. Everything lies in the arena of `diags`. Relative paths of secrets start at the
 * folder of config.yaml. */
int config_load(const char *path, struct diags *diags, struct config *ret_config);
/* The same of the home at `home`, the first error as a message with its place. Initialises `diags`. */
int config_load_home(const char *home, struct arena *arena, struct diags *diags, struct config *ret_config,
                     struct err *err);
/* The `vars` of an environment; an unknown environment is ERR_INPUT with the nearest name. NULL: the default one. */
int config_vars(const struct config *config, const char *environment, struct json *ret_vars, struct err *err);

/* ---- secrets (config_secret.c) ---- */
/* What config.yaml says of a secret, or NULL. */
const struct config_secret *config_secret_find(const struct config *config, struct str name);
/* Whether a pipeline (NULL: none) may read it; the same as an error in words. */
bool config_secret_is_for(const struct config_secret *secret, const char *pipeline);
int config_secret_allow(const struct config_secret *secret, const char *pipeline, struct err *err);
/* Whether triggers start runs in an environment, as config_vars has it. */
bool config_fires(const struct config *config, const char *environment);
/* The value of a secret of config.yaml: from the environment, a file or a command (one trailing LF is cut of the last
 * two). 0, with the value in `arena`; or -1 in words: not for this pipeline, the source failed, or no value by
 * config_secret_check.
 * 1: a command was begun, or goes on. The caller keeps it in `*command` (NULL at first), asks again when `epoll_fd` can
 * be read, and ends it when it has the value or wants it no more (config/secret_command.h). */
int config_secret_read(const struct config *config, const struct config_secret *secret, const char *pipeline,
                       struct secret_command **command, int epoll_fd, struct arena *arena, struct str *ret,
                       struct err *err);
/* Forgets what commands answered: of a configuration that is not used any more. */
void config_answers_forget(struct config *config);
/* What can be told without reading it: an environment variable that is not set, a file that is not there. */
int config_secret_look(const struct config_secret *secret, struct err *err);
/* Letters, digits and '_', not beginning with a digit: what secrets.NAME can say. */
int config_secret_check_name(struct str name, struct err *err);
/* What the value of any secret has to be: text in UTF-8 without a NUL, of 8 bytes to 64 KiB. No message shows it. */
int config_secret_check(struct str value, struct err *err);
/* Without the LF that files and commands end in. */
struct str config_secret_without_lf(struct str value);

/* For documents and `sluice config`. */
struct config_key {
    const char *key;
    const char *type;
    const char *doc;
};
extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
