/* SPDX-License-Identifier: Apache-2.0 */
#include "store/leases.h"

#include "store/stmt.h"

int store_lease_put(struct store *store, const struct lease_row *lease, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO leases (attempt, resource, amount, devices) "
                                     "VALUES (:attempt, :resource, :amount, :devices) ON CONFLICT (attempt, resource) "
                                     "DO UPDATE SET amount = excluded.amount, devices = excluded.devices");
    stmt_int(s, ":attempt", lease->attempt);
    stmt_text(s, ":resource", lease->resource);
    stmt_int(s, ":amount", lease->amount);
    stmt_text(s, ":devices", lease->devices);
    return stmt_run_one(s, "recording a lease", err);
}

int store_leases_drop(struct store *store, int64_t attempt, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM leases WHERE attempt = :attempt");
    stmt_int(s, ":attempt", attempt);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static void read_lease(struct stmt *s, struct arena *arena, void *item)
{
    *(struct lease_row *)item = (struct lease_row){
        .attempt = stmt_column_int(s, 0),
        .resource = stmt_column_text(s, 1, arena),
        .amount = stmt_column_int(s, 2),
        .devices = stmt_column_text(s, 3, arena),
    };
}

int store_lease_list(struct store *store, struct arena *arena, struct lease_row **ret, size_t *ret_count,
                     struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT attempt, resource, amount, devices FROM leases WHERE EXISTS (SELECT 1 FROM attempts a "
                        "WHERE a.id = attempt) ORDER BY attempt, resource");
    return stmt_read_rows(s, read_lease, sizeof **ret, arena, ret, ret_count, err);
}

static void read_holder(struct stmt *s, struct arena *arena, void *item)
{
    *(struct lease_holder *)item = (struct lease_holder){
        .amount = stmt_column_int(s, 0),
        .pipeline = stmt_column_text(s, 1, arena),
        .number = stmt_column_int(s, 2),
        .revision = stmt_column_int(s, 3),
        .step = stmt_column_text(s, 4, arena),
    };
}

int store_lease_holders(struct store *store, const char *resource, struct arena *arena, struct lease_holder **ret,
                        size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT l.amount, r.pipeline, r.number, r.revision, s.step FROM leases l "
               "JOIN attempts a ON a.id = l.attempt JOIN pipeline_runs r ON r.run_id = a.run_id "
               "JOIN steps s ON s.run_id = a.run_id AND s.position = a.position AND s.item = a.item "
               "WHERE l.resource = :resource ORDER BY l.attempt");
    stmt_text(s, ":resource", resource);
    return stmt_read_rows(s, read_holder, sizeof **ret, arena, ret, ret_count, err);
}

static void read_supply(struct stmt *s, struct arena *arena, void *item)
{
    *(struct supply_use *)item = (struct supply_use){
        .resource = stmt_column_text(s, 0, arena),
        .amount = stmt_column_int(s, 1),
        .held = stmt_column_int(s, 2),
    };
}

int store_supply_list(struct store *store, struct arena *arena, struct supply_use **ret, size_t *ret_count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT s.resource, s.amount, COALESCE((SELECT SUM(l.amount) FROM leases l "
                                     "WHERE l.resource = s.resource), 0) FROM supply s ORDER BY s.resource");
    return stmt_read_rows(s, read_supply, sizeof **ret, arena, ret, ret_count, err);
}

int64_t store_supply_get(struct store *store, const char *resource)
{
    struct err ignored = {0};
    struct stmt *s = stmt_get(store, "SELECT amount FROM supply WHERE resource = :resource");
    stmt_text(s, ":resource", resource);
    int64_t amount = stmt_step(s, &ignored) == 1 ? stmt_column_int(s, 0) : -1;
    stmt_done(s);
    return amount;
}

static int count_supply(struct store *store, int64_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM supply");
    int row = stmt_step(s, err);
    *ret_count = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int write_supply(struct store *store, const struct resource_supply *supply, size_t count, struct err *err)
{
    if (stmt_run(stmt_get(store, "DELETE FROM supply"), err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "INSERT INTO supply (resource, amount) VALUES (:resource, :amount)");
        stmt_str(s, ":resource", supply[i].name);
        stmt_int(s, ":amount", supply[i].amount);
        if (stmt_run_one(s, "recording what the home has", err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_supply_put(struct store *store, const struct resource_supply *supply, size_t count, struct err *err)
{
    int64_t stored = 0;
    if (count_supply(store, &stored, err) < 0) {
        return -1;
    }
    bool same = stored == (int64_t)count;
    for (size_t i = 0; same && i < count; i++) {
        struct stmt *s =
            stmt_get(store, "SELECT 1 FROM supply WHERE resource = :resource AND amount = :amount");
        stmt_str(s, ":resource", supply[i].name);
        stmt_int(s, ":amount", supply[i].amount);
        int row = stmt_step(s, err);
        stmt_done(s);
        if (row < 0) {
            return -1;
        }
        same = row == 1;
    }
    if (same) {
        return 0;
    }
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (write_supply(store, supply, count, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}
