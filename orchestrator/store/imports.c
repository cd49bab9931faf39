/* SPDX-License-Identifier: Apache-2.0 */
#include "store/moved.h"

#include "store/stmt.h"

static int take_row(struct stmt *s, struct arena *arena, struct import_row *ret, const char **ret_source,
                    struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct import_row){stmt_column_text(s, 0, arena), stmt_column_text(s, 1, arena)};
        *ret_source = stmt_column_text(s, 2, arena);
    }
    stmt_done(s);
    return row;
}

int store_import_find(struct store *store, const char *source, enum moved_kind kind, const char *id,
                      struct arena *arena, struct import_row *ret, struct err *err)
{
    const char *same = NULL;
    struct stmt *s = stmt_get(store, "SELECT here, digest, source FROM imports WHERE source = :source AND "
                                     "kind = :kind AND id = :id");
    stmt_text(s, ":source", source);
    stmt_text(s, ":kind", moved_kind_names[kind]);
    stmt_text(s, ":id", id);
    return take_row(s, arena, ret, &same, err);
}

int store_import_origin(struct store *store, enum moved_kind kind, const char *here, struct arena *arena,
                        const char **ret_source, struct import_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT here, digest, source FROM imports WHERE kind = :kind AND here = :here "
                                     "ORDER BY moved_ms DESC LIMIT 1");
    stmt_text(s, ":kind", moved_kind_names[kind]);
    stmt_text(s, ":here", here);
    return take_row(s, arena, ret, ret_source, err);
}

int store_import_put(struct store *store, const char *source, enum moved_kind kind, const char *id,
                     const struct import_row *row, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO imports (source, kind, id, here, digest, moved_ms) "
                                     "VALUES (:source, :kind, :id, :here, :digest, :now) "
                                     "ON CONFLICT (source, kind, id) DO UPDATE SET here = excluded.here, "
                                     "digest = excluded.digest, moved_ms = excluded.moved_ms");
    stmt_text(s, ":source", source);
    stmt_text(s, ":kind", moved_kind_names[kind]);
    stmt_text(s, ":id", id);
    stmt_text(s, ":here", row->here);
    stmt_text(s, ":digest", row->digest);
    stmt_int(s, ":now", now_ms);
    return stmt_run_one(s, "recording what was imported", err);
}
