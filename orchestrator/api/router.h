/* SPDX-License-Identifier: Apache-2.0
 * From a request's method and path to the route that answers it.
 */
#ifndef SLUICE_API_ROUTER_H
#define SLUICE_API_ROUTER_H

#include "api/api.h"

/* A route that may answer as it likes, with bytes or plain text; what has not answered gets `answer` of the call sent.
 */
struct api_plain {
    enum http_method method;
    const char *path; /* whole; with a '/' at its end also all below it */
    bool writes;
    bool commands;  /* asks the engine, in a transaction of the engine's */
    bool for_steps; /* writes, and looks by itself at what a step may */
    bool open;      /* to whoever reaches the server, whatever name it is called by; the route may look by itself */
    struct api_need needs;
    struct api_note note; /* of one that writes */
    /* Before the body: how much of it is taken; may answer, or set a sink. NULL: no body. */
    size_t (*head)(struct api_call *call);
    int (*answer)(struct api_call *call, struct err *err);
};

/* What was found for a request; in its arena. */
struct api_match {
    const struct api_route *route; /* one of the two, or NULL when there is none */
    const struct api_plain *plain;
    struct json names;           /* of the path, decoded */
    unsigned methods;            /* with which the path is there, if not with this one: bits by enum http_method */
    const struct api_door *door; /* where it came in */
    bool asked;                  /* who asks was asked who he is, and is `who` */
    struct auth_who *who;
};

struct router;

/* Whether each row says what a user needs for it, and each that writes whether it is in the activity log. */
int router_check(const struct api_route *const *routes, const struct api_plain *const *plains, struct err *err);
/* Over the tables below, which it looks through once. */
struct router *router_new(struct arena *arena);
void router_find(const struct router *router, const struct http_exchange *exchange, struct api_match *ret);

/* The one that has this path, which holds no names; NULL: none. */
const struct api_route *router_route(const struct router *router, enum http_method method, const char *path);

/* The tables, in api/routes.c; the last is NULL. */
extern const struct api_route *const api_routes[];
extern const struct api_plain *const api_plains[];
extern const struct api_plain watch_plains[]; /* api/watch.c */

#endif
