/* SPDX-License-Identifier: Apache-2.0
 * Giving an attempt to its runner: at once, or when the secrets that it asks for are known.
 *
 * Meanwhile it has its row, its leases and a runner that does not know of it; the turn goes on for others. If this
 * engine dies, the next one finds an attempt that no runner has and that has not begun, and starts it again.
 */
#include "engine/attempt_secrets.h"
#include "engine/waits.h"

void attempt_forget_secrets(struct engine *engine, struct live_attempt *attempt)
{
    attempt->asks = false;
    attempt->looks = false;
    if (engine->options.secret_forget != NULL) {
        engine->options.secret_forget(engine->options.secret_ctx, attempt->row.id);
    }
}

int attempt_send(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct json message;
    struct json outcome = json_null();
    struct err wrong = {0};
    bool resumed = attempt->row.wait != NULL;
    int known = resumed ? wait_resumed(engine, attempt, engine->turn, &outcome, err) : 1;
    if (known <= 0) {
        return known < 0 ? -1 : wait_missing(engine, attempt, err);
    }
    struct spawn_as as = {.resumed = resumed ? &outcome : NULL};
    int made = spawn_message(engine, attempt, as, &message, &wrong);
    if (made > 0) {
        attempt->asks = true;
        return 0;
    }
    attempt_forget_secrets(engine, attempt);
    if (made < 0) {
        if (store_failed_since_begin(engine->options.store)) { /* no fault of the step's: the turn is taken again */
            *err = wrong;
            return -1;
        }
        struct attempt_end end = {
            .state = ATTEMPT_STATE_FAILED, .reason = wrong.message, .exit_code = -1, .at_ms = engine_now(engine)};
        return attempt_end(engine, attempt, &end, err);
    }
    attempt_secrets_keep(attempt, json_get(&message, "secrets"));
    attempt->sent = true;
    attempt->since_ms = clock_monotonic_ms(engine->options.clock);
    turn_send(engine, attempt->row.runner, message);
    return 0;
}

bool attempts_ask(const struct engine *engine)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        if (engine->attempts.items[i]->asks || engine->attempts.items[i]->looks) {
            return true;
        }
    }
    return false;
}

int attempts_ask_again(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->looks) {
            attempt_secrets_look(engine, attempt);
        }
        if (!attempt->asks) {
            continue;
        }
        int result = attempt->row.stopping != NULL /* its runner cannot say so */
                         ? attempt_cut_off(engine, attempt, "it had no runner", err)
                         : attempt_send(engine, attempt, err);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}
