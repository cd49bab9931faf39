/* SPDX-License-Identifier: Apache-2.0 */
#include "store/published.h"

#include "digest/stamp.h"
#include "store/stmt.h"

/* Paths below P sort between "P/" and "P0", which is the byte after '/'. */
static int forget_below(struct store *store, const struct published_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM published WHERE owner = :owner "
                                     "AND path >= :path || '/' AND path < :path || '0'");
    stmt_text(s, ":owner", row->owner);
    stmt_text(s, ":path", row->path);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static int forget_above(struct store *store, const struct published_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM published WHERE owner = :owner AND path < :path "
                                     "AND substr(:path, 1, length(path) + 1) = path || '/'");
    stmt_text(s, ":owner", row->owner);
    stmt_text(s, ":path", row->path);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_published_put(struct store *store, const struct published_row *row, bool alters, struct err *err)
{
    if (forget_below(store, row, err) < 0 || (alters && forget_above(store, row, err) < 0)) {
        return -1;
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO published (owner, path, name, step, sha256, stamp) "
                        "VALUES (:owner, :path, :name, :step, :sha256, :stamp) ON CONFLICT (owner, path) DO UPDATE SET "
                        "name = excluded.name, step = excluded.step, sha256 = excluded.sha256, stamp = excluded.stamp");
    stmt_text(s, ":owner", row->owner);
    stmt_text(s, ":path", row->path);
    stmt_text(s, ":name", row->name);
    stmt_text(s, ":step", row->step);
    stmt_text(s, ":sha256", row->sha256);
    stmt_text(s, ":stamp", row->stamp);
    return stmt_run_one(s, "recording what was published", err);
}

int store_published_get(struct store *store, const char *owner, const char *path, struct arena *arena,
                        struct published_row *ret, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT name, step, sha256, stamp FROM published WHERE owner = :owner AND path = :path");
    stmt_text(s, ":owner", owner);
    stmt_text(s, ":path", path);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct published_row){
            .owner = arena_strdup(arena, owner),
            .path = arena_strdup(arena, path),
            .name = stmt_column_text(s, 0, arena),
            .step = stmt_column_text(s, 1, arena),
            .sha256 = stmt_column_text(s, 2, arena),
            .stamp = stmt_column_text(s, 3, arena),
        };
    }
    stmt_done(s);
    return row;
}

int store_published_verify(struct store *store, const char *model_id, const char *path, struct arena *arena,
                           struct err *err)
{
    struct published_row row;
    struct json entry = json_object();
    struct err wrong = {0};
    int found = store_published_get(store, model_id, path, arena, &row, err);
    if (found <= 0) {
        return found;
    }
    json_set(arena, &entry, "what", json_cstring(arena, arena_printf(arena, "model %s", model_id)));
    json_set(arena, &entry, "path", json_cstring(arena, row.path));
    json_set(arena, &entry, "sha256", json_cstring(arena, row.sha256));
    json_set(arena, &entry, "stamp", json_cstring(arena, row.stamp));
    return stamp_verify(&entry, arena, &wrong) == 0 ? 0 : err_set(err, ERR_STATE, "%s", wrong.message);
}
