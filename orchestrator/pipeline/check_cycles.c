/* SPDX-License-Identifier: Apache-2.0
 * Steps that wait for each other. A walk with a stack of its own: a chain of 100,000 steps needs no recursion.
 */
#include "pipeline/load.h"

enum mark { UNSEEN, OPEN, DONE };

struct frame {
    size_t step;
    size_t next; /* need to look at */
};

struct walk {
    struct loader *loader;
    const struct step *steps;
    enum mark *marks;
    struct frame *stack;
    size_t depth;
    bool *told; /* stands in a cycle that was reported */
};

/* "a → b → c → a", from the frame of the step that is needed again. */
static void report(struct walk *walk, size_t again)
{
    size_t first = walk->depth;
    while (walk->stack[first - 1].step != again) {
        first--;
    }
    bool known = false;
    struct strbuf text;
    strbuf_init(&text, 64 << 10);
    for (size_t i = first - 1; i < walk->depth; i++) {
        size_t step = walk->stack[i].step;
        known = known || walk->told[step];
        walk->told[step] = true;
        strbuf_printf(&text, "%.*s → ", STR_ARG(walk->steps[step].id));
    }
    strbuf_add_str(&text, walk->steps[again].id);
    if (!known) {
        struct pos pos = walk->steps[again].pos;
        struct diag *diag = diag_add(walk->loader->diags, DIAG_CYCLE, pos,
                                     "each needs the one behind its arrow, so that none can start",
                                     "steps wait for each other: %s", text.data);
        diag->end_column = pos.column + (int)walk->steps[again].id.n;
    }
    strbuf_clear(&text);
}

static void walk_from(struct walk *walk, size_t start)
{
    walk->depth = 0;
    walk->stack[walk->depth++] = (struct frame){start, 0};
    walk->marks[start] = OPEN;
    while (walk->depth > 0) {
        struct frame *top = &walk->stack[walk->depth - 1];
        const struct step *step = &walk->steps[top->step];
        if (top->next == step->need_count) {
            walk->marks[top->step] = DONE;
            walk->depth--;
            continue;
        }
        size_t need = step->needs[top->next++].step;
        if (walk->marks[need] == OPEN) {
            report(walk, need);
        } else if (walk->marks[need] == UNSEEN) {
            walk->marks[need] = OPEN;
            walk->stack[walk->depth++] = (struct frame){need, 0};
        }
    }
}

void check_cycles(struct loader *loader)
{
    size_t count = loader->pipeline->step_count;
    struct walk walk = {
        .loader = loader,
        .steps = loader->pipeline->steps,
        .marks = arena_array(loader->scratch, count, sizeof *walk.marks),
        .stack = arena_array(loader->scratch, count, sizeof *walk.stack),
        .told = arena_array(loader->scratch, count, sizeof *walk.told),
    };
    for (size_t i = 0; i < count; i++) {
        if (walk.marks[i] == UNSEEN) {
            walk_from(&walk, i);
        }
    }
}
