/* SPDX-License-Identifier: Apache-2.0
 * The pipelines that a pipeline runs as steps. Their files are read, so that what they take and give is known to the
 * other checks, and so that a pipeline that would run itself, by whatever way round, is found; what else is wrong with
 * them is told when they are validated themselves.
 */
#include "base/fs.h"
#include "base/path.h"
#include "base/str_index.h"
#include "base/vec.h"
#include "pipeline/load.h"

#include <stdlib.h>

enum { TRAIL_MAX = 16 }; /* more than runs go deep */

/* The files on the way from the pipeline that is checked to the one that is looked at. */
struct trail {
    struct loader *loader;
    const char *real[TRAIL_MAX];  /* where they lie */
    const char *named[TRAIL_MAX]; /* as they are named */
    size_t count;
    struct {
        VEC_OF(const char *)
    } done; /* files from which there is no way back */
};

/* A pipeline that steps name: read once, however many they are. */
struct child {
    const struct pipeline *pipeline; /* NULL: it is not valid, as `problem` says */
    const char *problem;
    const char *cycle; /* it would run itself, in words, or NULL */
};

struct children {
    struct str_index *names; /* as steps write them */
    struct child *items;     /* by their numbers */
    size_t room;
};

static bool is_file_name(struct str name)
{
    return str_starts(name, STR("./")) || str_starts(name, STR("../"));
}

static const char *real_path(struct arena *arena, const char *path)
{
    char *real = realpath(path, NULL);
    const char *kept = real == NULL ? NULL : arena_strdup(arena, real);
    free(real);
    return kept;
}

/* `compile`: its Lua scripts as well. Those of pipelines further down are told when these are validated themselves. */
static const struct pipeline *load_file(struct loader *loader, const char *path, bool compile, struct diags *diags)
{
    struct pipeline_world world = *loader->world;
    world.check_files = false;
    world.folder = NULL;
    world.compile_lua = compile ? world.compile_lua : NULL;
    world.root = loader->pipeline->root.p;
    diags_init(diags, loader->arena, path);
    return pipeline_load_named(path, diags, &world);
}

/* "./a.yaml -> ./b.yaml -> ./a.yaml" when the file at `path` stands on the trail already, else NULL. `real` is NULL
 * when the system did not say which file it is. */
static const char *way_round(const struct trail *trail, const char *real, const char *name)
{
    struct arena *arena = trail->loader->arena;
    for (size_t i = 0; i < trail->count; i++) {
        if (real != NULL && trail->real[i] != NULL && strcmp(trail->real[i], real) == 0) {
            const char *words = trail->named[i];
            for (size_t k = i + 1; k < trail->count; k++) {
                words = arena_printf(arena, "%s -> %s", words, trail->named[k]);
            }
            return arena_printf(arena, "%s -> %s", words, name);
        }
    }
    return NULL;
}

static bool is_done(const struct trail *trail, const char *real)
{
    for (size_t i = 0; i < trail->done.count; i++) {
        if (strcmp(trail->done.items[i], real) == 0) {
            return true;
        }
    }
    return false;
}

/* The first cycle among the pipelines below the one at the trail's end, in words, or NULL. */
static const char *find_cycle(struct trail *trail, const struct pipeline *pipeline)
{
    struct arena *arena = trail->loader->arena;
    const char *cycle = NULL;
    for (size_t i = 0; pipeline != NULL && cycle == NULL && i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        if (step->kind != STEP_KIND_PIPELINE || !is_file_name(step->pipeline)) {
            continue;
        }
        const char *name = arena_str(arena, step->pipeline).p;
        const char *real = real_path(arena, path_join(arena, trail->loader->pipeline->root.p, name));
        if (real == NULL || is_done(trail, real)) {
            continue;
        }
        cycle = way_round(trail, real, name);
        if (cycle == NULL && trail->count < TRAIL_MAX) {
            struct diags ignored;
            trail->real[trail->count] = real;
            trail->named[trail->count++] = name;
            cycle = find_cycle(trail, load_file(trail->loader, real, false, &ignored));
            trail->count--;
            vec_push(&trail->done, real);
        }
    }
    return cycle;
}

static const char *find_cycle_by(struct loader *loader, const char *path, const char *name,
                                 const struct pipeline *child)
{
    struct trail trail = {.loader = loader};
    const char *own = real_path(loader->arena, loader->pipeline->file.p);
    const char *real = real_path(loader->arena, path);
    if (own != NULL) {
        trail.real[trail.count] = own;
        trail.named[trail.count++] = loader->pipeline->file.p;
    }
    const char *cycle = way_round(&trail, real, name);
    if (cycle == NULL) {
        trail.real[trail.count] = real;
        trail.named[trail.count++] = name;
        cycle = find_cycle(&trail, child);
    }
    vec_clear(&trail.done);
    return cycle;
}

