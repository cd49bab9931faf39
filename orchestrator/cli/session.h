/* SPDX-License-Identifier: Apache-2.0
 * What a command that runs pipelines needs: home, configuration, plugins, engine.
 */
#ifndef SLUICE_CLI_SESSION_H
#define SLUICE_CLI_SESSION_H

#include "cli/cli.h"
#include "cli/home.h"
#include "config/config.h"
#include "engine/engine.h"

#include <sys/types.h>

/* Where the parts of the installation lie, found from the program's own place: beside it in a build folder, under
 * PREFIX/{libexec,lib,share}/sluice when installed. */
struct installation {
    const char *runner;
    const char *fetch;
    const char *python_env;
    const char *plugins;
    const char *lua;
    const char *share; /* templates of init and of plugins new */
    const char *step_header; /* step.h */
};
void installation_find(const struct cli *cli, struct installation *ret);
/* The standard plugins, and those of SLUICE_PLUGINS (a folder). */
void session_catalogue(const struct cli *cli, struct catalogue *ret_catalogue);

struct session {
    struct cli *cli;
    struct home home;
    struct config config;
    struct diags config_diags;
    struct catalogue catalogue;
    struct installation installation;
    struct engine *engine;
    const char *actor;   /* the user's name */
    struct json groups;  /* list: the actor's groups */
    int64_t opened_ms;   /* wall clock, before recovery */
};

/* Opens home (HOME_WRITE) and engine; recovery happens here. `environment` NULL: the configured default. */
int session_open(struct cli *cli, const char *doing, const char *environment, struct session *ret_session,
                 struct err *err);
/* The same in the home at `home`, whatever --home says. */
int session_open_home(struct cli *cli, const char *home, const char *doing, const char *environment,
                      struct session *ret_session, struct err *err);
void session_close(struct session *session);
/* Only who asks: name and groups (config's, else the system's). */
void session_actor(struct session *session);
/* The same of another: his name, and those of his groups that the configuration names or the system knows. */
void session_actor_of(const struct session *session, uid_t uid, const gid_t *gids, size_t count,
                      const char **ret_actor, struct json *ret_groups);

#endif
