/* SPDX-License-Identifier: Apache-2.0 */
#include "config/difference.h"

enum { KEYS_MAX = 40 };

struct found {
    struct arena *arena;
    const char *words;
    size_t count;
};

static void add(struct found *found, struct str above, struct str key)
{
    if (found->count == KEYS_MAX) {
        found->words = arena_printf(found->arena, "%s, ...", found->words);
    } else if (found->count < KEYS_MAX) {
        found->words = arena_printf(found->arena, "%s%s%.*s%s%.*s", found->words, found->count == 0 ? "" : ", ",
                                    STR_ARG(above), above.n == 0 ? "" : ".", STR_ARG(key));
    }
    found->count++;
}

static bool is_map(const struct json *value)
{
    return value != NULL && value->type == JSON_OBJECT;
}

/* Keys of `a` that `b` has not, at the top and in the maps there. */
static void find_missing(struct found *found, struct str above, const struct json *a, const struct json *b)
{
    for (size_t i = 0; is_map(a) && i < a->u.object.count; i++) {
        const struct json_member *member = &a->u.object.members[i];
        const struct json *other = json_get_str(b, member->key);
        if (other == NULL) {
            add(found, above, member->key);
        } else if (above.n == 0 && is_map(&member->value) && is_map(other)) {
            find_missing(found, member->key, &member->value, other);
        }
    }
}

static void find_changed(struct found *found, struct str above, const struct json *a, const struct json *b)
{
    for (size_t i = 0; is_map(a) && i < a->u.object.count; i++) {
        const struct json_member *member = &a->u.object.members[i];
        const struct json *other = json_get_str(b, member->key);
        if (other == NULL || json_equal(&member->value, other)) {
            continue;
        }
        if (above.n == 0 && is_map(&member->value) && is_map(other)) {
            find_changed(found, member->key, &member->value, other);
        } else {
            add(found, above, member->key);
        }
    }
}

const char *config_difference(const struct json *before, const struct json *after, struct arena *arena)
{
    struct found added = {.arena = arena, .words = ""};
    struct found changed = added;
    struct found removed = added;
    const struct str top = {0};
    find_missing(&added, top, after, before);
    find_changed(&changed, top, before, after);
    find_missing(&removed, top, before, after);
    const struct {
        const char *word;
        const struct found *found;
    } parts[] = {{"added", &added}, {"changed", &changed}, {"removed", &removed}};
    const char *words = "";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].found->count > 0) {
            words = arena_printf(arena, "%s%s%s %s", words, *words == '\0' ? "" : "; ", parts[i].word,
                                 parts[i].found->words);
        }
    }
    return *words == '\0' ? "nothing" : words;
}
