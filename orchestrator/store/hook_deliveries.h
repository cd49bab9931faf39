/* SPDX-License-Identifier: Apache-2.0
 * What came in at POST /hooks/PIPELINE, and what was answered. (What goes out by webhooks is in store/deliveries.h.)
 *
 * Genuine and refused deliveries are bounded apart, so that those who can sign nothing push out nothing of those who
 * can: each kind has so many rows and so many bytes of bodies, of which the oldest go first.
 */
#ifndef SLUICE_STORE_HOOK_DELIVERIES_H
#define SLUICE_STORE_HOOK_DELIVERIES_H

#include "base/str.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HOOK_GENUINE_MAX = 10000,          /* rows */
    HOOK_GENUINE_BODIES = 256 << 20,   /* bytes, sealed */
    HOOK_REFUSED_MAX = 1000,
    HOOK_REFUSED_BODIES = 8 << 20,
    HOOK_REFUSED_BODY_MAX = 64 << 10,  /* a longer one that was refused is not kept */
    HOOK_KEPT_DAYS = 30,
};

enum hook_outcome { HOOK_ACCEPTED, HOOK_IGNORED, HOOK_DUPLICATE, HOOK_REFUSED };
/* "accepted", ...; NULL behind the last. */
extern const char *const hook_outcome_names[];

struct hook_delivery {
    int64_t id; /* set by add */
    const char *pipeline;
    const char *provider; /* "" */
    const char *delivery_id;
    const char *event_type; /* "" */
    const char *peer;
    int64_t received_ms;
    int status; /* 0: nobody was answered */
    enum hook_outcome outcome;
    const char *reason; /* "" */
    int64_t trigger_row; /* 0: none */
    int64_t replay_of;   /* 0: it came in */
    const char *actor;   /* "" */
    const char *headers; /* JSON */
    int64_t body_bytes;
    const char *body_sha256;
    bool has_body;
    struct str sealed;  /* with store_hook_delivery_get and _add only */
    const char *key_id; /* "" */
    /* Of the trigger; what lists show. */
    const char *trigger_outcome; /* "" */
    const char *run;             /* "wine/12", "" */
};

/* Adds it, and removes what is too much or too old then. */
int store_hook_delivery_add(struct store *store, struct hook_delivery *delivery, struct err *err);
/* ERR_NOT_FOUND. */
int store_hook_delivery_get(struct store *store, int64_t id, struct arena *arena, struct hook_delivery *ret,
                            struct err *err);
struct hook_delivery_filter {
    const char *pipeline; /* NULL: all */
    const char *outcome;  /* NULL: all */
    int64_t before;       /* only with lower ids; 0: all */
    int64_t limit;
};
/* Newest first, without their bodies. */
int store_hook_delivery_list(struct store *store, const struct hook_delivery_filter *filter, struct arena *arena,
                             struct hook_delivery **ret, size_t *ret_count, struct err *err);

#endif
