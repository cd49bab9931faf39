/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_marks.h"

#include "base/siphash.h"
#include "store/metrics_internal.h"

static bool has_mark(enum mark_kind kind, struct str key, struct str value)
{
    bool common = kind == MARK_TAG && (str_starts(key, STR("mlflow.")) || str_starts(key, STR("sluice.")));
    return !common && value.n <= MARK_VALUE_MAX;
}

bool run_mark_of(enum mark_kind kind, struct str key, struct str value, int64_t *ret)
{
    struct siphash_key of_key = {{kind, 0}}; /* no secret: marks are kept, and checked against the values */
    struct siphash_key of_value = {{siphash(of_key, key), 0}};
    *ret = (int64_t)siphash(of_value, value);
    return has_mark(kind, key, value);
}

int run_mark_add(struct store *store, const char *run_id, enum mark_kind kind, const char *key, struct str value,
                 struct err *err)
{
    int64_t mark = 0;
    int64_t run = 0;
    if (!run_mark_of(kind, str_from(key), value, &mark)) {
        return 0;
    }
    if (metric_run_number(store, run_id, &run, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_marks (mark, run) VALUES (:mark, :run) ON CONFLICT DO NOTHING");
    stmt_int(s, ":mark", mark);
    stmt_int(s, ":run", run);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int run_mark_remove(struct store *store, const char *run_id, enum mark_kind kind, const char *key, struct str value,
                    struct err *err)
{
    int64_t mark = 0;
    if (!run_mark_of(kind, str_from(key), value, &mark)) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM run_marks WHERE mark = :mark AND run = (SELECT n.id FROM metric_runs "
                                     "AS n WHERE n.run_id = :run_id)");
    stmt_int(s, ":mark", mark);
    stmt_text(s, ":run_id", run_id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int run_marks_clear(struct store *store, const char *run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM run_marks WHERE run = (SELECT n.id FROM metric_runs AS n WHERE "
                                     "n.run_id = :run_id) AND mark IN (SELECT run_mark('param', key, value) FROM "
                                     "run_params WHERE run_id = :run_id UNION ALL SELECT run_mark('tag', key, value) "
                                     "FROM run_tags WHERE run_id = :run_id)");
    stmt_text(s, ":run_id", run_id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int run_marks_convert(struct store *store, struct err *err)
{
    static const char numbers[] = "INSERT INTO metric_runs (run_id) SELECT run_id FROM run_params UNION "
                                  "SELECT run_id FROM run_tags WHERE run_mark('tag', key, value) IS NOT NULL EXCEPT "
                                  "SELECT run_id FROM metric_runs";
    static const char marks[] =
        "INSERT INTO run_marks SELECT run_mark('param', v.key, v.value) AS mark, n.id FROM run_params AS v "
        "JOIN metric_runs AS n ON n.run_id = v.run_id WHERE mark IS NOT NULL UNION "
        "SELECT run_mark('tag', v.key, v.value) AS mark, n.id FROM run_tags AS v "
        "JOIN metric_runs AS n ON n.run_id = v.run_id WHERE mark IS NOT NULL";
    return stmt_run(stmt_get(store, numbers), err) < 0 || stmt_run(stmt_get(store, marks), err) < 0 ? -1 : 0;
}
