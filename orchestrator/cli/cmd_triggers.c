/* SPDX-License-Identifier: Apache-2.0
 * pipelines, triggers: what is in force, and what came of what was asked of it.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/table.h"
#include "store/in_force.h"
#include "store/triggers.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT = 50, LIMIT_MAX = 100000 };

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

/* "line 7: unknown key 'stpes'" of the first, and how many more there are. */
static const char *problem_words(const struct cli *cli, const char *problems)
{
    struct json list;
    if (json_read(str_from(problems), (struct json_limits){0}, cli->arena, &list, NULL) < 0 ||
        list.type != JSON_ARRAY || list.u.array.count == 0) {
        return "it is not accepted";
    }
    const struct json *first = &list.u.array.items[0];
    int64_t line = json_get_int(first, "line", 0);
    const char *message = json_get_text(first, "message", "");
    const char *words = line > 0 ? arena_printf(cli->arena, "line %lld: %s", (long long)line, message) : message;
    return list.u.array.count == 1 ? words
                                   : arena_printf(cli->arena, "%s (and %zu more)", words, list.u.array.count - 1);
}

static struct json problems_cell(const struct cli *cli, const char *problems)
{
    struct json list = json_array();
    if (problems != NULL) {
        (void)json_read(str_from(problems), (struct json_limits){0}, cli->arena, &list, NULL);
    }
    return list;
}

static const struct refused_file *refused_of(const struct refused_file *refused, size_t count,
                                             const struct pipeline_in_force *row)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(refused[i].source, row->source) == 0 && strcmp(refused[i].path, row->path) == 0) {
            return &refused[i];
        }
    }
    return NULL;
}

static void add_pipeline(struct cli *cli, struct table *table, const struct pipeline_in_force *row,
                         const struct refused_file *refused)
{
    const char *state = refused == NULL ? "in force" : row == NULL ? "refused" : "in force, newer refused";
    struct json cells[] = {
        table_text(cli, row != NULL ? row->name : refused->name),
        table_text(cli, state),
        table_text(cli, row != NULL ? row->source : refused->source),
        table_text(cli, row != NULL ? row->path : refused->path),
        table_moment(cli, row != NULL ? row->since_ms : refused->since_ms),
        cli->json ? problems_cell(cli, refused == NULL ? NULL : refused->problems)
                  : table_text(cli, refused == NULL ? "" : problem_words(cli, refused->problems)),
        table_text(cli, row != NULL ? row->definition : ""),
        table_text(cli, row != NULL ? row->file : ""),
    };
    table_row(table, cells);
}

