/* SPDX-License-Identifier: Apache-2.0
 * channels list, test, enable; models subscribe, unsubscribe, subscriptions: who is told of what happens.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/delivery_ask.h"
#include "cli/govern.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/table.h"
#include "config/config.h"
#include "store/channels.h"
#include "store/model_subscriptions.h"

#include <stdio.h>

/* --- channels list ------------------------------------------------------------------------------------------------ */

static const char *words_of(struct cli *cli, const struct str *words, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        text = arena_printf(cli->arena, "%s%s%.*s", text, i == 0 ? "" : " ", STR_ARG(words[i]));
    }
    return text;
}

/* What `notify` of config.yaml has for it: "failed recovered". */
static const char *notices_of(struct cli *cli, const struct telling_rules *rules, const struct channel *channel)
{
    const char *text = "";
    unsigned on = 0;
    for (size_t i = 0; i < rules->rule_count; i++) {
        on |= str_eq(rules->rules[i].to, channel->name) ? rules->rules[i].on : 0;
    }
    for (size_t i = 0; notice_names[i] != NULL; i++) {
        if ((on & 1U << i) != 0) {
            text = arena_printf(cli->arena, "%s%s%s", text, *text == '\0' ? "" : " ", notice_names[i]);
        }
    }
    return text;
}

/* A URL that is no secret is as good as one when its path is: its host is enough. */
static const char *place_of(struct cli *cli, const struct channel *channel)
{
    struct str url = channel->url;
    ptrdiff_t host = str_find(url, STR("://"));
    if (channel->kind == CHANNEL_EMAIL && channel->to_count > 0) {
        return words_of(cli, channel->to, channel->to_count);
    }
    if (url.n == 0) {
        return arena_printf(cli->arena, "(secret %.*s)", STR_ARG(channel->url_secret));
    }
    ptrdiff_t path = str_find_byte(url, '/', (size_t)host + 3);
    return arena_str(cli->arena, str_slice(url, 0, path < 0 ? url.n : (size_t)path)).p;
}

