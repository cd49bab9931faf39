/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gates.h"

#include "store/stmt.h"

int store_gate_add(struct store *store, const struct gate *gate, int64_t *ret_id, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO gates (run_id, step, step_run_id, model_id, champion, passed, "
                        "refused_by, record, evidence_sha256, files_sha256, at_ms, replay_of, version, other_data) "
                        "VALUES (:run_id, :step, :step_run_id, :model_id, :champion, :passed, :refused_by, :record, "
                        ":evidence, :files, :at, nullif(:replay_of, 0), :version, :other_data)");
    struct strbuf record;
    strbuf_init(&record, 16 << 20);
    json_write(&record, &gate->record);
    stmt_text(s, ":run_id", gate->run_id);
    stmt_text(s, ":step", gate->step);
    stmt_text(s, ":step_run_id", gate->step_run_id);
    stmt_text(s, ":model_id", gate->model_id);
    stmt_text(s, ":champion", gate->champion);
    stmt_int(s, ":passed", gate->passed ? 1 : 0);
    stmt_text(s, ":refused_by", gate->refused_by == NULL ? "" : gate->refused_by);
    stmt_text(s, ":record", record.data);
    stmt_text(s, ":evidence", gate->evidence_sha256);
    stmt_text(s, ":files", gate->files_sha256);
    stmt_int(s, ":at", gate->at_ms);
    stmt_int(s, ":replay_of", gate->replay_of);
    stmt_text(s, ":version", gate->version);
    stmt_int(s, ":other_data", gate->other_data ? 1 : 0);
    int result = record.overflow ? err_set(err, ERR_INPUT, "the record of a gate is over 16 MiB") : 0;
    if (result < 0) {
        stmt_done(s);
    } else {
        result = stmt_run_one(s, "recording a gate", err);
    }
    strbuf_clear(&record);
    if (result == 0) {
        *ret_id = stmt_last_id(store);
    }
    return result;
}

#define GATE_COLUMNS                                                                                                   \
    "SELECT id, run_id, step, step_run_id, model_id, champion, passed, refused_by, record, evidence_sha256, at_ms, "   \
    "coalesce(replay_of, 0), coalesce(version, (SELECT v.name || '/' || v.version FROM model_versions AS v WHERE "     \
    "v.model_id = gates.model_id AND v.stage <> 'Deleted_Internal' ORDER BY v.created_ms DESC, v.version DESC "       \
    "LIMIT 1)), other_data FROM gates "

static int read_gate(struct stmt *s, struct arena *arena, struct gate *ret, struct err *err)
{
    *ret = (struct gate){
        .id = stmt_column_int(s, 0),
        .run_id = stmt_column_text(s, 1, arena),
        .step = stmt_column_text(s, 2, arena),
        .step_run_id = stmt_column_text(s, 3, arena),
        .model_id = stmt_column_text_or_null(s, 4, arena),
        .champion = stmt_column_text_or_null(s, 5, arena),
        .passed = stmt_column_int(s, 6) != 0,
        .refused_by = stmt_column_text(s, 7, arena),
        .evidence_sha256 = stmt_column_text(s, 9, arena),
        .at_ms = stmt_column_int(s, 10),
        .replay_of = stmt_column_int(s, 11),
        .version = stmt_column_text_or_null(s, 12, arena),
        .other_data = stmt_column_int(s, 13) != 0,
    };
    struct str record = str_from(stmt_column_text(s, 8, arena));
    return json_read(record, (struct json_limits){0}, arena, &ret->record, err) < 0
               ? err_add(err, "the record of gate %lld", (long long)ret->id)
               : 0;
}

int store_gate_get(struct store *store, int64_t id, struct arena *arena, struct gate *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, GATE_COLUMNS "WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    row = row == 1 && read_gate(s, arena, ret, err) < 0 ? -1 : row;
    stmt_done(s);
    return row == 0 ? err_set(err, ERR_NOT_FOUND, "no gate %lld", (long long)id) : row < 0 ? -1 : 0;
}

static int read_gates(struct stmt *s, struct arena *arena, struct gate **ret, size_t *ret_count, struct err *err)
{
    struct gate *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        if (read_gate(s, arena, &items[count++], err) < 0) {
            row = -1;
            break;
        }
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}

int store_gate_list(struct store *store, const char *run_id, struct arena *arena, struct gate **ret, size_t *ret_count,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, GATE_COLUMNS "WHERE run_id = :run_id ORDER BY id");
    stmt_text(s, ":run_id", run_id);
    return read_gates(s, arena, ret, ret_count, err);
}

int store_gate_list_of(struct store *store, const char *model_id, struct arena *arena, struct gate **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, GATE_COLUMNS "WHERE model_id = :model ORDER BY id");
    stmt_text(s, ":model", model_id);
    return read_gates(s, arena, ret, ret_count, err);
}

int store_gate_maker(struct store *store, const char *step_run_id, struct arena *arena, const char **ret_run_id,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT r.run_id FROM run_tags t JOIN pipeline_runs r ON r.run_id = t.value WHERE "
                                     "t.run_id = :run AND t.key = 'mlflow.parentRunId' AND EXISTS (SELECT 1 FROM "
                                     "attempts a WHERE a.run_id = t.value AND a.step_run_id = :run)");
    stmt_text(s, ":run", step_run_id);
    int row = stmt_step(s, err);
    *ret_run_id = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}
