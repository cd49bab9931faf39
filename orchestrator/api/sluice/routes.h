/* SPDX-License-Identifier: Apache-2.0
 * The tables of sluice's own REST interface, one for each of its resources, and the objects that several of them give.
 *
 * A resource is a file: its fields, its schemas, its answers, its rows; and its table here and in api/routes.c.
 */
#ifndef SLUICE_API_SLUICE_ROUTES_H
#define SLUICE_API_SLUICE_ROUTES_H

#include "api/router.h"
#include "api/sluice/rest.h"
#include "store/pipeline_runs.h"

extern const struct api_route rest_home_routes[], rest_pipeline_routes[], rest_run_routes[], rest_start_routes[],
    rest_step_routes[], rest_log_routes[], rest_artifact_routes[], rest_approval_routes[], rest_gate_routes[],
    rest_activity_routes[], rest_deployment_routes[], rest_source_routes[], rest_schedule_routes[],
    rest_trigger_routes[], rest_channel_routes[], rest_backfill_routes[], rest_delegation_routes[],
    rest_governance_routes[], rest_comment_routes[], rest_evidence_routes[], rest_in_force_routes[];

extern const struct schema rest_log_line;
/* A run in lists, and as those tell of it who start or end one. */
extern const struct schema rest_run_summary;
struct json rest_run_json(const struct pipeline_run *row, struct arena *arena);
/* What is wrong with a file; of JSON [{file, line, column, code, message, hint}] a list of such. `file`: of those that
 * name none. */
extern const struct schema rest_problem;
struct json rest_problems(const char *text, const char *file, struct arena *arena);
/* The plugins of the installation, as they lie there now, in the call's arena. */
struct catalogue;
void rest_catalogue(const struct api_call *call, struct catalogue *ret);
/* One that has run and that the reader may read; ERR_NOT_FOUND. */
struct pipeline_known;
int rest_pipeline(struct api_call *call, const char *name, struct pipeline_known *ret, struct err *err);
/* The words of states, NULL at the end. */
extern const char *const rest_run_states[];

/* {NAME: items, "next_page_token": text or null}, of a schema whose fields are those two. */
struct rest_page {
    struct json items;
    const char *next_page_token; /* NULL: that was all */
};

#endif
