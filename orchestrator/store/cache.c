/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache.h"

#include "store/stmt.h"

#include <stdio.h>

/* ---- keys -------------------------------------------------------------------------------------------------------- */

int store_step_key_put(struct store *store, const struct step_key *key, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO step_keys (run_id, position, item, key, "
                                     "parts, files, decision) VALUES (:run_id, :position, "
                                     ":item, :key, :parts, :files, :decision) ON CONFLICT "
                                     "(run_id, position, item) DO UPDATE SET "
                                     "key = excluded.key, parts = excluded.parts, files = "
                                     "excluded.files, decision = excluded.decision");
    stmt_text(s, ":run_id", key->run_id);
    stmt_int(s, ":position", (int64_t)key->place.step);
    stmt_int(s, ":item", (int64_t)key->place.item);
    stmt_text(s, ":key", key->key);
    stmt_text(s, ":parts", key->parts);
    stmt_text(s, ":files", key->files);
    stmt_text(s, ":decision", key->decision);
    return stmt_run_one(s, "recording the key of a step", err);
}

int store_step_key_get(struct store *store, const char *run_id, struct run_place place, struct arena *arena,
                       struct step_key *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, parts, files, decision FROM "
                                     "step_keys WHERE run_id = :run_id "
                                     "AND position = :position AND item = :item");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":position", (int64_t)place.step);
    stmt_int(s, ":item", (int64_t)place.item);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct step_key){
            .run_id = arena_strdup(arena, run_id),
            .place = place,
            .key = stmt_column_text(s, 0, arena),
            .parts = stmt_column_text(s, 1, arena),
            .files = stmt_column_text(s, 2, arena),
            .decision = stmt_column_text(s, 3, arena),
        };
    }
    stmt_done(s);
    return row;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

#define ENTRY_COLUMNS "key, pipeline, step, run_id, position, item, matrix, created_ms"

static void read_entry(struct stmt *s, struct arena *arena, void *item)
{
    *(struct cache_entry *)item = (struct cache_entry){
        .key = stmt_column_text(s, 0, arena),
        .pipeline = stmt_column_text(s, 1, arena),
        .step = stmt_column_text(s, 2, arena),
        .run_id = stmt_column_text(s, 3, arena),
        .place = {(size_t)stmt_column_int(s, 4), (size_t)stmt_column_int(s, 5)},
        .matrix = stmt_column_text(s, 6, arena),
        .created_ms = stmt_column_int(s, 7),
    };
}

int store_cache_put(struct store *store, const struct cache_entry *entry, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO cache_entries (" ENTRY_COLUMNS ") VALUES (:key, :pipeline, :step, :run_id, "
                        ":position, :item, :matrix, :created) ON CONFLICT (key) DO UPDATE "
                        "SET run_id = excluded.run_id, "
                        "position = excluded.position, item = excluded.item, "
                        "created_ms = excluded.created_ms");
    stmt_text(s, ":key", entry->key);
    stmt_text(s, ":pipeline", entry->pipeline);
    stmt_text(s, ":step", entry->step);
    stmt_text(s, ":run_id", entry->run_id);
    stmt_int(s, ":position", (int64_t)entry->place.step);
    stmt_int(s, ":item", (int64_t)entry->place.item);
    stmt_text(s, ":matrix", entry->matrix);
    stmt_int(s, ":created", entry->created_ms);
    return stmt_run_one(s, "keeping a result", err);
}

int store_cache_get(struct store *store, const char *key, struct arena *arena, struct cache_entry *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ENTRY_COLUMNS " FROM cache_entries WHERE key = :key");
    stmt_text(s, ":key", key);
    return stmt_read_row(s, read_entry, arena, ret, err);
}

int store_cache_list(struct store *store, const char *pipeline, const char *step, const char *matrix, size_t limit,
                     struct arena *arena, struct cache_entry **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ENTRY_COLUMNS " FROM cache_entries WHERE pipeline = :pipeline "
                                     "AND step = :step AND matrix = :matrix "
                                     "ORDER BY created_ms DESC, key LIMIT :limit");
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":step", step);
    stmt_text(s, ":matrix", matrix);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_entry, sizeof **ret, arena, ret, ret_count, err);
}

/* ---- digests of files -------------------------------------------------------------------------------------------- */

int store_file_digest_get(struct store *store, const char *path, const char *stamp, char ret_sha256[65],
                          struct err *err)
{
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "SELECT sha256 FROM file_digests WHERE path = :path AND stamp = :stamp");
    stmt_text(s, ":path", path);
    stmt_text(s, ":stamp", stamp);
    int row = stmt_step(s, err);
    if (row == 1) {
        (void)snprintf(ret_sha256, 65, "%s", stmt_column_text(s, 0, arena));
    }
    stmt_done(s);
    arena_free(arena);
    return row;
}

int store_file_digest_put(struct store *store, const char *path, const char *stamp, const char *sha256, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO file_digests (path, stamp, sha256) VALUES (:path, "
                                     ":stamp, :sha256) "
                                     "ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, "
                                     "sha256 = excluded.sha256");
    stmt_text(s, ":path", path);
    stmt_text(s, ":stamp", stamp);
    stmt_text(s, ":sha256", sha256);
    return stmt_run_one(s, "recording the digest of a file", err);
}
