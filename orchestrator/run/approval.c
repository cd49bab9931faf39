/* SPDX-License-Identifier: Apache-2.0 */
#include "run/approval.h"

static bool list_has(const struct json *list, struct str text)
{
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        if (item->type == JSON_STRING && str_eq(item->u.string, text)) {
            return true;
        }
    }
    return false;
}

/* Does "alice" or "group:ml-leads" mean this actor? */
static bool names_actor(struct str name, const char *actor, const struct json *groups)
{
    if (str_starts(name, STR("group:"))) {
        return list_has(groups, str_slice(name, strlen("group:"), name.n));
    }
    return str_is(name, actor);
}

/* Is the actor among those of `by` (list or map)? An absent `by` means anybody. */
static bool is_asked(const struct json *by, const char *actor, const struct json *groups)
{
    if (by == NULL || by->type == JSON_NULL) {
        return true;
    }
    if (by->type == JSON_STRING) {
        return names_actor(by->u.string, actor, groups);
    }
    for (size_t i = 0; by->type == JSON_ARRAY && i < by->u.array.count; i++) {
        if (by->u.array.items[i].type == JSON_STRING && names_actor(by->u.array.items[i].u.string, actor, groups)) {
            return true;
        }
    }
    for (size_t i = 0; by->type == JSON_OBJECT && i < by->u.object.count; i++) {
        if (names_actor(by->u.object.members[i].key, actor, groups)) {
            return true;
        }
    }
    return false;
}

/* Does "author", "starter", "alice" or "group:makers" mean this actor? */
static bool excludes_actor(const struct json *spec, const struct json *name, const char *actor,
                           const struct json *groups)
{
    if (name->type != JSON_STRING) {
        return false;
    }
    bool author = str_is(name->u.string, "author") && list_has(json_get(spec, "authors"), str_from(actor));
    bool starter = str_is(name->u.string, "starter") && strcmp(json_get_text(spec, "starter", ""), actor) == 0;
    return author || starter || names_actor(name->u.string, actor, groups);
}

static bool is_excluded(const struct json *spec, const char *actor, const struct json *groups)
{
    const struct json *not_by = json_get(spec, "not_by");
    if (json_get_bool(spec, "waived", false) || not_by == NULL) {
        return false;
    }
    if (not_by->type != JSON_ARRAY) {
        return excludes_actor(spec, not_by, actor, groups);
    }
    for (size_t i = 0; i < not_by->u.array.count; i++) {
        if (excludes_actor(spec, &not_by->u.array.items[i], actor, groups)) {
            return true;
        }
    }
    return false;
}

int approval_may_vote(const struct json *spec, const char *actor, const struct json *groups, struct err *err)
{
    if (!is_asked(json_get(spec, "by"), actor, groups)) {
        struct arena *arena = arena_new();
        struct json by = *json_get(spec, "by");
        (void)err_set(err, ERR_DENIED, "'%s' may not decide this: it asks %s", actor, json_text(arena, &by).p);
        arena_free(arena);
        return -1;
    }
    if (is_excluded(spec, actor, groups)) {
        return err_set(err, ERR_DENIED, "'%s' may not decide this: not_by excludes who made it", actor);
    }
    return 0;
}

static bool counts(const struct json *spec, const struct approval_vote *vote)
{
    return approval_may_vote(spec, vote->actor, vote->groups, NULL) == 0;
}

static bool voted_before(const struct approval_vote *votes, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(votes[i].actor, votes[index].actor) == 0) {
            return true;
        }
    }
    return false;
}

/* How many distinct people approved in the name of `name` (all eligible ones for a NULL name). */
static int64_t approvals_of(const struct json *spec, const struct str *name, const struct approval_vote *votes,
                            size_t count)
{
    int64_t people = 0;
    for (size_t i = 0; i < count; i++) {
        bool meant = name == NULL || names_actor(*name, votes[i].actor, votes[i].groups);
        people += votes[i].approve && meant && counts(spec, &votes[i]) && !voted_before(votes, i) ? 1 : 0;
    }
    return people;
}

/* Nothing is approved by nobody, whatever the numbers say. */
static int64_t at_least_one(int64_t people)
{
    return people < 1 ? 1 : people;
}

enum approval_state approval_decide(const struct json *spec, const struct approval_vote *votes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!votes[i].approve && counts(spec, &votes[i])) {
            return APPROVAL_REJECTED;
        }
    }
    struct arena *arena = arena_new();
    bool met = *approval_missing(spec, votes, count, arena) == '\0';
    arena_free(arena);
    return met ? APPROVAL_APPROVED : APPROVAL_OPEN;
}

const char *approval_missing(const struct json *spec, const struct approval_vote *votes, size_t count,
                             struct arena *arena)
{
    const struct json *by = json_get(spec, "by");
    if (by == NULL || by->type != JSON_OBJECT || by->u.object.count == 0) {
        int64_t quorum = at_least_one(json_get_int(spec, "quorum", 1));
        int64_t missing = quorum - approvals_of(spec, NULL, votes, count);
        return missing <= 0 ? "" : arena_printf(arena, "%lld more", (long long)missing);
    }
    const char *text = "";
    for (size_t i = 0; i < by->u.object.count; i++) {
        const struct json_member *member = &by->u.object.members[i];
        int64_t needed = at_least_one(member->value.type == JSON_INT ? member->value.u.integer : 1);
        int64_t missing = needed - approvals_of(spec, &member->key, votes, count);
        if (missing > 0) {
            text = arena_printf(arena, "%s%s%lld more of %.*s", text, *text == '\0' ? "" : ", ", (long long)missing,
                                STR_ARG(member->key));
        }
    }
    return text;
}
