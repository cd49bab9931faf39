/* SPDX-License-Identifier: Apache-2.0
 * `secrets` of config.yaml: where values come from, never the values.
 */
#ifndef SLUICE_CONFIG_SECRETS_H
#define SLUICE_CONFIG_SECRETS_H

struct config;
struct loader;
struct yaml_node;

/* Checks the map {name: {env|file|exec, ttl, for}}; `folder` is that of config.yaml, where relative paths start. */
void config_secrets_load(struct loader *loader, const struct yaml_node *node, const char *folder,
                         struct config *config);

/* Rows for the table of keys in config.c. */
#define SECRET_DOCS(ROW)                                                                                               \
    ROW("secrets.NAME.", "env", TAKES_TEXT, NULL, "text", "From this environment variable of sluice itself.")    \
    ROW("secrets.NAME.", "file", TAKES_TEXT, NULL, "text", "From this file, without its last line feed.")       \
    ROW("secrets.NAME.", "exec", TAKES_LIST, NULL, "list of text",                                              \
        "What this command prints within 30 s; no shell sees it.")                                                     \
    ROW("secrets.NAME.", "ttl", TAKES_TEXT | TAKES_NUMBER, NULL, "duration",                                     \
        "How long the answer of 'exec' is kept; asked each time by default.")                                          \
    ROW("secrets.NAME.", "for", TAKES_LIST, NULL, "list of text",                                                \
        "The pipelines that may read it; all by default.")

#endif
