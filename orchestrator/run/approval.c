/* SPDX-License-Identifier: Apache-2.0 */
#include "run/approval.h"

#include <string.h>

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

bool approval_excludes(const struct json *spec, const char *actor, const struct json *groups)
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
    if (approval_excludes(spec, actor, groups)) {
        return err_set(err, ERR_DENIED, "'%s' may not decide this: not_by excludes who made it", actor);
    }
    return 0;
}

static bool counts(const struct json *spec, const struct approval_vote *vote)
{
    return approval_may_vote(spec, vote->actor, vote->groups, NULL) == 0 &&
           (vote->speaker == NULL || !approval_excludes(spec, vote->speaker, vote->speaker_groups));
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

/* An approval that counts, by somebody who has not been counted. */
static bool is_new_voice(const struct json *spec, const struct approval_vote *votes, size_t index)
{
    return votes[index].approve && counts(spec, &votes[index]) && !voted_before(votes, index);
}

/* Nothing is approved by nobody, whatever the numbers say. */
static int64_t at_least_one(int64_t people)
{
    return people < 1 ? 1 : people;
}

/* ---- a map of demands: each person is given to one of them, so that as many as possible are met ----- */

enum { NO_DEMAND = -1 };

struct matching {
    const struct json_member *demands;
    size_t demand_count;
    const struct approval_vote *votes;
    size_t vote_count;
    ptrdiff_t *given; /* of each vote: the demand it is given to */
    bool *voices;     /* the votes that count, one a person */
    int64_t *missing; /* of each demand */
    bool *tried;      /* demands that the last search passed through */
};

static int64_t people_needed(const struct json_member *demand)
{
    return at_least_one(demand->value.type == JSON_INT ? demand->value.u.integer : 1);
}

/* Finds one more person for the demand, if need be by giving another demand somebody else in exchange (an augmenting
 * path, as in the textbook matching of two sides). On failure `tried` holds the demands that one could come through. */
static bool give_one_more(struct matching *m, size_t demand)
{
    m->tried[demand] = true;
    for (size_t i = 0; i < m->vote_count; i++) {
        ptrdiff_t holder = m->given[i];
        if (!m->voices[i] || !names_actor(m->demands[demand].key, m->votes[i].actor, m->votes[i].groups)) {
            continue;
        }
        if (holder == NO_DEMAND || (!m->tried[holder] && give_one_more(m, (size_t)holder))) {
            m->given[i] = (ptrdiff_t)demand;
            return true;
        }
    }
    return false;
}

static void give_all(struct matching *m, size_t demand)
{
    m->missing[demand] = people_needed(&m->demands[demand]);
    do {
        memset(m->tried, 0, m->demand_count * sizeof *m->tried);
    } while (m->missing[demand] > 0 && give_one_more(m, demand) && m->missing[demand]-- > 0);
}

/* Gives people to all demands, to `first` before the others; then to the others in their order. Whoever a demand got
 * stays with it or is replaced: what `first` lacks in the end is what it lacks in any case. */
static void match(struct matching *m, size_t first)
{
    for (size_t i = 0; i < m->vote_count; i++) {
        m->given[i] = NO_DEMAND;
    }
    give_all(m, first);
    for (size_t i = 0; i < m->demand_count; i++) {
        if (i != first) {
            give_all(m, i);
        }
    }
}

static struct matching matching_new(const struct json *spec, const struct json *by, const struct approval_vote *votes,
                                    size_t count, struct arena *arena)
{
    struct matching m = {
        .demands = by->u.object.members,
        .demand_count = by->u.object.count,
        .votes = votes,
        .vote_count = count,
        .given = arena_array(arena, count, sizeof *m.given),
        .voices = arena_array(arena, count, sizeof *m.voices),
        .missing = arena_array(arena, by->u.object.count, sizeof *m.missing),
        .tried = arena_array(arena, by->u.object.count, sizeof *m.tried),
    };
    for (size_t i = 0; i < count; i++) {
        m.voices[i] = is_new_voice(spec, votes, i);
    }
    return m;
}

static const char *add_missing(struct arena *arena, const char *text, int64_t people, const char *of)
{
    const char *between = *text == '\0' ? "" : ", ";
    return people <= 0 ? text : arena_printf(arena, "%s%s%lld more of %s", text, between, (long long)people, of);
}

static bool has_spoken(const struct matching *m, struct str name)
{
    for (size_t i = 0; i < m->vote_count; i++) {
        if (m->voices[i] && str_is(name, m->votes[i].actor)) {
            return true;
        }
    }
    return false;
}

/* "group:leads or group:legal": the demands that `tried` holds, but for people who have said their yes. */
static const char *any_of_tried(const struct matching *m, struct arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < m->demand_count; i++) {
        if (m->tried[i] && !has_spoken(m, m->demands[i].key)) {
            text = arena_printf(arena, "%s%s%.*s", text, *text == '\0' ? "" : " or ", STR_ARG(m->demands[i].key));
        }
    }
    return text;
}

