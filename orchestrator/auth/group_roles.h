/* SPDX-License-Identifier: Apache-2.0
 * The roles that users have by the groups they are in, as config.yaml says both: found by name, however many there are.
 */
#ifndef SLUICE_AUTH_GROUP_ROLES_H
#define SLUICE_AUTH_GROUP_ROLES_H

#include "base/json.h"
#include "store/roles.h"

struct group_roles;

/* Of {group: [name, ...]} and {group: role}; NULL: there are none. What is no group or no role is passed over:
 * config.yaml was checked. Copied. */
struct group_roles *group_roles_new(const struct json *groups, const struct json *roles);
void group_roles_free(struct group_roles *roles);
/* The highest that somebody has by his groups; ROLE_NOBODY: none. */
enum role group_roles_find(const struct group_roles *roles, const char *name);

#endif
