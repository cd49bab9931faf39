/* SPDX-License-Identifier: Apache-2.0
 * schedule list, next, pause, resume: when pipelines in force start.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/moment.h"
#include "cli/table.h"
#include "cli/trigger_change.h"

#include <stdio.h>

enum { COUNT = 10, COUNT_MAX = 10000 };

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int list_schedules(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"pipeline", "schedule", "next_at", "cron",         "timezone",  "catchup",
                                           "state",    "missed",   "overlap", "paused_since", "paused_by", "reason",
                                           NULL};
    const char *pipeline = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    struct schedule_row *rows = NULL;
    size_t count = 0;
    struct table table;
    if (store_schedule_list(home->store, pipeline, option_given(cli, "all"), cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 8;
    for (size_t i = 0; i < count; i++) {
        const struct schedule_row *row = &rows[i];
        struct json cells[] = {
            table_text(cli, row->pipeline),
            table_text(cli, row->schedule),
            table_moment(cli, row->paused_ms != 0 || !row->in_force ? 0 : row->next_ms),
            table_text(cli, row->cron),
            table_text(cli, row->timezone),
            table_text(cli, row->catchup),
            table_text(cli, !row->in_force ? "not in force" : row->paused_ms != 0 ? "paused" : "active"),
            json_int(row->missed),
            table_text(cli, row->overlap),
            table_moment(cli, row->paused_ms),
            table_text(cli, row->paused_by),
            table_text(cli, row->pause_reason),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no schedules: 'sluice serve --pipelines DIR' puts pipelines in force");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_schedules);
}

static const struct option_row list_options[] = {
    {"all", 0, NULL, false, "also those that no pipeline in force has any more"},
    {0},
};

const struct command command_schedule_list = {
    .name = "schedule list",
    .group = "By itself",
    .summary = "the schedules of the pipelines in force, and when each is due next",
    .arguments = "[PIPELINE]",
    .examples = "sluice schedule list\nsluice schedule list wine-quality --json",
    .options = list_options,
    .max_arguments = 1,
    .run = run_list,
};

/* ---- next ------------------------------------------------------------------------------------------------------- */

static int print_next(const struct cli *cli, const struct timetable *table, int64_t from_ms, int64_t count)
{
    struct json list = json_array();
    int64_t at_ms = occurrence_next_ms(table, from_ms - 1);
    for (int64_t i = 0; i < count && at_ms != INT64_MAX; i++, at_ms = occurrence_next_ms(table, at_ms)) {
        char utc[40], local[64], starts[40];
        int64_t start_ms = occurrence_start_ms(table, at_ms);
        format_time_s(utc, sizeof utc, at_ms);
        format_time(starts, sizeof starts, start_ms);
        moment_local(table->zone, at_ms, local, sizeof local);
        if (!cli->json) {
            printf("%s  %s", utc, local);
            printf(start_ms != at_ms ? "  starts %s\n" : "\n", starts);
            continue;
        }
        struct json one = json_object();
        json_set(cli->arena, &one, "scheduled_for", json_cstring(cli->arena, utc));
        json_set(cli->arena, &one, "local", json_cstring(cli->arena, local));
        json_set(cli->arena, &one, "starts_at", json_cstring(cli->arena, starts));
        json_push(cli->arena, &list, one);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &list).p);
    }
    return EXIT_OK;
}

static int next_times(struct cli *cli, struct home *home, struct err *err)
{
    const char *count_text = option_value(cli, "count");
    const char *from_text = option_value(cli, "from");
    struct schedule_row row;
    struct timetable table;
    int64_t count = COUNT;
    int64_t from_ms = clock_wall_ms(&clock_system) + 1;
    if (store_schedule_get(home->store, cli->arguments[0], cli->arguments[1], cli->arena, &row, err) < 0 ||
        schedule_timetable(&row, cli->arena, &table, err) < 0) {
        return -1;
    }
    if (count_text != NULL && parse_int(str_from(count_text), 1, COUNT_MAX, &count, err) < 0) {
        return err_add(err, "--count");
    }
    if (from_text != NULL && moment_parse(from_text, table.zone, &from_ms, err) < 0) {
        return err_add(err, "--from");
    }
    return print_next(cli, &table, from_ms, count);
}

static int run_next(struct cli *cli)
{
    return look(cli, next_times);
}

static const struct option_row next_options[] = {
    {"from", 0, "TIME", false, "from then on: 2026-03-29 (midnight in the schedule's zone) or 2026-03-29T02:00:00Z"},
    {"count", 0, "N", false, "so many (default: 10)"},
    {0},
};

const struct command command_schedule_next = {
    .name = "schedule next",
    .group = "By itself",
    .summary = "the next times of a schedule, in UTC and in its own zone",
    .arguments = "PIPELINE SCHEDULE",
    .details = "Also of one that is paused. With a jitter, when each starts is said, too: always the same for the\n"
               "same pipeline, schedule and time.",
    .examples = "sluice schedule next wine-quality nightly\n"
                "sluice schedule next wine-quality nightly --from 2026-10-24 --count 3",
    .options = next_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_next,
};

/* ---- pause and resume ------------------------------------------------------------------------------------------- */

static struct json change_of(const struct cli *cli, const char *what)
{
    struct json document = json_object();
    const char *reason = option_value(cli, "reason");
    json_set(cli->arena, &document, "what", json_cstring(cli->arena, what));
    json_set(cli->arena, &document, "pipeline", json_cstring(cli->arena, cli->arguments[0]));
    json_set(cli->arena, &document, "schedule", json_cstring(cli->arena, cli->arguments[1]));
    if (reason != NULL) {
        json_set(cli->arena, &document, "reason", json_cstring(cli->arena, reason));
    }
    return document;
}

static int change(struct cli *cli, const char *doing, const char *what, const char *done)
{
    struct json document = change_of(cli, what);
    struct json outcome;
    int code = trigger_change_ask(cli, doing, &document, &outcome);
    if (code == EXIT_OK && cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (code == EXIT_OK && !cli->quiet) {
        printf("schedule '%s' of %s %s\n", cli->arguments[1], cli->arguments[0], done);
    }
    return code;
}

static int pause_schedule(struct cli *cli)
{
    return change(cli, "schedule pause", "pause", "is paused");
}

static int resume_schedule(struct cli *cli)
{
    return change(cli, "schedule resume", "resume", "goes on");
}

static const struct option_row pause_options[] = {
    {"reason", 'm', "TEXT", false, "why, for those who wonder"},
    {0},
};

const struct command command_schedule_pause = {
    .name = "schedule pause",
    .group = "By itself",
    .summary = "let nothing of a schedule be due until it is resumed",
    .arguments = "PIPELINE SCHEDULE",
    .details = "It stays paused when its pipeline changes. Runs that have begun go on.",
    .examples = "sluice schedule pause wine-quality nightly -m 'the warehouse moves'",
    .options = pause_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = pause_schedule,
};

const struct command command_schedule_resume = {
    .name = "schedule resume",
    .group = "By itself",
    .summary = "let a paused schedule go on",
    .arguments = "PIPELINE SCHEDULE",
    .details = "What was due meanwhile is skipped, whatever its 'catchup': 'sluice backfill' runs it.",
    .examples = "sluice schedule resume wine-quality nightly",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = resume_schedule,
};
