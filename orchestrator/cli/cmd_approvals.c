/* SPDX-License-Identifier: Apache-2.0
 * approvals: what waits for people and what has become of it, and who may decide in whose place.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/govern.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/table.h"
#include "run/approval.h"
#include "store/delegations.h"
#include "store/pipeline_runs.h"
#include "store/voices.h"
#include "store/waits.h"

#include <stdio.h>
#include <string.h>

/* ---- the inbox -------------------------------------------------------------------------------------------------- */

/* What became of a wait, for people. */
static const char *state_words(const char *status)
{
    static const struct {
        const char *status, *words;
    } rows[] = {{"met", "approved"}, {"void", "invalidated"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].status, status) == 0) {
            return rows[i].words;
        }
    }
    return status; /* open, rejected, expired, withdrawn */
}

/* "ann, bob for eva (login), not zoe" */
static const char *voters(struct cli *cli, const struct vote *votes, size_t count)
{
    const char *words = "";
    for (size_t i = 0; i < count; i++) {
        const char *behalf = votes[i].on_behalf_of;
        words = arena_printf(cli->arena, "%s%s%s%s%s%s%s", words, i == 0 ? "" : ", ",
                             strcmp(votes[i].decision, "approve") == 0 ? "" : "not ", votes[i].actor,
                             behalf == NULL ? "" : " for ", behalf == NULL ? "" : behalf,
                             strcmp(votes[i].login, "system") == 0 ? "" : arena_printf(cli->arena, " (%s)",
                                                                                       votes[i].login));
    }
    return words;
}

static struct json votes_json(struct cli *cli, const struct vote *votes, size_t count)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        json_set(cli->arena, &one, "actor", json_cstring(cli->arena, votes[i].actor));
        json_set(cli->arena, &one, "login", json_cstring(cli->arena, votes[i].login));
        json_set(cli->arena, &one, "on_behalf_of", table_text(cli, votes[i].on_behalf_of));
        json_set(cli->arena, &one, "decision", json_cstring(cli->arena, votes[i].decision));
        json_set(cli->arena, &one, "reason", json_cstring(cli->arena, votes[i].reason));
        json_set(cli->arena, &one, "at", table_moment(cli, votes[i].at_ms));
        json_push(cli->arena, &list, one);
    }
    return list;
}

/* In JSON what the pipeline file says, null for anybody. */
static struct json asked(const struct cli *cli, const struct json *spec)
{
    const struct json *by = json_get(spec, "by");
    return !cli->json ? table_text(cli, approval_asks(spec, cli->arena)) : by == NULL ? json_null() : *by;
}

/* Who looks, and when. */
struct inbox {
    struct session session; /* only who asks, and the configuration */
    int64_t now_ms;
};

static int open_inbox(struct cli *cli, struct home *home, struct inbox *inbox, struct err *err)
{
    *inbox = (struct inbox){.session = {.cli = cli, .home.lock_fd = -1}, .now_ms = clock_wall_ms(&clock_system)};
    if (config_load_home(home->path, cli->arena, &inbox->session.config_diags, &inbox->session.config, err) < 0) {
        return -1;
    }
    session_actor(&inbox->session);
    return 0;
}

/* Would approving it be accepted, and add something? */
static bool is_mine(struct inbox *inbox, struct home *home, const struct json *spec, int64_t wait)
{
    const struct voice_asked asked = {.spec = spec,
                                      .actor = inbox->session.actor,
                                      .groups = &inbox->session.groups,
                                      .configured = &inbox->session.config.groups,
                                      .now_ms = inbox->now_ms,
                                      .wait = wait};
    struct voice voice;
    return store_voice_find(home->store, &asked, inbox->session.cli->arena, &voice, NULL) == 0 && !voice.said;
}

