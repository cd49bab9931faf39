/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stmt.h"

#include "base/mem.h"
#include "store/store_internal.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>

static size_t slot_of(const char *sql)
{
    uintptr_t address = (uintptr_t)sql;
    return (size_t)((address >> 3) ^ (address >> 11)) % STORE_STATEMENT_SLOTS;
}

/* Also one that could not be prepared before: the disk may have room now. */
static void prepare(struct stmt *s)
{
    if (s->handle == NULL) {
        s->failed = sqlite3_prepare_v3(s->store->db, s->sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    }
}

struct stmt *stmt_get(struct store *store, const char *sql)
{
    struct stmt **slot = &store->statements[slot_of(sql)];
    struct stmt *s = *slot;
    while (s != NULL && s->sql != sql) {
        s = s->next;
    }
    if (s == NULL) {
        s = mem_alloc(sizeof *s);
        *s = (struct stmt){.store = store, .sql = sql, .next = *slot};
        *slot = s;
    }
    prepare(s);
    return s;
}

/* ---- texts made at run time ------------------------------------------------------------------------------- */

static void text_free(struct stmt *s)
{
    if (s != NULL) {
        (void)sqlite3_finalize(s->handle);
        free((char *)s->sql);
        free(s);
    }
}

void stmt_texts_clear(struct store *store)
{
    for (size_t i = 0; i < STORE_TEXTS; i++) {
        text_free(store->texts[i]);
        store->texts[i] = NULL;
    }
}

/* Where the text is, or where it may go: an empty place, or that of the one not asked for longest. One that somebody
 * reads from is left alone. */
static size_t text_place(const struct store *store, struct str sql)
{
    size_t place = STORE_TEXTS;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < STORE_TEXTS; i++) {
        const struct stmt *s = store->texts[i];
        if (s != NULL && str_is(sql, s->sql)) {
            return i;
        }
        uint64_t used = s == NULL ? 0 : s->used;
        if (used < oldest && (s == NULL || s->handle == NULL || sqlite3_stmt_busy(s->handle) == 0)) {
            oldest = used;
            place = i;
        }
    }
    assert(place < STORE_TEXTS); /* nobody reads from so many at once */
    return place;
}

struct stmt *stmt_get_text(struct store *store, struct str sql)
{
    struct stmt **place = &store->texts[text_place(store, sql)];
    if (*place == NULL || !str_is(sql, (*place)->sql)) {
        text_free(*place);
        *place = mem_alloc(sizeof **place);
        **place = (struct stmt){.store = store, .sql = mem_dup(sql.p, sql.n)};
    }
    (*place)->used = ++store->text_uses;
    prepare(*place);
    return *place;
}

/* What is not bound would be NULL. */
static void bound(struct stmt *s, int code)
{
    s->failed = s->failed != 0 ? s->failed : code;
}

static int parameter(struct stmt *s, const char *name)
{
    if (s->handle == NULL) {
        return 0;
    }
    unsigned at = s->next_name++;
    if (at < STMT_NAMES && s->names[at] == name) {
        return s->indices[at];
    }
    int index = sqlite3_bind_parameter_index(s->handle, name);
    assert(index > 0);
    if (at < STMT_NAMES) {
        s->names[at] = name;
        s->indices[at] = index;
    }
    return index;
}

void stmt_int(struct stmt *s, const char *name, int64_t value)
{
    bound(s, sqlite3_bind_int64(s->handle, parameter(s, name), value));
}

void stmt_real(struct stmt *s, const char *name, double value)
{
    bound(s, sqlite3_bind_double(s->handle, parameter(s, name), value));
}

void stmt_text(struct stmt *s, const char *name, const char *value)
{
    bound(s, sqlite3_bind_text(s->handle, parameter(s, name), value, -1, SQLITE_STATIC));
}

