/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reader_sql.h"

#include "store/mlflow_roles.h"
#include "store/registry_internal.h"

#include <string.h>

#define DENIED "-100"

/* The type of an object, and how a role's pattern names it, by the column that says which it is. */
struct granted {
    const char *table, *key; /* what is said to him himself */
    const char *type, *pattern;
};

static const struct granted of_experiments = {"experiment_permissions", "experiment_id", "'experiment'",
                                              "CAST(%s AS TEXT)"};
static const struct granted of_models = {
    "registered_model_permissions", "name",
    "(CASE WHEN EXISTS (SELECT 1 FROM registered_model_tags AS tag WHERE tag.name = %s AND tag.key = '" PROMPT_TAG
    "' AND lower(tag.value) = 'true') THEN 'prompt' ELSE 'registered_model' END)",
    "%s"};

/* One of the templates above, with the column in it. */
static void add_of_column(struct sql *sql, const char *template, const char *column)
{
    const char *hole = strstr(template, "%s");
    size_t before = hole == NULL ? strlen(template) : (size_t)(hole - template);
    sql_printf(sql, "%.*s%s%s", (int)before, template, hole == NULL ? "" : column, hole == NULL ? "" : hole + 2);
}

/* " + " what his roles say, and " + " what is said to him of all of the type: 0 where nothing is. */
static void add_by_roles(struct sql *sql, const struct reader *reader, const struct granted *granted,
                         const char *column)
{
    sql_add(sql, " + COALESCE((SELECT CASE WHEN MIN(said.permission) < 0 THEN " DENIED " ELSE MAX(said.permission) END "
                 "FROM mlflow_role_users AS member JOIN mlflow_roles AS role ON role.id = member.role_id "
                 "JOIN mlflow_role_permissions AS said ON said.role_id = role.id "
                 "WHERE role.workspace = '" MLFLOW_WORKSPACE "' AND member.user_id = ");
    sql_int(sql, reader->user_id);
    sql_add(sql, " AND said.resource_type = ");
    add_of_column(sql, granted->type, column);
    sql_add(sql, " AND said.resource_pattern IN ('*', ");
    add_of_column(sql, granted->pattern, column);
    sql_add(sql, ")), 0) + COALESCE((SELECT CASE WHEN wide.permission < 0 THEN " DENIED " ELSE wide.permission END "
                 "FROM wildcard_permissions AS wide WHERE wide.user_id = ");
    sql_int(sql, reader->user_id);
    sql_add(sql, " AND wide.resource_type = ");
    add_of_column(sql, granted->type, column);
    sql_add(sql, "), 0)");
}

/* permission_resolve, as a condition. What allows something is added up; what denies it weighs more than all of that
 * together. */
static void add_granted(struct sql *sql, const struct reader *reader, const struct granted *granted,
                        const char *column)
{
    if (reader->sees_all || reader->manages_all) {
        return;
    }
    sql_printf(sql,
               " AND COALESCE((SELECT CASE WHEN granted.permission < 0 THEN " DENIED " ELSE granted.permission END "
               "FROM %s AS granted WHERE granted.%s = %s AND granted.user_id = ",
               granted->table, granted->key, column);
    sql_int(sql, reader->user_id);
    sql_printf(sql, "), %d)", reader->by_default ? PERMISSION_READ : PERMISSION_NONE);
    if (reader->has_roles) {
        add_by_roles(sql, reader, granted, column);
    }
    sql_printf(sql, " >= %d", PERMISSION_READ);
}

void sql_reader_experiments(struct sql *sql, const struct reader *reader, const char *column)
{
    if (reader == NULL) {
        return;
    }
    if (reader->experiments != NULL) {
        sql_printf(sql, " AND %s IN ", column);
        sql_int_list(sql, reader->experiments, reader->experiment_count);
    }
    add_granted(sql, reader, &of_experiments, column);
}

void sql_reader_models(struct sql *sql, const struct reader *reader, const char *column)
{
    if (reader == NULL) {
        return;
    }
    sql_add(sql, reader->experiments != NULL ? " AND 0" : "");
    add_granted(sql, reader, &of_models, column);
}
