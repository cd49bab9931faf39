/* SPDX-License-Identifier: Apache-2.0
 * explain: why each step of a run ran, was reused, skipped, waits, failed or was refused.
 */
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/session.h"
#include "cli/summary.h"
#include "run/part_changes.h"

#include <stdio.h>

struct explaining {
    struct cli *cli;
    struct store *store;
    struct run_view view;
    struct run_view earlier;
    bool compares;
    bool has_earlier;
};

static struct json steps_json(const struct explaining *e, ptrdiff_t only)
{
    struct arena *arena = e->view.arena;
    struct json steps = json_array();
    for (size_t i = 0; i < e->view.pipeline->step_count; i++) {
        size_t count = e->view.run->steps[i].item_count;
        for (size_t k = 0; (only < 0 || (size_t)only == i) && k < (count == 0 ? 1 : count); k++) {
            struct run_place place = {i, k};
            struct json step = explain_item(e->store, &e->view, place, arena);
            if (e->compares) {
                json_set(arena, &step, "against",
                         e->has_earlier ? explain_against(e->store, &e->view, &e->earlier, place, arena) : json_null());
            }
            json_push(arena, &steps, step);
        }
    }
    return steps;
}

static void print_json(const struct explaining *e, const struct json *steps)
{
    struct arena *arena = e->view.arena;
    struct json object = json_object();
    json_set(arena, &object, "run_id", json_cstring(arena, e->view.row.run_id));
    json_set(arena, &object, "pipeline", json_cstring(arena, e->view.row.pipeline));
    json_set(arena, &object, "number", json_cstring(arena, e->view.label));
    json_set(arena, &object, "status", json_cstring(arena, run_state_name(e->view.row.state)));
    if (e->compares) {
        json_set(arena, &object, "against", e->has_earlier ? json_cstring(arena, e->earlier.label) : json_null());
    }
    json_set(arena, &object, "steps", *steps);
    printf("%s\n", json_text(arena, &object).p);
}

static const char *name_of(const struct json *step, struct arena *arena)
{
    const char *item = json_get_text(step, "item", NULL);
    const char *id = json_get_text(step, "id", "");
    return item == NULL ? id : arena_printf(arena, "%s %s", id, item);
}

/* "ran: since 3/train: param lr: 0.1 -> 0.2"; "reused from 3/train" and "cancelled: ended by SIGTERM" say it all. */
static const char *words_of(const struct json *step, struct arena *arena)
{
    const char *outcome = json_get_text(step, "outcome", "");
    const char *why = json_get_text(step, "why", "");
    const char *lost = json_get_text(step, "not_kept", NULL);
    bool said = strcmp(outcome, "reused") == 0 ||
                str_starts(str_from(why), str_from(arena_printf(arena, "%s: ", outcome)));
    const char *words = said ? why : *why == '\0' ? outcome : arena_printf(arena, "%s: %s", outcome, why);
    return lost == NULL ? words : arena_printf(arena, "%s (its result is not kept: %s)", words, lost);
}

static const char *against_words(const struct json *step, struct arena *arena)
{
    const struct json *changes = json_get(step, "against");
    if (changes == NULL || changes->type != JSON_ARRAY) {
        return json_get_text(step, "item", NULL) == NULL ? "that run had no such step" : "that run had no such item";
    }
    return changes->u.array.count == 0 ? "nothing it was given differs" : part_changes_words(changes, arena);
}

