/* SPDX-License-Identifier: Apache-2.0
 * What the files of the plugin's host share.
 */
#ifndef SLUICE_RUNNER_PLUGIN_HOST_INTERNAL_H
#define SLUICE_RUNNER_PLUGIN_HOST_INTERNAL_H

#include "digest/stamp.h"
#include "runner/plugin_host.h"
#include "runner/plugin_open.h"

#include <pthread.h>

struct plugin_host {
    struct step_host table; /* its ctx is this struct */
    struct step_context context;
    const struct json *spawn;
    const struct step_sink *sink;
    const char *path; /* of the plugin's file */
    struct plugin_facts facts;
    char stamp[STAMP_BYTES]; /* of the file that `facts` were read of; "": none was */
    pthread_mutex_t mutex; /* for all below, and the arena */
    struct arena *arena;   /* lives until the plugin's run has returned */
    struct step_outcome *outcome;
    int64_t progress_at_ms;
};

struct plugin_host *plugin_host_of(const struct step_host *host);
/* Puts the reason of `err` into the step's log; returns -1. */
int plugin_host_refuse(const struct plugin_host *self, const struct err *err);

/* ---- plugin_host_ask.c ---- */
int plugin_host_call(const struct step_host *host, const char *method, const char *json,
                     const struct step_value **reply);
int plugin_host_http(const struct step_host *host, const struct step_http_request *request,
                     struct step_http_response *response);
int plugin_host_wait(const struct step_host *host, const char *wait_json, const char *state_json);
int plugin_host_parse_json(const struct step_host *host, const char *text, size_t size,
                           const struct step_value **value);

#endif