static int add_approval(struct cli *cli, struct home *home, const struct wait_row *wait, struct inbox *inbox,
                        struct table *table, struct err *err)
{
    struct pipeline_run row;
    struct json spec;
    struct json outcome = json_object();
    struct vote *votes = NULL;
    size_t count = 0;
    char label[32];
    if (store_pipeline_run_get(home->store, wait->run_id, cli->arena, &row, err) < 0 ||
        json_read(str_from(wait->spec), (struct json_limits){0}, cli->arena, &spec, err) < 0 ||
        store_vote_list(home->store, wait->id, cli->arena, &votes, &count, err) < 0) {
        return -1;
    }
    if (inbox != NULL && !is_mine(inbox, home, &spec, wait->id)) {
        return 0;
    }
    if (wait->outcome != NULL) {
        (void)json_read(str_from(wait->outcome), (struct json_limits){0}, cli->arena, &outcome, NULL);
    }
    pipeline_run_label(&row, label);
    const struct json cells[] = {
        table_text(cli, arena_printf(cli->arena, "%s/%s", row.pipeline, label)),
        table_text(cli, json_get_text(&spec, "step", NULL)),
        table_text(cli, json_get_text(&spec, "of", NULL)),
        asked(cli, &spec),
        table_text(cli, voters(cli, votes, count)),
        table_moment(cli, wait->created_ms),
        table_moment(cli, wait->expires_ms),
        table_text(cli, json_get_text(&spec, "message", NULL)),
        table_text(cli, state_words(wait->status)),
        table_moment(cli, wait->ended_ms),
        table_text(cli, json_get_text(&outcome, "reason", NULL)),
        votes_json(cli, votes, count),
        table_text(cli, json_get_text(&spec, "sha256", NULL)),
    };
    table_row(table, cells);
    return 0;
}

static int list_approvals(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"run",      "step",       "of",      "asks",  "approved_by",
                                           "asked_at", "expires_at", "message", "state", "ended_at",
                                           "reason",   "votes",      "sha256",  NULL};
    bool all = option_given(cli, "all");
    bool mine = option_given(cli, "mine");
    struct wait_row *waits = NULL;
    size_t count = 0;
    struct inbox inbox = {0};
    struct table table;
    table_init(&table, cli, headings);
    table.shown = all ? 11 : 8;
    if ((mine && open_inbox(cli, home, &inbox, err) < 0) ||
        store_wait_list(home->store, NULL, all, cli->arena, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(waits[i].kind, "approval") == 0 &&
            add_approval(cli, home, &waits[i], mine ? &inbox : NULL, &table, err) < 0) {
            return -1;
        }
    }
    table_print(&table, all    ? "no approval was ever asked for"
                        : mine ? "nothing waits for you"
                               : "nothing waits for approval");
    return EXIT_OK;
}

