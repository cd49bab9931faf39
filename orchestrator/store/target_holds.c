/* SPDX-License-Identifier: Apache-2.0 */
#include "store/target_holds.h"

#include "store/stmt.h"

int store_target_hold_get(struct store *store, const char *target, struct arena *arena, struct target_hold *ret,
                          struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT target, run_id, position, item, since_ms FROM target_holds WHERE target = :target");
    stmt_text(s, ":target", target);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct target_hold){
            .target = stmt_column_text(s, 0, arena),
            .run_id = stmt_column_text(s, 1, arena),
            .position = stmt_column_int(s, 2),
            .item = stmt_column_int(s, 3),
            .since_ms = stmt_column_int(s, 4),
        };
    }
    stmt_done(s);
    return row;
}

int store_target_hold_put(struct store *store, const struct target_hold *hold, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO target_holds (target, run_id, position, item, since_ms) "
                                     "VALUES (:target, :run_id, :position, :item, :since) "
                                     "ON CONFLICT (target) DO UPDATE SET since_ms = since_ms "
                                     "WHERE run_id = excluded.run_id AND position = excluded.position "
                                     "AND item = excluded.item");
    stmt_text(s, ":target", hold->target);
    stmt_text(s, ":run_id", hold->run_id);
    stmt_int(s, ":position", hold->position);
    stmt_int(s, ":item", hold->item);
    stmt_int(s, ":since", hold->since_ms);
    return stmt_run_one(s, "holding a target", err);
}

int64_t store_target_holds_drop(struct store *store, const char *run_id, int64_t position, int64_t item,
                                struct err *err)
{
    struct stmt *s = position < 0 ? stmt_get(store, "DELETE FROM target_holds WHERE run_id = :run_id")
                                  : stmt_get(store, "DELETE FROM target_holds WHERE run_id = :run_id AND "
                                                    "position = :position AND item = :item");
    stmt_text(s, ":run_id", run_id);
    if (position >= 0) {
        stmt_int(s, ":position", position);
        stmt_int(s, ":item", item);
    }
    return stmt_run(s, err);
}

int64_t store_target_holds_count(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT count(*) FROM target_holds");
    int64_t count = stmt_step(s, err) == 1 ? stmt_column_int(s, 0) : -1;
    stmt_done(s);
    return count;
}
