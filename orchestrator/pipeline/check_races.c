/* SPDX-License-Identifier: Apache-2.0
 * Paths of the workspace that steps declare to leave: two steps that can run at once must not share one; and who names
 * another step's path as text misses the recorded, digest-checked file.
 *
 * A path with an expression of the attempt in it (step.dir, matrix.x) is the attempt's own and is not looked at. Two
 * paths meet when they are equal, when one is a folder above the other, or when one is a glob that matches the other.
 */
#include "base/path.h"
#include "pipeline/load.h"

#include <stdlib.h>

/* Beyond these nothing is claimed: a file that was made to be slow shall not be. */
enum { GLOB_PAIRS_MAX = 1 << 20, STEPS_SEEN_MAX = 50 << 20 };

struct declared {
    const char *path; /* normal; with its expressions as they are written */
    bool glob;
    size_t step;
    size_t rank; /* no step stands before one that it needs */
    struct str artifact; /* its name, or "" */
    const struct yaml_node *node;
};

struct races {
    struct loader *loader;
    const struct step *steps;
    struct declared *items; /* sorted by path, then rank */
    size_t count;
    size_t room;
    size_t *ranks;
    size_t *visited; /* by step: the number of the search that saw it */
    size_t search;
    size_t seen; /* steps, by all searches */
    size_t *stack;
};

/* ---- which step runs before which --------------------------------------------------------------------------- */

/* Ranks by a walk behind the needs; the graph has no cycles (or they were reported, and any order does). */
static void rank_steps(struct races *races)
{
    size_t count = races->loader->pipeline->step_count;
    size_t *next = arena_array(races->loader->scratch, count, sizeof *next);
    size_t rank = 1;
    for (size_t start = 0; start < count; start++) {
        size_t depth = 0;
        if (races->visited[start] == 0) {
            races->stack[depth++] = start;
            races->visited[start] = 1;
        }
        while (depth > 0) {
            size_t at = races->stack[depth - 1];
            if (next[at] == races->steps[at].need_count) {
                races->ranks[at] = rank++;
                depth--;
                continue;
            }
            size_t need = races->steps[at].needs[next[at]++].step;
            if (races->visited[need] == 0) {
                races->visited[need] = 1;
                races->stack[depth++] = need;
            }
        }
    }
    races->search = 1;
}

/* Must `late` wait for `early`, by way of any needs? */
static bool waits_for(struct races *races, size_t late, size_t early)
{
    size_t depth = 0;
    races->search++;
    races->stack[depth++] = late;
    races->visited[late] = races->search;
    while (depth > 0) {
        const struct step *step = &races->steps[races->stack[--depth]];
        races->seen += step->need_count + 1;
        if (races->seen > STEPS_SEEN_MAX) {
            return true;
        }
        for (size_t i = 0; i < step->need_count; i++) {
            size_t need = step->needs[i].step;
            if (need == early) {
                return true;
            }
            if (races->visited[need] != races->search && races->ranks[need] > races->ranks[early]) {
                races->visited[need] = races->search;
                races->stack[depth++] = need;
            }
        }
    }
    return false;
}

/* ---- what is declared -------------------------------------------------------------------------------------------- */

static bool names_any(struct str text, const char *const *names)
{
    bool expressions = str_find(text, STR("${{")) >= 0;
    for (; expressions && *names != NULL; names++) {
        if (str_find(text, str_from(*names)) >= 0) {
            return true;
        }
    }
    return false;
}

static bool is_private(struct str text)
{
    static const char *const own[] = {"step.", "matrix.", "matrix[", "inputs.", "run.id", "run.number", NULL};
    return names_any(text, own);
}

/* The items of a matrix share what is the run's. Their `env` and `inputs` may be each one's own: that is not looked at.
 */
static void check_items(struct races *races, const struct step *step, const struct yaml_node *node)
{
    static const char *const own[] = {"step.", "matrix.", "matrix[", "inputs.", "env.", NULL};
    if (step->matrix != NULL && step->max_parallel != 1 && !names_any(node->text, own)) {
        load_error(races->loader, node, DIAG_RACE, "write it below ${{ step.dir }}, which is each item's own",
                   "all items of the matrix of '%.*s' leave the same '%.*s'", STR_ARG(step->id), STR_ARG(node->text));
    }
}

