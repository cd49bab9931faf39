/* SPDX-License-Identifier: Apache-2.0
 * A host for authors of scripts: it keeps what the script says, and can print it as it comes. It has no store and no
 * network: sluice.call and sluice.http are errors in words (a test may put functions of its own in their place).
 */
#ifndef SLUICE_RUNNER_LUA_FAKE_HOST_H
#define SLUICE_RUNNER_LUA_FAKE_HOST_H

#include "runner/step_outcome.h"
#include "runner/step_sink.h"

#include <stdio.h>

struct lua_fake_host {
    struct step_sink sink; /* its ctx is this struct */
    struct step_outcome outcome;
    struct json spawn;     /* what lua_host_new takes */
    struct arena *arena;
    char folder[64];       /* of this host: step/, state/, artifacts/ are in it */
    FILE *print_to;        /* a line for all that is said, or NULL */
    FILE *log_to;          /* log lines only, where they do not go to print_to; or NULL */
    struct strbuf *log;    /* keeps log lines, or NULL */
    struct json params;    /* {key: text} */
    struct json tags;
    struct json metrics;   /* {key: {"value": the last, "step", "count"}} */
    struct json artifacts; /* [{"path", "size"}] */
};

struct lua_fake_options {
    const char *file;          /* the script; its folder is the first where modules are looked for */
    const char *lua_folder;    /* the standard modules, or NULL */
    const struct json *params; /* NULL: none */
    const struct json *inputs; /* {name: path} as the user gave them, or NULL */
    const char *out;           /* the step's folder, which stays; NULL: one that goes with the host */
};

/* Makes the folders and the spawn message. Everything in the host lives until it is freed. */
int lua_fake_host_open(struct lua_fake_host *host, const struct lua_fake_options *options, struct err *err);
/* Removes the folders. */
void lua_fake_host_close(struct lua_fake_host *host);
/* {"status", "reason", "params", "tags", "metrics", "outputs", "artifacts"}. */
struct json lua_fake_host_summary(struct lua_fake_host *host);

#endif