/* As config.yaml is now; whoever holds the home may not have taken it yet. */
static int list_channels(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"channel", "kind", "state", "to", "events", "notify", "reason", NULL};
    struct config config;
    struct diags diags;
    struct table table;
    if (config_load_home(home->path, cli->arena, &diags, &config, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    for (size_t i = 0; i < config.channels.channel_count; i++) {
        const struct channel *channel = &config.channels.channels[i];
        struct channel_state state = {.reason = ""};
        struct err none = {0};
        bool taken = store_channel_get(home->store, channel->name.p, cli->arena, &state, &none) == 0;
        struct json cells[] = {
            table_text(cli, channel->name.p),
            table_text(cli, channel_kind_names[channel->kind]),
            table_text(cli, !taken ? "new" : state.disabled_ms != 0 ? "disabled" : "active"),
            table_text(cli, place_of(cli, channel)),
            table_text(cli, words_of(cli, channel->events, channel->event_count)),
            table_text(cli, notices_of(cli, &config.channels, channel)),
            table_text(cli, state.reason),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no channels: 'channels' of config.yaml has them (docs/notifications.md)");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_channels);
}

const struct command command_channels_list = {
    .name = "channels list",
    .group = "Home",
    .summary = "whom config.yaml has the home tell of what happens",
    .details = "A channel is disabled when its receiver has answered 410: gone. 'sluice webhooks deliveries CHANNEL'\n"
               "has what it was told.",
    .examples = "sluice channels list\nsluice channels list --json",
    .run = run_list,
};

/* --- channels test, enable ---------------------------------------------------------------------------------------- */

static int run_test(struct cli *cli)
{
    struct json request = json_object();
    json_set(cli->arena, &request, "do", json_cstring(cli->arena, "webhook"));
    json_set(cli->arena, &request, "what", json_cstring(cli->arena, "test-channel"));
    json_set(cli->arena, &request, "id", json_cstring(cli->arena, cli->arguments[0]));
    return delivery_ask(cli, "channels test", &request);
}

const struct command command_channels_test = {
    .name = "channels test",
    .group = "Home",
    .summary = "send an event that is none to a channel, once, and say what came of it",
    .arguments = "CHANNEL",
    .details = "Also to one that is disabled. Exit code 1 when it was not delivered.",
    .examples = "sluice channels test team",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_test,
};

static int run_enable(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "enable-channel");
    struct json outcome;
    json_set(cli->arena, &request, "channel", json_cstring(cli->arena, cli->arguments[0]));
    if (govern_ask(cli, "channels enable", &request, &outcome, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (!cli->quiet && !cli->json) {
        printf("channel %s is told again of what happens from now on\n", cli->arguments[0]);
    }
    return EXIT_OK;
}

const struct command command_channels_enable = {
    .name = "channels enable",
    .group = "Home",
    .summary = "tell a channel again that was disabled since its receiver was gone",
    .arguments = "CHANNEL",
    .details = "Of what was dropped meanwhile, 'sluice webhooks redeliver' sends what you name.",
    .examples = "sluice channels enable team",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_enable,
};

/* --- subscriptions ------------------------------------------------------------------------------------------------ */

/* "wine" or "wine/3". */
static int split_model(struct cli *cli, const char *text, const char **ret_name, int64_t *ret_version, struct err *err)
{
    *ret_version = 0;
    *ret_name = text;
    return strchr(text, '/') == NULL ? 0 : names_version(text, cli->arena, ret_name, ret_version, err);
}

static int run_subscribe(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "subscribe");
    struct json outcome;
    const char *name = NULL;
    const char *address = option_value(cli, "address");
    int64_t version = 0;
    if (split_model(cli, cli->arguments[0], &name, &version, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &request, "model", json_cstring(cli->arena, name));
    json_set(cli->arena, &request, "version", json_int(version));
    json_set(cli->arena, &request, "channel", json_cstring(cli->arena, cli->arguments[1]));
    json_set(cli->arena, &request, "address", json_cstring(cli->arena, address == NULL ? "" : address));
    if (govern_ask(cli, "models subscribe", &request, &outcome, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (!cli->quiet) {
        bool confirmed = json_get_bool(&outcome, "confirmed", true);
        const char *who = address == NULL ? cli->arguments[1] : address;
        printf("subscription %lld: %s %s of %s\n", (long long)json_get_int(&outcome, "id", 0), who,
               confirmed ? "is told" : "will be told", cli->arguments[0]);
        if (!confirmed) {
            char until[40];
            format_time(until, sizeof until, json_get_int(&outcome, "confirm_by_ms", 0));
            printf("  once the link is opened that was sent there, and is good until %s; until then nothing else goes "
                   "there\n", until);
        }
    }
    return EXIT_OK;
}

static const struct option_row subscribe_options[] = {
    {"address", 0, "ADDRESS", false, "by a channel of e-mail: to this address instead of the channel's own"},
    {0},
};

const struct command command_models_subscribe = {
    .name = "models subscribe",
    .group = "Decide",
    .summary = "be told by a channel of what happens to a registered model, or to one version",
    .arguments = "MODEL[/VERSION] CHANNEL",
    .details = "New versions, aliases and stages that move, tags, comments, approvals, deployments. Channels stand in\n"
               "config.yaml; 'sluice channels list' has them. An address gets a link first: until that is opened\n"
               "nothing else goes there. The same again, an hour later, sends another link.",
    .examples = "sluice models subscribe wine team\nsluice models subscribe wine/3 mail --address ada@example.org",
    .options = subscribe_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_subscribe,
};

static int run_unsubscribe(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "unsubscribe");
    struct json outcome;
    int64_t id = 0;
    if (names_number(cli, "models subscriptions", &id, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &request, "id", json_int(id));
    if (govern_ask(cli, "models unsubscribe", &request, &outcome, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (!cli->quiet && !cli->json) {
        printf("subscription %lld has ended\n", (long long)id);
    }
    return EXIT_OK;
}

const struct command command_models_unsubscribe = {
    .name = "models unsubscribe",
    .group = "Decide",
    .summary = "end a subscription of yours",
    .arguments = "SUBSCRIPTION",
    .details = "Its number, as 'sluice models subscriptions' has it.",
    .examples = "sluice models unsubscribe 4",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_unsubscribe,
};

static int list_subscriptions(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"subscription", "model",   "version", "actor",
                                           "channel",      "address", "state",   "created_at", NULL};
    struct model_subscription *rows = NULL;
    size_t count = 0;
    struct table table;
    const char *model = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    if (store_model_subscription_list(home->store, model, NULL, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {
            json_int(rows[i].id),
            table_text(cli, rows[i].name),
            rows[i].version == 0 ? json_null() : json_int(rows[i].version),
            table_text(cli, rows[i].actor),
            table_text(cli, rows[i].channel),
            table_text(cli, rows[i].address),
            table_text(cli, rows[i].confirmed ? "active" : "unconfirmed"),
            table_moment(cli, rows[i].created_ms),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no subscriptions");
    return EXIT_OK;
}

static int run_subscriptions(struct cli *cli)
{
    return look(cli, list_subscriptions);
}

const struct command command_models_subscriptions = {
    .name = "models subscriptions",
    .group = "Look",
    .summary = "who is told of which registered models, by which channels",
    .arguments = "[MODEL]",
    .examples = "sluice models subscriptions\nsluice models subscriptions wine --json",
    .max_arguments = 1,
    .run = run_subscriptions,
};