static void declare(struct races *races, size_t step, const struct yaml_node *node, struct str artifact)
{
    if (node == NULL || node->type != JSON_STRING || node->text.n == 0) {
        return;
    }
    check_items(races, &races->steps[step], node);
    if (is_private(node->text)) {
        return;
    }
    races->items = arena_grow(races->loader->scratch, races->items, races->count, &races->room, sizeof *races->items);
    struct declared *item = &races->items[races->count++];
    *item = (struct declared){
        .path = path_normal(races->loader->scratch, arena_str(races->loader->scratch, node->text).p),
        .step = step,
        .rank = races->ranks[step],
        .artifact = artifact,
        .node = node,
    };
    item->glob = strpbrk(item->path, "*?[") != NULL && strstr(item->path, "${{") == NULL;
}

static void declare_all(struct races *races, size_t step, const struct yaml_node *values)
{
    for (size_t i = 0; values != NULL && i < values->count; i++) {
        bool map = values->type == JSON_OBJECT;
        declare(races, step, map ? &values->pairs[i].value : &values->items[i],
                map ? values->pairs[i].key.text : STR(""));
    }
}

static int by_path(const void *a, const void *b)
{
    const struct declared *x = a;
    const struct declared *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* ---- two that meet -------------------------------------------------------------------------------------- */

static void check_pair(struct races *races, const struct declared *a, const struct declared *b)
{
    const struct declared *early = a->rank < b->rank ? a : b;
    const struct declared *late = early == a ? b : a;
    if (a->step == b->step || waits_for(races, late->step, early->step)) {
        return;
    }
    /* Where both have a condition, they may well exclude each other. */
    const struct step *first = &races->steps[early->step];
    const struct step *second = &races->steps[late->step];
    bool either = first->condition != NULL && second->condition != NULL;
    const struct declared *told = early->node->pos.line > late->node->pos.line ? early : late;
    const struct step *other = told == early ? second : first;
    load_error(races->loader, told->node, either ? DIAG_SUSPECT : DIAG_RACE,
               "let one need the other, or write below ${{ step.dir }}",
               "steps '%.*s' and '%.*s' can run at once and leave the same path '%s'", STR_ARG(other->id),
               STR_ARG(races->steps[told->step].id), told->path);
}

/* Of the steps that share a path, in an order that no need breaks, each must wait for the one before. */
static void check_equal(struct races *races)
{
    for (size_t i = 1; i < races->count; i++) {
        if (strcmp(races->items[i - 1].path, races->items[i].path) == 0) {
            check_pair(races, &races->items[i - 1], &races->items[i]);
        }
    }
}

/* The first place, in the order of paths and ranks, that is not before this one. */
static size_t first_from(const struct races *races, const char *path, size_t rank)
{
    size_t low = 0;
    size_t high = races->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(races->items[middle].path, path);
        if (order < 0 || (order == 0 && races->items[middle].rank < rank)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_path(const struct races *races, size_t at, const char *path)
{
    return at < races->count && strcmp(races->items[at].path, path) == 0;
}

/* Those who leave a folder wait for each other (or that is told): who leaves what is in it must only wait for the last
 * of them before it, and the next behind must wait for it. */
static void check_folder(struct races *races, const char *folder, const struct declared *inside)
{
    size_t at = first_from(races, folder, inside->rank);
    if (at > 0 && has_path(races, at - 1, folder)) {
        check_pair(races, &races->items[at - 1], inside);
    }
    while (has_path(races, at, folder) && races->items[at].rank == inside->rank) { /* its own step */
        at++;
    }
    if (has_path(races, at, folder)) {
        check_pair(races, &races->items[at], inside);
    }
}

static void check_folders(struct races *races)
{
    for (size_t i = 0; i < races->count; i++) {
        char *folder = arena_strdup(races->loader->scratch, races->items[i].path);
        for (char *slash = strrchr(folder, '/'); slash != NULL && slash > folder; slash = strrchr(folder, '/')) {
            *slash = '\0';
            check_folder(races, folder, &races->items[i]);
        }
    }
}

static void check_globs(struct races *races)
{
    size_t pairs = 0;
    for (size_t i = 0; i < races->count; i++) {
        for (size_t k = 0; races->items[i].glob && k < races->count && pairs++ < GLOB_PAIRS_MAX; k++) {
            if (!races->items[k].glob && path_matches(races->items[i].path, races->items[k].path)) {
                check_pair(races, &races->items[i], &races->items[k]);
            }
        }
    }
}

/* ---- paths as text -------------------------------------------------------------------------------------- */

static bool is_path_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._/-+@%", c) != NULL;
}

/* `first` is the first of those with its path. */
static bool leaves_path(const struct races *races, const struct declared *first, size_t step)
{
    for (const struct declared *item = first;
         item < races->items + races->count && strcmp(item->path, first->path) == 0; item++) {
        if (item->step == step) {
            return true;
        }
    }
    return false;
}

static void check_word(struct races *races, size_t step, const struct yaml_node *node, size_t begin, size_t end)
{
    struct arena *arena = races->loader->arena;
    struct str word = str_slice(node->text, begin, end);
    bool pathlike = str_find_byte(word, '/', 0) >= 0 || str_find_byte(word, '.', 0) > 0;
    if (!pathlike) {
        return;
    }
    const char *path = path_normal(races->loader->scratch, arena_str(races->loader->scratch, word).p);
    size_t at = first_from(races, path, 0);
    const struct declared *found = has_path(races, at, path) ? &races->items[at] : NULL;
    if (found == NULL || leaves_path(races, found, step)) {
        return;
    }
    struct str owner = races->steps[found->step].id;
    const char *hint =
        found->artifact.n == 0
            ? arena_printf(arena, "give it a name in 'artifacts' of '%.*s' and write ${{ steps.%.*s.artifacts.NAME }}",
                           STR_ARG(owner), STR_ARG(owner))
            : arena_printf(arena, "write ${{ steps.%.*s.artifacts.%.*s }}: the recorded file, whose digest is checked",
                           STR_ARG(owner), STR_ARG(found->artifact));
    struct pos pos = yaml_content(races->loader->diags, node);
    pos.column += (int)begin;
    struct diag *diag = diag_add(races->loader->diags, DIAG_SUSPECT, pos, hint, "'%.*s' is what step '%.*s' leaves",
                                 STR_ARG(word), STR_ARG(owner));
    diag->end_column = diag->pos.column + (int)word.n;
}

static void check_text(struct races *races, size_t step, const struct yaml_node *node)
{
    for (size_t i = 0; node != NULL && node->type >= JSON_ARRAY && i < node->count; i++) {
        check_text(races, step, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i]);
    }
    for (size_t i = 0; node != NULL && node->type == JSON_STRING && i < node->text.n;) {
        size_t begin = i;
        while (i < node->text.n && is_path_byte(node->text.p[i])) {
            i++;
        }
        if (i > begin) {
            check_word(races, step, node, begin, i);
        } else {
            i++;
        }
    }
}

static bool leaves_files(const struct step *step)
{
    return step->artifacts != NULL || step->metrics != NULL || step->model != NULL;
}

void check_races(struct loader *loader)
{
    size_t count = loader->pipeline->step_count;
    size_t first = 0;
    while (first < count && !leaves_files(&loader->pipeline->steps[first])) {
        first++;
    }
    if (first == count) {
        return;
    }
    struct races races = {
        .loader = loader,
        .steps = loader->pipeline->steps,
        .ranks = arena_array(loader->scratch, count, sizeof *races.ranks),
        .visited = arena_array(loader->scratch, count, sizeof *races.visited),
        .stack = arena_array(loader->scratch, count, sizeof *races.stack),
    };
    rank_steps(&races);
    for (size_t i = 0; i < count; i++) {
        if (leaves_files(&races.steps[i])) {
            declare_all(&races, i, load_step_node(loader, i, "artifacts"));
            declare_all(&races, i, load_step_node(loader, i, "metrics"));
            declare(&races, i, yaml_get(load_step_node(loader, i, "model"), "path"), STR(""));
        }
    }
    if (races.count == 0) {
        return;
    }
    qsort(races.items, races.count, sizeof *races.items, by_path);
    check_equal(&races);
    check_folders(&races);
    check_globs(&races);
    for (size_t i = 0; i < count; i++) {
        check_text(&races, i, load_step_node(loader, i, "run"));
        check_text(&races, i, load_step_node(loader, i, "with"));
        check_text(&races, i, load_step_node(loader, i, "inputs"));
    }
}
