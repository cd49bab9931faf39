/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/group_roles.h"

#include "base/mem.h"
#include "base/str_index.h"

#include <stdlib.h>

struct group_roles {
    struct arena *arena;
    struct str_index *names;
    enum role *highest; /* of the name of that number */
    size_t count, room;
};

static void add_member(struct group_roles *roles, struct str name, enum role role)
{
    size_t at = str_index_add(roles->names, arena_str(roles->arena, name));
    roles->highest = arena_grow(roles->arena, roles->highest, roles->count, &roles->room, sizeof *roles->highest);
    roles->highest[roles->count++] = role;
    roles->highest[at] = roles->highest[at] > role ? roles->highest[at] : role; /* it may stand there already */
}

static void add_group(struct group_roles *roles, const struct json *people, enum role role)
{
    for (size_t i = 0; people != NULL && people->type == JSON_ARRAY && i < people->u.array.count; i++) {
        if (people->u.array.items[i].type == JSON_STRING) {
            add_member(roles, people->u.array.items[i].u.string, role);
        }
    }
}

struct group_roles *group_roles_new(const struct json *groups, const struct json *roles_of)
{
    struct group_roles *roles = mem_alloc(sizeof *roles);
    *roles = (struct group_roles){.arena = arena_new()};
    roles->names = str_index_new(roles->arena, 16);
    for (size_t i = 0; groups != NULL && roles_of != NULL && roles_of->type == JSON_OBJECT &&
                       groups->type == JSON_OBJECT && i < roles_of->u.object.count;
         i++) {
        const struct json_member *member = &roles_of->u.object.members[i];
        enum role role = ROLE_NOBODY;
        if (member->value.type == JSON_STRING && role_parse(member->value.u.string.p, &role, NULL) == 0) {
            add_group(roles, json_get_str(groups, member->key), role);
        }
    }
    return roles;
}

void group_roles_free(struct group_roles *roles)
{
    if (roles != NULL) {
        arena_free(roles->arena);
        free(roles);
    }
}

enum role group_roles_find(const struct group_roles *roles, const char *name)
{
    ptrdiff_t at = roles->count == 0 ? -1 : str_index_find(roles->names, str_from(name));
    return at < 0 ? ROLE_NOBODY : roles->highest[at];
}
