/* SPDX-License-Identifier: Apache-2.0 */
#include "store/free_heirs.h"

#include "store/stmt.h"

int store_free_heirs_get(struct store *store, const char *run_id, struct arena *arena, const char **ret_boot_id,
                         const char **ret_orders, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT boot_id, orders FROM free_heirs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_boot_id = stmt_column_text(s, 0, arena);
        *ret_orders = stmt_column_text(s, 1, arena);
    }
    stmt_done(s);
    return row;
}

int store_free_heirs_put(struct store *store, const char *run_id, const char *boot_id, const char *orders,
                         struct err *err)
{
    struct stmt *s =
        orders == NULL
            ? stmt_get(store, "DELETE FROM free_heirs WHERE run_id = :run_id")
            : stmt_get(store, "INSERT INTO free_heirs (run_id, boot_id, orders) VALUES (:run_id, :boot_id, :orders) "
                              "ON CONFLICT (run_id) DO UPDATE SET boot_id = :boot_id, orders = :orders");
    stmt_text(s, ":run_id", run_id);
    if (orders != NULL) {
        stmt_text(s, ":boot_id", boot_id);
        stmt_text(s, ":orders", orders);
    }
    return stmt_run(s, err) < 0 ? err_add(err, "what runners may begin by themselves") : 0;
}
