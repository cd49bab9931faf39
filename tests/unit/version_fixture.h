/* SPDX-License-Identifier: Apache-2.0
 * A registered model, its versions and aliases, and what is said of them as words.
 */
#ifndef SLUICE_TEST_VERSION_FIXTURE_H
#define SLUICE_TEST_VERSION_FIXTURE_H

#include "store/artifact_uri.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/stmt.h"
#include "store_fixture.h"

static inline const char *message(struct fixture *f, int result, struct err *err, enum err_code code)
{
    assert_int_equal(result, -1);
    assert_int_equal(err->code, code);
    const char *text = arena_strdup(f->arena, err_for_mlflow(err));
    err_clear(err);
    return text;
}

static inline const char *text(struct fixture *f, struct json map)
{
    return json_text(f->arena, &map).p;
}

static inline int64_t ask(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t value = stmt_column_int(s, 0);
    stmt_done(s);
    return value;
}

static inline struct fixture open_with_model(void)
{
    struct fixture f = open_empty();
    assert_int_equal(store_registry_create(f.store, "wine", "of grapes", NULL, 0, 100, NULL), 0);
    return f;
}

static inline void add_logged_model(struct fixture *f, const char *model_id, const char *run_id)
{
    struct logged_model model = {.model_id = model_id,
                                 .name = "m",
                                 .artifact_uri = arena_printf(f->arena, "/models/%s", model_id),
                                 .source_run_id = run_id};
    assert_int_equal(store_model_create_tagged(f->store, &model, NULL, 0, NULL, 0, NULL), 0);
}

/* The number of the new version. */
static inline int64_t add_version(struct fixture *f, struct model_version version, int64_t now_ms)
{
    int64_t number = 0;
    struct err err = {0};
    version.name = version.name == NULL ? "wine" : version.name;
    version.source = version.source == NULL ? "s3://bucket/m" : version.source;
    (void)store_version_create(f->store, &version, false, NULL, 0, NULL, now_ms, &number, &err);
    assert_string_equal(err.message, "");
    return number;
}

static inline struct model_version get(struct fixture *f, const char *name, int64_t number)
{
    struct model_version version;
    struct err err = {0};
    (void)store_version_get(f->store, name, number, f->arena, &version, &err);
    assert_string_equal(err.message, "");
    return version;
}

static inline struct registered_model get_model(struct fixture *f, const char *name)
{
    struct registered_model model;
    assert_int_equal(store_registry_get(f->store, name, f->arena, &model, NULL), 0);
    return model;
}

static inline void point(struct fixture *f, const char *alias, int64_t version)
{
    int64_t previous = 0;
    assert_int_equal(store_alias_set(f->store, "wine", alias, version, -1, NULL, 1, &previous, NULL), 0);
}

static inline const char *aliases(struct fixture *f, const char *name, int64_t version)
{
    const char **list = NULL;
    size_t count = 0;
    const char *joined = "";
    assert_int_equal(store_version_aliases(f->store, name, version, f->arena, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        joined = arena_printf(f->arena, "%s%s;", joined, list[i]);
    }
    return joined;
}

/* ---- registered models --------------------------------------------------------------------------------------------
 * */

#endif
