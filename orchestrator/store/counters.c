/* SPDX-License-Identifier: Apache-2.0 */
#include "store/counters.h"

#include "store/stmt.h"

enum { PLAIN = 0, SUM = -1 };

static int add(struct store *store, const char *name, const char *label, int64_t part, int64_t by, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO counters (name, label, part, value) VALUES (:name, :label, :part, "
                                     ":by) ON CONFLICT (name, label, part) DO UPDATE SET value = value + "
                                     "excluded.value");
    stmt_text(s, ":name", name);
    stmt_text(s, ":label", label);
    stmt_int(s, ":part", part);
    stmt_int(s, ":by", by);
    return stmt_run_one(s, "counting", err);
}

int store_count(struct store *store, const char *name, const char *label, int64_t by, struct err *err)
{
    return add(store, name, label, PLAIN, by, err);
}

int store_observe(struct store *store, const char *name, double seconds, struct err *err)
{
    int64_t part = 0;
    seconds = seconds < 0 ? 0 : seconds;
    while (histogram_bounds_wait[part] > 0 && seconds > histogram_bounds_wait[part]) {
        part++;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO counters (name, label, part, value) VALUES (:name, '', :part, 1), "
                                     "(:name, '', :sum, :micros) ON CONFLICT (name, label, part) "
                                     "DO UPDATE SET value = value + excluded.value");
    stmt_text(s, ":name", name);
    stmt_int(s, ":part", part);
    stmt_int(s, ":sum", SUM);
    stmt_int(s, ":micros", (int64_t)(seconds * 1e6));
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_counters(struct store *store, const char *name, void (*take)(void *ctx, const char *label, int64_t value),
                   void *ctx, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT label, value FROM counters WHERE name = :name AND part = 0 "
                                     "ORDER BY label");
    struct arena *arena = arena_new();
    int row = 0;
    stmt_text(s, ":name", name);
    while ((row = stmt_step(s, err)) == 1) {
        take(ctx, stmt_column_text(s, 0, arena), stmt_column_int(s, 1));
    }
    stmt_done(s);
    arena_free(arena);
    return row;
}

int store_counted_histogram(struct store *store, const char *name, struct histogram *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT part, value FROM counters WHERE name = :name AND label = ''");
    int row = 0;
    *ret = (struct histogram){.bounds = histogram_bounds_wait};
    stmt_text(s, ":name", name);
    while ((row = stmt_step(s, err)) == 1) {
        int64_t part = stmt_column_int(s, 0);
        if (part == SUM) {
            ret->sum = (double)stmt_column_int(s, 1) / 1e6;
        } else if (part >= 0 && part <= HISTOGRAM_BOUNDS_MAX) {
            ret->counts[part] = (uint64_t)stmt_column_int(s, 1);
        }
    }
    stmt_done(s);
    return row;
}
