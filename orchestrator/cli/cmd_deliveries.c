/* SPDX-License-Identifier: Apache-2.0
 * deliveries list, show, replay: what came in at POST /hooks/PIPELINE, and what became of it. (What goes out by
 * webhooks is `webhooks deliveries`.)
 */
#include "base/mem.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/secret_source.h"
#include "cli/session.h"
#include "cli/table.h"
#include "store/hook_deliveries.h"
#include "store/triggers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 50, LIMIT_MAX = 10000 };

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int check_outcome(const struct cli *cli, const char *outcome, struct err *err)
{
    const char *words = "";
    for (size_t i = 0; outcome != NULL && hook_outcome_names[i] != NULL; i++) {
        if (strcmp(outcome, hook_outcome_names[i]) == 0) {
            return 0;
        }
        words = arena_printf(cli->arena, "%s%s%s", words, i == 0 ? "" : ", ", hook_outcome_names[i]);
    }
    return outcome == NULL ? 0 : err_set(err, ERR_INPUT, "--outcome %s: expected one of %s", outcome, words);
}

/* What a person wants to know of it: its run, or why there is none. */
static const char *result_of(const struct hook_delivery *d, struct arena *arena)
{
    bool duplicate = d->outcome == HOOK_DUPLICATE;
    return *d->run != '\0' && !duplicate                                       ? d->run
           : *d->reason != '\0'                                                ? d->reason
           : *d->trigger_outcome != '\0' && strcmp(d->trigger_outcome, "started") != 0
               ? arena_printf(arena, "trigger %s", d->trigger_outcome)
               : "";
}

static int list_deliveries(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"delivery", "received_at", "pipeline", "from", "event", "outcome",
                                           "result", "delivery_id", "status", "peer", "run", "reason", "trigger",
                                           "replay_of", "actor", "body_bytes", "body_sha256", "body_kept", NULL};
    const char *limit_text = option_value(cli, "limit");
    struct hook_delivery_filter filter = {
        .pipeline = cli->argument_count > 0 ? cli->arguments[0] : NULL,
        .outcome = option_value(cli, "outcome"),
        .limit = LIMIT,
    };
    struct hook_delivery *deliveries = NULL;
    size_t count = 0;
    struct table table;
    if ((limit_text != NULL && parse_int(str_from(limit_text), 1, LIMIT_MAX, &filter.limit, err) < 0) ||
        check_outcome(cli, filter.outcome, err) < 0 ||
        store_hook_delivery_list(home->store, &filter, cli->arena, &deliveries, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 7;
    for (size_t i = 0; i < count; i++) {
        const struct hook_delivery *d = &deliveries[i];
        struct json cells[] = {
            json_int(d->id),
            table_moment(cli, d->received_ms),
            table_text(cli, d->pipeline),
            table_text(cli, d->provider),
            table_text(cli, d->event_type),
            table_text(cli, hook_outcome_names[d->outcome]),
            table_text(cli, result_of(d, cli->arena)),
            table_text(cli, d->delivery_id),
            json_int(d->status),
            table_text(cli, d->peer),
            table_text(cli, d->run),
            table_text(cli, d->reason),
            d->trigger_row == 0 ? json_null() : json_int(d->trigger_row),
            d->replay_of == 0 ? json_null() : json_int(d->replay_of),
            table_text(cli, d->actor),
            json_int(d->body_bytes),
            table_text(cli, d->body_sha256),
            json_bool(d->has_body),
        };
        table_row(&table, cells);
    }
    static const char *const filters[] = {"outcome", NULL};
    table_print_filtered(&table, filters, "no deliveries have come in", "");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_deliveries);
}

static const struct option_row list_options[] = {
    {"outcome", 0, "OUTCOME", false, "only those that are accepted, ignored, duplicate or refused"},
    {"limit", 0, "N", false, "at most so many (default: 50)"},
    {0},
};

