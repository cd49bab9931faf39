/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include "base/parse.h"
#include "base/utf8.h"
#include "store/gates.h"
#include "store/metrics.h"
#include "store/waits.h"

#include <math.h>

enum { NAME_COLUMNS_MAX = 28, METRICS_SHOWN = 8, HINT_COLUMNS = 44 };

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
        size_t columns = utf8_columns(view->pipeline->steps[i].id) + (view->pipeline->steps[i].has_matrix ? 4 : 0);
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

static const char *item_note(struct arena *arena, const struct run_step *step, const struct run_item *item)
{
    if (item->carried_from != NULL) {
        return arena_printf(arena, "from run %s", item->carried_from);
    }
    if (item->reason != NULL) {
        return item->reason;
    }
    if (item->refused_by != NULL) {
        return arena_printf(arena, "refused: %s", item->refused_by);
    }
    if (item->attempts > 1) {
        return arena_printf(arena, "attempt %d", item->attempts);
    }
    return step->reason != NULL && step->item_count <= 1 ? step->reason : "";
}

static void print_row(const struct cli *cli, FILE *out, enum step_state state, const char *name, size_t columns,
                      const char *time, const char *note)
{
    int padding = (int)columns - (int)utf8_columns(str_from(name));
    fprintf(out, "  %s%s%s %s%*s  %8s  %s%s%s\n", summary_colour(cli, state), summary_mark(state), summary_reset(cli),
            name, padding > 0 ? padding : 0, "", time, dim(cli), note, summary_reset(cli));
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

static const char *joined(struct arena *arena, const char *a, const char *b)
{
    return *a == '\0' || *b == '\0' ? (*a == '\0' ? b : a) : arena_printf(arena, "%s  %s", a, b);
}

/* The row of a whole step, of one with a matrix, or of one that never had items. */
static void print_whole(const struct cli *cli, FILE *out, const struct run_view *view, size_t index, size_t columns)
{
    const struct step *definition = &view->pipeline->steps[index];
    const struct run_step *step = &view->run->steps[index];
    const char *words = step->reason != NULL ? step->reason : step->item_count == 0 ? step_state_name(step->state) : "";
    if (step->item_count > 0) {
        words = joined(view->arena, arena_printf(view->arena, "%zu items", step->item_count), words);
    }
    print_row(cli, out, step->state, arena_str(view->arena, definition->id).p, columns, "",
              joined(view->arena, edges(view, definition), words));
}

static void print_step(const struct cli *cli, FILE *out, const struct run_view *view, size_t index, size_t columns)
{
    const struct step *definition = &view->pipeline->steps[index];
    const struct run_step *step = &view->run->steps[index];
    char time[40] = "";
    if (definition->has_matrix || step->item_count == 0) {
        print_whole(cli, out, view, index, columns);
    }
    for (size_t i = 0; i < step->item_count; i++) {
        const struct run_item *item = &step->items[i];
        const char *note = item_note(view->arena, step, item);
        const char *first = definition->has_matrix ? matrix_words(view->arena, &item->matrix) : edges(view, definition);
        const char *name =
            definition->has_matrix ? arena_printf(view->arena, "  [%zu]", i) : arena_str(view->arena, definition->id).p;
        summary_duration(time, sizeof time, item->started_ms, item->ended_ms);
        print_row(cli, out, item->state, name, columns, time, joined(view->arena, first, note));
    }
}

/* ---- metrics and gates ------------------------------------------------------------------------------------ */

static void print_metrics(const struct cli *cli, FILE *out, struct store *store, const struct run_view *view)
{
    bool heading = false;
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; step->item_count == 1 && k < step->item_count; k++) {
            const struct json *metrics = &step->items[k].metrics;
            if (metrics->type != JSON_OBJECT || metrics->u.object.count == 0) {
                continue;
            }
            if (!heading) {
                fprintf(out, "\n%sMetrics%s\n", bold(cli), summary_reset(cli));
                heading = true;
            }
            fprintf(out, "  %.*s:", STR_ARG(view->pipeline->steps[i].id));
            size_t count = metrics->u.object.count;
            for (size_t m = 0; m < count && m < METRICS_SHOWN; m++) {
                double value = NAN;
                (void)json_as_number(&metrics->u.object.members[m].value, &value);
                fprintf(out, "%s %.*s %.4g", m == 0 ? "" : ",", STR_ARG(metrics->u.object.members[m].key), value);
            }
            fprintf(out, "%s\n", count > METRICS_SHOWN ? ", ..." : "");
        }
    }
    (void)store;
}

