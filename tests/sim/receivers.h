/* SPDX-License-Identifier: Apache-2.0
 * Two made-up receivers of what happens, as channels of config.yaml have them, in every fourth history: `all` wants
 * everything, answers, refuses, says nothing, and may be away for a day; `gone` says now and then that there is nobody
 * any more. The sluice-fetch that asks them is made up, too: the linker turns fetch_child_* here (--wrap).
 *
 * Judged is at each try that what is told is committed, is to be tried by now, by the times that docs/notifications.md
 * has, and comes after what is before it in its line; that each try of one brings the same; and at the end that all
 * that was recorded was told, once each, arrived or is a dead letter, and that what people sent again came again.
 */
#ifndef SLUICE_SIM_RECEIVERS_H
#define SLUICE_SIM_RECEIVERS_H

#include "base/rng.h"
#include "base/vec.h"
#include "store/channels.h"

#include <stdbool.h>
#include <stdint.h>

struct engine_options;
struct history;

enum receiver_answer {
    ANSWERS_GOOD,
    ANSWERS_BAD,    /* 503 */
    ANSWERS_LATER,  /* 429 with Retry-After */
    ANSWERS_NO,     /* 404 */
    ANSWERS_GONE,   /* 410 */
    ANSWERS_NOTHING, /* it takes too long */
    ANSWERS_DIES,   /* sluice-fetch ends without a word */
    ANSWER_KINDS,
};

/* One try. */
struct receiver_try {
    char delivery_id[40];
    const char *body;
    int receiver;
    enum receiver_answer answer;
    int fd;       /* stands for its pidfd; -1 */
    bool came;    /* the answer */
    bool dropped; /* nobody waits for it any more */
};

struct receivers {
    bool are_there;
    bool away;     /* `all`, for good */
    int64_t again; /* how many were sent again, that people know of */
    char sent_again[40]; /* and that has not come since; "" */
    struct rng rng;
    struct channel channels[2];
    struct str events[1];
    struct str names[2];
    struct telling_rules rules;
    struct {
        VEC_OF(struct receiver_try)
    } tries;
};

void receivers_open(struct history *h);
void receivers_close(struct history *h);
/* Nothing when there are none. */
void receivers_join(struct history *h, struct engine_options *options);
/* Is there nothing that waits to be told? */
bool receivers_are_told(struct history *h);
/* Somebody has one that has ended sent again. */
struct err;
bool receivers_again(struct history *h, struct err *err);
/* At the end. */
void receivers_judge(struct history *h);

#endif
