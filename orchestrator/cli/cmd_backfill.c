/* SPDX-License-Identifier: Apache-2.0
 * backfill, backfills, backfills cancel: times of a schedule that are run once more, or for the first time.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/moment.h"
#include "cli/names.h"
#include "cli/table.h"
#include "cli/trigger_change.h"

#include <stdio.h>
#include <string.h>

enum { ACTIVE = 1, LISTED = 100 };

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

static int read_moment(const struct cli *cli, const char *option, const struct tzif *zone, int64_t *ret_ms,
                       struct err *err)
{
    const char *text = option_value(cli, option);
    if (text == NULL) {
        return err_set(err, ERR_INPUT, "--from and --to: expected both, the times of the schedule from --from on and "
                                       "before --to are run");
    }
    return moment_parse(text, zone, ret_ms, err) < 0 ? err_add(err, "--%s", option) : 0;
}

static int read_backfill(struct cli *cli, struct store *store, struct backfill_row *ret, struct err *err)
{
    const char *most = option_value(cli, "max-active");
    const char *reprocess = option_value(cli, "reprocess");
    struct schedule_row schedule;
    struct timetable table;
    struct pipeline_in_force in_force;
    *ret = (struct backfill_row){
        .pipeline = cli->arguments[0],
        .schedule = cli->arguments[1],
        .reprocess = reprocess == NULL ? backfill_reprocess_words[0] : reprocess,
        .most = ACTIVE,
        .reverse = option_given(cli, "reverse"),
        .at_ms = INT64_MIN,
    };
    if (store_in_force_get(store, ret->pipeline, cli->arena, &in_force, err) < 0 ||
        store_schedule_get(store, ret->pipeline, ret->schedule, cli->arena, &schedule, err) < 0 ||
        schedule_timetable(&schedule, cli->arena, &table, err) < 0 ||
        read_moment(cli, "from", table.zone, &ret->from_ms, err) < 0 ||
        read_moment(cli, "to", table.zone, &ret->to_ms, err) < 0) {
        return -1;
    }
    if (most != NULL && parse_int(str_from(most), 1, BACKFILL_ACTIVE_MAX, &ret->most, err) < 0) {
        return err_add(err, "--max-active");
    }
    return backfill_check(ret, clock_wall_ms(&clock_system), err);
}

/* ---- a look at it ----------------------------------------------------------------------------------------------- */

static int foresee(struct cli *cli, struct home *home, struct err *err)
{
    struct backfill_row row;
    struct backfill_step *steps = NULL;
    struct json list = json_array();
    size_t count = 0;
    size_t runs = 0;
    if (read_backfill(cli, home->store, &row, err) < 0 ||
        backfill_foresee(home->store, &row, cli->arena, &steps, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        char at[40];
        format_time_s(at, sizeof at, steps[i].at_ms);
        runs += steps[i].runs ? 1 : 0;
        if (!cli->json) {
            printf("%s  %s%s%s\n", at, steps[i].runs ? "runs" : "is skipped", *steps[i].reason == '\0' ? "" : ": ",
                   steps[i].reason);
            continue;
        }
        struct json one = json_object();
        json_set(cli->arena, &one, "scheduled_for", json_cstring(cli->arena, at));
        json_set(cli->arena, &one, "runs", json_bool(steps[i].runs));
        json_set(cli->arena, &one, "reason", json_cstring(cli->arena, steps[i].reason));
        json_push(cli->arena, &list, one);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &list).p);
    } else {
        printf("%zu of %zu times would be run\n", runs, count);
    }
    return EXIT_OK;
}

/* ---- doing it --------------------------------------------------------------------------------------------------- */

static int read_wanted(struct cli *cli, struct home *home, struct json *ret_document, struct err *err)
{
    struct backfill_row row;
    struct json document = json_object();
    struct arena *arena = cli->arena;
    if (read_backfill(cli, home->store, &row, err) < 0) {
        return -1;
    }
    json_set(arena, &document, "what", json_cstring(arena, "backfill"));
    json_set(arena, &document, "pipeline", json_cstring(arena, row.pipeline));
    json_set(arena, &document, "schedule", json_cstring(arena, row.schedule));
    json_set(arena, &document, "from_ms", json_int(row.from_ms));
    json_set(arena, &document, "to_ms", json_int(row.to_ms));
    json_set(arena, &document, "reprocess", json_cstring(arena, row.reprocess));
    json_set(arena, &document, "most", json_int(row.most));
    json_set(arena, &document, "reverse", json_bool(row.reverse));
    *ret_document = document;
    return 0;
}

