/* SPDX-License-Identifier: Apache-2.0
 * The REST interface: a table of routes, what each takes, and who answers it.
 *
 * Requests that have come whole are answered in turns: all that are ready run in one transaction, each in a savepoint
 * of its own, and are answered when that is committed. So many clients share one sync, and one that fails harms no
 * other.
 */
#ifndef SLUICE_API_API_H
#define SLUICE_API_API_H

#include "api/apart.h"
#include "api/file_worker.h"
#include "api/files.h"
#include "api/params.h"
#include "api/watch.h"
#include "auth/auth.h"
#include "base/rng.h"
#include "http/folder.h"
#include "http/server.h"
#include "store/store.h"
#include "store/webhooks.h"
#include "trigger/hooks.h"

struct api;
struct engine;
struct triggers;
struct idempotency_key;
struct pipeline_run;
struct rest_doc;
struct rest_telling;
struct rest_work;
struct streams;

/* Whose token a request of a step's client has shown. */
struct api_step {
    int64_t attempt;
    struct str step;                /* what its pipeline calls it */
    const struct pipeline_run *row; /* of the pipeline's run */
    const char *run_id; /* of the attempt */
    int64_t experiment_id;
    bool adopts;                 /* the first run that it makes is that one */
    const struct str *registers; /* names of registered models that it may add versions to */
    size_t register_count;
    const struct json *matrix; /* the values of its item, which are params of its run; null: it has none */
    const struct mask *mask;   /* hides its secrets in what its client records; NULL: it has none */
};

/* What a route does, and so what a step may ask for. */
enum api_act {
    API_READS = 1,    /* changes nothing; steps may */
    API_WRITES,       /* steps may not */
    API_MAKES,        /* something new; steps may, as far as the route itself lets them */
    API_WRITES_RUN,   /* a step may when the run "run_id" is its own, or was made by it */
    API_WRITES_MODEL, /* a step may when the logged model "model_id" was made by such a run */
    API_WRITES_TRACE, /* a step may when the trace "request_id" was made in such a run */
    API_REGISTERS,    /* a step may when the registered model "name" is one that its pipeline lets it register */
};

/* What a route is about, and so what a user needs a permission on: by the names of its fields. */
enum api_object {
    API_OF_NOBODY,          /* the row says nothing: the server does not start */
    API_OF_ANYBODY,         /* of whoever is let in; what is found is only what he may read */
    API_OF_NEW,             /* of whoever may make something, and manages it then */
    API_OF_ITSELF,          /* the route looks by itself (api/user_rights.h) */
    API_OF_EXPERIMENT,      /* on "experiment_id" */
    API_OF_EXPERIMENT_NAME, /* on "experiment_name" */
    API_OF_EXPERIMENTS,     /* on "experiment_ids": others are left out */
    API_OF_EACH_EXPERIMENT, /* on all "experiment_ids"; admins need name none */
    API_OF_RUN,             /* on the experiment of "run_id" */
    API_OF_RUNS,            /* on those of all "run_id" or "run_ids" */
    API_OF_LOGGED_MODEL,    /* on that of "model_id" */
    API_OF_TRACE,           /* on that of "request_id" */
    API_OF_GATE,            /* on that of the run of the gate "gate_id" */
    API_OF_REGISTERED,      /* on the registered model "name" */
    API_OF_EVALUATION,      /* on the experiments of evaluation dataset "dataset_id", and on "experiment_ids" */
    API_OF_USER,            /* "username" is his own name, or he is an admin */
    API_OF_ADMIN,           /* he is an admin */
};
struct api_need {
    enum api_object object;
    enum permission permission;
    enum role role; /* at least; ROLE_NOBODY: the row does not say, and the server does not start */
    bool own;       /* it writes nothing but what is of who asks alone: a viewer may, too */
};
/* API_NEEDS(EDITOR, EDIT, RUN) */
#define API_NEEDS(at_least, what, of)                                                                                  \
    {                                                                                                                  \
        API_OF_##of, PERMISSION_##what, ROLE_##at_least, false                                                         \
    }
/* What he sees by this permission concerns him, and what is written is his own: API_NEEDS_OWN(READ, REGISTERED) */
#define API_NEEDS_OWN(what, of)                                                                                        \
    {                                                                                                                  \
        API_OF_##of, PERMISSION_##what, ROLE_VIEWER, true                                                              \
    }

