/* SPDX-License-Identifier: Apache-2.0 */
#include "store/step_token.h"

#include "base/parse.h"
#include "digest/digest.h"
#include "store/store_internal.h"

#include <stdio.h>

static const char prefix[] = "sls-";

void store_step_token(const struct store *store, int64_t attempt, const char *mark, char ret[STEP_TOKEN_ROOM])
{
    char text[128];
    struct str key = {(const char *)store->activity_key, sizeof store->activity_key};
    ret[0] = '\0';
    if (store->has_activity_key) {
        (void)snprintf(text, sizeof text, "step token %lld %s", (long long)attempt, mark);
        struct digest digest = digest_hmac(key, str_from(text));
        (void)snprintf(ret, STEP_TOKEN_ROOM, "%s%lld-%s", prefix, (long long)attempt, digest.hex);
    }
}

int64_t step_token_attempt(struct str token)
{
    struct str rest = token;
    struct str number = {0};
    int64_t attempt = -1;
    if (!str_starts(token, str_from(prefix)) || token.n >= STEP_TOKEN_ROOM) {
        return -1;
    }
    rest = str_slice(token, strlen(prefix), token.n);
    (void)str_cut(&rest, '-', &number);
    return parse_int(number, 1, INT64_MAX, &attempt, NULL) < 0 ? -1 : attempt;
}
