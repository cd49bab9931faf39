/* SPDX-License-Identifier: Apache-2.0
 * `metrics` of config.yaml: who may watch `sluice serve`.
 */
#ifndef SLUICE_CONFIG_WATCHING_H
#define SLUICE_CONFIG_WATCHING_H

#include "base/str.h"

#include <stddef.h>

struct watching {
    const struct str *readers; /* users who may read /metrics, beside admins */
    size_t reader_count;
};

struct loader;
struct yaml_node;

void watching_load(struct loader *loader, const struct yaml_node *node, struct watching *ret);

/* Rows for the table of keys in config.c. */
#define WATCHING_DOCS(ROW)                                                                                             \
    ROW("metrics.", "readers", 0, NULL, "list of text",                                                                \
        "Users who may read /metrics of 'sluice serve'; admins may in any case.")

#endif