const struct command command_deliveries_list = {
    .name = "deliveries list",
    .group = "Home",
    .summary = "deliveries of webhooks that have come in, genuine or not: newest first",
    .arguments = "[PIPELINE]",
    .details = "accepted: a trigger, which starts a run; ignored: `if` said no, or there was nothing to read;\n"
               "duplicate: it had come before; refused: it was not genuine. The last 10,000 genuine ones and the last\n"
               "1,000 others are kept, for 30 days. What goes out is `sluice webhooks deliveries`.",
    .examples = "sluice deliveries list\nsluice deliveries list wine --outcome refused --json",
    .options = list_options,
    .max_arguments = 1,
    .run = run_list,
};

/* ---- show ------------------------------------------------------------------------------------------------------- */

static int open_body(struct cli *cli, struct home *home, const struct hook_delivery *d, struct str *ret,
                     struct err *err)
{
    struct config config = {0};
    struct secret_source source;
    if (!d->has_body) {
        return err_set(err, ERR_STATE, "the body of delivery %" PRId64 " is not kept", d->id);
    }
    if (secret_source_open(&source, cli, home->path, home->store, &config, err) < 0) {
        return -1;
    }
    int result = secret_source_open_delivery(&source, d, cli->arena, ret, err);
    secret_source_close(&source);
    return result;
}

static void print_headers(const struct json *headers)
{
    for (size_t i = 0; headers->type == JSON_OBJECT && i < headers->u.object.count; i++) {
        const struct json_member *header = &headers->u.object.members[i];
        char *line = mem_dup(header->value.u.string.p, header->value.u.string.n);
        utf8_one_line(line);
        printf("  %.*s: %s\n", STR_ARG(header->key), line);
        free(line);
    }
}

static void print_delivery(const struct hook_delivery *d, const struct trigger_row *trigger,
                           const struct json *headers)
{
    char received[40];
    format_time(received, sizeof received, d->received_ms);
    printf("delivery     %" PRId64 "\npipeline     %s\nfrom         %s, %s\nevent        %s\nid           %s\n"
           "received     %s\nanswered     %d\noutcome      %s\n",
           d->id, d->pipeline, *d->provider == '\0' ? "(no hook)" : d->provider, d->peer, d->event_type,
           d->delivery_id, received, d->status, hook_outcome_names[d->outcome]);
    if (*d->reason != '\0') {
        printf("reason       %s\n", d->reason);
    }
    if (d->replay_of != 0) {
        printf("replay of    %" PRId64 ", asked for by %s\n", d->replay_of, d->actor);
    }
    if (trigger != NULL) {
        printf("trigger      %" PRId64 " %s%s%s\n", trigger->id, trigger_outcome_name(trigger->outcome),
               *trigger->reason == '\0' ? "" : ": ", trigger->reason);
    }
    if (*d->run != '\0') {
        printf("run          %s\n", d->run);
    }
    printf("body         %" PRId64 " bytes, sha256 %s, %s\nheaders\n", d->body_bytes, d->body_sha256,
           d->has_body ? "kept" : "not kept");
    print_headers(headers);
}

static struct json delivery_json(struct arena *arena, const struct hook_delivery *d,
                                 const struct trigger_row *trigger, const struct json *headers)
{
    struct json object = json_object();
    json_set(arena, &object, "delivery", json_int(d->id));
    json_set(arena, &object, "pipeline", json_cstring(arena, d->pipeline));
    json_set(arena, &object, "from", json_cstring(arena, d->provider));
    json_set(arena, &object, "peer", json_cstring(arena, d->peer));
    json_set(arena, &object, "event", json_cstring(arena, d->event_type));
    json_set(arena, &object, "delivery_id", json_cstring(arena, d->delivery_id));
    json_set(arena, &object, "received_at", json_int(d->received_ms));
    json_set(arena, &object, "status", json_int(d->status));
    json_set(arena, &object, "outcome", json_cstring(arena, hook_outcome_names[d->outcome]));
    json_set(arena, &object, "reason", json_cstring(arena, d->reason));
    json_set(arena, &object, "replay_of", d->replay_of == 0 ? json_null() : json_int(d->replay_of));
    json_set(arena, &object, "actor", json_cstring(arena, d->actor));
    json_set(arena, &object, "trigger", trigger == NULL ? json_null() : json_int(trigger->id));
    json_set(arena, &object, "trigger_outcome", json_cstring(arena, d->trigger_outcome));
    json_set(arena, &object, "run", json_cstring(arena, d->run));
    json_set(arena, &object, "body_bytes", json_int(d->body_bytes));
    json_set(arena, &object, "body_sha256", json_cstring(arena, d->body_sha256));
    json_set(arena, &object, "body_kept", json_bool(d->has_body));
    json_set(arena, &object, "headers", *headers);
    return object;
}

