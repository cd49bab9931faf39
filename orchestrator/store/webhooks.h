/* SPDX-License-Identifier: Apache-2.0
 * Webhooks: whom to tell of what happens in the registry. What is told, and when, is store/webhook_events.h's and
 * store/deliveries.h's. Names and events are checked by MLflow's rules with its messages.
 */
#ifndef SLUICE_STORE_WEBHOOKS_H
#define SLUICE_STORE_WEBHOOKS_H

#include "base/json.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct address_policy;

enum { WEBHOOKS_PAGE = 100, WEBHOOKS_PAGE_MAX = 1000 };

/* What config.yaml says of them, for all who deal with them. */
struct webhook_rules {
    bool allow_http;
    const struct str *allow; /* local networks that may be reached: "10.1.0.0/16" */
    size_t allow_count;
    int64_t retry_first_ms; /* after the first try that failed; 0: the default */
    int64_t retry_for_ms;   /* when trying ends; 0: the default */
};

struct webhook {
    const char *webhook_id;
    const char *name;
    const char *description; /* "" */
    const char *url;
    const char **events; /* "model_version.created", in the order given */
    size_t event_count;
    bool active;
    struct str sealed; /* the secret (crypto/seal.h); empty: none */
    const char *key_id;
    int64_t created_ms;
    int64_t updated_ms;
};

/* The rules as the address policy of requests: as sluice-fetch takes it, and read; in `arena`. -1 in words when a
 * network is none. */
struct json webhook_policy_json(const struct webhook_rules *rules, struct arena *arena);
int webhook_policy(const struct webhook_rules *rules, struct arena *arena, struct address_policy *ret,
                   struct err *err);

/* A new id, "3f0e...": before it is made, since its secret is sealed for it. */
int store_webhook_new_id(struct store *store, struct arena *arena, const char **ret_id, struct err *err);
/* All of `webhook` but the times. The URL has passed webhook_url_check. */
int store_webhook_create(struct store *store, const struct webhook *webhook, int64_t now_ms, struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_webhook_get(struct store *store, const char *webhook_id, struct arena *arena, struct webhook *ret,
                      struct err *err);
/* The newest first, behind `page_token` (NULL or "": from the start). `*ret_token` is NULL at the end. */
int store_webhook_list(struct store *store, int64_t max_results, const char *page_token, struct arena *arena,
                       struct webhook **ret, size_t *ret_count, const char **ret_token, struct err *err);

/* What is to be another; NULL: stays. */
struct webhook_change {
    const char *name;
    const char *description;
    const char *url;
    const char *const *events;
    size_t event_count;
    const bool *active;       /* one that is made inactive drops what waits for it */
    const struct str *sealed; /* empty: takes the secret away */
    const char *key_id;
};
int store_webhook_update(struct store *store, const char *webhook_id, const struct webhook_change *change,
                         int64_t now_ms, struct err *err);
/* With its deliveries, those that wait among them. */
int store_webhook_delete(struct store *store, const char *webhook_id, struct err *err);

int webhook_name_check(const char *name, struct err *err);

#endif
