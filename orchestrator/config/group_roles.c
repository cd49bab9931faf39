/* SPDX-License-Identifier: Apache-2.0 */
#include "config/group_roles.h"

#include "pipeline/load.h"
#include "store/roles.h"

void config_group_roles_load(struct loader *loader, const struct yaml_node *node, struct json *ret)
{
    for (size_t i = 0; i < node->count; i++) {
        size_t word = 0;
        const char *what = arena_printf(loader->arena, "the role of group '%.*s'", STR_ARG(node->pairs[i].key.text));
        if (load_expect(loader, &node->pairs[i].value, TAKES_TEXT, what)) {
            (void)load_choice(loader, &node->pairs[i].value, role_words, &word);
        }
    }
    *ret = yaml_to_json(loader->arena, node);
}

void config_group_roles_check(struct loader *loader, const struct yaml_node *root, const struct json *groups)
{
    const struct yaml_node *auth = yaml_get(root, "auth");
    const struct yaml_node *roles = auth == NULL ? NULL : yaml_get(auth, "group_roles");
    size_t count = groups->type == JSON_OBJECT ? groups->u.object.count : 0;
    struct str *names = arena_array(loader->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = groups->u.object.members[i].key;
    }
    for (size_t i = 0; roles != NULL && roles->type == JSON_OBJECT && i < roles->count; i++) {
        struct str name = roles->pairs[i].key.text;
        if (count == 0 || json_get_str(groups, name) == NULL) {
            load_error(loader, &roles->pairs[i].key, DIAG_VALUE,
                       count == 0 ? "config.yaml has no 'groups'" : diag_hint_near(loader->arena, name, names, count),
                       "there is no group '%.*s'", STR_ARG(name));
        }
    }
}
