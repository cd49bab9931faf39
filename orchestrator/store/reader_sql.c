/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reader_sql.h"

static void add_granted(struct sql *sql, const struct reader *reader, const char *table, const char *key,
                        const char *column)
{
    if (reader->sees_all) {
        return;
    }
    sql_printf(sql, " AND COALESCE((SELECT permission FROM %s AS granted WHERE granted.%s = %s AND granted.user_id = ",
               table, key, column);
    sql_int(sql, reader->user_id);
    sql_printf(sql, "), %d) >= %d", reader->by_default ? PERMISSION_READ : PERMISSION_NONE, PERMISSION_READ);
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
    add_granted(sql, reader, "experiment_permissions", "experiment_id", column);
}

void sql_reader_models(struct sql *sql, const struct reader *reader, const char *column)
{
    if (reader == NULL) {
        return;
    }
    sql_add(sql, reader->experiments != NULL ? " AND 0" : "");
    add_granted(sql, reader, "registered_model_permissions", "name", column);
}
