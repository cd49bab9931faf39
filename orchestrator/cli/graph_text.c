/* SPDX-License-Identifier: Apache-2.0
 * The graph as text. Each step owns a lane, a column that leads down from it to the last step that needs it:
 *
 *     ○      load
 *     ├─●    train
 *     ● │    check
 *     ●─╯    judge
 *
 * Whatever has ended frees its lane. A step continues a lane that ends in it, else takes the leftmost free one.
 */
#include "cli/graph.h"

#include "base/utf8.h"
#include "view/step_words.h"

enum { LANE_FREE = -1 };

struct drawing {
    const struct pipeline *pipeline;
    struct arena *arena;
    const size_t **parents; /* of each step, without those that follow from others */
    size_t *parent_counts;
    size_t *waiting;        /* dependents of each step that are not drawn yet */
    ptrdiff_t lanes[GRAPH_LANES_MAX]; /* the step that a lane leads down from, or LANE_FREE */
    size_t width;           /* lanes ever used */
};

/* ---- edges that follow from others ------------------------------------------------------------------------- */

/* A bit for each step above another. */
struct above {
    uint64_t *bits;
    size_t words;
};

static bool is_above(const struct above *above, size_t step, size_t other)
{
    return (above->bits[step * above->words + other / 64] >> (other % 64) & 1) != 0;
}

static void add_above(struct above *above, size_t step, size_t need)
{
    for (size_t w = 0; w < above->words; w++) {
        above->bits[step * above->words + w] |= above->bits[need * above->words + w];
    }
    above->bits[step * above->words + need / 64] |= (uint64_t)1 << (need % 64);
}

static void find_parents(struct drawing *d, const size_t *order)
{
    size_t count = d->pipeline->step_count;
    struct above above = {.words = count / 64 + 1};
    above.bits = arena_array(d->arena, count * above.words, sizeof *above.bits);
    for (size_t i = 0; i < count; i++) {
        size_t index = order[i];
        const struct step *step = &d->pipeline->steps[index];
        size_t *parents = arena_array(d->arena, step->need_count + 1, sizeof *parents);
        for (size_t n = 0; n < step->need_count; n++) {
            add_above(&above, index, step->needs[n].step);
        }
        for (size_t n = 0; n < step->need_count; n++) {
            bool follows = false;
            for (size_t k = 0; k < step->need_count; k++) {
                follows = follows || is_above(&above, step->needs[k].step, step->needs[n].step);
            }
            if (!follows) {
                parents[d->parent_counts[index]++] = step->needs[n].step;
                d->waiting[step->needs[n].step]++;
            }
        }
        d->parents[index] = parents;
    }
}

/* ---- one row --------------------------------------------------------------------------------------------------- */

static bool is_parent(const struct drawing *d, size_t step, ptrdiff_t lane)
{
    for (size_t n = 0; lane != LANE_FREE && n < d->parent_counts[step]; n++) {
        if (d->parents[step][n] == (size_t)lane) {
            return true;
        }
    }
    return false;
}

/* The lane for a step: one that ends in it, else a free one; GRAPH_LANES_MAX when there is none. */
static size_t choose_lane(const struct drawing *d, size_t step)
{
    size_t first_free = GRAPH_LANES_MAX;
    for (size_t c = 0; c < GRAPH_LANES_MAX; c++) {
        if (is_parent(d, step, d->lanes[c]) && d->waiting[d->lanes[c]] == 0) {
            return c;
        }
        if (d->lanes[c] == LANE_FREE && first_free == GRAPH_LANES_MAX) {
            first_free = c;
        }
    }
    return first_free;
}

/* What joins a parent's lane to the row: it comes from above, goes on below or not, and leads left, right or both. */
static const char *joint(bool goes_on, bool left, bool right)
{
    if (goes_on) {
        return left && right ? "┼" : right ? "├" : "┤";
    }
    return left && right ? "┴" : right ? "╰" : "╯";
}