/* Whether what a route has done is in the activity log. A row that may change something has to say so. */
enum api_noting {
    API_NOTE_UNSAID,    /* of one that may change something: the server does not start */
    API_NOTE_NOTHING,   /* it changes nothing */
    API_NOTE_RECORDING, /* it writes down what runs measure and make: too much for the log, and in the records anyway */
    API_NOTE_INSIDE,    /* what it calls writes the entry */
    API_NOTE_HERE,      /* `action` is written behind it (api/noting.h) */
};
struct api_note {
    enum api_noting how;
    const char *action; /* "experiment.deleted" */
    const char *object; /* the field, of the request or the answer, that names what it is about; NULL: the path */
    const char *detail; /* the field that is told as the reason; NULL: none */
};
/* API_NOTED("model.renamed", "name", "new_name") */
#define API_NOTED(what, of, why)                                                                                       \
    {                                                                                                                  \
        API_NOTE_HERE, what, of, why                                                                                   \
    }
#define API_NOTED_INSIDE {.how = API_NOTE_INSIDE}
#define API_RECORDING {.how = API_NOTE_RECORDING}
#define API_LOOKS {.how = API_NOTE_NOTHING}

/* One request, while it is answered. */
struct api_call {
    struct api *api;
    struct store *store;
    const char *home;
    struct http_exchange *exchange;
    struct arena *arena;
    struct json params; /* checked, by the route's fields */
    struct json answer; /* an object, empty at first */
    struct strbuf written; /* the answer as text already; zero: it is `answer` */
    bool later;         /* it is answered when its job is done (api_give_job) */
    bool whole;         /* the answer is wanted for another (api_ask), and not sent in parts */
    int64_t now_ms;
    struct rng *rng;
    const struct files *files;
    const struct api_step *step; /* NULL: it is no step's */
    struct auth *auth;
    const struct auth_who *who; /* NULL: a step's, or nobody is asked who he is */
    const struct json *groups;  /* {group: [name, ...]} of config.yaml; stays, also apart from the loop */
    int status; /* of the answer, and of an error of input; 0: the usual */
    /* ---- of API_SLUICE (api/sluice/rest.h) ---- */
    struct rest_work *work;      /* it is answered apart from the loop; then these stand for `who`: */
    const char *actor;           /* his name */
    const struct reader *reader; /* what he may read; NULL: everything */
    bool is_named, is_admin, is_approver; /* by their roles; of those that are answered apart, and those that are not */
    struct idempotency_key *key;        /* it came with; NULL: none */
    const struct rest_telling *telling; /* of a command: who makes the answer */
};

/* Versions of MLflow's interface, and sluice's own (api/sluice/rest.h). */
enum { API_V2 = 1, API_V3 = 2, API_SLUICE = 4 };

struct api_route {
    enum http_method method;
    const char *path;  /* below "/api/2.0": "/mlflow/logged-models/{model_id}"; NULL ends a table */
    unsigned versions; /* API_V2, API_V3 */
    enum api_act act;
    struct api_need needs;
    const struct api_field *fields; /* names in the path are among them; NULL: takes nothing */
    int (*answer)(struct api_call *call, struct err *err);
    struct api_note note;
};

struct api_options {
    struct store *store;
    const char *home; /* absolute */
    /* Who has this token: 0, or -1 with ERR_DENIED or ERR_BUSY. What it points to is needed for this turn. */
    int (*step_of_token)(void *ctx, struct str token, struct api_step *ret, struct err *err);
    /* A step's client has told of something. */
    void (*step_recorded)(void *ctx, int64_t attempt);
    /* Votes on approvals were recorded, for the engine to count. */
    void (*voted)(void *ctx);
    void *ctx;
    int64_t reap_after_ms; /* when a run has been silent for too long: writes are noted then; 0: never */
    struct webhook_rules webhooks;
    /* Seals the secret of a webhook for it. */
    int (*seal_webhook)(void *seal_ctx, const char *webhook_id, struct str secret, struct arena *arena,
                        struct str *ret_sealed, const char **ret_key_id, struct err *err);
    void *seal_ctx;
    enum permission default_permission; /* for what nothing is said of */
    const char *external_url;           /* by which people reach the server; NULL: not said */
    struct hooks *hooks; /* receives deliveries of webhooks; NULL: none are taken */
    const struct api_watch *watch;      /* NULL: there is no /metrics */
    /* For API_SLUICE: */
    struct engine *engine;             /* NULL: there is none, and commands are refused */
    struct triggers *triggers;         /* of that engine; NULL: there are none */
    const char *const *plugin_folders; /* ends with NULL */
    const struct json *groups;         /* {group: [actor, ...]} of config.yaml; stays, also when there are others */
    const struct json *group_roles;    /* {group: role}, for those that have one */
    struct json (*git)(const char *workspace, struct arena *arena); /* what lies there now; in a thread */
};

