/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/family.h"

#include <string.h>

enum { CHILDREN_MAX = 100000 };

static int add(struct family *family, const char *run_id, const char *prefix, struct run_place place, struct err *err)
{
    struct family_member *member = arena_one(family->arena, struct family_member);
    if (run_view_load(family->store, family->plugins, run_id, &member->view, err) < 0) {
        return -1;
    }
    member->prefix = arena_strdup(family->arena, prefix);
    member->place = place;
    family->items =
        arena_grow(family->arena, family->items, family->count, &family->room, sizeof(struct family_member *));
    family->items[family->count++] = member;
    return 0;
}

static bool has(const struct family *family, const char *run_id)
{
    for (size_t i = 0; i < family->count; i++) {
        if (strcmp(family->items[i]->view.row.run_id, run_id) == 0) {
            return true;
        }
    }
    return false;
}

static int add_child(struct family *family, size_t parent, const struct pipeline_run *row, struct arena *arena,
                     struct err *err)
{
    const struct family_member *of = family->items[parent];
    struct run_place place = {(size_t)row->parent_step, (size_t)row->parent_item};
    const struct step *step = &of->view.pipeline->steps[place.step];
    const char *prefix = step->matrix != NULL
                             ? arena_printf(arena, "%s%.*s[%zu]/", of->prefix, STR_ARG(step->id), place.item)
                             : arena_printf(arena, "%s%.*s/", of->prefix, STR_ARG(step->id));
    return add(family, row->run_id, prefix, parent == 0 ? place : of->place, err);
}

static int add_children(struct family *family, size_t parent, struct arena *arena, struct err *err)
{
    struct pipeline_run_filter filter = {.parent = family->items[parent]->view.row.run_id, .limit = CHILDREN_MAX};
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    if (store_pipeline_run_list(family->store, &filter, arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = count; i > 0; i--) { /* oldest first */
        if (!has(family, rows[i - 1].run_id) && add_child(family, parent, &rows[i - 1], arena, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int family_grow(struct family *family, struct err *err)
{
    struct arena *arena = arena_new();
    int result = 0;
    for (size_t i = 0; result == 0 && i < family->count; i++) {
        result = add_children(family, i, arena, err);
    }
    arena_free(arena);
    return result;
}

int family_open(struct family *family, struct store *store, struct catalogue *plugins, const char *run_id,
                struct arena *arena, struct err *err)
{
    *family = (struct family){.arena = arena, .store = store, .plugins = plugins};
    if (add(family, run_id, "", (struct run_place){0}, err) < 0 || family_grow(family, err) < 0) {
        family_close(family);
        return -1;
    }
    return 0;
}

void family_close(struct family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        run_view_clear(&family->items[i]->view);
    }
    family->count = 0;
}
