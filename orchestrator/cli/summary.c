/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include "base/parse.h"
#include "base/utf8.h"
#include "cli/log_tail.h"
#include "cli/names.h"
#include "cli/results.h"
#include "cli/screen.h"
#include "store/runs.h"
#include "store/waits.h"
#include "view/reason_words.h"

enum { NAME_COLUMNS_MAX = 28, NOTE_COLUMNS_MIN = 24, HINT_COLUMNS_MIN = 30, HINTS_MAX = 64 };

void summary_duration(char *room, size_t size, int64_t from_ms, int64_t to_ms)
{
    if (from_ms == 0 || to_ms < from_ms) {
        (void)snprintf(room, size, "%s", "");
        return;
    }
    format_duration(room, size, to_ms - from_ms);
}

const char *summary_mark(enum step_state state)
{
    static const char *const marks[] = {"·", "·", "▶", "↻", "⏸", "✓", "✗", "⊘", "–"};
    return marks[state];
}

const char *summary_colour(const struct cli *cli, enum step_state state)
{
    static const char *const colours[] = {"\033[2m",  "\033[2m",  "\033[36m", "\033[33m", "\033[33m",
                                          "\033[32m", "\033[31m", "\033[33m", "\033[2m"};
    return cli->colour ? colours[state] : "";
}

const char *summary_reset(const struct cli *cli)
{
    return cli->colour ? "\033[0m" : "";
}

static const char *bold(const struct cli *cli)
{
    return cli->colour ? "\033[1m" : "";
}

static const char *dim(const struct cli *cli)
{
    return cli->colour ? "\033[2m" : "";
}

/* ---- steps -------------------------------------------------------------------------------------------- */

static size_t name_columns(const struct run_view *view)
{
    size_t widest = 4;
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        size_t columns = utf8_columns(view->pipeline->steps[i].id) + (view->pipeline->steps[i].matrix != NULL ? 4 : 0);
        widest = columns > widest ? columns : widest;
    }
    return widest > NAME_COLUMNS_MAX ? NAME_COLUMNS_MAX : widest;
}

/* "learning_rate=0.1 l2=0.01" */
static const char *matrix_words(struct arena *arena, const struct json *matrix)
{
    const char *words = "";
    for (size_t i = 0; matrix->type == JSON_OBJECT && i < matrix->u.object.count; i++) {
        const struct json *value = &matrix->u.object.members[i].value;
        const char *text = value->type == JSON_STRING ? value->u.string.p : json_text(arena, value).p;
        words = arena_printf(arena, "%s%s%.*s=%s", words, i == 0 ? "" : " ", STR_ARG(matrix->u.object.members[i].key),
                             text);
    }
    return matrix->type == JSON_OBJECT ? words : matrix->type == JSON_NULL ? "" : json_text(arena, matrix).p;
}

/* The steps of a run, as rows. */
struct rows {
    const struct cli *cli;
    FILE *out;
    const struct run_view *view;
    const struct results *results;
    size_t columns; /* of the widest name */
};

/* A gate's refusal stands in full, rule by rule, below the steps; here it is counted. */
static const char *note_of(const struct rows *rows, struct run_place place)
{
    struct arena *arena = rows->view->arena;
    const struct run_step *step = &rows->view->run->steps[place.step];
    const struct run_item *item = place.item < step->item_count ? &step->items[place.item] : NULL;
    const char *refusal = results_refusal(rows->results, rows->view->pipeline->steps[place.step].id);
    const char *words = reason_words(arena, rows->view->run, place);
    if (item != NULL && refusal != NULL && item->carried_from == NULL &&
        (item->refused_by != NULL || item->state == STEP_STATE_FAILED)) {
        return arena_printf(arena, "refused by %s", refusal);
    }
    if (*words != '\0') {
        enum step_state state = item != NULL ? item->state : step->state;
        return state == STEP_STATE_SKIPPED ? arena_printf(arena, "skipped: %s", words) : words;
    }
    if (item != NULL && item->attempts > 1) {
        return arena_printf(arena, "attempt %d", item->attempts);
    }
    return item == NULL ? step_state_name(step->state) : "";
}

