/* SPDX-License-Identifier: Apache-2.0
 * webhooks list, show, test, deliveries, redeliver: whom the home tells of what, and what came of it.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/delivery_ask.h"
#include "cli/look.h"
#include "cli/table.h"
#include "store/channels.h"
#include "store/deliveries.h"

#include <stdio.h>

enum { LIMIT = 50, LIMIT_MAX = 100000 };

static const char *events_words(struct arena *arena, const struct webhook *webhook)
{
    const char *words = "";
    for (size_t i = 0; i < webhook->event_count; i++) {
        words = arena_printf(arena, "%s%s%s", words, i == 0 ? "" : " ", webhook->events[i]);
    }
    return words;
}

static struct json events_json(struct arena *arena, const struct webhook *webhook)
{
    struct json list = json_array();
    for (size_t i = 0; i < webhook->event_count; i++) {
        json_push(arena, &list, json_cstring(arena, webhook->events[i]));
    }
    return list;
}

static const char *status_word(const struct webhook *webhook)
{
    return webhook->active ? "ACTIVE" : "DISABLED";
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int list_webhooks(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"webhook_id", "name", "status", "secret", "url", "events", NULL};
    struct table table;
    const char *token = "";
    table_init(&table, cli, headings);
    while (token != NULL) {
        struct webhook *webhooks = NULL;
        size_t count = 0;
        if (store_webhook_list(home->store, WEBHOOKS_PAGE_MAX, token, cli->arena, &webhooks, &count, &token, err) <
            0) {
            return -1;
        }
        for (size_t i = 0; i < count; i++) {
            const struct webhook *webhook = &webhooks[i];
            bool has_secret = webhook->sealed.n > 0;
            struct json cells[] = {
                table_text(cli, webhook->webhook_id),
                table_text(cli, webhook->name),
                table_text(cli, status_word(webhook)),
                cli->json ? json_bool(has_secret) : table_text(cli, has_secret ? "sealed" : "none"),
                table_text(cli, webhook->url),
                cli->json ? events_json(cli->arena, webhook) : table_text(cli, events_words(cli->arena, webhook)),
            };
            table_row(&table, cells);
        }
    }
    table_print(&table, "no webhooks: MLflow's client makes them (docs/webhooks.md)");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_webhooks);
}

const struct command command_webhooks_list = {
    .name = "webhooks list",
    .group = "Home",
    .summary = "whom the home tells of what happens to models and prompts",
    .details = "MLflow's client makes and changes webhooks (create_webhook). A secret is never shown.",
    .examples = "sluice webhooks list\nsluice webhooks list --json",
    .run = run_list,
};

/* ---- show ------------------------------------------------------------------------------------------------------- */

static int show_webhook(struct cli *cli, struct home *home, struct err *err)
{
    struct arena *arena = cli->arena;
    struct webhook webhook;
    char made[40], changed[40];
    if (store_webhook_get(home->store, cli->arguments[0], arena, &webhook, err) < 0) {
        return -1;
    }
    format_time(made, sizeof made, webhook.created_ms);
    format_time(changed, sizeof changed, webhook.updated_ms);
    if (!cli->json) {
        printf("webhook      %s\nname         %s\ndescription  %s\nurl          %s\nstatus       %s\n"
               "secret       %s\nevents       %s\nmade         %s\nchanged      %s\n",
               webhook.webhook_id, webhook.name, webhook.description, webhook.url, status_word(&webhook),
               webhook.sealed.n > 0 ? "sealed" : "none", events_words(arena, &webhook), made, changed);
        return EXIT_OK;
    }
    struct json object = json_object();
    json_set(arena, &object, "webhook_id", json_cstring(arena, webhook.webhook_id));
    json_set(arena, &object, "name", json_cstring(arena, webhook.name));
    json_set(arena, &object, "description", json_cstring(arena, webhook.description));
    json_set(arena, &object, "url", json_cstring(arena, webhook.url));
    json_set(arena, &object, "status", json_cstring(arena, status_word(&webhook)));
    json_set(arena, &object, "secret", json_bool(webhook.sealed.n > 0));
    json_set(arena, &object, "events", events_json(arena, &webhook));
    json_set(arena, &object, "created_at", json_int(webhook.created_ms));
    json_set(arena, &object, "updated_at", json_int(webhook.updated_ms));
    printf("%s\n", json_text(arena, &object).p);
    return EXIT_OK;
}

static int run_show(struct cli *cli)
{
    return look(cli, show_webhook);
}

const struct command command_webhooks_show = {
    .name = "webhooks show",
    .group = "Home",
    .summary = "one webhook",
    .arguments = "WEBHOOK",
    .examples = "sluice webhooks show 6f0c8b1e-6f3d-4c55-9a52-7f1f0d8a3b11",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_show,
};

/* ---- deliveries ------------------------------------------------------------------------------------------------- */

static int check_state(const char *state, struct err *err)
{
    static const struct str states[] = {{"waiting", 7}, {"delivered", 9}, {"failed", 6}, {"dropped", 7}};
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (str_is(states[i], state)) {
            return 0;
        }
    }
    return state == NULL ? 0
                         : err_set(err, ERR_INPUT, "--state %s: expected waiting, delivered, failed or dropped", state);
}

