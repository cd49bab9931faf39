/* SPDX-License-Identifier: Apache-2.0
 * What api.c, which answers in turns, and head.c, which looks at each request before its body comes, share.
 */
#ifndef SLUICE_API_API_INTERNAL_H
#define SLUICE_API_API_INTERNAL_H

#include "api/api.h"
#include "api/delivery_wait.h"
#include "api/hooks.h"
#include "api/login.h"
#include "api/refusals.h"
#include "api/router.h"
#include "api/sluice/stream.h"
#include "api/upload_sweep.h"

struct api {
    struct api_options options;
    struct rng rng;
    struct files files;
    struct file_worker *worker;
    struct login *login;
    struct arena *arena; /* of the router */
    struct router *router;
    struct delivery_waits waits;
    struct hook_door *hooks;
    struct throttle *links; /* of api/link_page.h */
    struct apart *apart;
    struct idempotency_key *keys;
    struct streams streams;
    struct refusals refusals;
    struct upload_sweep uploads;
};

/* Of a request, as far as it is known at its head. */
struct api_call api_call_of(struct api *api, struct http_exchange *exchange);
/* Once more, when the whole request has come: who may have begun to ask may not be let in any more. False: it has been
 * answered. */
bool api_is_still_in(struct api_call *call, struct api_match *match);

#endif