static void print_words(const struct explaining *e, const struct json *steps)
{
    struct arena *arena = e->view.arena;
    int width = 0;
    for (size_t i = 0; i < steps->u.array.count; i++) {
        int length = (int)strlen(name_of(&steps->u.array.items[i], arena));
        width = length > width ? length : width;
    }
    printf("%s run %s %s\n", e->view.row.pipeline, e->view.label, run_state_name(e->view.row.state));
    for (size_t i = 0; i < steps->u.array.count; i++) {
        const struct json *step = &steps->u.array.items[i];
        printf("  %-*s  %s\n", width, name_of(step, arena), words_of(step, arena));
    }
    if (e->compares && !e->has_earlier) {
        printf("\nNo run of this pipeline succeeded before it.\n");
    } else if (e->compares) {
        printf("\nAgainst run %s, the last that succeeded before it\n", e->earlier.label);
        for (size_t i = 0; i < steps->u.array.count; i++) {
            const struct json *step = &steps->u.array.items[i];
            printf("  %-*s  %s\n", width, name_of(step, arena), against_words(step, arena));
        }
    }
}

/* "last-good", or a run by name. */
static int load_earlier(struct explaining *e, const char *words, struct catalogue *plugins, struct err *err)
{
    struct arena *arena = e->cli->arena;
    struct pipeline_run row = {0};
    if (strcmp(words, "last-good") != 0) {
        if (names_run(e->store, words, arena, &row, err) < 0) {
            return -1;
        }
    } else {
        struct pipeline_run_filter filter = {
            .pipeline = e->view.row.pipeline, .state = "succeeded", .no_replays = true, .limit = 1000};
        struct pipeline_run *rows = NULL;
        size_t count = 0;
        if (store_pipeline_run_list(e->store, &filter, arena, &rows, &count, err) < 0) {
            return -1;
        }
        for (size_t i = 0; i < count && row.run_id == NULL; i++) {
            bool before = rows[i].created_ms < e->view.row.created_ms;
            row = before && strcmp(rows[i].run_id, e->view.row.run_id) != 0 ? rows[i] : row;
        }
    }
    e->has_earlier = row.run_id != NULL;
    return e->has_earlier ? run_view_load(e->store, plugins, row.run_id, &e->earlier, err) : 0;
}

static int explain(struct cli *cli, struct home *home, struct err *err)
{
    const char *against = option_value(cli, "against");
    const char *step = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    struct explaining e = {.cli = cli, .store = home->store, .compares = against != NULL};
    struct catalogue catalogue;
    struct pipeline_run row;
    session_catalogue(cli, &catalogue);
    if (names_run(home->store, cli->argument_count > 0 ? cli->arguments[0] : NULL, cli->arena, &row, err) < 0 ||
        run_view_load(home->store, &catalogue, row.run_id, &e.view, err) < 0) {
        return -1;
    }
    ptrdiff_t only = step == NULL ? -1 : names_step(e.view.pipeline, NULL, step, cli->arena, err);
    int result = step != NULL && only < 0 ? -1 : against == NULL ? 0 : load_earlier(&e, against, &catalogue, err);
    if (result == 0) {
        struct json steps = steps_json(&e, only);
        if (cli->json) {
            print_json(&e, &steps);
        } else {
            print_words(&e, &steps);
        }
    }
    if (e.has_earlier) {
        run_view_clear(&e.earlier);
    }
    run_view_clear(&e.view);
    return result;
}

static int run_explain(struct cli *cli)
{
    return look(cli, explain);
}

static const struct option_row explain_options[] = {
    {"against", 0, "RUN", false, "compare what each step was given with another run, or with 'last-good'"},
    {0},
};

const struct command command_explain = {
    .name = "explain",
    .group = "Look",
    .summary = "why each step ran, was reused, skipped, waits, failed or was refused",
    .arguments = "[RUN [STEP]]",
    .details =
        "For a step with 'cache' it says what decided: that its result was there, or what is another than it was when "
        "the nearest\n"
        "result was kept: 'param lr: 0.1 \xe2\x86\x92 0.2', 'file train.py changed'.\n"
        "\n"
        "--against last-good compares definition, params, inputs, code and versions of each step with those of the "
        "last run of\n"
        "the pipeline that succeeded before this one.",
    .examples = "sluice explain\nsluice explain wine/12 train\nsluice explain latest --against last-good",
    .options = explain_options,
    .max_arguments = 2,
    .run = run_explain,
};
