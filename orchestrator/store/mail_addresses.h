/* SPDX-License-Identifier: Apache-2.0
 * Addresses that subscriptions by e-mail go to: none gets anything before whoever reads its mail has agreed.
 *
 * A mail with a link is sent there first. Its token is a number and an HMAC under the home's key over what it is about,
 * made when the mail is sent and kept nowhere: neither the database nor the outbox has it. It is good once, for three
 * days. So that nobody has mails sent to strangers by asking again and again, an actor may ask for so many addresses
 * in a day, and an address may be asked so often in a week; and nothing that whoever asks has written stands in that
 * mail but his name.
 */
#ifndef SLUICE_STORE_MAIL_ADDRESSES_H
#define SLUICE_STORE_MAIL_ADDRESSES_H

#include "store/channels.h"

#define MAIL_CONFIRM_PATH "/confirm/"
#define MAIL_CONFIRM_EVENT "address.confirmation"

enum {
    MAIL_CONFIRM_DAYS = 3,
    MAIL_AGAIN_HOURS = 1,     /* before another link is sent in the place of one that is good still */
    MAIL_ASKS_OF_ACTOR = 20,  /* in a day, that nobody has answered */
    MAIL_ASKS_OF_ADDRESS = 3, /* in a week, by whomever, that nobody has answered */
    MAIL_CONFIRM_TOKEN_BYTES = 96,
};

struct mail_address {
    int64_t id;
    const char *actor, *address;
    int64_t asked_ms, expires_ms;
    int64_t confirmed_ms; /* 0: nobody has agreed */
};

/* May mail go there? If not, and no link has just been sent, one is sent by the channel: as an event of the
 * outbox (MAIL_CONFIRM_EVENT), in the caller's transaction. ERR_STATE when there is no `external_url` for a link, when
 * the channel is disabled, or when it was asked too often. */
struct mail_ask {
    const char *actor, *address;
    const struct channel *channel;
    const char *external_url; /* NULL: there is none */
    int64_t now_ms;
};
int store_mail_address_ask(struct store *store, const struct mail_ask *ask, struct arena *arena,
                           struct mail_address *ret, struct err *err);

/* The token of the link: the same at each try. */
int store_mail_address_token(struct store *store, int64_t id, char ret_token[MAIL_CONFIRM_TOKEN_BYTES],
                             struct err *err);
/* What the token is about, confirmed or not: 1; 0: there is no such token, or a newer one; -1. */
int store_mail_address_find(struct store *store, struct str token, struct arena *arena, struct mail_address *ret,
                            struct err *err);
/* Whoever reads there agrees. ERR_STATE when he has already, or it is too late. */
int store_mail_address_confirm(struct store *store, const struct mail_address *address, const char *peer,
                               int64_t now_ms, struct err *err);

#endif
