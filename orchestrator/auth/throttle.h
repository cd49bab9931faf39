/* SPDX-License-Identifier: Apache-2.0
 * How often something secret may be tried: by user (or whatever is asked for), and by address.
 *
 * Of passwords each user has 10 attempts, and gets one more every 6 seconds; each address has 30, and one more every 2
 * seconds. An attempt that was right is given back. Who was right from an address within the last day has attempts of
 * his own there: others who try his name, or the same address behind a proxy, do not use them up.
 *
 * It is a table of fixed size, by hashes under a key that nobody knows: two users may share a place, and the table
 * cannot grow. Times are monotonic.
 */
#ifndef SLUICE_AUTH_THROTTLE_H
#define SLUICE_AUTH_THROTTLE_H

#include "base/str.h"

#include <stdint.h>

struct throttle;

/* So many attempts, and one more in each interval. */
struct throttle_rule {
    int64_t attempts, interval_ms;
};
struct throttle_rules {
    struct throttle_rule of_user; /* no attempts: users are not counted */
    struct throttle_rule of_address;
    struct throttle_rule of_both; /* of who is known there */
};
extern const struct throttle_rules throttle_passwords;

/* Copies the rules. */
struct throttle *throttle_new(const struct throttle_rules *rules);
void throttle_free(struct throttle *throttle);
/* Takes an attempt. 0; or in how many ms there will be one, and then none is taken. */
int64_t throttle_take(struct throttle *throttle, struct str user, struct str address, int64_t now_ms);
/* The attempt that was taken was right. */
void throttle_good(struct throttle *throttle, struct str user, struct str address, int64_t now_ms);
/* The attempt that was taken was not made. */
void throttle_back(struct throttle *throttle, struct str user, struct str address, int64_t now_ms);

#endif
