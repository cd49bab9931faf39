/* SPDX-License-Identifier: Apache-2.0
 * What a step is given of other steps' results, found in its message.
 *
 * A path goes many ways from the step that published it to the one that reads it: an expression in a command, an input,
 * a parameter of a plugin, the contexts of a script, a parameter of a sub-pipeline. But each of them ends in the
 * message that starts a step. So it is there that we look, for paths below the home's artifacts and for models by name.
 */
#include "base/path.h"
#include "engine/engine_internal.h"
#include "store/published.h"

#include <stdlib.h>

struct giving {
    struct engine *engine;
    struct arena *arena;
    struct str root; /* "<home>/artifacts/" */
    struct published_row *rows; /* found, some of them more than once */
    size_t count, room;
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct published_row *)a)->path, ((const struct published_row *)b)->path);
}

static struct json entry_of(const struct giving *g, const struct published_row *row)
{
    const char *name = *row->name == '\0' ? path_base(row->path) : row->name;
    const char *what = str_starts(str_from(row->owner), STR("m-"))
                           ? arena_printf(g->arena, "model %s of step %s", row->owner, row->step)
                           : arena_printf(g->arena, "artifact '%s' of step %s", name, row->step);
    struct json entry = json_object();
    json_set(g->arena, &entry, "what", json_cstring(g->arena, what));
    json_set(g->arena, &entry, "path", json_cstring(g->arena, row->path));
    json_set(g->arena, &entry, "sha256", json_cstring(g->arena, row->sha256));
    json_set(g->arena, &entry, "stamp", json_cstring(g->arena, row->stamp));
    return entry;
}

static struct json entries_of(struct giving *g)
{
    struct json entries = json_array();
    if (g->count > 0) {
        qsort(g->rows, g->count, sizeof *g->rows, by_path);
    }
    for (size_t i = 0; i < g->count; i++) {
        if (i == 0 || by_path(&g->rows[i - 1], &g->rows[i]) != 0) {
            json_push(g->arena, &entries, entry_of(g, &g->rows[i]));
        }
    }
    return entries;
}

/* Below the root: EXPERIMENT/RUN/artifacts/..., or EXPERIMENT/models/MODEL/artifacts. The owner, and where its own
 * folder ends; false for any other path. */
static bool owner_of(struct str path, size_t root, struct arena *arena, const char **ret_owner, size_t *ret_end)
{
    struct str rest = str_slice(path, root, path.n);
    struct str part = {0};
    if (!str_cut(&rest, '/', &part) || !str_cut(&rest, '/', &part) ||
        (str_is(part, "models") && !str_cut(&rest, '/', &part)) || part.n == 0) {
        return false;
    }
    *ret_owner = arena_str(arena, part).p;
    *ret_end = (size_t)(part.p - path.p) + part.n;
    return true;
}

/* The path, or the nearest folder above it that was published. */
static int look_up(struct giving *g, struct str path, bool *ret_found, struct err *err)
{
    const char *owner = NULL;
    size_t end = 0;
    *ret_found = false;
    if (!owner_of(path, g->root.n, g->arena, &owner, &end)) {
        return 0;
    }
    for (size_t n = path.n; n > end; n--) {
        struct published_row row;
        if (n < path.n && path.p[n] != '/') {
            continue;
        }
        int found = store_published_get(g->engine->options.store, owner,
                                        arena_str(g->arena, str_slice(path, 0, n)).p, g->arena, &row, err);
        if (found < 0) {
            return -1;
        }
        if (found == 1) {
            g->rows = arena_grow(g->arena, g->rows, g->count, &g->room, sizeof row);
            g->rows[g->count++] = row;
            *ret_found = true;
            return 0;
        }
    }
    return 0;
}

/* A text is a path as a whole, or has paths in it, which end where a name hardly goes on. */
static int in_text(struct giving *g, struct str text, struct err *err)
{
    for (ptrdiff_t at = str_find(text, g->root); at >= 0; at = str_find(text, g->root)) {
        bool found = false;
        text = str_slice(text, (size_t)at, text.n);
        size_t end = 0;
        while (end < text.n && strchr(" \t\r\n\"'`,;:|&()[]{}<>=", text.p[end]) == NULL) {
            end++;
        }
        if (look_up(g, text, &found, err) < 0 || (!found && look_up(g, str_slice(text, 0, end), &found, err) < 0)) {
            return -1;
        }
        text = str_slice(text, g->root.n, text.n);
    }
    return 0;
}

static int in_value(struct giving *g, const struct json *value, struct err *err)
{
    if (value == NULL) {
        return 0;
    }
    if (value->type == JSON_STRING) {
        return in_text(g, value->u.string, err);
    }
    for (size_t i = 0; value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        if (in_value(g, &value->u.array.items[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; value->type == JSON_OBJECT && i < value->u.object.count; i++) {
        if (in_value(g, &value->u.object.members[i].value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A plugin or script is given a model by its name, and asks for the folder as it runs. A text that only looks like one,
 * or names none, is the step's own affair. */
static int in_model_names(struct giving *g, const struct json *params, struct err *err)
{
    for (size_t i = 0; params != NULL && params->type == JSON_OBJECT && i < params->u.object.count; i++) {
        const struct json *value = &params->u.object.members[i].value;
        struct model_ref model;
        struct err wrong = {0};
        bool found = false;
        if (value->type != JSON_STRING ||
            !(str_starts(value->u.string, STR("models:/")) ||
              (str_starts(value->u.string, STR("m-")) && value->u.string.n == 34))) {
            continue;
        }
        int known = model_resolve(g->engine, value->u.string.p, g->arena, &model, &wrong);
        if (known < 0 && store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        if (known == 1 && model.path != NULL && str_starts(str_from(model.path), g->root) &&
            look_up(g, str_from(model.path), &found, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int given_collect(struct engine *engine, const struct json *message, struct arena *arena, struct json *ret_verify,
                  struct err *err)
{
    static const char *const parts[] = {"env", "argv", "params", "contexts", "inputs", "resumed"};
    struct giving g = {
        .engine = engine,
        .arena = arena,
        .root = str_from(arena_printf(arena, "%s/artifacts/", engine->options.home)),
    };
    /* A step whose wait came to nothing only goes on to say so, and it knows better what was not as it should be. */
    const char *outcome = json_get_text(json_get(message, "resumed"), "outcome", "met");
    if (strcmp(outcome, "met") != 0) {
        *ret_verify = json_array();
        return 0;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (in_value(&g, json_get(message, parts[i]), err) < 0) {
            return -1;
        }
    }
    if (in_model_names(&g, json_get(message, "params"), err) < 0) {
        return -1;
    }
    *ret_verify = entries_of(&g);
    return 0;
}