/* On a terminal, what does not fit goes on below its beginning, broken between words. */
static void print_wrapped(const struct cli *cli, FILE *out, const char *text, int indent)
{
    int columns = screen_line_columns(cli);
    int room = columns - indent - 1 < NOTE_COLUMNS_MIN ? NOTE_COLUMNS_MIN : columns - indent - 1;
    struct str rest = str_from(text);
    struct str word = {0};
    int at = 0;
    while (str_cut(&rest, ' ', &word)) {
        int width = (int)utf8_columns(word);
        if (columns > 0 && at > 0 && at + 1 + width > room) {
            fprintf(out, "\n%*s", indent, "");
            at = 0;
        }
        fprintf(out, "%s%.*s", at == 0 ? "" : " ", STR_ARG(word));
        at += width + (at == 0 ? 0 : 1);
    }
}

static void print_row(const struct rows *rows, enum step_state state, const char *name, const char *time,
                      const char *note)
{
    int padding = (int)rows->columns - (int)utf8_columns(str_from(name));
    padding = padding > 0 ? padding : 0;
    fprintf(rows->out, "  %s%s%s %s%*s  %8s", summary_colour(rows->cli, state), summary_mark(state),
            summary_reset(rows->cli), name, padding, "", time);
    if (*note != '\0') {
        fprintf(rows->out, "  %s", dim(rows->cli));
        print_wrapped(rows->cli, rows->out, note, 4 + (int)utf8_columns(str_from(name)) + padding + 2 + 8 + 2);
    }
    fprintf(rows->out, "%s\n", summary_reset(rows->cli));
}

/* "<- best, train": the edges of the graph that end in this step. */
static const char *edges(const struct run_view *view, const struct step *definition)
{
    const char *words = "";
    for (size_t n = 0; n < definition->need_count; n++) {
        struct str id = view->pipeline->steps[definition->needs[n].step].id;
        words = arena_printf(view->arena, "%s%s%.*s", words, n == 0 ? "\u2190 " : ", ", STR_ARG(id));
    }
    return words;
}

/* "run prepare/3", the run that a step with `pipeline` is; "" for other steps. */
static const char *child_words(const struct rows *rows, const struct run_item *item)
{
    struct pipeline_run row;
    struct err ignored = {0};
    if (item->child_run_id == NULL || store_pipeline_run_get(rows->results->store, item->child_run_id,
                                                             rows->view->arena, &row, &ignored) < 0) {
        return "";
    }
    return arena_printf(rows->view->arena, "run %s", names_label(rows->view->arena, &row));
}

static const char *joined(struct arena *arena, const char *a, const char *b)
{
    return *a == '\0' || *b == '\0' ? (*a == '\0' ? b : a) : arena_printf(arena, "%s  %s", a, b);
}

/* The row of a whole step: one with a matrix, or one that never had items. */
static void print_whole(const struct rows *rows, size_t index)
{
    const struct run_view *view = rows->view;
    const struct step *definition = &view->pipeline->steps[index];
    const struct run_step *step = &view->run->steps[index];
    const char *words = step->item_count == 0 ? note_of(rows, (struct run_place){index, 0})
                        : step->reason != NULL ? step->reason
                                               : "";
    if (step->item_count > 0) {
        words = joined(view->arena, arena_printf(view->arena, "%zu items", step->item_count), words);
    }
    print_row(rows, step->state, arena_str(view->arena, definition->id).p, "",
              joined(view->arena, edges(view, definition), words));
}

/* Those that are not shown. */
static void print_more(const struct rows *rows, size_t good, size_t others)
{
    const struct run_view *view = rows->view;
    const char *succeeded = good == 0 ? "" : arena_printf(view->arena, "%zu more that succeeded", good);
    const char *rest = others == 0 ? "" : arena_printf(view->arena, "%zu others", others);
    if (good + others > 0) {
        fprintf(rows->out, "    %sand %s%s%s: sluice show %s/%s --json%s\n", dim(rows->cli), succeeded,
                good > 0 && others > 0 ? ", " : "", rest, view->row.pipeline, view->label, summary_reset(rows->cli));
    }
}

