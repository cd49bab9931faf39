/* SPDX-License-Identifier: Apache-2.0
 * Lists of texts in config.yaml.
 */
#ifndef SLUICE_CONFIG_TEXTS_H
#define SLUICE_CONFIG_TEXTS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct loader;
struct yaml_node;

/* NUL-terminated; at least one, none of them empty or with a NUL inside. False when there is an error, which says
 * `what` it is of. */
bool config_texts_read(struct loader *loader, const struct yaml_node *node, const char *what, const struct str **ret,
                       size_t *ret_count);

#endif
