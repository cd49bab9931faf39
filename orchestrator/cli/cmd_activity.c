/* SPDX-License-Identifier: Apache-2.0
 * activity: what people and steps did.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/table.h"
#include "view/activity_text.h"

#include <stdio.h>
#include <string.h>

enum { ACTIVITY_COLUMNS_SHOWN = 8, EXPORT_ROWS = 1000 }; /* the other columns are for --json */

/* ---- which entries ---------------------------------------------------------------------------------------------- */

#define FILTER_OPTIONS                                                                                                 \
    {"actor", 0, "NAME", false, "what this one did: a person, 'step TRAIN of run WINE 3', sluice, anonymous"},         \
        {"address", 0, "ADDRESS", false, "what was asked for from there; '': on this machine"},                        \
        {"action", 0, "WORD", false, "run.started ...; with * at its end all that begin so: 'approval.*'"},            \
        {"object", 0, "ID", false, "about this: a run id, a model's name ..."},                                        \
        {"since", 0, "TIME", false, "then or later: 2026-08-01, 2026-08-01T12:00:00Z, or 7d: so long ago"},            \
        {"until", 0, "TIME", false, "before then"},                                                                    \
    {                                                                                                                  \
        "outcome", 0, "WORD", false, "refused: calls, gates and configurations that were refused; done: all others"    \
    }

/* A time, a date (its midnight in UTC), or how long ago. */
static int read_moment(const struct cli *cli, const char *option, int64_t *ret_ms, struct err *err)
{
    char whole[64];
    int64_t ago_ms = 0;
    const char *text = option_value(cli, option);
    if (text == NULL) {
        return 0;
    }
    if (parse_duration_ms(str_from(text), &ago_ms, NULL) == 0) {
        *ret_ms = clock_wall_ms(&clock_system) - ago_ms;
        return 0;
    }
    bool is_date = strlen(text) == strlen("2026-08-01");
    (void)snprintf(whole, sizeof whole, "%s%s", text, is_date ? "T00:00:00Z" : "");
    return parse_time(str_from(whole), ret_ms, err) < 0 ? err_add(err, "--%s", option) : 0;
}

static int read_filter(const struct cli *cli, struct activity_filter *ret, struct err *err)
{
    *ret = (struct activity_filter){
        .object_id = option_value(cli, "object"),
        .actor = option_value(cli, "actor"),
        .address = option_value(cli, "address"),
        .action = option_value(cli, "action"),
    };
    const char *outcome = option_value(cli, "outcome");
    int at = outcome == NULL ? -1 : names_choice("--outcome", outcome, activity_outcomes, cli->arena, err);
    if (outcome != NULL && at < 0) {
        return -1;
    }
    ret->outcome = (enum activity_outcome)(at + ACTIVITY_DONE);
    return read_moment(cli, "since", &ret->since_ms, err) < 0 || read_moment(cli, "until", &ret->until_ms, err) < 0
               ? -1
               : 0;
}

/* ---- activity --------------------------------------------------------------------------------------------------- */

static int list_activity(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"sequence", "at",     "actor",   "action", "object", "from",
                                           "to",       "reason", "address", "means",  NULL};
    const char *limit = option_value(cli, "limit");
    int64_t most = 50;
    struct activity_filter filter;
    struct activity *rows = NULL;
    size_t count = 0;
    struct table table;
    table_init(&table, cli, headings);
    table.shown = ACTIVITY_COLUMNS_SHOWN;
    if (limit != NULL && parse_int(str_from(limit), 1, 1000000, &most, err) < 0) {
        return err_add(err, "--limit");
    }
    if (read_filter(cli, &filter, err) < 0) {
        return -1;
    }
    filter.newest_first = true;
    filter.limit = (size_t)most;
    if (store_activity_find(home->store, &filter, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {
            json_int(rows[i].sequence),        table_moment(cli, rows[i].at_ms), table_text(cli, rows[i].actor),
            table_text(cli, rows[i].action),   table_text(cli, rows[i].object),  table_text(cli, rows[i].from_state),
            table_text(cli, rows[i].to_state), table_text(cli, rows[i].reason),  table_text(cli, rows[i].address),
            table_text(cli, rows[i].means),
        };
        table_row(&table, cells);
    }
    table_print(&table, "nothing of that kind has happened yet");
    return EXIT_OK;
}

static int run_activity(struct cli *cli)
{
    return look(cli, list_activity);
}

static const struct option_row activity_options[] = {
    FILTER_OPTIONS,
    {"limit", 0, "N", false, "at most N, the newest (default: 50)"},
    {0},
};

const struct command command_activity = {
    .name = "activity",
    .group = "Look",
    .summary = "who did what, to which object, and why: newest first",
    .examples = "sluice activity\nsluice activity --actor bob --since 7d\nsluice activity --outcome refused\n"
                "sluice activity --action 'approval.*' --limit 200 --json",
    .options = activity_options,
    .run = run_activity,
};

/* ---- export ----------------------------------------------------------------------------------------------------- */