static void print_step(const struct rows *rows, size_t index)
{
    const struct run_view *view = rows->view;
    const struct step *definition = &view->pipeline->steps[index];
    const struct run_step *step = &view->run->steps[index];
    char time[40] = "";
    size_t good = 0;
    size_t others = 0;
    if (definition->matrix != NULL || step->item_count == 0) {
        print_whole(rows, index);
    }
    for (size_t i = 0; i < step->item_count; i++) {
        const struct run_item *item = &step->items[i];
        bool of_matrix = definition->matrix != NULL;
        size_t *seen = item->state == STEP_STATE_SUCCEEDED ? &good : &others;
        if ((*seen)++ >= ITEMS_SHOWN) {
            continue;
        }
        const char *first = of_matrix ? matrix_words(view->arena, &item->matrix) : edges(view, definition);
        const char *name =
            of_matrix ? arena_printf(view->arena, "  [%zu]", i) : arena_str(view->arena, definition->id).p;
        summary_duration(time, sizeof time, item->reused ? 0 : item->started_ms, item->ended_ms);
        print_row(rows, item->state, name, time,
                  joined(view->arena, joined(view->arena, first, child_words(rows, item)),
                         note_of(rows, (struct run_place){index, i})));
    }
    print_more(rows, good > ITEMS_SHOWN ? good - ITEMS_SHOWN : 0, others > ITEMS_SHOWN ? others - ITEMS_SHOWN : 0);
}

/* ---- what next ---------------------------------------------------------------------------------------------- */

struct hints {
    struct arena *arena;
    struct {
        const char *command;
        const char *words;
    } rows[HINTS_MAX];
    size_t count;
};

static void hint(struct hints *hints, const char *command, const char *words)
{
    if (hints->count < HINTS_MAX) {
        hints->rows[hints->count].command = command;
        hints->rows[hints->count++].words = words;
    }
}

/* The run that a wait belongs to, when it is this one or a step of it, at any depth: its label; else NULL. */
static const char *label_within(struct store *store, const struct run_view *view, const char *run_id,
                                struct arena *arena)
{
    const char *label = NULL;
    struct pipeline_run row;
    struct err ignored = {0};
    while (run_id != NULL && store_pipeline_run_get(store, run_id, arena, &row, &ignored) == 0) {
        label = label == NULL ? names_label(arena, &row) : label;
        if (strcmp(row.run_id, view->row.run_id) == 0) {
            return label;
        }
        run_id = row.parent_run;
    }
    return NULL;
}

static void hint_waiting(struct hints *hints, struct store *store, const struct run_view *view, const char *run)
{
    struct arena *arena = hints->arena;
    struct wait_row *waits = NULL;
    size_t count = 0;
    struct err ignored = {0};
    if (store_wait_list(store, NULL, false, arena, &waits, &count, &ignored) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *of = strcmp(waits[i].kind, "approval") == 0 ? label_within(store, view, waits[i].run_id, arena)
                                                                : NULL;
        struct json spec;
        if (of != NULL && json_read(str_from(waits[i].spec), (struct json_limits){0}, arena, &spec, &ignored) == 0) {
            const char *step = json_get_text(&spec, "step", "");
            hint(hints, arena_printf(arena, "sluice approve %s %s", of, step), "let it go on");
            hint(hints, arena_printf(arena, "sluice reject %s %s -m WHY", of, step), "or not");
        }
    }
    hint(hints, arena_printf(arena, "sluice resume %s", run), "continue once it is decided");
}

/* Whether the run has left files (of any step), and whether it has made or used models. */
static void what_is_there(struct store *store, const struct run_view *view, bool *ret_files, bool *ret_models)
{
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            const struct run_item *item = &step->items[k];
            struct artifact *artifacts = NULL;
            size_t count = 0;
            struct err ignored = {0};
            *ret_models = *ret_models || item->model_id != NULL || json_get(&item->outputs, "model_uri") != NULL;
            *ret_files = *ret_files || (item->step_run_id != NULL &&
                                        store_artifact_list(store, item->step_run_id, view->arena, &artifacts, &count,
                                                            &ignored) == 0 && count > 0);
        }
    }
}

/* A refusal is no accident: the same data and params are refused again. */
static void hint_failed(struct hints *hints, const struct run_view *view, const char *run)
{
    struct arena *arena = hints->arena;
    hint(hints, arena_printf(arena, "sluice logs %s", run), "what the steps printed");
    if (view->row.verdict == VERDICT_REFUSED) {
        hint(hints, arena_printf(arena, "sluice rerun %s -p NAME=V", run), "with another param");
        return;
    }
    hint(hints, arena_printf(arena, "sluice retry %s", run), "run again what did not succeed, keep the rest");
}

