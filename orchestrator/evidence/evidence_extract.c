/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence_extract.h"

#include "evidence/evidence.h"
#include "store/activity.h"

#include <stdlib.h>
#include <string.h>

static void put_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
    json_set(arena, object, key, text == NULL ? json_null() : json_cstring(arena, text));
}

/* One entry, as it stands in the extract. */
struct line {
    int64_t sequence;
    struct str text;
};
struct extract {
    struct store *store;
    struct arena *arena;
    struct line *lines;
    size_t count, room;
    size_t bytes;
};

static int add_entry(struct extract *x, const struct activity *row, struct arena *brief,
                     struct err *err)
{
    char before[96];
    struct json one = json_object();
    if (store_activity_before(x->store, row->sequence, before, err) < 0) {
        return -1;
    }
    json_set(brief, &one, "sequence", json_int(row->sequence));
    json_set(brief, &one, "at_ms", json_int(row->at_ms));
    put_text(brief, &one, "actor", row->actor);
    put_text(brief, &one, "action", row->action);
    put_text(brief, &one, "object", row->object);
    put_text(brief, &one, "object_id", row->object_id);
    put_text(brief, &one, "from", row->from_state);
    put_text(brief, &one, "to", row->to_state);
    put_text(brief, &one, "reason", row->reason);
    put_text(brief, &one, "evidence_sha256", row->evidence_sha256);
    put_text(brief, &one, "address", row->address);
    put_text(brief, &one, "means", row->means);
    put_text(brief, &one, "before", before);
    put_text(brief, &one, "chain", row->chain);
    const struct line line = {row->sequence, arena_str(x->arena, json_text(brief, &one))};
    x->lines = arena_grow(x->arena, x->lines, x->count, &x->room, sizeof line);
    x->lines[x->count++] = line;
    x->bytes += line.text.n + 1;
    return x->bytes <= EVIDENCE_FILE_BYTES
               ? 0
               : err_set(err, ERR_LIMIT, "the extract of the activity log is larger than %d MiB",
                         EVIDENCE_FILE_BYTES >> 20);
}

static int add_object(struct extract *x, const char *object_id, struct err *err)
{
    enum { PAGE = 1000 };
    struct arena *page = arena_new();
    int64_t from = 0;
    size_t count = PAGE;
    int result = 0;
    while (result == 0 && count == PAGE) {
        struct activity *rows = NULL;
        result = store_activity_list(x->store, object_id, false, from, PAGE, page, &rows, &count, err);
        for (size_t i = 0; result == 0 && i < count; i++) {
            from = rows[i].sequence;
            result = add_entry(x, &rows[i], page, err);
        }
        arena_reset(page);
    }
    arena_free(page);
    return result;
}

/* The last entry of all, so that a head that was published can be compared. */
static int add_head(struct extract *x, const struct json *objects, const char **ret_head, struct err *err)
{
    struct activity *rows = NULL;
    size_t count = 0;
    *ret_head = "0:";
    if (store_activity_list(x->store, NULL, true, 0, 1, x->arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    *ret_head = arena_printf(x->arena, "%lld:%s", (long long)rows[0].sequence, rows[0].chain);
    bool is_there = json_get(objects, rows[0].object_id) != NULL;
    return is_there ? 0 : add_entry(x, &rows[0], x->arena, err);
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

int evidence_extract(struct store *store, const struct json *objects, struct arena *arena, struct str *ret,
                     const char **ret_head, struct err *err)
{
    struct extract x = {.store = store, .arena = arena};
    for (size_t i = 0; i < objects->u.object.count; i++) {
        if (add_object(&x, objects->u.object.members[i].key.p, err) < 0) {
            return -1;
        }
    }
    if (add_head(&x, objects, ret_head, err) < 0) {
        return -1;
    }
    char *text = arena_array(arena, x.bytes + 1, 1);
    size_t n = 0;
    if (x.count > 0) {
        qsort(x.lines, x.count, sizeof *x.lines, compare_lines);
    }
    for (size_t i = 0; i < x.count; i++) {
        memcpy(text + n, x.lines[i].text.p, x.lines[i].text.n);
        n += x.lines[i].text.n;
        text[n++] = '\n';
    }
    *ret = (struct str){text, n};
    return 0;
}