static int run_approvals(struct cli *cli)
{
    struct err err = {0};
    if (option_given(cli, "mine") && option_given(cli, "all")) {
        (void)err_set(&err, ERR_INPUT, "--mine lists what waits for you, --all what has been decided, too: give one");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    return look(cli, list_approvals);
}

static const struct option_row approvals_options[] = {
    {"mine", 0, NULL, false, "only what you may decide, yourself or for whoever delegated it, and have not decided"},
    {"all", 0, NULL, false, "those that have ended, too: approved, rejected, expired, withdrawn or invalidated"},
    {0},
};

const struct command command_approvals = {
    .name = "approvals",
    .group = "Decide",
    .summary = "what waits for a person, and for whom",
    .examples = "sluice approvals --mine\nsluice approvals --all --json",
    .options = approvals_options,
    .run = run_approvals,
};

/* ---- delegations ------------------------------------------------------------------------------------------------ */

/* A time, or how long from now: "2026-12-24T00:00:00Z", "3d". */
static int read_until(const char *text, int64_t *ret_ms, struct err *err)
{
    int64_t ms = 0;
    struct err wrong = {0};
    if (text == NULL) {
        return err_set(err, ERR_INPUT, "until when? --until 3d or --until 2026-12-24T00:00:00Z says it");
    }
    if (parse_duration_ms(str_from(text), &ms, &wrong) == 0) {
        *ret_ms = clock_wall_ms(&clock_system) + ms;
        return 0;
    }
    return parse_time(str_from(text), ret_ms, NULL) == 0
               ? 0
               : err_set(err, ERR_INPUT, "--until '%s': expected how long (3d) or a time (2026-12-24T00:00:00Z)", text);
}

static int run_delegate(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "delegate");
    struct json outcome;
    const char *to = option_value(cli, "to");
    const char *model = option_value(cli, "model");
    int64_t until_ms = 0;
    if (to == NULL) {
        (void)err_set(&err, ERR_INPUT, "to whom? --to NAME says it");
    }
    if (to == NULL || read_until(option_value(cli, "until"), &until_ms, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &request, "to", json_cstring(cli->arena, to));
    json_set(cli->arena, &request, "model", json_cstring(cli->arena, model == NULL ? "*" : model));
    json_set(cli->arena, &request, "until_ms", json_int(until_ms));
    json_set(cli->arena, &request, "reason", table_text(cli, option_value(cli, "reason")));
    if (govern_ask(cli, "approvals delegate", &request, &outcome, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (!cli->quiet) {
        char until[40];
        format_time(until, sizeof until, until_ms);
        printf("delegation %lld: %s may decide for you until %s\n", (long long)json_get_int(&outcome, "id", 0), to,
               until);
    }
    return EXIT_OK;
}

static const struct option_row delegate_options[] = {
    {"to", 0, "NAME", false, "who may decide"},
    {"until", 0, "TIME", false, "when it ends: 3d from now, or 2026-12-24T00:00:00Z"},
    {"model", 0, "GLOB", false, "only of these registered models (default: whatever is asked)"},
    {"reason", 'm', "TEXT", false, "why, for the record"},
    {0},
};

const struct command command_approvals_delegate = {
    .name = "approvals delegate",
    .group = "Decide",
    .summary = "let somebody else approve and reject in your place, for a time",
    .details =
        "Whoever may not decide himself then decides for you, as long as you may: the word is yours, counts once, "
        "and the "
        "record names both. Who made\nthe model is excluded for others, too. It cannot be passed on, and ends by "
        "itself.",
    .examples = "sluice approvals delegate --to bob --until 14d --model 'wine*' -m 'on leave'",
    .options = delegate_options,
    .run = run_delegate,
};

static int list_delegations(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"id", "by", "to", "model", "since_at", "until_at", "state", "reason", NULL};
    struct delegation *rows = NULL;
    size_t count = 0;
    struct table table;
    int64_t now_ms = clock_wall_ms(&clock_system);
    table_init(&table, cli, headings);
    if (store_delegation_list(home->store, NULL, 0, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *state = rows[i].ended_ms != 0           ? "taken back"
                            : rows[i].until_ms <= now_ms ? "over"
                                                            : "in force";
        const struct json cells[] = {
            json_int(rows[i].id),
            table_text(cli, rows[i].giver),
            table_text(cli, rows[i].taker),
            table_text(cli, rows[i].model),
            table_moment(cli, rows[i].created_ms),
            table_moment(cli, rows[i].until_ms),
            table_text(cli, state),
            table_text(cli, rows[i].reason),
        };
        table_row(&table, cells);
    }
    table_print(&table, "nobody decides for another");
    return EXIT_OK;
}

static int run_delegations(struct cli *cli)
{
    return look(cli, list_delegations);
}

const struct command command_approvals_delegations = {
    .name = "approvals delegations",
    .group = "Decide",
    .summary = "who may decide in whose place, until when",
    .examples = "sluice approvals delegations",
    .run = run_delegations,
};

static int run_undelegate(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "undelegate");
    struct json outcome;
    int64_t id = 0;
    if (names_number(cli, "approvals delegations", &id, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &request, "id", json_int(id));
    if (govern_ask(cli, "approvals undelegate", &request, &outcome, &err) < 0) {
        return cli_fail(cli, err.code == ERR_DENIED ? EXIT_REFUSED : cli_exit_of(&err), &err);
    }
    if (!cli->json && !cli->quiet) {
        printf("delegation %lld has ended\n", (long long)id);
    } else if (cli->json) {
        printf("%s\n", json_text(cli->arena, &request).p);
    }
    return EXIT_OK;
}

const struct command command_approvals_undelegate = {
    .name = "approvals undelegate",
    .group = "Decide",
    .summary = "take a delegation of yours back",
    .arguments = "DELEGATION",
    .examples = "sluice approvals undelegate 3",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_undelegate,
};