static void print_gates(const struct cli *cli, FILE *out, struct store *store, const struct run_view *view)
{
    struct gate *gates = NULL;
    size_t count = 0;
    struct err ignored = {0};
    if (store_gate_list(store, view->row.run_id, view->arena, &gates, &count, &ignored) < 0 || count == 0) {
        return;
    }
    fprintf(out, "\n%sGates%s\n", bold(cli), summary_reset(cli));
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %s: %s%s%s\n", gates[i].step, gates[i].passed ? "passed" : "refused",
                gates[i].passed ? "" : ": ", gates[i].refused_by);
        const struct json *rules = json_get(&gates[i].record, "rules");
        for (size_t r = 0; rules != NULL && rules->type == JSON_ARRAY && r < rules->u.array.count; r++) {
            const struct json *rule = &rules->u.array.items[r];
            bool passed = json_get_bool(rule, "passed", false);
            enum step_state look = passed ? STEP_STATE_SUCCEEDED : STEP_STATE_FAILED;
            const char *slice = json_get_text(rule, "slice", "");
            fprintf(out, "    %s%s%s %s%s%s%s  %.6g, rule %s\n", summary_colour(cli, look), summary_mark(look),
                    summary_reset(cli), json_get_text(rule, "metric", ""), *slice == '\0' ? "" : " [", slice,
                    *slice == '\0' ? "" : "]", json_get_number(rule, "value", NAN), json_get_text(rule, "rule", ""));
        }
    }
}

static void print_models(const struct cli *cli, FILE *out, const struct run_view *view)
{
    bool heading = false;
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            const char *uri = json_get_text(&step->items[k].outputs, "model_uri", step->items[k].model_uri);
            if (uri == NULL || (step->item_count > 1 && step->items[k].model_id != NULL)) {
                continue;
            }
            if (!heading) {
                fprintf(out, "\n%sModels%s\n", bold(cli), summary_reset(cli));
                heading = true;
            }
            fprintf(out, "  %.*s: %s\n", STR_ARG(view->pipeline->steps[i].id), uri);
        }
    }
}

/* ---- what next ---------------------------------------------------------------------------------------------- */

static void print_hint(FILE *out, const char *command, const char *words)
{
    fprintf(out, "  %-*s  %s\n", HINT_COLUMNS, command, words);
}

static void print_waiting(FILE *out, struct store *store, const struct run_view *view, const char *run)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    struct err ignored = {0};
    if (store_wait_list(store, view->row.run_id, false, view->arena, &waits, &count, &ignored) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(waits[i].kind, "approval") == 0) {
            struct str step = view->pipeline->steps[waits[i].position].id;
            print_hint(out, arena_printf(view->arena, "sluice approve %s %.*s", run, STR_ARG(step)), "let it go on");
            print_hint(out, arena_printf(view->arena, "sluice reject %s %.*s --reason WHY", run, STR_ARG(step)),
                       "or not");
        }
    }
    print_hint(out, arena_printf(view->arena, "sluice resume %s", run), "continue once it is decided");
}

static void print_next(const struct cli *cli, FILE *out, struct store *store, const struct run_view *view)
{
    struct arena *arena = view->arena;
    const char *run = arena_printf(arena, "%s/%s", view->row.pipeline, view->label);
    fprintf(out, "\n%sNext%s\n", bold(cli), summary_reset(cli));
    if (view->row.state == RUN_STATE_WAITING) {
        print_waiting(out, store, view, run);
        return;
    }
    if (view->row.state == RUN_STATE_FAILED || view->row.state == RUN_STATE_CANCELLED) {
        print_hint(out, arena_printf(arena, "sluice logs %s", run), "what the steps printed");
        print_hint(out, arena_printf(arena, "sluice retry %s", run), "run again what did not succeed, keep the rest");
        return;
    }
    print_hint(out, arena_printf(arena, "sluice show %s", run), "this run again, with its outputs");
    print_hint(out, "sluice models", "registered models and their aliases");
    print_hint(out, "sluice activity", "who did what, chained and verified");
}

static const char *headline(const struct run_view *view)
{
    static const char *const words[] = {"queued", "running", "waiting", "succeeded", "failed", "cancelled"};
    const char *verdict = view->row.verdict == VERDICT_NONE
                              ? ""
                              : arena_printf(view->arena, ", verdict %s", verdict_name(view->row.verdict));
    return arena_printf(view->arena, "%s%s", words[view->row.state], verdict);
}

void summary_print(const struct cli *cli, struct store *store, const char *home, const struct run_view *view,
                   bool brief, FILE *out)
{
    char time[40];
    enum step_state look = view->row.state == RUN_STATE_SUCCEEDED ? STEP_STATE_SUCCEEDED
                           : view->row.state == RUN_STATE_WAITING ? STEP_STATE_WAITING
                           : view->row.state == RUN_STATE_FAILED  ? STEP_STATE_FAILED
                                                                  : STEP_STATE_CANCELLED;
    summary_duration(time, sizeof time, view->row.started_ms, view->row.ended_ms);
    fprintf(out, "\n%s%s run %s%s  %s%s %s%s  %s\n", bold(cli), view->row.pipeline, view->label, summary_reset(cli),
            summary_colour(cli, look), summary_mark(look), headline(view), summary_reset(cli), time);
    if (view->row.reason != NULL) {
        fprintf(out, "  %s\n", view->row.reason);
    }
    fprintf(out, "\n%sSteps%s\n", bold(cli), summary_reset(cli));
    size_t columns = name_columns(view);
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        print_step(cli, out, view, i, columns);
    }
    print_metrics(cli, out, store, view);
    print_gates(cli, out, store, view);
    print_models(cli, out, view);
    fprintf(out, "\n%sArtifacts%s\n  %s/artifacts/%lld\n", bold(cli), summary_reset(cli), home,
            (long long)view->row.experiment_id);
    if (!brief) {
        print_next(cli, out, store, view);
    }
}
