/* SPDX-License-Identifier: Apache-2.0
 * From what people write for a model to the logged model: "models:/wine@champion", "models:/wine/3", "models:/m-...",
 * "m-...".
 */
#include "base/parse.h"
#include "engine/engine_internal.h"
#include "store/models.h"
#include "store/registry.h"

static int found_model(struct engine *engine, const char *model_id, struct arena *arena, struct model_ref *ret,
                       struct err *err)
{
    struct logged_model model;
    if (store_model_get(engine->options.store, model_id, arena, &model, err) < 0) {
        return -1;
    }
    ret->model_id = model.model_id;
    ret->path = model.artifact_uri;
    return 1;
}

static int found_version(struct engine *engine, struct str name, int64_t number, struct arena *arena,
                         struct model_ref *ret, struct err *err)
{
    struct model_version version;
    const char *text = arena_str(arena, name).p;
    if (store_version_get(engine->options.store, text, number, arena, &version, err) < 0) {
        return -1;
    }
    ret->name = text;
    ret->version = number;
    ret->path = version.source;
    return version.model_id == NULL ? 1 : found_model(engine, version.model_id, arena, ret, err);
}

int model_resolve(struct engine *engine, const char *uri, struct arena *arena, struct model_ref *ret, struct err *err)
{
    struct str text = str_trim(str_from(uri));
    *ret = (struct model_ref){0};
    if (str_starts(text, STR("models:/"))) {
        text = str_slice(text, strlen("models:/"), text.n);
        while (text.n > 0 && text.p[0] == '/') {
            text = str_slice(text, 1, text.n);
        }
    } else if (!str_starts(text, STR("m-"))) {
        return err_set(err, ERR_INPUT,
                       "'%s' names no model: expected models:/NAME@ALIAS, models:/NAME/VERSION or m-...", uri);
    }
    if (str_starts(text, STR("m-")) && text.n == 34) {
        return found_model(engine, arena_str(arena, text).p, arena, ret, err);
    }
    ptrdiff_t at = str_find_byte(text, '@', 0);
    ptrdiff_t slash = str_find_byte(text, '/', 0);
    int64_t number = 0;
    if (at > 0) {
        struct str name = str_slice(text, 0, (size_t)at);
        const char *alias = arena_str(arena, str_slice(text, (size_t)at + 1, text.n)).p;
        if (store_alias_get(engine->options.store, arena_str(arena, name).p, alias, &number, err) < 0) {
            return -1;
        }
        return number == 0 ? 0 : found_version(engine, name, number, arena, ret, err);
    }
    if (slash > 0 && parse_int(str_slice(text, (size_t)slash + 1, text.n), 1, INT64_MAX, &number, NULL) == 0) {
        return found_version(engine, str_slice(text, 0, (size_t)slash), number, arena, ret, err);
    }
    return err_set(err, ERR_INPUT, "'%s' names no model: expected models:/NAME@ALIAS, models:/NAME/VERSION or m-...",
                   uri);
}