void stmt_str(struct stmt *s, const char *name, struct str value)
{
    const char *p = value.p == NULL ? "" : value.p;
    bound(s, sqlite3_bind_text64(s->handle, parameter(s, name), p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_str_copied(struct stmt *s, const char *name, struct str value)
{
    const char *p = value.p == NULL ? "" : value.p;
    bound(s, sqlite3_bind_text64(s->handle, parameter(s, name), p, value.n, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void stmt_blob(struct stmt *s, const char *name, const void *bytes, size_t size)
{
    bound(s, sqlite3_bind_blob64(s->handle, parameter(s, name), size == 0 ? "" : bytes, size, SQLITE_STATIC));
}

void stmt_null(struct stmt *s, const char *name)
{
    bound(s, sqlite3_bind_null(s->handle, parameter(s, name)));
}

void stmt_int_at(struct stmt *s, int index, int64_t value)
{
    bound(s, sqlite3_bind_int64(s->handle, index, value));
}

void stmt_real_at(struct stmt *s, int index, double value)
{
    bound(s, sqlite3_bind_double(s->handle, index, value));
}

void stmt_str_at(struct stmt *s, int index, struct str value)
{
    const char *p = value.p == NULL ? "" : value.p;
    bound(s, sqlite3_bind_text64(s->handle, index, p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

int stmt_step(struct stmt *s, struct err *err)
{
    if (store_check_usable(s->store, err) < 0) {
        stmt_done(s);
        return -1;
    }
    int code = s->failed != 0 ? s->failed : sqlite3_step(s->handle);
    if (code == SQLITE_ROW) {
        return 1;
    }
    if (code == SQLITE_DONE) {
        return 0;
    }
    (void)store_fail(s->store, code, "reading or writing the store", err);
    stmt_done(s); /* else nothing can be bound to it any more */
    return -1;
}

/* SQLite gives NULL also when there is no memory to make the text. */
static void check_memory(const struct stmt *s, const void *bytes)
{
    if (bytes == NULL && sqlite3_errcode(s->store->db) == SQLITE_NOMEM) {
        mem_exhausted("SQLite");
    }
}

int64_t stmt_column_int(struct stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

double stmt_column_real(struct stmt *s, int column)
{
    return sqlite3_column_double(s->handle, column);
}

bool stmt_column_is_null(struct stmt *s, int column)
{
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

struct str stmt_column_view(struct stmt *s, int column)
{
    const void *text = sqlite3_column_text(s->handle, column);
    int size = sqlite3_column_bytes(s->handle, column);
    check_memory(s, text);
    return text == NULL ? STR("") : (struct str){text, (size_t)size};
}

struct str stmt_column_bytes(struct stmt *s, int column)
{
    const void *bytes = sqlite3_column_blob(s->handle, column); /* the text as it is stored, which is UTF-8 */
    int size = sqlite3_column_bytes(s->handle, column);
    check_memory(s, bytes);
    return bytes == NULL ? STR("") : (struct str){bytes, (size_t)size};
}

char *stmt_column_text(struct stmt *s, int column, struct arena *arena)
{
    struct str text = stmt_column_bytes(s, column);
    return arena_dup(arena, text.p, text.n);
}

char *stmt_column_text_or_null(struct stmt *s, int column, struct arena *arena)
{
    const void *text = sqlite3_column_text(s->handle, column);
    check_memory(s, text);
    return text == NULL ? NULL : arena_dup(arena, text, (size_t)sqlite3_column_bytes(s->handle, column));
}

struct str stmt_column_blob(struct stmt *s, int column, struct arena *arena)
{
    const void *bytes = sqlite3_column_blob(s->handle, column);
    int size = sqlite3_column_bytes(s->handle, column);
    check_memory(s, bytes);
    return arena_str(arena, (struct str){bytes, bytes == NULL ? 0 : (size_t)size});
}

void stmt_done(struct stmt *s)
{
    if (s->handle != NULL) {
        (void)sqlite3_reset(s->handle);
        (void)sqlite3_clear_bindings(s->handle);
        s->failed = 0;
    }
    s->next_name = 0;
}

int64_t stmt_run(struct stmt *s, struct err *err)
{
    int result = 0;
    do {
        result = stmt_step(s, err);
    } while (result == 1);
    stmt_done(s);
    return result < 0 ? -1 : sqlite3_changes64(s->store->db);
}

int stmt_run_one(struct stmt *s, const char *what, struct err *err)
{
    int64_t changed = stmt_run(s, err);
    if (changed < 0) {
        return -1;
    }
    return changed == 1 ? 0 : err_set(err, ERR_STATE, "%s: %lld rows where one was expected", what, (long long)changed);
}

int64_t stmt_last_id(struct store *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

void stmt_read_text(struct stmt *s, struct arena *arena, void *item)
{
    *(const char **)item = stmt_column_text(s, 0, arena);
}

int stmt_read_row(struct stmt *s, stmt_reader *read, struct arena *arena, void *ret, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        read(s, arena, ret);
    }
    stmt_done(s);
    return row;
}

int stmt_read_rows(struct stmt *s, stmt_reader *read, size_t size, struct arena *arena, void *ret, size_t *ret_count,
                   struct err *err)
{
    char *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, size);
        read(s, arena, items + size * count++);
    }
    stmt_done(s);
    memcpy(ret, &items, sizeof items); /* every pointer to an object looks the same */
    *ret_count = count;
    return row;
}

int stmt_read_map(struct stmt *s, struct arena *arena, struct json *ret, struct err *err)
{
    struct json map = json_object();
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct str key = arena_str(arena, stmt_column_bytes(s, 0));
        json_add_str(arena, &map, key, json_string(arena, stmt_column_bytes(s, 1)));
    }
    stmt_done(s);
    if (row == 0) {
        *ret = map;
    }
    return row;
}
