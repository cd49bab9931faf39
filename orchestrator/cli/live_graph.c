/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_graph.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/summary.h"
#include "view/reason_words.h"
#include "view/wait_words.h"

enum { NAME_COLUMNS_LEAST = 8, NAME_COLUMNS_MOST = 28, TIME_COLUMNS = 8, BAR_COLUMNS = 20, LINE_MAX_BYTES = 4096 };

/* Where the rows go, and how many more may come. */
struct drawing {
    const struct live_graph *graph;
    struct canvas *canvas;
    int name_columns;
    size_t room;
};

static bool is_over(enum step_state state)
{
    return step_state_is_terminal(state);
}

/* Whether a row is worth its place when there are more rows than places. */
static bool is_news(enum step_state state)
{
    return state == STEP_STATE_ACTIVE || state == STEP_STATE_WAITING || state == STEP_STATE_DELAYED ||
           state == STEP_STATE_FAILED;
}

/* "1.2 s" from the first start of the items to now, or to the last end. */
static void step_time(const struct live_graph *graph, const struct run_step *step, char *room, size_t size)
{
    int64_t from_ms = 0;
    int64_t to_ms = 0;
    for (size_t i = 0; i < step->item_count; i++) {
        const struct run_item *item = &step->items[i];
        if (item->started_ms != 0 && (from_ms == 0 || item->started_ms < from_ms)) {
            from_ms = item->started_ms;
        }
        to_ms = item->ended_ms > to_ms ? item->ended_ms : to_ms;
    }
    summary_duration(room, size, from_ms, is_over(step->state) ? to_ms : graph->now_ms);
}

static void draw_row(struct drawing *d, enum step_state state, const char *name, const char *time, const char *words)
{
    struct strbuf line;
    strbuf_init(&line, LINE_MAX_BYTES);
    strbuf_printf(&line, "  %s %-*s  %*s  %s", summary_mark(state), d->name_columns, name, TIME_COLUMNS, time, words);
    canvas_line(d->canvas, strbuf_str(&line), summary_colour(d->graph->cli, state));
    strbuf_clear(&line);
    d->room -= d->room > 0 ? 1 : 0;
}

/* "[====      ]  40% epoch 3 of 8" */
static void add_progress(struct strbuf *words, double progress, const char *text)
{
    int filled = (int)(progress * BAR_COLUMNS);
    strbuf_add_byte(words, '[');
    for (int i = 0; i < BAR_COLUMNS; i++) {
        strbuf_add_byte(words, i < filled ? '=' : ' ');
    }
    strbuf_printf(words, "] %3.0f%% %s", progress * 100, text);
}

/* "<- train, holdout": what a step that has not begun comes after. */
static void add_needs(struct strbuf *words, const struct pipeline *pipeline, const struct step *step)
{
    for (size_t n = 0; n < step->need_count; n++) {
        struct str id = pipeline->steps[step->needs[n].step].id;
        strbuf_printf(words, "%s%.*s", n == 0 ? "\u2190 " : ", ", STR_ARG(id));
    }
}

static void draw_item(struct drawing *d, struct run_place place, const char *name)
{
    const struct run_step *step = &d->graph->source->run->steps[place.step];
    const struct run_item *item = place.item < step->item_count ? &step->items[place.item] : NULL;
    enum step_state state = item != NULL ? item->state : step->state;
    const char *text = "";
    char time[40] = "";
    double progress = d->graph->source->progress(d->graph->source->ctx, place, &text);
    struct arena *arena = arena_new();
    const char *reason = reason_words(arena, d->graph->source->run, place);
    if (state == STEP_STATE_READY && *reason == '\0') {
        reason = wait_words(d->graph->store, d->graph->source->run, place, arena);
    }
    struct strbuf words;
    strbuf_init(&words, LINE_MAX_BYTES);
    if (item != NULL && item->carried_from == NULL) {
        summary_duration(time, sizeof time, item->started_ms, item->ended_ms != 0 ? item->ended_ms : d->graph->now_ms);
    }
    if (state == STEP_STATE_ACTIVE && progress >= 0) {
        add_progress(&words, progress, text);
    } else if (*reason != '\0') {
        strbuf_add_text(&words, reason);
    } else if (state == STEP_STATE_PENDING || state == STEP_STATE_READY) {
        add_needs(&words, d->graph->source->run->pipeline, &d->graph->source->run->pipeline->steps[place.step]);
    } else if (item != NULL && item->attempts > 1) {
        strbuf_printf(&words, "attempt %d", item->attempts);
    }
    draw_row(d, state, name, time, words.data);
    strbuf_clear(&words);
    arena_free(arena);
}

