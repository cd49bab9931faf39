/* SPDX-License-Identifier: Apache-2.0 */
#include "run/part_changes.h"

enum { CHANGES_SHOWN = 5 };

static struct json change_of(struct arena *arena, struct str part, const struct json *from, const struct json *to)
{
    struct json change = json_object();
    json_set(arena, &change, "part", json_string(arena, part));
    json_set(arena, &change, "from", from == NULL ? json_null() : *from);
    json_set(arena, &change, "to", to == NULL ? json_null() : *to);
    return change;
}

struct json part_changes(const struct json *before, const struct json *now, struct arena *arena)
{
    struct json changes = json_array();
    for (size_t i = 0; now->type == JSON_OBJECT && i < now->u.object.count; i++) {
        const struct json_member *part = &now->u.object.members[i];
        const struct json *was = json_get_str(before, part->key);
        if (was == NULL || !json_equal(was, &part->value)) {
            json_push(arena, &changes, change_of(arena, part->key, was, &part->value));
        }
    }
    for (size_t i = 0; before->type == JSON_OBJECT && i < before->u.object.count; i++) {
        const struct json_member *part = &before->u.object.members[i];
        if (json_get_str(now, part->key) == NULL) {
            json_push(arena, &changes, change_of(arena, part->key, &part->value, NULL));
        }
    }
    return changes;
}

/* Values that can be shown are written as they are; digests say only that something changed. */
static bool is_shown(const char *text)
{
    return text != NULL && !str_starts(str_from(text), STR("sha256:")) && str_find(str_from(text), STR(" sha256:")) < 0;
}

static const char *name_words(struct str part, struct arena *arena)
{
    static const struct str definition = {"definition ", 11};
    return str_starts(part, definition)
               ? arena_printf(arena, "'%.*s' of the step", STR_ARG(str_slice(part, definition.n, part.n)))
               : arena_str(arena, part).p;
}

const char *part_change_words(const struct json *change, struct arena *arena)
{
    struct str part = str_from(json_get_text(change, "part", ""));
    const char *from = json_get_text(change, "from", NULL);
    const char *to = json_get_text(change, "to", NULL);
    const char *name = name_words(part, arena);
    if (from == NULL || to == NULL) {
        const char *shown = from == NULL ? to : from;
        return arena_printf(arena, "%s %s%s%s", name, from == NULL ? "is new" : "is no more",
                            is_shown(shown) ? ": " : "", is_shown(shown) ? shown : "");
    }
    if (is_shown(from) && is_shown(to)) {
        return arena_printf(arena, "%s: %s \u2192 %s", name, from, to);
    }
    return arena_printf(arena, "%s %s", name, str_starts(part, STR("plugin ")) ? "is another build" : "changed");
}

const char *part_changes_words(const struct json *changes, struct arena *arena)
{
    const char *words = "";
    size_t count = changes != NULL && changes->type == JSON_ARRAY ? changes->u.array.count : 0;
    for (size_t i = 0; i < count && i < CHANGES_SHOWN; i++) {
        words = arena_printf(arena, "%s%s%s", words, i == 0 ? "" : "; ",
                             part_change_words(&changes->u.array.items[i], arena));
    }
    return count <= CHANGES_SHOWN ? words : arena_printf(arena, "%s; and %zu more", words, count - CHANGES_SHOWN);
}
