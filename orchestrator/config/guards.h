/* SPDX-License-Identifier: Apache-2.0
 * `guards` of config.yaml: what may hold an alias or a stage, or serve at a target (run/guard.h says what each means).
 */
#ifndef SLUICE_CONFIG_GUARDS_H
#define SLUICE_CONFIG_GUARDS_H

#include "base/json.h"

struct loader;
struct yaml_node;

/* Checks the list; as JSON, `not_by` and `branches` always lists. */
void guards_load(struct loader *loader, const struct yaml_node *node, struct json *ret);

/* Rows for the table of keys in config.c. */
#define GUARD_DOCS(ROW)                                                                                                \
    ROW("guards[].", "model", 0, NULL, "glob", "The registered models that it is about.")                              \
    ROW("guards[].", "alias", 0, NULL, "glob", "The aliases that it guards: this, 'stage' or 'target'.")               \
    ROW("guards[].", "stage", 0, NULL, "glob", "The stages, in any case.")                                             \
    ROW("guards[].", "target", 0, NULL, "glob", "The targets of deploy: folder, program, URL or name.")                \
    ROW("guards[].", "gate", 0, NULL, "green", "Each gate that has judged the model says yes, and there is one.")      \
    ROW("guards[].", "approvals", 0, NULL, "map of integers",                                                          \
        "How many people of each must have approved the model: {\"group:legal\": 1}.")                                 \
    ROW("guards[].", "not_by", 0, NULL, "list of text", "Whose approval does not count: author, names, group:NAME.")   \
    ROW("guards[].", "branches", 0, NULL, "list of globs", "Branches of the pipeline run that made the model.")        \
    ROW("guards[].", "rollback", 0, NULL, "free", "A version that was there by right may be there again at once.")

#endif
