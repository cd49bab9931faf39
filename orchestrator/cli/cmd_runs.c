/* SPDX-License-Identifier: Apache-2.0
 * runs and show: what ran, and how one run went.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/session.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "view/run_view.h"

#include <stdio.h>

enum { RUN_COLUMNS_SHOWN = 7 };

/* ---- runs --------------------------------------------------------------------------------------------------- */

static int read_filter(const struct cli *cli, struct pipeline_run_filter *filter, struct err *err)
{
    static const char *const states[] = {"queued", "running", "waiting", "succeeded", "failed", "cancelled", NULL};
    const char *limit = option_value(cli, "limit");
    int64_t count = 20;
    filter->pipeline = option_value(cli, "pipeline");
    filter->state = option_value(cli, "status");
    filter->open = option_given(cli, "open");
    if (filter->state != NULL && names_choice("--status", filter->state, states, cli->arena, err) < 0) {
        return -1;
    }
    if (limit != NULL && parse_int(str_from(limit), 1, 100000, &count, err) < 0) {
        return err_add(err, "--limit");
    }
    filter->limit = (size_t)count;
    return 0;
}

/* Open runs come oldest first, with those that are steps of others. */
static void newest_roots(struct pipeline_run *rows, size_t *count, size_t limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (rows[i].parent_run == NULL) {
            rows[kept++] = rows[i];
        }
    }
    for (size_t i = 0; i < kept / 2; i++) {
        struct pipeline_run row = rows[i];
        rows[i] = rows[kept - 1 - i];
        rows[kept - 1 - i] = row;
    }
    *count = kept < limit ? kept : limit;
}

static int list_runs(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"run",    "status", "verdict",  "started_at", "took_ms", "trigger",
                                           "reason", "run_id", "pipeline", "number",     "ended_at", NULL};
    struct pipeline_run_filter filter = {0};
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    if (read_filter(cli, &filter, err) < 0 ||
        store_pipeline_run_list(home->store, &filter, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (filter.open) {
        newest_roots(rows, &count, filter.limit);
    }
    struct table table;
    table_init(&table, cli, headings);
    table.shown = RUN_COLUMNS_SHOWN;
    for (size_t i = 0; i < count; i++) {
        char label[32];
        pipeline_run_label(&rows[i], label);
        struct json cells[] = {
            table_text(cli, arena_printf(cli->arena, "%s/%s", rows[i].pipeline, label)),
            table_text(cli, run_state_name(rows[i].state)),
            table_text(cli, verdict_name(rows[i].verdict)),
            table_moment(cli, rows[i].started_ms),
            table_duration(cli, rows[i].started_ms, rows[i].ended_ms),
            table_text(cli, rows[i].trigger),
            table_text(cli, rows[i].reason),
            table_text(cli, rows[i].run_id),
            table_text(cli, rows[i].pipeline),
            table_text(cli, label),
            table_moment(cli, rows[i].ended_ms),
        };
        table_row(&table, cells);
    }
    static const char *const filters[] = {"pipeline", "status", "open", NULL};
    table_print_filtered(&table, filters, "no runs", ": 'sluice run' starts one");
    return EXIT_OK;
}

static int run_runs(struct cli *cli)
{
    return look(cli, list_runs);
}

static const struct option_row runs_options[] = {
    {"pipeline", 0, "NAME", false, "only runs of this pipeline"},
    {"status", 0, "STATUS", false, "queued, running, waiting, succeeded, failed or cancelled"},
    {"open", 0, NULL, false, "only runs that have not ended"},
    {"limit", 0, "N", false, "at most N, the newest (default: 20)"},
    {0},
};

const struct command command_runs = {
    .name = "runs",
    .group = "Look",
    .summary = "the runs, newest first",
    .examples = "sluice runs\nsluice runs --pipeline wine --status failed --json",
    .options = runs_options,
    .run = run_runs,
};

/* ---- show ------------------------------------------------------------------------------------------------------ */

static void print_outputs(const struct run_view *view)
{
    bool heading = false;
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            const struct json *outputs = &step->items[k].outputs;
            for (size_t m = 0; outputs->type == JSON_OBJECT && m < outputs->u.object.count; m++) {
                printf("%s", heading ? "" : "\nOutputs\n");
                heading = true;
                printf("  %.*s", STR_ARG(view->pipeline->steps[i].id));
                if (view->pipeline->steps[i].matrix != NULL) {
                    printf("[%zu]", k);
                }
                struct str value = json_text(view->arena, &outputs->u.object.members[m].value);
                printf(".%.*s = %.*s%s\n", STR_ARG(outputs->u.object.members[m].key),
                       (int)(value.n > 200 ? 200 : value.n), value.p, value.n > 200 ? "..." : "");
            }
        }
    }
}

static int show(struct cli *cli, struct home *home, struct err *err)
{
    struct catalogue catalogue;
    struct pipeline_run row;
    struct run_view view;
    session_catalogue(cli, &catalogue);
    if (names_run(home->store, cli->argument_count > 0 ? cli->arguments[0] : NULL, cli->arena, &row, err) < 0 ||
        run_view_load(home->store, &catalogue, row.run_id, &view, err) < 0) {
        return -1;
    }
    if (cli->json) {
        struct json object = run_view_json(&view, view.arena);
        printf("%s\n", json_text(view.arena, &object).p);
    } else {
        summary_print(cli, home, &view, true, stdout);
        print_outputs(&view);
    }
    run_view_clear(&view);
    return EXIT_OK;
}

static int run_show(struct cli *cli)
{
    return look(cli, show);
}

const struct command command_show = {
    .name = "show",
    .group = "Look",
    .summary = "one run: steps, reasons, metrics, gates, outputs",
    .arguments = "[RUN]",
    .details =
        "RUN is a number (12), pipeline/number (wine/12), 'latest' (default) or a run id. With --json the object that "
        "'sluice run --json' "
        "ends with.",
    .examples = "sluice show\nsluice show wine/12 --json",
    .max_arguments = 1,
    .run = run_show,
};
