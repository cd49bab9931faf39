/* SPDX-License-Identifier: Apache-2.0
 * `auth.group_roles` of config.yaml: the role that logins have by being in a group.
 */
#ifndef SLUICE_CONFIG_GROUP_ROLES_H
#define SLUICE_CONFIG_GROUP_ROLES_H

#include "base/json.h"

struct loader;
struct yaml_node;

/* Checks the map {group: role}, but for whether there are such groups. */
void config_group_roles_load(struct loader *loader, const struct yaml_node *node, struct json *ret);
/* Once the whole file is read: each is one of `groups`. */
void config_group_roles_check(struct loader *loader, const struct yaml_node *root, const struct json *groups);

#endif
