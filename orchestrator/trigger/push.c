/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/push.h"

#include "base/parse.h"
#include "base/path.h"

/* A list, of which a text alone is one. */
static size_t count_of(const struct json *list)
{
    return list == NULL ? 0 : list->type == JSON_ARRAY ? list->u.array.count : list->type == JSON_STRING ? 1 : 0;
}

static const char *text_at(const struct json *list, size_t i)
{
    const struct json *item = list->type == JSON_ARRAY ? &list->u.array.items[i] : list;
    return item->type == JSON_STRING ? item->u.string.p : "";
}

static bool matches_any(const struct json *globs, const char *text)
{
    for (size_t i = 0; i < count_of(globs); i++) {
        if (path_matches(text_at(globs, i), text)) {
            return true;
        }
    }
    return false;
}

bool push_is_wanted(const struct json *settings, const struct push *push)
{
    const struct json *branches = json_get(settings, "branches");
    const struct json *globs = json_get(settings, "paths");
    const struct json *paths = json_get(push->told, "paths");
    if (count_of(branches) > 0 && !matches_any(branches, push->branch)) {
        return false;
    }
    bool wanted = count_of(globs) == 0 || json_get_bool(push->told, "more_paths", false);
    for (size_t i = 0; !wanted && i < count_of(paths); i++) {
        wanted = matches_any(globs, text_at(paths, i));
    }
    return wanted;
}

static struct json event_commits(const struct json *commits, struct arena *arena)
{
    struct json list = json_array();
    for (size_t i = 0; commits != NULL && commits->type == JSON_ARRAY && i < commits->u.array.count; i++) {
        const struct json *commit = &commits->u.array.items[i];
        struct json one = json_object();
        char at[40];
        format_time_s(at, sizeof at, json_get_int(commit, "at_ms", 0));
        json_add(arena, &one, "id", json_cstring(arena, json_get_text(commit, "id", "")));
        json_add(arena, &one, "author", json_cstring(arena, json_get_text(commit, "author", "")));
        json_add(arena, &one, "email", json_cstring(arena, json_get_text(commit, "email", "")));
        json_add(arena, &one, "time", json_cstring(arena, at));
        json_add(arena, &one, "message", json_cstring(arena, json_get_text(commit, "message", "")));
        json_push(arena, &list, one);
    }
    return list;
}

struct json push_event(const struct push *push, struct arena *arena)
{
    struct json event = json_object();
    const struct json *paths = json_get(push->told, "paths");
    json_add(arena, &event, "type", json_cstring(arena, "push"));
    json_add(arena, &event, "source", json_cstring(arena, push->source));
    json_add(arena, &event, "repo", json_cstring(arena, push->repo));
    json_add(arena, &event, "branch", json_cstring(arena, push->branch));
    json_add(arena, &event, "before", json_cstring(arena, json_get_text(push->told, "before", "")));
    json_add(arena, &event, "after", json_cstring(arena, push->after));
    json_add(arena, &event, "forced", json_bool(json_get_bool(push->told, "forced", false)));
    json_add(arena, &event, "paths", paths == NULL ? json_array() : json_copy(arena, paths));
    json_add(arena, &event, "more_paths", json_bool(json_get_bool(push->told, "more_paths", false)));
    json_add(arena, &event, "commits", event_commits(json_get(push->told, "commits"), arena));
    json_add(arena, &event, "more_commits", json_bool(json_get_bool(push->told, "more_commits", false)));
    return event;
}
