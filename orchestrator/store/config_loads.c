/* SPDX-License-Identifier: Apache-2.0 */
#include "store/config_loads.h"

#include "base/utf8.h"
#include "digest/digest.h"
#include "store/activity.h"
#include "store/stmt.h"

enum { VALUE_BYTES = 300, DIFFERENCE_BYTES = 4000 };

/* ---- what is different ----------------------------------------------------------------------------------------- */

struct difference {
    struct arena *arena;
    const char *words;
    size_t bytes;
    size_t left; /* that were not written for want of room */
};

static const char *value_words(struct arena *arena, const struct json *value)
{
    if (value == NULL) {
        return "nothing";
    }
    struct str text = json_text(arena, value);
    if (text.n <= VALUE_BYTES) {
        return text.p;
    }
    struct str start = str_slice(text, 0, VALUE_BYTES);
    while (start.n > 0 && !utf8_valid(start)) {
        start.n--;
    }
    return arena_printf(arena, "%.*s... (sha256 %.12s)", STR_ARG(start), digest_bytes(text).hex);
}

static void add(struct difference *d, const char *path, const struct json *before, const struct json *after)
{
    const char *line = arena_printf(d->arena, "%s: %s -> %s", path, value_words(d->arena, before),
                                    value_words(d->arena, after));
    if (d->bytes + strlen(line) > DIFFERENCE_BYTES) {
        d->left++;
        return;
    }
    d->bytes += strlen(line);
    d->words = arena_printf(d->arena, "%s%s%s", d->words, *d->words == '\0' ? "" : "; ", line);
}

static const char *below(struct arena *arena, const char *path, struct str key)
{
    return *path == '\0' ? arena_str(arena, key).p : arena_printf(arena, "%s.%.*s", path, STR_ARG(key));
}

/* Maps are compared key by key, anything else whole. */
static void compare(struct difference *d, const char *path, const struct json *before, const struct json *after)
{
    bool maps = before != NULL && after != NULL && before->type == JSON_OBJECT && after->type == JSON_OBJECT;
    if (before != NULL && after != NULL && json_equal(before, after)) {
        return;
    }
    if (!maps) {
        add(d, path, before, after);
        return;
    }
    for (size_t i = 0; i < before->u.object.count; i++) {
        const struct json_member *member = &before->u.object.members[i];
        compare(d, below(d->arena, path, member->key), &member->value, json_get_str(after, member->key));
    }
    for (size_t i = 0; i < after->u.object.count; i++) {
        const struct json_member *member = &after->u.object.members[i];
        if (json_get_str(before, member->key) == NULL) {
            compare(d, below(d->arena, path, member->key), NULL, &member->value);
        }
    }
}

static const char *difference_words(const struct json *before, const struct json *after, struct arena *arena)
{
    struct difference d = {.arena = arena, .words = ""};
    compare(&d, "", before, after);
    return d.left == 0 ? d.words : arena_printf(arena, "%s; and %zu more", d.words, d.left);
}

/* ---- the last one ---------------------------------------------------------------------------------------------- */

static int read_last(struct store *store, struct arena *arena, struct json *ret_document, const char **ret_sha256,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT sha256, document FROM config_loaded WHERE one = 1");
    int row = stmt_step(s, err);
    *ret_sha256 = row == 1 ? stmt_column_text(s, 0, arena) : "";
    const char *document = row == 1 ? stmt_column_text(s, 1, arena) : "{}";
    stmt_done(s);
    return row < 0 ? -1 : json_read(str_from(document), (struct json_limits){0}, arena, ret_document, err);
}

static int write_last(struct store *store, const char *sha256, struct str document, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO config_loaded (one, sha256, document, at_ms) VALUES (1, :sha256, "
                                     ":document, :at) ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256, "
                                     "document = excluded.document, at_ms = excluded.at_ms");
    stmt_text(s, ":sha256", sha256);
    stmt_str(s, ":document", document);
    stmt_int(s, ":at", now_ms);
    return stmt_run_one(s, "recording the configuration", err);
}

static int take(struct store *store, const struct json *document, struct str text, const char *actor, int64_t now_ms,
                struct arena *arena, const char **ret_words, struct err *err)
{
    struct json before;
    const char *last = NULL;
    struct digest digest = digest_bytes(text);
    if (read_last(store, arena, &before, &last, err) < 0) {
        return -1;
    }
    *ret_words = NULL;
    bool never = *last == '\0' && document->u.object.count == 0; /* there has been none, and there is none */
    if (never || strcmp(last, digest.hex) == 0) {
        return 0;
    }
    *ret_words = difference_words(&before, document, arena);
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = actor,
        .action = "config.loaded",
        .object = "config.yaml",
        .object_id = "config.yaml",
        .from_state = arena_printf(arena, "%.12s", last),
        .to_state = arena_printf(arena, "%.12s", digest.hex),
        .reason = *ret_words,
        .evidence_sha256 = digest.hex,
    };
    return write_last(store, digest.hex, text, now_ms, err) < 0 ? -1 : store_activity_append(store, &entry, err);
}

int store_config_taken(struct store *store, const struct json *document, const char *actor, int64_t now_ms,
                       struct arena *arena, const char **ret_words, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, 16 << 20);
    json_write_canonical(&text, document);
    int result = take(store, document, strbuf_str(&text), actor, now_ms, arena, ret_words, err);
    strbuf_clear(&text);
    return result;
}
