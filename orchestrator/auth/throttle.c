/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include "base/mem.h"
#include "base/siphash.h"

#include <stdbool.h>
#include <stdlib.h>

enum { PLACES = 4096, KNOWN_MS = 24 * 3600 * 1000 };

const struct throttle_rules throttle_passwords = {{10, 6000}, {30, 2000}, {10, 6000}};

/* A bucket is the time at which it will be full again. */
struct throttle {
    struct throttle_rules rules;
    struct siphash_key key;
    int64_t users[PLACES], addresses[PLACES], both[PLACES];
    struct {
        uint64_t who;
        int64_t until_ms;
    } known[PLACES]; /* who has logged in from where */
};

struct throttle *throttle_new(const struct throttle_rules *rules)
{
    struct throttle *throttle = mem_alloc(sizeof *throttle);
    throttle->rules = *rules;
    throttle->key = siphash_key_new(); /* the tables are zero, and cost no memory until they are used */
    return throttle;
}

void throttle_free(struct throttle *throttle)
{
    free(throttle);
}

/* How long until an attempt can be taken; 0: now. */
static int64_t lacks(const struct throttle_rule *rule, int64_t full_ms, int64_t now_ms)
{
    int64_t from_ms = full_ms > now_ms ? full_ms : now_ms;
    int64_t over_ms = from_ms + rule->interval_ms - now_ms - rule->attempts * rule->interval_ms;
    return over_ms > 0 && rule->attempts > 0 ? over_ms : 0;
}

static void take(const struct throttle_rule *rule, int64_t *full_ms, int64_t now_ms)
{
    *full_ms = (*full_ms > now_ms ? *full_ms : now_ms) + rule->interval_ms;
}

static void give_back(const struct throttle_rule *rule, int64_t *full_ms)
{
    *full_ms -= rule->interval_ms;
}

/* Where they stand in the tables. */
struct places {
    size_t user, address, both;
    uint64_t who;
};

static struct places find(const struct throttle *throttle, struct str user, struct str address)
{
    uint64_t parts[2] = {siphash(throttle->key, user), siphash(throttle->key, address)};
    uint64_t who = siphash(throttle->key, (struct str){(const char *)parts, sizeof parts});
    return (struct places){parts[0] % PLACES, parts[1] % PLACES, who % PLACES, who};
}

static bool is_known(const struct throttle *throttle, const struct places *places, int64_t now_ms)
{
    return throttle->known[places->both].who == places->who && throttle->known[places->both].until_ms > now_ms;
}

int64_t throttle_take(struct throttle *throttle, struct str user, struct str address, int64_t now_ms)
{
    struct places places = find(throttle, user, address);
    if (is_known(throttle, &places, now_ms)) {
        int64_t wait_ms = lacks(&throttle->rules.of_both, throttle->both[places.both], now_ms);
        if (wait_ms == 0) {
            take(&throttle->rules.of_both, &throttle->both[places.both], now_ms);
        }
        return wait_ms;
    }
    int64_t user_ms = lacks(&throttle->rules.of_user, throttle->users[places.user], now_ms);
    int64_t address_ms = lacks(&throttle->rules.of_address, throttle->addresses[places.address], now_ms);
    if (user_ms == 0 && address_ms == 0) {
        take(&throttle->rules.of_user, &throttle->users[places.user], now_ms);
        take(&throttle->rules.of_address, &throttle->addresses[places.address], now_ms);
    }
    return user_ms > address_ms ? user_ms : address_ms;
}

void throttle_back(struct throttle *throttle, struct str user, struct str address, int64_t now_ms)
{
    struct places places = find(throttle, user, address);
    if (is_known(throttle, &places, now_ms)) {
        give_back(&throttle->rules.of_both, &throttle->both[places.both]);
    } else {
        give_back(&throttle->rules.of_user, &throttle->users[places.user]);
        give_back(&throttle->rules.of_address, &throttle->addresses[places.address]);
    }
}

void throttle_good(struct throttle *throttle, struct str user, struct str address, int64_t now_ms)
{
    struct places places = find(throttle, user, address);
    throttle_back(throttle, user, address, now_ms);
    throttle->known[places.both].who = places.who;
    throttle->known[places.both].until_ms = now_ms + KNOWN_MS;
}
