/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secrets.h"

#include "store/stmt.h"

#define COLUMNS "name, sealed, key_id, pipelines, set_by, set_ms"

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct secret_row *)item = (struct secret_row){
        .name = stmt_column_text(s, 0, arena),
        .sealed = stmt_column_blob(s, 1, arena),
        .key_id = stmt_column_text(s, 2, arena),
        .pipelines = stmt_column_text(s, 3, arena),
        .set_by = stmt_column_text(s, 4, arena),
        .set_ms = stmt_column_int(s, 5),
    };
}

static int no_such(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "there is no secret '%s'", name);
}

int store_secret_put(struct store *store, const struct secret_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO secrets (" COLUMNS ") VALUES (:name, :sealed, :key_id, :pipelines, "
                                     ":set_by, :set_ms) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, "
                                     "key_id = excluded.key_id, pipelines = excluded.pipelines, "
                                     "set_by = excluded.set_by, set_ms = excluded.set_ms");
    stmt_text(s, ":name", row->name);
    stmt_blob(s, ":sealed", row->sealed.p, row->sealed.n);
    stmt_text(s, ":key_id", row->key_id);
    stmt_text(s, ":pipelines", row->pipelines);
    stmt_text(s, ":set_by", row->set_by);
    stmt_int(s, ":set_ms", row->set_ms);
    return stmt_run_one(s, "keeping a secret", err);
}

int store_secret_get(struct store *store, const char *name, struct arena *arena, struct secret_row *ret_row,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS " FROM secrets WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_read_row(s, read_row, arena, ret_row, err);
    return row == 1 ? 0 : row == 0 ? no_such(name, err) : -1;
}

int store_secret_list(struct store *store, struct arena *arena, struct secret_row **ret, size_t *ret_count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS " FROM secrets ORDER BY name");
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_secret_remove(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM secrets WHERE name = :name");
    stmt_text(s, ":name", name);
    int64_t removed = stmt_run(s, err);
    return removed == 1 ? 0 : removed == 0 ? no_such(name, err) : -1;
}

int store_home_id(struct store *store, struct arena *arena, const char **ret_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM home");
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_id = stmt_column_text(s, 0, arena);
    }
    stmt_done(s);
    return row == 1   ? 0
           : row == 0 ? err_set(err, ERR_CORRUPT, "the store does not say which home it is: its row in 'home' is gone")
                      : -1;
}
