/* SPDX-License-Identifier: Apache-2.0
 * What the models: source of a new version stands for.
 */
#include "store/registry_internal.h"

#include "base/parse.h"
#include "store/models.h"

#include <string.h>
#include <strings.h>

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static int refuse(const char *source, const char *why, struct err *err)
{
    return err_set(err, ERR_INPUT, "Invalid model version source: '%s'. %s", source, why);
}

/* "models:/m-ID" */
static int resolve_model(struct store *store, struct model_version *version, const char *model_id, struct arena *arena,
                         struct err *err)
{
    struct logged_model model;
    struct err why = {0};
    if (store_model_get(store, model_id, arena, &model, &why) < 0) {
        return err_set(err, why.code, "Unable to fetch model from model URI source artifact location '%s'.Error: %s",
                       version->source, err_for_mlflow(&why));
    }
    version->storage_location = model.artifact_uri;
    version->model_id = model.model_id;
    version->run_id = is_given(version->run_id) ? version->run_id : model.source_run_id;
    return 0;
}

/* The version that "NAME/VERSION", "NAME/STAGE", "NAME/latest" or "NAME@ALIAS" names. */
static int find_version(struct store *store, const char *name, char separator, const char *which, struct arena *arena,
                        struct model_version *ret, struct err *err)
{
    int64_t number = 0;
    struct model_version *latest = NULL;
    size_t count = 0;
    if (separator == '@' || strcasecmp(which, "latest") == 0) {
        return store_version_by_alias(store, name, which, arena, ret, err);
    }
    if (parse_int(str_from(which), 0, INT64_MAX, &number, NULL) == 0) {
        return store_version_get(store, name, number, arena, ret, err);
    }
    if (store_version_latest(store, name, &which, 1, arena, &latest, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "No versions of model with name '%s' and stage '%s' found", name, which);
    }
    *ret = latest[0];
    return 0;
}

static bool differs(const char *given, const char *known)
{
    return is_given(given) && !str_eq(str_from(given), str_from(known));
}

static int take_lineage(struct model_version *version, const struct model_version *from, struct arena *arena,
                        struct err *err)
{
    if (differs(version->run_id, from->run_id) || differs(version->model_id, from->model_id)) {
        return refuse(version->source,
                      "The run_id and model_id request parameters must match the referenced model version.", err);
    }
    version->source = arena_printf(arena, "models:/%s/%lld", from->name, (long long)from->version);
    version->storage_location = is_given(from->storage_location) ? from->storage_location : from->source;
    version->run_id = from->run_id;
    version->model_id = from->model_id;
    return 0;
}

static int resolve_registered(struct store *store, struct model_version *version, char *name, char *separator,
                              struct arena *arena, struct err *err)
{
    struct model_version from;
    char kind = *separator;
    *separator = '\0';
    if (registry_require(store, name, err) < 0) {
        return -1;
    }
    int is_prompt = registry_is_prompt(store, name, err);
    if (is_prompt != 0) {
        return is_prompt < 0
                   ? -1
                   : refuse(version->source, "Prompt versions cannot be used as model version sources.", err);
    }
    return find_version(store, name, kind, separator + 1, arena, &from, err) < 0
               ? -1
               : take_lineage(version, &from, arena, err);
}

int version_resolve_source(struct store *store, struct model_version *version, struct arena *arena, struct err *err)
{
    struct logged_model model;
    version->storage_location = version->source;
    if (strncasecmp(version->source, "models:/", strlen("models:/")) != 0) {
        if (!is_given(version->model_id) || is_given(version->run_id)) {
            return 0;
        }
        if (store_model_get(store, version->model_id, arena, &model, err) < 0) {
            return -1;
        }
        version->run_id = model.source_run_id;
        return 0;
    }
    char *what = arena_strdup(arena, version->source + strspn(version->source + strlen("models:"), "/") +
                                         strlen("models:"));
    char *slash = strchr(what, '/');
    char *separator = slash != NULL ? slash : strrchr(what, '@');
    return separator == NULL ? resolve_model(store, version, what, arena, err)
                             : resolve_registered(store, version, what, separator, arena, err);
}