static const char *draw_row(const struct drawing *d, size_t step, size_t own)
{
    size_t low = own;
    size_t high = own;
    for (size_t c = 0; c < GRAPH_LANES_MAX; c++) {
        if (is_parent(d, step, d->lanes[c])) {
            low = c < low ? c : low;
            high = c > high ? c : high;
        }
    }
    const char *row = "";
    for (size_t c = 0; c < d->width; c++) {
        bool between = c > low && c < high;
        const char *sign = between ? "─" : " ";
        if (c == own) {
            sign = d->parent_counts[step] == 0 ? "○" : "●";
        } else if (is_parent(d, step, d->lanes[c])) {
            sign = joint(d->waiting[d->lanes[c]] > 0, c > low, c < high);
        } else if (d->lanes[c] != LANE_FREE) {
            sign = "│";
        }
        row = arena_printf(d->arena, "%s%s%s", row, sign, c >= low && c < high ? "─" : " ");
    }
    return row;
}

/* NULL when it would be too wide. */
static const char *place_step(struct drawing *d, size_t step)
{
    for (size_t n = 0; n < d->parent_counts[step]; n++) {
        d->waiting[d->parents[step][n]]--;
    }
    size_t own = choose_lane(d, step);
    if (own == GRAPH_LANES_MAX) {
        return NULL;
    }
    d->width = own >= d->width ? own + 1 : d->width;
    const char *row = draw_row(d, step, own);
    for (size_t c = 0; c < GRAPH_LANES_MAX; c++) {
        if (d->lanes[c] != LANE_FREE && d->waiting[d->lanes[c]] == 0) {
            d->lanes[c] = LANE_FREE;
        }
    }
    if (d->waiting[step] > 0) {
        d->lanes[own] = (ptrdiff_t)step;
    }
    return row;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static const char *words_of(const struct step *step, struct arena *arena)
{
    const char *matrix = step_matrix_words(step, arena);
    const char *condition = step_condition_words(step, arena);
    return arena_printf(arena, "%s%s%s%s%s", step_kind_words(step, arena), *matrix == '\0' ? "" : ", ", matrix,
                        *condition == '\0' ? "" : ", ", condition);
}

static int id_width(const struct pipeline *pipeline)
{
    size_t width = 0;
    for (size_t i = 0; i < pipeline->step_count; i++) {
        width = pipeline->steps[i].id.n > width ? pipeline->steps[i].id.n : width;
    }
    return (int)width;
}

/* The rows in the order given, or false when they would be too wide. */
static bool draw(struct drawing *d, const size_t *order, FILE *out)
{
    const struct pipeline *pipeline = d->pipeline;
    const char **rows = arena_array(d->arena, pipeline->step_count, sizeof *rows);
    int width = id_width(pipeline);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        rows[i] = place_step(d, order[i]);
        if (rows[i] == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[order[i]];
        int blanks = 2 * (int)d->width - (int)utf8_columns(str_from(rows[i]));
        fprintf(out, "%s%*s %-*.*s  %s\n", rows[i], blanks, "", width, STR_ARG(step->id), words_of(step, d->arena));
    }
    return true;
}

void graph_text(const struct pipeline *pipeline, struct arena *arena, FILE *out)
{
    size_t count = pipeline->step_count;
    const size_t *order = pipeline_order(pipeline, arena);
    if (count <= GRAPH_STEPS_MAX) {
        struct drawing drawing = {.pipeline = pipeline, .arena = arena};
        drawing.parents = arena_array(arena, count, sizeof *drawing.parents);
        drawing.parent_counts = arena_array(arena, count, sizeof *drawing.parent_counts);
        drawing.waiting = arena_array(arena, count, sizeof *drawing.waiting);
        for (size_t c = 0; c < GRAPH_LANES_MAX; c++) {
            drawing.lanes[c] = LANE_FREE;
        }
        find_parents(&drawing, order);
        if (draw(&drawing, order, out)) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &pipeline->steps[order[i]];
        const char *needs = step_needs_words(pipeline, step, arena);
        fprintf(out, "%.*s: %s%s%s\n", STR_ARG(step->id), words_of(step, arena), *needs == '\0' ? "" : ", after ",
                needs);
    }
}