/* "16 of 60 done, 4 running, 1 failed" */
static void draw_matrix(struct drawing *d, size_t index, const char *name)
{
    const struct run_step *step = &d->graph->source->run->steps[index];
    size_t running = 0;
    size_t failed = 0;
    char time[40];
    struct strbuf words;
    strbuf_init(&words, LINE_MAX_BYTES);
    for (size_t i = 0; i < step->item_count; i++) {
        running += step->items[i].state == STEP_STATE_ACTIVE;
        failed += step->items[i].state == STEP_STATE_FAILED;
    }
    step_time(d->graph, step, time, sizeof time);
    strbuf_printf(&words, "%zu of %zu done", step->items_done, step->item_count);
    if (running > 0) {
        strbuf_printf(&words, ", %zu running", running);
    }
    if (failed > 0) {
        strbuf_printf(&words, ", %zu failed", failed);
    }
    enum step_state look = failed > 0 ? STEP_STATE_FAILED : running > 0 ? STEP_STATE_ACTIVE : step->state;
    draw_row(d, look, name, time, words.data);
    strbuf_clear(&words);
}

/* The items below a matrix step: all, or with `few` those that move, then those that failed, while there is room. */
static void draw_items(struct drawing *d, size_t index, bool few, size_t keep)
{
    const struct run_step *step = &d->graph->source->run->steps[index];
    for (int round = 0; round < (few ? 2 : 1); round++) {
        for (size_t i = 0; i < step->item_count && d->room > keep; i++) {
            enum step_state state = step->items[i].state;
            bool wanted = !few || (is_news(state) && (state == STEP_STATE_FAILED) == (round == 1));
            char name[32];
            (void)snprintf(name, sizeof name, "  [%zu]", i);
            if (wanted) {
                draw_item(d, (struct run_place){index, i}, name);
            }
        }
    }
}

static size_t rows_wanted(const struct run *run)
{
    size_t rows = 0;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        rows += 1 + (run->pipeline->steps[i].matrix != NULL ? run->steps[i].item_count : 0);
    }
    return rows;
}

/* All rows; where they do not fit, a row for each step, and items while there is room; where not even the steps fit,
 * those that move or failed. */
static void draw_steps(struct drawing *d)
{
    const struct run *run = d->graph->source->run;
    size_t count = run->pipeline->step_count;
    bool few = rows_wanted(run) > d->room;
    bool fewer = count > d->room;
    size_t hidden = 0;
    for (size_t i = 0; i < count; i++) {
        const struct step *definition = &run->pipeline->steps[i];
        char name[80];
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(definition->id));
        if (fewer && (d->room <= 1 || !is_news(run->steps[i].state))) {
            hidden++;
            continue;
        }
        if (definition->matrix == NULL || run->steps[i].item_count == 0) {
            draw_item(d, (struct run_place){i, 0}, name);
            continue;
        }
        draw_matrix(d, i, name);
        draw_items(d, i, few, fewer ? 1 : count - i - 1);
    }
    if (hidden > 0) {
        char line[80];
        (void)snprintf(line, sizeof line, "  ... and %zu more steps, done or still to come", hidden);
        canvas_line(d->canvas, str_from(line), "");
    }
}

static int name_columns(const struct run *run, int columns)
{
    int widest = NAME_COLUMNS_LEAST;
    int most = columns / 2 - TIME_COLUMNS;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        int width = (int)run->pipeline->steps[i].id.n;
        widest = width > widest ? width : widest;
    }
    most = most > NAME_COLUMNS_MOST ? NAME_COLUMNS_MOST : most;
    return widest < most ? widest : most > NAME_COLUMNS_LEAST ? most : NAME_COLUMNS_LEAST;
}

/* "wine run 12", as other commands take it. */
static void draw_heading(struct drawing *d)
{
    const struct run *run = d->graph->source->run;
    struct str pipeline = run->pipeline->name;
    struct str name = str_from(json_get_text(&run->info, "name", "")); /* "wine-12" */
    struct str label = name.n > pipeline.n ? str_slice(name, pipeline.n + 1, name.n) : STR("");
    struct strbuf line;
    strbuf_init(&line, LINE_MAX_BYTES);
    strbuf_printf(&line, "%.*s run %.*s%s", STR_ARG(pipeline), STR_ARG(label),
                  run->cancelling ? "  being cancelled" : "");
    if (run->state == RUN_STATE_QUEUED && run->reason != NULL) {
        strbuf_printf(&line, "  queued: %s", run->reason);
    }
    canvas_line(d->canvas, strbuf_str(&line), d->graph->cli->colour ? "\033[1m" : "");
    strbuf_clear(&line);
}

void live_graph_draw(const struct live_graph *graph, struct canvas *canvas)
{
    canvas_begin(canvas);
    int lines = canvas_lines(canvas);
    /* The log gives way to the steps on a low terminal. */
    int tail = lines > 3 * LIVE_TAIL_LINES ? LIVE_TAIL_LINES : lines > 2 * LIVE_TAIL_LINES ? 2 : 0;
    struct drawing d = {.graph = graph, .canvas = canvas, .room = (size_t)(lines - tail - 1)};
    draw_heading(&d);
    d.name_columns = name_columns(graph->source->run, canvas_columns(canvas));
    draw_steps(&d);
    for (int i = LIVE_TAIL_LINES - tail; i < LIVE_TAIL_LINES; i++) {
        if (graph->tail[i].n > 0) {
            canvas_line(canvas, graph->tail[i], graph->cli->colour ? "\033[2m" : "");
        }
    }
    canvas_end(canvas);
}
