/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idempotency.h"

#include "store/stmt.h"

enum { FORGOTTEN_AT_ONCE = 50 };

int store_idempotent_get(struct store *store, const char *actor, const char *key, int64_t now_ms, struct arena *arena,
                         struct idempotent *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT request_sha256, status, answer, created_ms FROM idempotency_keys "
                                     "WHERE actor = :actor AND key = :key AND created_ms > :oldest");
    stmt_text(s, ":actor", actor);
    stmt_text(s, ":key", key);
    stmt_int(s, ":oldest", now_ms - IDEMPOTENCY_KEPT_MS);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct idempotent){
            .actor = actor,
            .key = key,
            .request_sha256 = stmt_column_text(s, 0, arena),
            .status = stmt_column_int(s, 1),
            .answer = stmt_column_text(s, 2, arena),
            .created_ms = stmt_column_int(s, 3),
        };
    }
    stmt_done(s);
    return row;
}

static int forget_old(struct store *store, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM idempotency_keys WHERE (actor, key) IN (SELECT actor, key FROM "
                                     "idempotency_keys INDEXED BY idempotency_keys_by_age WHERE created_ms <= :oldest "
                                     "ORDER BY created_ms LIMIT :most)");
    stmt_int(s, ":oldest", now_ms - IDEMPOTENCY_KEPT_MS);
    stmt_int(s, ":most", FORGOTTEN_AT_ONCE);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_idempotent_put(struct store *store, const struct idempotent *row, struct err *err)
{
    if (forget_old(store, row->created_ms, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT OR REPLACE INTO idempotency_keys (actor, key, request_sha256, status, "
                                     "answer, created_ms) VALUES (:actor, :key, :sha256, :status, :answer, :created)");
    stmt_text(s, ":actor", row->actor);
    stmt_text(s, ":key", row->key);
    stmt_text(s, ":sha256", row->request_sha256);
    stmt_int(s, ":status", row->status);
    stmt_text(s, ":answer", row->answer);
    stmt_int(s, ":created", row->created_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