/* Up to the row that was the last when it began: so it ends, whatever happens meanwhile. */
static int export_rows(struct home *home, enum activity_format format, struct activity_filter *filter,
                       struct arena *arena, struct strbuf *text, struct err *err)
{
    struct activity *rows = NULL;
    size_t count = 0;
    activity_text_head(format, text);
    do {
        if (store_activity_find(home->store, filter, arena, &rows, &count, err) < 0) {
            return -1;
        }
        for (size_t i = 0; i < count; i++) {
            activity_text_row(format, &rows[i], arena, text);
            filter->from_sequence = rows[i].sequence;
        }
        if (fwrite(strbuf_str(text).p, 1, strbuf_str(text).n, stdout) != strbuf_str(text).n) {
            return err_errno(err, "standard output");
        }
        strbuf_reset(text);
        arena_reset(arena);
    } while (count == filter->limit);
    return fflush(stdout) != 0 ? err_errno(err, "standard output") : 0;
}

static int export_activity(struct cli *cli, struct home *home, struct err *err)
{
    const char *word = option_value(cli, "format");
    int format = word == NULL ? 0 : names_choice("--format", word, activity_formats, cli->arena, err);
    struct activity_filter filter;
    char head[96];
    if (format < 0 || read_filter(cli, &filter, err) < 0 ||
        store_activity_head_text(home->store, &filter.last_sequence, head, err) < 0) {
        return -1;
    }
    if (filter.last_sequence == 0) {
        filter.last_sequence = -1; /* there are none */
    }
    filter.limit = EXPORT_ROWS;
    struct arena *arena = arena_new();
    struct strbuf text;
    strbuf_init(&text, SIZE_MAX >> 1);
    int result = export_rows(home, (enum activity_format)format, &filter, arena, &text, err);
    strbuf_clear(&text);
    arena_free(arena);
    return result < 0 ? -1 : EXIT_OK;
}

static int run_activity_export(struct cli *cli)
{
    return look(cli, export_activity);
}

static const struct option_row export_options[] = {
    FILTER_OPTIONS,
    {"format", 0, "FORMAT", false, "jsonl (the default): a JSON object a line; csv: for spreadsheets"},
    {0},
};

const struct command command_activity_export = {
    .name = "activity export",
    .group = "Look",
    .summary = "the activity log as lines of JSON or CSV: oldest first, all of it",
    .details = "With --format csv a text that a spreadsheet would take for a formula has an apostrophe before it. The "
               "texts of JSON are exact, and have what 'activity verify' checks.",
    .examples = "sluice activity export > activity.jsonl\n"
                "sluice activity export --format csv --since 2026-08-01 --until 2026-09-01 > august.csv",
    .options = export_options,
    .run = run_activity_export,
};

/* ---- verify ----------------------------------------------------------------------------------------------------- */

static int verify_activity(struct cli *cli, struct home *home, struct err *err)
{
    int64_t count = 0;
    char head[96] = "";
    if (store_activity_verify(home->store, option_value(cli, "head"), &count, head, err) < 0) {
        return err->code == ERR_CORRUPT ? cli_fail(cli, EXIT_RUN_FAILED, err) : -1;
    }
    int64_t foreign = store_activity_foreign(home->store);
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "holds", json_bool(true));
        json_set(cli->arena, &object, "rows", json_int(count));
        json_set(cli->arena, &object, "head", json_cstring(cli->arena, head));
        json_set(cli->arena, &object, "of_another_key", json_int(foreign));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        printf("the chain holds: %lld rows, head %s\n", (long long)count, head);
        if (foreign > 0) {
            printf("rows 1 to %lld are of a home with another key: the digest of them in row %lld holds them\n",
                   (long long)foreign, (long long)foreign + 1);
        }
    }
    return EXIT_OK;
}

static int run_activity_verify(struct cli *cli)
{
    return look(cli, verify_activity);
}

static const struct option_row verify_options[] = {
    {"head", 0, "SEQUENCE:HEX", false,
     "a head noted earlier, which must lie on the chain: finds a tail that was cut off"},
    {0},
};

const struct command command_activity_verify = {
    .name = "activity verify",
    .group = "Look",
    .summary = "check the chain of the activity log",
    .details =
        "Finds rows that were changed, removed or put in another order. It cannot find a tail that was cut off, "
        "unless --head names a head "
        "from before; and whoever has the home's key can write a chain that holds. Exit code 1 when the chain is "
        "broken.",
    .examples = "sluice activity verify\nsluice activity verify --head 812:9c1e...",
    .options = verify_options,
    .run = run_activity_verify,
};

/* ---- head ------------------------------------------------------------------------------------------------------- */

static int print_head(struct cli *cli, struct home *home, struct err *err)
{
    int64_t sequence = 0;
    char head[96] = "";
    if (store_activity_head_text(home->store, &sequence, head, err) < 0) {
        return -1;
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "sequence", json_int(sequence));
        json_set(cli->arena, &object, "head", json_cstring(cli->arena, head));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        printf("%s\n", head);
    }
    return EXIT_OK;
}

static int run_activity_head(struct cli *cli)
{
    return look(cli, print_head);
}

const struct command command_activity_head = {
    .name = "activity head",
    .group = "Look",
    .summary = "print the head of the activity log's chain, to keep elsewhere",
    .details = "One line, SEQUENCE:HEX: the hash of the last row, which holds all rows before it. Kept where who has\n"
               "the home cannot change it, it finds a tail that was cut off: 'sluice activity verify --head'. Nothing\n"
               "is verified.",
    .examples = "sluice activity head\nsluice activity verify --head \"$(cat /mnt/safe/head)\"",
    .run = run_activity_head,
};