/* `with` of a step against the params of the pipeline that it runs. */
static void check_with(struct loader *loader, size_t index, const struct yaml_node *named)
{
    const struct pipeline *child = loader->children[index];
    const struct template_tree *with = loader->pipeline->steps[index].with;
    struct str *names = arena_array(loader->arena, child->param_count, sizeof *names);
    bool *given = arena_array(loader->arena, child->param_count, sizeof *given);
    for (size_t p = 0; p < child->param_count; p++) {
        names[p] = child->params[p].name;
    }
    for (size_t i = 0; with->type == JSON_OBJECT && i < with->count; i++) {
        size_t p = 0;
        while (p < child->param_count && !str_eq(names[p], with->keys[i])) {
            p++;
        }
        if (p == child->param_count) {
            diag_add(loader->diags, DIAG_EXPR_NAME, with->key_positions[i],
                     diag_hint_near(loader->arena, with->keys[i], names, child->param_count),
                     "the pipeline '%.*s' has no param '%.*s'", STR_ARG(child->name), STR_ARG(with->keys[i]));
            continue;
        }
        given[p] = true;
        const struct template_tree *value = &with->items[i];
        bool known = value->type != JSON_ARRAY && value->type != JSON_OBJECT && value->leaf.part_count == 0;
        struct json plain = load_param_value(&child->params[p], &value->leaf, loader->arena);
        const char *problem = known ? load_param_problem(&child->params[p], &plain, loader->arena) : NULL;
        if (problem != NULL) {
            diag_add(loader->diags, DIAG_TYPE, value->leaf.pos, NULL, "param '%.*s' of the pipeline '%.*s': %s",
                     STR_ARG(names[p]), STR_ARG(child->name), problem);
        }
    }
    for (size_t p = 0; p < child->param_count; p++) {
        if (child->params[p].required && !given[p]) {
            load_error(loader, named, DIAG_MISSING, NULL,
                       "the param '%.*s' of the pipeline '%.*s' has no default: give it in 'with'", STR_ARG(names[p]),
                       STR_ARG(child->name));
        }
    }
}

static const char *first_error(struct arena *arena, const struct diags *diags)
{
    size_t first = 0;
    while (first < diags->count && diags->items[first].level != DIAG_ERROR) {
        first++;
    }
    const struct diag *diag = &diags->items[first];
    return diag->pos.line == 0 ? diag->message : arena_printf(arena, "line %d: %s", diag->pos.line, diag->message);
}

static struct child read_child(struct loader *loader, const char *path, const char *name)
{
    struct diags diags;
    struct child child = {.pipeline = load_file(loader, path, true, &diags)};
    child.problem = child.pipeline == NULL ? first_error(loader->arena, &diags) : NULL;
    loader->diags->unread = loader->diags->unread == NULL ? diags.unread : loader->diags->unread;
    child.cycle = find_cycle_by(loader, path, name, child.pipeline);
    return child;
}

static const struct child *find_child(struct children *known, struct loader *loader, const char *path,
                                      const char *name)
{
    ptrdiff_t found = str_index_find(known->names, str_from(name));
    if (found < 0) {
        size_t number = str_index_add(known->names, str_from(name));
        known->items = arena_grow(loader->arena, known->items, number, &known->room, sizeof *known->items);
        known->items[number] = read_child(loader, path, name);
        found = (ptrdiff_t)number;
    }
    return &known->items[found];
}

/* A NAME is looked up in the home when the step starts; only files are known here. */
static void check_child(struct loader *loader, struct children *known, size_t index, const struct yaml_node *named)
{
    const char *name = arena_str(loader->arena, named->text).p;
    const char *path = path_normal(loader->arena, path_join(loader->arena, loader->pipeline->root.p, name));
    if (!is_file_name(named->text)) {
        return;
    }
    if (!fs_exists(path)) {
        check_exists(loader, named, "the pipeline");
        return;
    }
    const struct child *child = find_child(known, loader, path, name);
    if (child->cycle != NULL) {
        load_error(loader, named, DIAG_CYCLE, NULL, "a cycle of pipelines: %s", child->cycle);
    } else if (child->pipeline == NULL) {
        load_error(loader, named, DIAG_FILE,
                   arena_printf(loader->arena, "'sluice validate %s' tells all that is wrong with it", name),
                   "the pipeline '%s' is not valid: %s", name, child->problem);
    } else {
        loader->children[index] = child->pipeline;
        check_with(loader, index, named);
    }
}

void check_children(struct loader *loader)
{
    const struct pipeline *pipeline = loader->pipeline;
    loader->children = arena_array(loader->scratch, pipeline->step_count, sizeof *loader->children);
    struct children known = {.names = str_index_new(loader->arena, 0)};
    for (size_t i = 0; loader->world->check_files && i < pipeline->step_count; i++) {
        bool runs = pipeline->steps[i].kind == STEP_KIND_PIPELINE;
        const struct yaml_node *named = runs ? load_step_node(loader, i, "pipeline") : NULL;
        if (named != NULL) {
            check_child(loader, &known, i, named);
        }
    }
}
