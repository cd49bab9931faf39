/* SPDX-License-Identifier: Apache-2.0
 * Channels: whom config.yaml names to be told of what happens, and how (docs/notifications.md). The store keeps which
 * there are, and which of them get nothing any more since their receiver has said that it is gone.
 */
#ifndef SLUICE_STORE_CHANNELS_H
#define SLUICE_STORE_CHANNELS_H

#include "pipeline/pipeline.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum channel_kind { CHANNEL_WEBHOOK, CHANNEL_SLACK, CHANNEL_EMAIL };
extern const char *const channel_kind_names[]; /* "webhook", ...; NULL at the end */

enum { CHANNEL_SECRETS = 2, CHANNEL_NAME_MAX = 63 };

/* What config.yaml says of one. Texts end with a NUL. */
struct channel {
    struct str name;
    enum channel_kind kind;
    struct str url;        /* of e-mail the server, smtp:// or smtps://; empty: `url_secret` has it */
    struct str url_secret; /* name of a secret, or empty */
    struct str secrets[CHANNEL_SECRETS]; /* of a webhook: names of secrets that sign, the new one first */
    size_t secret_count;
    const struct str *events; /* globs of the events that it is told of whatever `notify` says */
    size_t event_count;
    struct str from; /* e-mail */
    const struct str *to;
    size_t to_count;
    struct str user; /* empty: nobody logs in */
    struct str password_secret;
    bool plain; /* the mail may go unencrypted */
    const struct str *trusts; /* domains: addresses there need not confirm that they want mail of subscriptions */
    size_t trust_count;
};

/* All that config.yaml says of telling; borrowed. */
struct telling_rules {
    const struct channel *channels;
    size_t channel_count;
    const struct str *names; /* of the channels; never NULL */
    const struct notify_rule *rules;
    size_t rule_count;
    const char *external_url; /* what links begin with, without a '/' at its end; NULL: there are none */
};

/* By its name; NULL: there is none. */
const struct channel *telling_find(const struct telling_rules *rules, const char *name);
/* "there is no channel 'opps': did you mean 'ops'?" */
int telling_no_channel(const struct telling_rules *rules, const char *name, struct arena *arena, struct err *err);

struct channel_state {
    const char *name;
    const char *kind; /* "webhook", "slack", "email" */
    int64_t disabled_ms; /* 0: it is not */
    const char *reason;
};

/* These are the channels now: those that are gone lose what waits for them, and one of which something else is said is
 * not disabled any more. Also turns events on or off. */
int store_channels_take(struct store *store, const struct telling_rules *rules, int64_t now_ms, struct err *err);
/* ERR_NOT_FOUND. */
int store_channel_get(struct store *store, const char *name, struct arena *arena, struct channel_state *ret,
                      struct err *err);
int store_channel_list(struct store *store, struct arena *arena, struct channel_state **ret, size_t *ret_count,
                       struct err *err);
/* It gets nothing more, and what waits for it is dropped. */
int store_channel_disable(struct store *store, const char *name, const char *reason, int64_t now_ms, struct err *err);
/* ERR_STATE when it is not disabled. */
int store_channel_enable(struct store *store, const char *name, struct err *err);

#endif