static int show_delivery(struct cli *cli, struct home *home, struct err *err)
{
    struct hook_delivery d;
    struct trigger_row trigger;
    struct json headers;
    struct err gone = {0};
    int64_t id = 0;
    if (names_number(cli, "deliveries list", &id, err) < 0 ||
        store_hook_delivery_get(home->store, id, cli->arena, &d, err) < 0 ||
        json_read(str_from(d.headers), (struct json_limits){0}, cli->arena, &headers, err) < 0) {
        return -1;
    }
    if (option_given(cli, "body")) {
        struct str body;
        if (open_body(cli, home, &d, &body, err) < 0) {
            return -1;
        }
        (void)fwrite(body.p, 1, body.n, stdout);
        return EXIT_OK;
    }
    bool has_trigger =
        d.trigger_row != 0 && store_trigger_get(home->store, d.trigger_row, cli->arena, &trigger, &gone) == 0;
    if (cli->json) {
        struct json object = delivery_json(cli->arena, &d, has_trigger ? &trigger : NULL, &headers);
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        print_delivery(&d, has_trigger ? &trigger : NULL, &headers);
    }
    return EXIT_OK;
}

static int run_show(struct cli *cli)
{
    return look(cli, show_delivery);
}

static const struct option_row show_options[] = {
    {"body", 0, NULL, false, "print its body, and nothing else: the bytes that came"},
    {0},
};

const struct command command_deliveries_show = {
    .name = "deliveries show",
    .group = "Home",
    .summary = "one delivery that came in: its headers, what was answered, what became of it",
    .arguments = "DELIVERY",
    .details = "Headers that carry a secret (a token, Authorization) are not kept. Bodies are sealed in the home.",
    .examples = "sluice deliveries show 12\nsluice deliveries show 12 --body | jq .ref",
    .options = show_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_show,
};

/* ---- replay ----------------------------------------------------------------------------------------------------- */

static int ask_replay(struct session *session, struct json *ret_outcome, struct err *err)
{
    struct cli *cli = session->cli;
    struct json document = json_object();
    int64_t id = 0;
    if (names_number(cli, "deliveries list", &id, err) < 0) {
        return -1;
    }
    json_set(cli->arena, &document, "id", json_int(id));
    json_set(cli->arena, &document, "trust", json_bool(option_given(cli, "trust")));
    int ours = session_ask_holder(session, "delivery", &document, ret_outcome, err);
    return ours <= 0 ? ours
                     : err_set(err, ERR_STATE, "no 'sluice serve' has the home: it replays, since it starts the run");
}

static int run_replay(struct cli *cli)
{
    struct err err = {0};
    struct session_options options = {.doing = "deliveries replay", .starts_nothing = true};
    struct session session;
    struct json outcome;
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int result = ask_replay(&session, &outcome, &err);
    session_close(&session);
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    const char *reason = json_get_text(&outcome, "reason", "");
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (!cli->quiet) {
        printf("delivery %" PRId64 " %s%s%s\n", json_get_int(&outcome, "delivery", 0),
               json_get_text(&outcome, "status", ""), *reason == '\0' ? "" : ": ", reason);
    }
    return EXIT_OK;
}

static const struct option_row replay_options[] = {
    {"trust", 0, NULL, false, "believe a delivery that was refused without verifying it again"},
    {0},
};

const struct command command_deliveries_replay = {
    .name = "deliveries replay",
    .group = "Home",
    .summary = "read a delivery that came in once more, by the pipeline of today",
    .arguments = "DELIVERY",
    .details = "It is a delivery and a trigger of its own, no duplicate, recorded with who asked for it. One that was\n"
               "refused is verified again, with today's secret and as of when it came. `sluice serve` must have the\n"
               "home.",
    .examples = "sluice deliveries replay 12\nsluice deliveries replay 12 --trust",
    .options = replay_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_replay,
};