static const char *missing_of_map(const struct json *spec, const struct json *by, const struct approval_vote *votes,
                                  size_t count, struct arena *arena)
{
    struct matching m = matching_new(spec, by, votes, count, arena);
    int64_t *surely = arena_array(arena, m.demand_count, sizeof *surely);
    const char *text = "";
    for (size_t i = 0; i < m.demand_count; i++) {
        match(&m, i);
        surely[i] = m.missing[i];
        text = add_missing(arena, text, surely[i], arena_str(arena, m.demands[i].key).p);
    }
    match(&m, 0);
    for (size_t i = 0; i < m.demand_count; i++) {
        if (m.missing[i] > surely[i]) { /* somebody who counts here could count elsewhere: either will do */
            memset(m.tried, 0, m.demand_count * sizeof *m.tried);
            (void)give_one_more(&m, i);
            text = add_missing(arena, text, m.missing[i] - surely[i], any_of_tried(&m, arena));
        }
    }
    return text;
}

const char *approval_asks(const struct json *spec, struct arena *arena)
{
    const struct json *by = json_get(spec, "by");
    const char *words = "";
    if (by == NULL || by->type == JSON_NULL) {
        return "anybody";
    }
    if (by->type == JSON_STRING) {
        return arena_str(arena, by->u.string).p;
    }
    for (size_t i = 0; by->type == JSON_OBJECT && i < by->u.object.count; i++) {
        words = arena_printf(arena, "%s%s%lld of %.*s", words, i == 0 ? "" : ", ",
                             (long long)by->u.object.members[i].value.u.integer,
                             STR_ARG(by->u.object.members[i].key));
    }
    for (size_t i = 0; by->type == JSON_ARRAY && i < by->u.array.count; i++) {
        words = arena_printf(arena, "%s%s%.*s", words, i == 0 ? "" : ", ", STR_ARG(by->u.array.items[i].u.string));
    }
    return words;
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
    if (by != NULL && by->type == JSON_OBJECT && by->u.object.count > 0) {
        return missing_of_map(spec, by, votes, count, arena);
    }
    int64_t missing = at_least_one(json_get_int(spec, "quorum", 1));
    for (size_t i = 0; i < count; i++) {
        missing -= is_new_voice(spec, votes, i) ? 1 : 0;
    }
    return missing <= 0 ? "" : arena_printf(arena, "%lld more", (long long)missing);
}

struct json approval_groups_of(const struct json *configured, const char *actor, struct arena *arena)
{
    struct json groups = json_array();
    for (size_t i = 0; configured->type == JSON_OBJECT && i < configured->u.object.count; i++) {
        const struct json_member *group = &configured->u.object.members[i];
        bool listed = false;
        for (size_t k = 0; !listed && group->value.type == JSON_ARRAY && k < group->value.u.array.count; k++) {
            const struct json *name = &group->value.u.array.items[k];
            listed = name->type == JSON_STRING && str_is(name->u.string, actor);
        }
        if (listed) {
            json_push(arena, &groups, json_string(arena, group->key));
        }
    }
    return groups;
}