static int list_pipelines(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"pipeline", "state",      "source", "path", "since_at",
                                           "problems", "definition", "file",   NULL};
    struct pipeline_in_force *rows = NULL;
    struct refused_file *refused = NULL;
    size_t count = 0;
    size_t refused_count = 0;
    struct table table;
    if (store_in_force_list(home->store, NULL, cli->arena, &rows, &count, err) < 0 ||
        store_refused_list(home->store, NULL, cli->arena, &refused, &refused_count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 6;
    bool *shown = arena_array(cli->arena, refused_count, sizeof *shown);
    for (size_t i = 0; i < count; i++) {
        const struct refused_file *newer = refused_of(refused, refused_count, &rows[i]);
        if (newer != NULL) {
            shown[newer - refused] = true;
        }
        add_pipeline(cli, &table, &rows[i], newer);
    }
    for (size_t i = 0; i < refused_count; i++) {
        if (!shown[i]) {
            add_pipeline(cli, &table, NULL, &refused[i]);
        }
    }
    table_print(&table, "no pipelines are in force: 'sluice serve --pipelines DIR' puts those of a folder in force");
    return EXIT_OK;
}

static int run_pipelines(struct cli *cli)
{
    return look(cli, list_pipelines);
}

const struct command command_pipelines = {
    .name = "pipelines",
    .group = "By itself",
    .summary = "the pipelines in force, and the files that are refused",
    .details = "A file that does not validate leaves in force what it said before. --json has every problem, with its\n"
               "place.",
    .examples = "sluice pipelines\nsluice pipelines --json",
    .run = run_pipelines,
};

/* ---- triggers --------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {"schedule", "backfill", "webhook", "push", "model", "pipeline", "manual", NULL};

static int check_words(const struct cli *cli, const struct trigger_filter *filter, struct err *err)
{
    const char *outcomes[TRIGGER_EXPIRED + 2] = {NULL};
    for (int i = TRIGGER_PENDING; i <= TRIGGER_EXPIRED; i++) {
        outcomes[i] = trigger_outcome_name((enum trigger_outcome)i);
    }
    bool known = (filter->kind == NULL || names_choice("--kind", filter->kind, kinds, cli->arena, err) >= 0) &&
                 (filter->outcome == NULL ||
                  names_choice("--outcome", filter->outcome, outcomes, cli->arena, err) >= 0);
    return known ? 0 : -1;
}

static struct json moment_or_null(const struct cli *cli, int64_t at_ms)
{
    char at[40] = "";
    if (at_ms != 0) {
        format_time_s(at, sizeof at, at_ms);
    }
    return at_ms == 0 && cli->json ? json_null() : json_cstring(cli->arena, at);
}

static int list_triggers(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"id",     "pipeline", "kind",        "trigger",  "scheduled_for",
                                           "outcome", "run",     "received_at", "reason",   "key",
                                           "until",  "occurrences", "by",       "run_id",   "settled_at", NULL};
    const char *limit_text = option_value(cli, "limit");
    struct trigger_filter filter = {
        .pipeline = cli->argument_count > 0 ? cli->arguments[0] : NULL,
        .kind = option_value(cli, "kind"),
        .outcome = option_value(cli, "outcome"),
    };
    int64_t limit = LIMIT;
    struct trigger_row *rows = NULL;
    size_t count = 0;
    struct table table;
    if (check_words(cli, &filter, err) < 0 ||
        (limit_text != NULL && parse_int(str_from(limit_text), 1, LIMIT_MAX, &limit, err) < 0)) {
        return -1;
    }
    filter.limit = (size_t)limit;
    if (store_trigger_list(home->store, &filter, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 9;
    for (size_t i = 0; i < count; i++) {
        const struct trigger_row *row = &rows[i];
        struct json cells[] = {
            json_int(row->id),
            table_text(cli, row->pipeline),
            table_text(cli, row->kind),
            table_text(cli, row->trigger_id),
            moment_or_null(cli, row->scheduled_for_ms),
            table_text(cli, trigger_outcome_name(row->outcome)),
            table_text(cli, row->label == NULL ? "" : row->label),
            table_moment(cli, row->received_ms),
            table_text(cli, row->reason),
            table_text(cli, row->key),
            moment_or_null(cli, row->until_ms),
            json_int(row->occurrences),
            table_text(cli, row->actor),
            row->run_id == NULL ? json_null() : table_text(cli, row->run_id),
            table_moment(cli, row->settled_ms),
        };
        table_row(&table, cells);
    }
    static const char *const filters[] = {"kind", "outcome", NULL};
    table_print_filtered(&table, filters, "no triggers", "");
    return EXIT_OK;
}

static int run_triggers(struct cli *cli)
{
    return look(cli, list_triggers);
}

static const struct option_row triggers_options[] = {
    {"kind", 0, "KIND", false, "only schedule, backfill, webhook, push, model, pipeline or manual"},
    {"outcome", 0, "OUTCOME", false, "only those that are pending, started, skipped, filtered, duplicate or expired"},
    {"limit", 0, "N", false, "at most so many (default: 50)"},
    {0},
};

const struct command command_triggers = {
    .name = "triggers",
    .group = "By itself",
    .summary = "what was to start a pipeline, and what came of it: newest first",
    .arguments = "[PIPELINE]",
    .details = "Each trigger has one outcome: started (a run), skipped (paused, overlapping, refused: the reason\n"
               "says), filtered (by its `if`), duplicate (the same was there before) or expired (it came too late,\n"
               "and is not caught up). One that is pending waits for its time or for another run.",
    .examples = "sluice triggers\nsluice triggers wine-quality --outcome expired --json",
    .options = triggers_options,
    .max_arguments = 1,
    .run = run_triggers,
};
