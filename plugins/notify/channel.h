/* SPDX-License-Identifier: Apache-2.0
 * Where a message goes to, and how it is delivered once.
 */
#ifndef SLUICE_NOTIFY_CHANNEL_H
#define SLUICE_NOTIFY_CHANNEL_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

enum channel_kind { CHANNEL_WEBHOOK, CHANNEL_SLACK, CHANNEL_COMMAND };

struct channel {
    enum channel_kind kind;
    const char *name;              /* for people: "http://host" or the program; a URL's path may be a secret */
    const char *url;
    const char *method;
    const char *const *headers;    /* with the id */
    const char *const *command;    /* argv */
    const struct step_value *body; /* sent in place of the usual one; NULL: the usual one */
    int64_t timeout_ms;
};

struct notice {
    const char *id;                  /* the same for every attempt to deliver it */
    const char *message;
    const struct step_value *fields; /* a map of scalars, or NULL */
};

enum channel_result {
    CHANNEL_DELIVERED,
    CHANNEL_AGAIN,   /* no answer, 408, 429, 5xx, or a program that failed: it may work later */
    CHANNEL_REFUSED, /* another answer: it will not */
};

/* {webhook: URL, method, headers, body}, {slack: URL} or {command: [...]}. All in `scratch`. */
int channel_parse(struct scratch *scratch, const struct step_value *to, const char *id, int64_t timeout_ms,
                  struct channel *ret_channel, struct fault *fault);
/* Tries once. `ret_status` is the HTTP status, 0 for none; the fault says why it was not delivered. */
enum channel_result channel_deliver(const struct step_host *host, const struct channel *channel,
                                    const struct notice *notice, int *ret_status, struct fault *fault);

#endif