/* A webhook by its id, a channel by its name. */
static int find_receiver(struct cli *cli, struct home *home, const char *word, const char **ret, struct err *err)
{
    struct channel_state channel;
    struct webhook webhook;
    struct err none = {0};
    if (store_channel_get(home->store, word, cli->arena, &channel, &none) == 0) {
        *ret = arena_printf(cli->arena, "channel/%s", word);
        return 0;
    }
    *ret = word;
    return store_webhook_get(home->store, word, cli->arena, &webhook, err);
}

static int list_deliveries(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"delivery_id", "event",  "object",     "state", "tries",      "created_at",
                                           "next_at",     "status", "error", "receiver", "address", "body", NULL};
    const char *receiver = NULL;
    const char *limit_text = option_value(cli, "limit");
    const char *state = option_value(cli, "state");
    int64_t limit = LIMIT;
    struct delivery *deliveries = NULL;
    size_t count = 0;
    struct table table;
    if ((limit_text != NULL && parse_int(str_from(limit_text), 1, LIMIT_MAX, &limit, err) < 0) ||
        check_state(state, err) < 0 ||
        (cli->argument_count > 0 && find_receiver(cli, home, cli->arguments[0], &receiver, err) < 0) ||
        store_delivery_list(home->store, receiver, state, 0, limit, cli->arena, &deliveries, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 9;
    for (size_t i = 0; i < count; i++) {
        const struct delivery *d = &deliveries[i];
        struct json cells[] = {
            table_text(cli, d->delivery_id),      table_text(cli, d->event),
            table_text(cli, d->is_test ? "(test)" : d->object),
            table_text(cli, d->state),            json_int(d->tries),
            table_moment(cli, d->created_ms),     table_moment(cli, d->next_ms),
            json_int(d->status),                  table_text(cli, d->error),
            table_text(cli, d->receiver),         table_text(cli, d->address),
            table_text(cli, d->body),
        };
        table_row(&table, cells);
    }
    static const char *const filters[] = {"state", NULL};
    table_print_filtered(&table, filters, "no deliveries", "");
    return EXIT_OK;
}

static int run_deliveries(struct cli *cli)
{
    return look(cli, list_deliveries);
}

static const struct option_row deliveries_options[] = {
    {"state", 0, "STATE", false, "only those that are waiting, delivered, failed or dropped"},
    {"limit", 0, "N", false, "at most so many (default: 50)"},
    {0},
};

const struct command command_webhooks_deliveries = {
    .name = "webhooks deliveries",
    .group = "Home",
    .summary = "what webhooks and channels were told, or are to be told: newest first",
    .arguments = "[WEBHOOK|CHANNEL]",
    .details = "The state is waiting, delivered, failed (for good) or dropped (the receiver was disabled, or too "
               "many\nwere waiting). Of each receiver the last thousand that have ended are kept; --json has the "
               "bodies, too.",
    .examples = "sluice webhooks deliveries\nsluice webhooks deliveries team\n"
                "sluice webhooks deliveries --state failed --json",
    .options = deliveries_options,
    .max_arguments = 1,
    .run = run_deliveries,
};

/* ---- test, redeliver -------------------------------------------------------------------------------------------- */

static struct json request_for(const struct cli *cli, const char *what)
{
    struct json request = json_object();
    json_set(cli->arena, &request, "do", json_cstring(cli->arena, "webhook"));
    json_set(cli->arena, &request, "what", json_cstring(cli->arena, what));
    json_set(cli->arena, &request, "id", json_cstring(cli->arena, cli->arguments[0]));
    return request;
}

static int run_test(struct cli *cli)
{
    struct json request = request_for(cli, "test");
    const char *event = option_value(cli, "event");
    if (event != NULL) {
        json_set(cli->arena, &request, "event", json_cstring(cli->arena, event));
    }
    return delivery_ask(cli, "webhooks test", &request);
}

static const struct option_row test_options[] = {
    {"event", 0, "EVENT", false, "as if this had happened (default: the first that it is for)"},
    {0},
};

const struct command command_webhooks_test = {
    .name = "webhooks test",
    .group = "Home",
    .summary = "send an example to a webhook, once, and say what it answered",
    .arguments = "WEBHOOK",
    .details = "Also to one that is disabled. Exit code 1 when it was not delivered.",
    .examples = "sluice webhooks test 6f0c8b1e-6f3d-4c55-9a52-7f1f0d8a3b11 --event model_version.created",
    .options = test_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_test,
};

static int run_redeliver(struct cli *cli)
{
    struct json request = request_for(cli, "redeliver");
    return delivery_ask(cli, "webhooks redeliver", &request);
}

const struct command command_webhooks_redeliver = {
    .name = "webhooks redeliver",
    .group = "Home",
    .summary = "send a delivery that has ended once more, with the same id",
    .arguments = "DELIVERY",
    .details = "DELIVERY may be the beginning of its id. If it fails it is tried again as a new one is. Exit code 1\n"
               "when the first try was not delivered.",
    .examples = "sluice webhooks redeliver 0b9c",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_redeliver,
};
