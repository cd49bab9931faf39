/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/delivery_ask.h"

#include "base/clock.h"
#include "cli/session.h"
#include "cli/webhook_change.h"
#include "store/deliveries.h"

#include <stdio.h>
#include <time.h>

enum { DELIVER_MS = 60000, LOOK_EVERY_MS = 50 };

/* 0 with the outcome; who holds the home does it, or we do. */
static int ask(struct session *session, const struct json *request, struct json *ret_outcome, struct err *err)
{
    struct arena *arena = session->cli->arena;
    while (session->visit != NULL) {
        struct err wrong = {0};
        if (visit_ask(session->visit, request, arena, ret_outcome, &wrong) == 0) {
            return 0;
        }
        if (wrong.code != ERR_BUSY) {
            *err = wrong;
            return -1;
        }
        if (session_rejoin(session, err) < 0) { /* it went; to do it twice does no harm */
            return -1;
        }
    }
    return webhook_change_obey(session->home.store, request, session->actor, arena, ret_outcome, err);
}

/* Until the try is over: sent by us, or watched. */
static int await(struct session *session, const char *delivery_id, struct delivery *ret, struct err *err)
{
    struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    int64_t end_ms = clock_monotonic_ms(&clock_system) + DELIVER_MS;
    if (session->engine != NULL) {
        engine_deliver(session->engine, DELIVER_MS);
    }
    while (store_delivery_get(session->home.store, delivery_id, session->cli->arena, ret, err) == 0) {
        if (ret->tries > 0 || ret->ended_ms != 0) {
            return 0;
        }
        if (clock_monotonic_ms(&clock_system) >= end_ms || session->engine != NULL) {
            return err_set(err, ERR_STATE, "delivery %s waits: 'sluice webhooks deliveries' shows what comes of it",
                           ret->delivery_id);
        }
        (void)nanosleep(&pause, NULL);
    }
    return -1;
}

static int print_result(const struct cli *cli, const struct delivery *delivery)
{
    bool good = strcmp(delivery->state, "delivered") == 0;
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "delivery_id", json_cstring(cli->arena, delivery->delivery_id));
        json_set(cli->arena, &object, "state", json_cstring(cli->arena, delivery->state));
        json_set(cli->arena, &object, "status", json_int(delivery->status));
        json_set(cli->arena, &object, "error", json_cstring(cli->arena, delivery->error));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (good) {
        printf("%s delivered: it answered %lld\n", delivery->delivery_id, (long long)delivery->status);
    } else {
        printf("%s %s: %s\n", delivery->delivery_id, delivery->state, delivery->error);
    }
    return good ? EXIT_OK : EXIT_RUN_FAILED;
}

int delivery_ask(struct cli *cli, const char *doing, const struct json *request)
{
    struct err err = {0};
    struct session_options options = {.doing = doing, .starts_nothing = true};
    struct session session;
    struct json outcome;
    struct delivery delivery;
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int result = ask(&session, request, &outcome, &err) < 0
                     ? -1
                     : await(&session, json_get_text(&outcome, "delivery_id", ""), &delivery, &err);
    session_close(&session);
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : print_result(cli, &delivery);
}