static int run_backfill(struct cli *cli)
{
    struct err err = {0};
    struct home home;
    struct json document, outcome;
    if (option_given(cli, "dry-run")) {
        return look(cli, foresee);
    }
    if (home_open(option_value(cli, "home"), HOME_READ, "", cli->arena, &home, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int result = read_wanted(cli, &home, &document, &err);
    home_close(&home);
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int code = trigger_change_ask(cli, "backfill", &document, &outcome);
    if (code == EXIT_OK && cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (code == EXIT_OK && !cli->quiet) {
        printf("backfill %lld of %s %s is recorded: `sluice serve` runs it, 'sluice backfills' shows how far it is\n",
               (long long)json_get_int(&outcome, "id", 0), cli->arguments[0], cli->arguments[1]);
    }
    return code;
}

static const struct option_row backfill_options[] = {
    {"from", 0, "TIME", false, "from then on: 2026-03-01 (midnight in the schedule's zone) or 2026-03-01T02:00:00Z"},
    {"to", 0, "TIME", false, "before then"},
    {"reprocess", 0, "WHAT", false,
     "what is run again: none (default), failed (and cancelled), or completed (whatever has ended)"},
    {"max-active", 0, "N", false, "runs at once (default: 1)"},
    {"reverse", 0, NULL, false, "the newest first"},
    {"dry-run", 0, NULL, false, "only say what would be run"},
    {0},
};

const struct command command_backfill = {
    .name = "backfill",
    .group = "By itself",
    .summary = "run the times of a schedule that lie in a range",
    .arguments = "PIPELINE SCHEDULE",
    .details = "Each time is run by the definition in force, with run.scheduled_for and the params of the schedule.\n"
               "A time that was run before, by the schedule or a backfill, is skipped unless --reprocess says\n"
               "otherwise; one whose run has not ended always. It goes on over restarts of `sluice serve`, which\n"
               "runs it.",
    .examples = "sluice backfill wine-quality nightly --from 2026-03-01 --to 2026-03-08 --dry-run\n"
                "sluice backfill wine-quality nightly --from 2026-03-01 --to 2026-03-08 --reprocess failed",
    .options = backfill_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_backfill,
};

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int list_backfills(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"id",      "pipeline", "schedule", "state",     "started", "skipped",
                                           "from_at", "to_at",    "by",       "reprocess", "max_active", "reverse",
                                           "created_at", "ended_at", NULL};
    struct backfill_row *rows = NULL;
    size_t count = 0;
    struct table table;
    const struct backfill_filter filter = {.limit = LISTED};
    if (store_backfill_list(home->store, &filter, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 9;
    for (size_t i = 0; i < count; i++) {
        const struct backfill_row *row = &rows[i];
        struct json cells[] = {
            json_int(row->id),
            table_text(cli, row->pipeline),
            table_text(cli, row->schedule),
            table_text(cli, row->state),
            json_int(row->started),
            json_int(row->skipped),
            table_moment(cli, row->from_ms),
            table_moment(cli, row->to_ms),
            table_text(cli, row->actor),
            table_text(cli, row->reprocess),
            json_int(row->most),
            json_bool(row->reverse),
            table_moment(cli, row->created_ms),
            table_moment(cli, row->ended_ms),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no backfills");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_backfills);
}

const struct command command_backfills = {
    .name = "backfills",
    .group = "By itself",
    .summary = "backfills, and how far each is: newest first",
    .details = "The state is open, done (every time has its run, or the reason why not) or cancelled.",
    .examples = "sluice backfills",
    .run = run_list,
};

static int run_cancel(struct cli *cli)
{
    struct err err = {0};
    int64_t id = 0;
    struct json document = json_object();
    struct json outcome;
    if (names_number(cli, "backfills", &id, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &document, "what", json_cstring(cli->arena, "cancel_backfill"));
    json_set(cli->arena, &document, "id", json_int(id));
    int code = trigger_change_ask(cli, "backfills cancel", &document, &outcome);
    if (code == EXIT_OK && cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (code == EXIT_OK && !cli->quiet) {
        printf("backfill %lld is cancelled: runs of it that have begun go on\n", (long long)id);
    }
    return code;
}

const struct command command_backfills_cancel = {
    .name = "backfills cancel",
    .group = "By itself",
    .summary = "start nothing more of a backfill",
    .arguments = "BACKFILL",
    .examples = "sluice backfills cancel 3",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_cancel,
};