/* Where requests come in. */
struct api_door {
    struct api *api;
    bool for_steps; /* each shows the token of a step that runs, and may do what that step may */
    /* Names by which the server may be called, beside the loopback's; "*.example.com", "*": any. */
    const char *const *hosts;
    size_t host_count;
    const struct http_folder *page; /* MLflow's page (api/page.h); NULL: none is shown */
};

int api_open(const struct api_options *options, struct api **ret_api, struct err *err);
/* What config.yaml says is another now: reap_after_ms, webhooks, default_permission, external_url, groups and their
 * roles. */
void api_reconfigure(struct api *api, const struct api_options *from);
/* Waits for what the disk is busy with; to be called before the server is closed, and api_close after it. */
void api_stop(struct api *api);
void api_close(struct api *api);
/* Each can be read when api_serve has something to do that the server does not know of. */
int api_fd(const struct api *api);
int api_login_fd(const struct api *api);
int api_apart_fd(const struct api *api);
/* How long api_serve may be left alone, in ms, though nothing wakes it; -1: for ever. */
int api_wait_ms(const struct api *api);
/* Answers that would last as long as their clients stay end. */
void api_leave(struct api *api);
/* Whether those who come in by a door for everybody are asked who they are: there are users. */
bool api_asks_who(struct api *api);
/* Sets the exchange aside until the job is done; then `finish` is called in a turn, with the job's error in *err if it
 * failed. */
struct api_job {
    struct file_job file;
    struct http_exchange *exchange; /* NULL: nobody waits for it */
    int (*finish)(struct api_call *call, struct err *err);
    void (*drop)(struct api_job *job); /* when it is done and nobody waits for it */
    bool given;                        /* the thread has it */
    bool reads;                        /* `finish` writes nothing */
    bool commands;                     /* `finish` asks the engine for something: no transaction is begun for it */
};
void api_give_job(struct api_call *call, struct api_job *job);
/* The same for one that hashes a password. ERR_BUSY when too many wait; then it is still the caller's. */
int api_give_hash_job(struct api_call *call, struct api_job *job, struct err *err);
/* Before and after a job that verifies a password (login_may_try, login_tried_well). */
bool api_may_try(struct api_call *call, const char *user);
void api_tried_well(struct api_call *call, const char *user);
/* For http_exchange.disown: drops it, now or when it is done. */
void api_disown_job(void *job);
/* For http_options.head, with a door as ctx, which lives as long as the server. */
size_t api_head(void *door, struct http_exchange *exchange);
/* Votes on approvals were recorded in this turn. */
void api_voted(struct api_call *call);
/* It is being answered with 401 or 403: noted for the activity log (api/refusals.h). */
void api_note_refusal(const struct http_exchange *exchange, int status, const char *message);
/* For http_options.refuse. */
void api_refuse(struct http_exchange *exchange, int status, const char *text);
/* A client that is no step's has written the run (store/run_writes.h). Others and what is no run are passed over. */
int api_wrote_run(struct api_call *call, const char *run_id, struct err *err);
/* What the options say of /metrics. */
const struct api_watch *api_watch(const struct api *api);
/* What the options say of webhooks. */
const struct webhook_rules *api_webhook_rules(const struct api *api);
int api_seal_webhook(struct api_call *call, const char *webhook_id, const char *secret, struct str *ret_sealed,
                     const char **ret_key_id, struct err *err);
struct delivery_waits;
struct hook_door;
struct delivery_waits *api_delivery_waits(struct api *api);
/* NULL: no deliveries are taken. */
struct hook_door *api_hook_door(const struct api *api);
const struct api_options *api_options_of(const struct api *api);
struct apart *api_apart(const struct api *api);
/* Idempotency keys that are being answered. */
struct idempotency_key **api_keys(struct api *api);
struct streams *api_streams(struct api *api);
/* The body as a JSON object, empty when there is none; ERR_INPUT for anything else. */
int api_read_body(struct api_call *call, struct json *ret, struct err *err);
/* Asks a route of the tables within the answer to another, with the right of who asks: `raw` is read as a body is. */
int api_ask(struct api_call *call, enum http_method method, const char *path, const struct json *raw, struct json *ret,
            struct err *err);
/* Answers all that has come. False when the store cannot go on (`err`). */
bool api_serve(struct api *api, struct http_server *server, struct err *err);

#endif
