/* SPDX-License-Identifier: Apache-2.0 */
#include "store/relocate.h"

#include "base/json.h"
#include "store/stmt.h"

/* `:from` and `:to` end in '/'. */
#define MOVE_PATH(table, column)                                                                                       \
    "UPDATE " table " SET " column " = :to || substr(" column ", length(:from) + 1) WHERE substr(" column              \
    ", 1, length(:from)) = :from"
#define MOVE_URI(table, column)                                                                                        \
    "UPDATE " table " SET " column " = 'file://' || :to || substr(" column ", length('file://' || :from) + 1) WHERE "  \
    "substr(" column ", 1, length('file://' || :from)) = 'file://' || :from"
/* Of JSON: texts in it that begin so, with their quote in front. */
#define MOVE_TEXTS(table, column)                                                                                      \
    "UPDATE " table " SET " column " = replace(" column ", :from, :to) WHERE instr(" column ", :from) > 0"

static const char *const places[] = {
    MOVE_PATH("experiments", "artifact_location"),
    MOVE_URI("experiments", "artifact_location"),
    MOVE_PATH("runs", "artifact_uri"),
    MOVE_PATH("logged_models", "artifact_uri"),
    MOVE_PATH("traces", "artifact_uri"),
    MOVE_PATH("model_versions", "source"),
    MOVE_URI("model_versions", "source"),
    MOVE_PATH("model_versions", "storage_location"),
    MOVE_URI("model_versions", "storage_location"),
    MOVE_PATH("pipeline_runs", "folder"),
    MOVE_PATH("pipeline_runs", "workspace"),
    MOVE_PATH("settled_pipelines", "folder"),
    MOVE_PATH("settled_pipelines", "workspace"),
    MOVE_PATH("coming_pipelines", "folder"),
    MOVE_PATH("coming_pipelines", "workspace"),
    MOVE_PATH("published", "path"),
    MOVE_PATH("removals", "path"),
};

static const char *const documents[] = {
    MOVE_TEXTS("pipeline_runs", "contexts"), MOVE_TEXTS("steps", "outputs"), MOVE_TEXTS("steps", "artifacts"),
    MOVE_TEXTS("attempts", "result"),        MOVE_TEXTS("attempts", "wait"), MOVE_TEXTS("waits", "spec"),
    MOVE_TEXTS("waits", "state"),            MOVE_TEXTS("step_keys", "files"),
};

static int move_each(struct store *store, const char *const *texts, size_t count, const char *from, const char *to,
                     struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, texts[i]);
        stmt_text(s, ":from", from);
        stmt_text(s, ":to", to);
        if (stmt_run(s, err) < 0) {
            return err_add(err, "telling the store where its home is");
        }
    }
    return 0;
}

/* "PATH/ with the quote that begins it, and escapes, but without the one that ends it. */
static const char *begin_text(struct arena *arena, const char *path)
{
    struct json text = json_cstring(arena, path);
    struct str quoted = json_text(arena, &text);
    return arena_dup(arena, quoted.p, quoted.n - 1);
}

int store_relocate(struct store *store, const char *from, const char *to, struct err *err)
{
    struct arena *arena = arena_new();
    const char *old = arena_printf(arena, "%s/", from);
    const char *new = arena_printf(arena, "%s/", to);
    int result = move_each(store, places, sizeof places / sizeof places[0], old, new, err) < 0 ||
                         move_each(store, documents, sizeof documents / sizeof documents[0], begin_text(arena, old),
                                   begin_text(arena, new), err) < 0 ||
                         stmt_run(stmt_get(store, "DELETE FROM file_digests"), err) < 0
                     ? -1
                     : 0;
    arena_free(arena);
    return result;
}

int store_detach_attempts(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE attempts SET boot_id = :none WHERE ended_ms IS NULL");
    stmt_text(s, ":none", STORE_BOOT_RESTORED);
    if (stmt_run(s, err) < 0) {
        return err_add(err, "ending what ran");
    }
    struct stmt *heirs = stmt_get(store, "UPDATE free_heirs SET boot_id = :none");
    stmt_text(heirs, ":none", STORE_BOOT_RESTORED);
    return stmt_run(heirs, err) < 0 ? err_add(err, "ending what may have run") : 0;
}
