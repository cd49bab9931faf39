/* SPDX-License-Identifier: Apache-2.0
 * `sources` of config.yaml: repositories of git whose pipelines are in force.
 */
#ifndef SLUICE_CONFIG_SOURCES_H
#define SLUICE_CONFIG_SOURCES_H

#include "base/json.h"

struct loader;
struct yaml_node;

/* Checks the list; as JSON, for trigger/source_spec.h: maps of name, url, branch, path, page, every_ms, timeout_ms,
 * max_bytes, username, ca, known_hosts, ssh_key_file (absolute), and the names of the secrets password, ssh_key,
 * passphrase; verify and secret of its webhook. What is not said is left out, but for name, url and the numbers. Paths
 * start at `folder`. */
void sources_load(struct loader *loader, const struct yaml_node *node, const char *folder, struct json *ret);

/* Rows for the table of keys in config.c. */
#define SOURCE_DOCS(ROW)                                                                                               \
    ROW("sources[].", "name", 0, NULL, "text", "What it is called; by default the end of its url.")                    \
    ROW("sources[].", "url", 0, NULL, "text", "https://, ssh://, USER@HOST:PATH, file:// or a path.")                  \
    ROW("sources[].", "branch", 0, NULL, "text", "The branch; by default the one that the repository says.")           \
    ROW("sources[].", "path", 0, NULL, "text",                                                                         \
        "Its pipelines: a folder, a file or a glob; sluice.yaml and the folder pipelines by default.")                 \
    ROW("sources[].", "every", 0, NULL, "duration", "How often it is looked for new commits; 1m by default.")          \
    ROW("sources[].", "timeout", 0, NULL, "duration", "How long a fetch may take; 10m by default.")                    \
    ROW("sources[].", "max_size", 0, NULL, "size", "How much a fetch may bring; 1G by default.")                       \
    ROW("sources[].", "page", 0, NULL, "text", "The page of a commit: https://git.example.org/x/commit/{commit}.")     \
    ROW("sources[].", "credentials", 0, NULL, "map", "How sluice says who it is, and what it believes.")               \
    ROW("sources[].credentials.", "username", 0, NULL, "text", "By default that of the url, else git.")                \
    ROW("sources[].credentials.", "password", 0, NULL, "secret", "Of https: a password or token.")                     \
    ROW("sources[].credentials.", "ca", 0, NULL, "path", "Of https: the authorities that are believed, in PEM.")       \
    ROW("sources[].credentials.", "ssh_key", 0, NULL, "secret", "Of ssh: the private key's text.")                     \
    ROW("sources[].credentials.", "ssh_key_file", 0, NULL, "path", "Of ssh: the private key's file instead.")          \
    ROW("sources[].credentials.", "passphrase", 0, NULL, "secret", "Of that key.")                                     \
    ROW("sources[].credentials.", "known_hosts", 0, NULL, "path",                                                      \
        "Of ssh: lines of ssh-keyscan; ~/.ssh/known_hosts by default.")                                                \
    ROW("sources[].", "webhook", 0, NULL, "map", "Who may say at /hooks/sources/NAME that something was pushed.")      \
    ROW("sources[].webhook.", "verify", 0, NULL, "text", "As 'on: webhook' of a pipeline has it.")                     \
    ROW("sources[].webhook.", "secret", 0, NULL, "secret", "${{ secrets.NAME }}")

#endif
