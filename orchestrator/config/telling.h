/* SPDX-License-Identifier: Apache-2.0
 * `webhooks` of config.yaml: where webhooks may point, and how long a receiver that does not answer is tried.
 */
#ifndef SLUICE_CONFIG_TELLING_H
#define SLUICE_CONFIG_TELLING_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telling {
    bool allow_http;
    const struct str *allow; /* networks beside the public ones: "10.1.0.0/16" */
    size_t allow_count;
    int64_t retry_first_ms; /* 0: the default */
    int64_t retry_for_ms;   /* 0: the default */
};

struct loader;
struct yaml_node;

void telling_load(struct loader *loader, const struct yaml_node *node, struct telling *ret);

/* Rows for the table of keys in config.c. */
#define TELLING_DOCS(ROW)                                                                                              \
    ROW("webhooks.", "http", 0, NULL, "true or false", "Whether webhooks may use http, too; false by default.")        \
    ROW("webhooks.", "allow", 0, NULL, "list of text",                                                                 \
        "Private networks and addresses that they may reach: 10.1.0.0/16.")                                            \
    ROW("webhooks.", "retry_first", 0, NULL, "duration", "When a delivery that failed is tried again first; 5s.")      \
    ROW("webhooks.", "retry_for", 0, NULL, "duration", "How long it is tried in all; 3d.")

#endif
