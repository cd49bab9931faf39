/* SPDX-License-Identifier: Apache-2.0
 * What a command that runs pipelines needs: home, configuration, plugins, and an engine: its own, or that of the sluice
 * that holds the home already, which it visits (cli/door.h).
 */
#ifndef SLUICE_CLI_SESSION_H
#define SLUICE_CLI_SESSION_H

#include "cli/cli.h"
#include "cli/home.h"
#include "cli/secret_source.h"
#include "cli/tracking.h"
#include "cli/visit.h"
#include "config/config.h"
#include "engine/apart.h"
#include "engine/engine.h"
#include "store/pipeline_runs.h"
#include "store/webhooks.h"
#include "trigger/hooks.h"
#include "trigger/trigger.h"

#include <sys/types.h>

/* Where the parts of the installation lie, found from the program's own place: beside it in a build folder, under
 * PREFIX/{libexec,lib,share}/sluice when installed. */
struct installation {
    const char *runner;
    const char *fetch;
    const char *git;
    const char *python_env;
    const char *plugins;
    const char *lua;
    const char *share; /* templates of init and of plugins new */
    const char *step_header; /* step.h */
};
void installation_find(const struct cli *cli, struct installation *ret);
/* The standard plugins, and those of SLUICE_PLUGINS (a folder). */
/* Their folders, those that come first in front; NULL at the end. */
const char *const *session_plugin_folders(const struct cli *cli);
void session_catalogue(const struct cli *cli, struct catalogue *ret_catalogue);

struct session_options {
    const char *doing;       /* the command's name, for whoever finds the home in use */
    const char *home;        /* NULL: what --home says, or the nearest */
    const char *environment; /* of config.yaml; NULL: the one it names */
    bool stays;              /* steps go on without it for as long as they like: it is going to come back */
    bool fires;              /* pipelines in force start by themselves; else what happens is noted for who does that */
    const char *pipelines;   /* folder whose pipelines are in force; NULL: none */
    bool starts_nothing;     /* a word is said and the command ends: what that sets free waits for a follower */
};

struct session {
    struct cli *cli;
    struct session_options options;
    struct home home;
    struct config config;
    struct diags config_diags;
    struct secret_source secrets;
    struct catalogue catalogue;
    struct installation installation;
    struct engine_apart apart; /* of config.yaml; socket NULL: steps are of our user */
    struct engine_world world; /* then the engine's */
    struct engine *engine; /* NULL on a visit */
    struct triggers *triggers; /* the same */
    struct hooks *hooks; /* NULL unless session_take_hooks was called */
    struct tracking *tracking; /* NULL on a visit, and where nothing is started */
    const struct api_watch *watch; /* of /metrics; NULL: there is none */
    struct visit *visit;   /* NULL when the home is ours */
    pid_t gc_pid;          /* of the `sluice gc` that we have started (cli/serve_gc.h); 0: none */
    struct json step_env;  /* what steps see of our environment */
    struct json vars;      /* of the environment of config.yaml that was named */
    const char *actor;   /* the user's name */
    struct json groups;  /* list: the actor's groups */
    int64_t opened_ms;   /* wall clock, before recovery */
    struct pipeline_run *found; /* when the home is ours: the runs that were open before recovery, oldest first */
    size_t found_count;
};

/* Opens home (HOME_WRITE) and engine; recovery happens here. */
int session_open(struct cli *cli, const struct session_options *options, struct session *ret_session, struct err *err);
/* The same, where there is a home or the command makes one (cli.h); but when another sluice holds the home, as its
 * visitor: the store is read, and what is to be done is asked of it. Waits a few seconds for a holder that only comes
 * or goes. */
int session_join(struct cli *cli, const struct session_options *options, struct session *ret_session, struct err *err);
/* A visitor whose host has gone: takes the home, or visits whoever was quicker. */
int session_rejoin(struct session *session, struct err *err);
/* Reads config.yaml again: what it says counts from now on; when there is an error in it, nothing has changed. */
int session_reconfigure(struct session *session, struct err *err);
void session_close(struct session *session);
/* Lets deliveries of webhooks be received, and replayed. The home is ours. */
void session_take_hooks(struct session *session);
/* What config.yaml says of webhooks, for the engine and for who makes them. */
struct webhook_rules session_webhook_rules(const struct session *session);

/* ---- what is wanted of the engine, our own or the host's; ERR_BUSY when the host has gone without an answer ---- */
/* Records a run and begins it. Actor and environment are the session's. Never ERR_BUSY: when the host goes, the session
 * becomes another's visit or its own host. */
int session_submit(struct session *session, struct engine_submission *submission, char ret_run_id[40],
                   struct err *err);
/* The run must be open. */
int session_cancel(struct session *session, const char *run_id, const char *reason, struct err *err);
int session_kill(struct session *session, const char *run_id, struct err *err);
/* Actor and groups are the session's. */
int session_vote(struct session *session, struct engine_vote *vote, struct json *ret_outcome, struct err *err);

/* Asks the holder of the home to do what a document says (cli/door.h): 0 when it has, 1 when the home is ours, so that
 * it is to be done here, -1. What it asks for may be done twice, when a holder goes without an answer. */
int session_ask_holder(struct session *session, const char *wish, const struct json *document, struct json *ret_outcome,
                       struct err *err);

/* Whose the steps are, as config.yaml says: `socket` NULL when they are our own user's. What stands in the way of
 * another's is an err. */
int session_apart(const struct config *config, const char *home, struct arena *arena, struct engine_apart *ret,
                  struct err *err);

/* What was read of config.yaml is in force (home_take_config). */
int session_take_config(struct session *session, const char *actor, const char **ret_words, struct err *err);

/* ---- who asks ---- */
/* Only who asks: name and groups (config's, else the system's). */
void session_actor(struct session *session);
/* The same of another: his name, and those of his groups that the configuration names or the system knows. */
void session_actor_of(const struct session *session, uid_t uid, const gid_t *gids, size_t count,
                      const char **ret_actor, struct json *ret_groups);

#endif