static void hint_ended(struct hints *hints, struct store *store, const struct run_view *view, const char *run)
{
    struct arena *arena = hints->arena;
    bool files = false;
    bool models = false;
    if (view->row.state == RUN_STATE_FAILED || view->row.state == RUN_STATE_CANCELLED) {
        hint_failed(hints, view, run);
        return;
    }
    what_is_there(store, view, &files, &models);
    hint(hints, arena_printf(arena, "sluice show %s", run), "this run again; with --json all of it");
    hint(hints, arena_printf(arena, "sluice logs %s", run), "what the steps printed");
    if (files) {
        hint(hints, arena_printf(arena, "sluice artifacts %s", run), "its files, with their digests");
    }
    if (models) {
        hint(hints, "sluice models", "registered models and their aliases");
    }
    hint(hints, "sluice activity", "who did what, chained and verified");
}

static void print_next(const struct cli *cli, FILE *out, struct store *store, const struct run_view *view)
{
    struct hints hints = {.arena = view->arena};
    const char *run = arena_printf(view->arena, "%s/%s", view->row.pipeline, view->label);
    int widest = HINT_COLUMNS_MIN;
    if (view->row.state == RUN_STATE_WAITING) {
        hint_waiting(&hints, store, view, run);
    } else {
        hint_ended(&hints, store, view, run);
    }
    for (size_t i = 0; i < hints.count; i++) {
        int columns = (int)utf8_columns(str_from(hints.rows[i].command));
        widest = columns > widest ? columns : widest;
    }
    fprintf(out, "\n%sNext%s\n", bold(cli), summary_reset(cli));
    for (size_t i = 0; i < hints.count; i++) {
        fprintf(out, "  %-*s  %s", widest, hints.rows[i].command, dim(cli));
        print_wrapped(cli, out, hints.rows[i].words, widest + 4);
        fprintf(out, "%s\n", summary_reset(cli));
    }
}

static const char *headline(const struct run_view *view)
{
    static const char *const words[] = {"queued", "running", "waiting", "succeeded", "failed", "cancelled"};
    const char *verdict = view->row.verdict == VERDICT_NONE
                              ? ""
                              : arena_printf(view->arena, ", verdict %s", verdict_name(view->row.verdict));
    return arena_printf(view->arena, "%s%s", words[view->row.state], verdict);
}

static void print_headline(const struct cli *cli, const struct run_view *view, FILE *out)
{
    char time[40];
    enum step_state look = view->row.state == RUN_STATE_SUCCEEDED ? STEP_STATE_SUCCEEDED
                           : view->row.state == RUN_STATE_WAITING ? STEP_STATE_WAITING
                           : view->row.state == RUN_STATE_QUEUED ? STEP_STATE_WAITING
                           : view->row.state == RUN_STATE_FAILED  ? STEP_STATE_FAILED
                                                                  : STEP_STATE_CANCELLED;
    summary_duration(time, sizeof time, view->row.started_ms, view->row.ended_ms);
    fprintf(out, "\n%s%s run %s%s  %s%s %s%s%s%s\n", bold(cli), view->row.pipeline, view->label, summary_reset(cli),
            summary_colour(cli, look), summary_mark(look), headline(view), summary_reset(cli),
            *time == '\0' ? "" : "  ", time);
    if (view->row.reason != NULL) {
        fprintf(out, "  ");
        print_wrapped(cli, out, view->row.reason, 2);
        fprintf(out, "\n");
    }
}

void summary_print(const struct cli *cli, const struct home *home, const struct run_view *view, bool brief, FILE *out)
{
    struct results results;
    results_load(&results, cli, home->store, view, out);
    struct rows rows = {.cli = cli, .out = out, .view = view, .results = &results, .columns = name_columns(view)};
    print_headline(cli, view, out);
    fprintf(out, "\n%sSteps%s\n", bold(cli), summary_reset(cli));
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        print_step(&rows, i);
    }
    if (!option_given(cli, "logs")) {
        log_tail_print(cli, home, view, out);
    }
    results_print(&results);
    if (!brief) {
        print_next(cli, out, home->store, view);
    }
}
