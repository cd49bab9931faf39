/* SPDX-License-Identifier: Apache-2.0
 * sluice's own REST interface, below /api/sluice/v1: what a row of its tables says beyond a row of MLflow's, and how
 * its routes are answered.
 *
 * What only reads is answered by a thread with a connection of its own (api/apart.h), so that the loop waits for no
 * store and no file. What asks the engine for something (REST_COMMANDS) is a transaction of the engine's, in which
 * also the answer is kept when the request came with an Idempotency-Key; where a pipeline must be read for it first
 * (REST_APART as well), the thread does that, and the loop then what it has prepared (rest_then).
 *
 * Errors are {"code", "message"}. A request that does not fit the tables is 400; one that does, and cannot be done,
 * 404, 409 or 422.
 */
#ifndef SLUICE_API_SLUICE_REST_H
#define SLUICE_API_SLUICE_REST_H

#include "api/answers.h"
#include "api/api.h"
#include "api/sluice/schema.h"
#include "http/validators.h"

enum rest_flag {
    REST_APART = 1,
    REST_COMMANDS = 2,
    REST_NAMED = 4,  /* of who has said who he is: not of somebody on this machine */
    REST_RANGES = 8, /* takes the header Range: 206, 416 */
    REST_RESUMES = 16, /* takes the header Last-Event-ID */
    REST_FINDS = 32, /* may find nothing: 404, also where the path has no names */
    REST_VALIDATES = 128, /* and the conditions of http/validators.h: 304, 412 */
    REST_JUDGES = 64, /* only reads, and may find that what is asked for does not go together: 422 */
};

struct rest_doc {
    const char *name; /* "listRuns" */
    const char *group;
    const char *summary;
    const char *details; /* NULL: none */
    const struct schema_field *takes; /* names in the path are among them; NULL: nothing */
    const struct schema *gives; /* NULL: no JSON */
    const char *media;          /* what is given instead of JSON */
    const char *also;           /* with `media`: what is given by the query's `format`; NULL: nothing */
    int status;                 /* of success; 0: 200 */
    unsigned flags;
};

/* The fields of a row of API_SLUICE, and what they say. */
#define REST_DOC(...) .fields = (const struct api_field[]){{.rest = &(const struct rest_doc){__VA_ARGS__}}}
static inline const struct rest_doc *rest_of(const struct api_route *route)
{
    return route->fields->rest;
}

/* ---- for api.c ---- */
/* Whether the row is complete: what the documentation is made from is there. */
int rest_check(const struct api_route *route, struct err *err);
bool rest_is_command(const struct api_route *route);
/* Reads and checks the path's names, the query and the body into call->params. */
int rest_read(struct api_call *call, const struct api_route *route, const struct json *names, struct err *err);
/* Once who asks may: answers, or sets the request aside. Commands: outside of any transaction. */
int rest_answer(struct api_call *call, const struct api_route *route, struct err *err);

/* ---- for routes ---- */
/* Who asks: a user, or "anonymous". */
const char *rest_actor(const struct api_call *call);
struct json rest_groups(const struct api_call *call);
/* What is taken of one page, by "limit"; 100 when that is not said. */
size_t rest_limit(const struct api_call *call);
#define REST_LIMIT                                                                                                     \
    {.name = "limit", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = 1000,                          \
     .doc = "at most so many; 100 when it is not given"}
#define REST_RUN_ID_PATTERN "^[0-9a-f]{32}$"
#define REST_RUN_ID                                                                                                    \
    {.name = "run_id", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = REST_RUN_ID_PATTERN, \
     .doc = "the run, by its id"}
#define REST_MODEL_NAME                                                                                                \
    {.name = "name", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .least = 1, .most = 1000,         \
     .doc = "the registered model"}
#define REST_MODEL_VERSION                                                                                             \
    {.name = "version", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = "^[1-9][0-9]{0,17}$"}
const char *rest_model_name(const struct api_call *call);
/* A page token that is a number. */
#define REST_ID_PATTERN "^[0-9]{1,18}$"
#define REST_PAGE_TOKEN(fits)                                                                                          \
    {.name = "page_token", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = fits,                             \
     .doc = "the next_page_token of the page before"}
int64_t rest_page_id(const struct api_call *call);
/* The number that a text of digits is; 0: it is not given. */
int64_t rest_id(const struct api_call *call, const char *name);

/* Headers of the request, also apart from the loop, as far as REST_RANGES, REST_VALIDATES and REST_RESUMES name them;
 * "" for what is not there. */
struct str rest_range(const struct api_call *call);
const struct http_conditions *rest_conditions(const struct api_call *call);
const char *rest_last_event_id(const struct api_call *call);
/* Apart from the loop: this is the answer, and not call->answer; with rest_then once the command has succeeded. Taken
 * over. */
void rest_reply(struct api_call *call, const struct http_answer *take_answer);
/* Apart from the loop: an answer of status and headers gets the body of an error. */
int rest_refuse(struct api_call *call, struct http_answer *take_answer, const char *message);
/* Apart from the loop: 416, and the header of 206. */
int rest_refuse_range(struct api_call *call, int64_t size);
struct http_header rest_content_range(struct api_call *call, int64_t from, int64_t count, int64_t size);
/* Apart from the loop: the command that is to be done there. */
void rest_then(struct api_call *call, int (*command)(struct api_call *call, struct err *err));
/* For an answer that returned 1, to be called again when others have had their turn in the thread: what it goes on
 * with, dropped if that never happens; and for the command of rest_then. */
void rest_keep(struct api_call *call, void *ctx, void (*drop)(void *ctx));
void *rest_ctx(const struct api_call *call);
/* In a command, before it asks the engine: makes the answer in the transaction, when the engine has done what it was
 * asked for. What it fills in is kept for the request's key. */
void rest_told(struct api_call *call, int (*tell)(struct api_call *call, void *ctx, struct err *err), void *ctx);

/* In a command: does the work in one transaction of the engine's, and keeps what it answers for the request's key. */
int rest_transact(struct api_call *call, int (*work)(struct api_call *call, struct err *err), struct err *err);

/* All of it as OpenAPI 3.1, from the rows. */
struct json rest_openapi(struct arena *arena);

#endif
