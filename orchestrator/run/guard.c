/* SPDX-License-Identifier: Apache-2.0 */
#include "run/guard.h"

#include "base/path.h"

#include <ctype.h>
#include <string.h>

const char *const guard_kind_words[GUARD_KINDS] = {"alias", "stage", "target"};

size_t guard_list_read(const struct json *list, struct arena *arena, struct guard **ret)
{
    size_t count = list->type == JSON_ARRAY ? list->u.array.count : 0;
    struct guard *guards = arena_array(arena, count, sizeof *guards);
    for (size_t i = 0; i < count; i++) {
        const struct json *row = &list->u.array.items[i];
        guards[i] = (struct guard){
            .model = json_get_text(row, "model", "*"),
            .green = strcmp(json_get_text(row, "gate", ""), "green") == 0,
            .approvals = json_get(row, "approvals"),
            .not_by = json_get(row, "not_by"),
            .branches = json_get(row, "branches"),
            .free_rollback = strcmp(json_get_text(row, "rollback", ""), "free") == 0,
        };
        for (size_t k = 0; k < GUARD_KINDS; k++) {
            const char *name = json_get_text(row, guard_kind_words[k], NULL);
            guards[i].kind = name == NULL ? guards[i].kind : (enum guard_kind)k;
            guards[i].name = name == NULL ? guards[i].name : name;
        }
    }
    *ret = guards;
    return count;
}

/* NULL when there is none. */
static const char *first_match(const char *glob, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (path_matches(glob, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

static bool matches_stage(const char *glob, const char *stage)
{
    char lower[2][64];
    const char *texts[2] = {glob, stage};
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        for (; texts[i][n] != '\0' && n < sizeof lower[i] - 1; n++) {
            lower[i][n] = (char)tolower((unsigned char)texts[i][n]);
        }
        lower[i][n] = '\0';
    }
    return path_matches(lower[0], lower[1]);
}

const char *guard_match(const struct guard *guard, enum guard_kind kind, const char *const *models, size_t model_count,
                        const char *const *names, size_t name_count)
{
    bool unnamed = model_count == 0 && kind == GUARD_TARGET; /* a model of no name could be any */
    if (guard->kind != kind || !(unnamed || first_match(guard->model, models, model_count) != NULL)) {
        return NULL;
    }
    if (kind != GUARD_STAGE) {
        return first_match(guard->name, names, name_count);
    }
    return name_count > 0 && matches_stage(guard->name, names[0]) ? names[0] : NULL;
}

static const char *add(struct arena *arena, const char *text, const char *more)
{
    return *more == '\0' ? text : arena_printf(arena, "%s%s%s", text, *text == '\0' ? "" : ", and ", more);
}

static bool is_branch_of(const struct json *branches, const char *branch)
{
    for (size_t i = 0; branches->type == JSON_ARRAY && i < branches->u.array.count; i++) {
        const struct json *glob = &branches->u.array.items[i];
        if (glob->type == JSON_STRING && path_matches(glob->u.string.p, branch)) {
            return true;
        }
    }
    return false;
}

static const char *lacks_branch(const struct guard *guard, const struct guard_facts *facts, struct arena *arena)
{
    if (guard->branches == NULL || (facts->branch != NULL && is_branch_of(guard->branches, facts->branch))) {
        return "";
    }
    const char *asked = json_text(arena, guard->branches).p;
    return facts->branch == NULL
               ? arena_printf(arena, "a pipeline run on a branch of %s that made it (none is known)", asked)
               : arena_printf(arena, "to be made on a branch of %s (it was '%s')", asked, facts->branch);
}

static const char *lacks_gate(const struct guard *guard, const struct guard_facts *facts, struct arena *arena)
{
    if (!guard->green || (facts->gate_count > 0 && facts->red == NULL)) {
        return "";
    }
    return facts->red == NULL ? "a green gate (none has judged it)"
                              : arena_printf(arena, "a green gate (%s)", facts->red);
}

static const char *lacks_approvals(const struct guard *guard, const struct guard_facts *facts, struct arena *arena)
{
    if (guard->approvals == NULL) {
        return "";
    }
    struct json spec = json_object();
    json_set(arena, &spec, "by", *guard->approvals);
    if (guard->not_by != NULL) {
        json_set(arena, &spec, "not_by", *guard->not_by);
    }
    json_set(arena, &spec, "authors", facts->authors);
    json_set(arena, &spec, "waived", json_bool(facts->waived));
    const char *missing = approval_missing(&spec, facts->votes, facts->vote_count, arena);
    return *missing == '\0' ? "" : arena_printf(arena, "approval by %s", missing);
}

struct guard_verdict guard_decide(const struct guard *guard, const struct guard_facts *facts, struct arena *arena)
{
    if (facts->model_id == NULL) {
        return (struct guard_verdict){
            .lacks = "a logged model (m-...), whose files a gate or an approval could be bound to"};
    }
    if (facts->file_count == 0 && facts->changed == NULL) {
        return (struct guard_verdict){
            .lacks = "files in this home, whose digests a gate or an approval could be bound to"};
    }
    if (facts->changed != NULL) {
        return (struct guard_verdict){.lacks = arena_printf(arena, "the files that were reviewed: %s", facts->changed)};
    }
    const char *approvals = lacks_approvals(guard, facts, arena);
    const char *rest = add(arena, lacks_gate(guard, facts, arena), lacks_branch(guard, facts, arena));
    bool lacking = *rest != '\0' || *approvals != '\0';
    if (lacking && guard->free_rollback && facts->was_there && !facts->removes) {
        return (struct guard_verdict){.lacks = "", .rolled_back = true};
    }
    return (struct guard_verdict){.lacks = add(arena, rest, approvals),
                                  .only_approvals = *rest == '\0' && *approvals != '\0'};
}

void guard_ask(const struct guard *guard, struct arena *arena, struct json *spec)
{
    const struct json *by = json_get(spec, "by");
    const struct json *not_by = json_get(spec, "not_by");
    struct json people = by == NULL ? json_object() : *by;
    struct json excluded = not_by == NULL ? json_array() : *not_by;
    for (size_t i = 0; guard->approvals != NULL && i < guard->approvals->u.object.count; i++) {
        const struct json_member *row = &guard->approvals->u.object.members[i];
        const char *key = arena_str(arena, row->key).p;
        if (row->value.u.integer > json_get_int(&people, key, 0)) {
            json_set(arena, &people, key, row->value);
        }
    }
    for (size_t i = 0; guard->not_by != NULL && i < guard->not_by->u.array.count; i++) {
        json_push(arena, &excluded, guard->not_by->u.array.items[i]);
    }
    json_set(arena, spec, "by", people);
    if (excluded.u.array.count > 0) {
        json_set(arena, spec, "not_by", excluded);
    }
}
