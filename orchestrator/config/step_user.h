/* SPDX-License-Identifier: Apache-2.0
 * `runner` of config.yaml: whose the steps are, if they are another user's.
 */
#ifndef SLUICE_CONFIG_STEP_USER_H
#define SLUICE_CONFIG_STEP_USER_H

struct loader;
struct yaml_node;

/* `*ret_socket`: where the service of that user listens. */
void step_user_load(struct loader *loader, const struct yaml_node *node, const char **ret_socket);

/* Rows for the table of keys in config.c. */
#define STEP_USER_DOCS(ROW)                                                                                            \
    ROW("runner.", "socket", 0, NULL, "text", "Where the service listens that starts steps as its user.")

#endif
