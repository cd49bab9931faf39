/* SPDX-License-Identifier: Apache-2.0
 * A plugin's rows for people and for programs.
 */
#ifndef SLUICE_CLI_PLUGIN_WORDS_H
#define SLUICE_CLI_PLUGIN_WORDS_H

#include "plugin/catalogue.h"

#include <stdio.h>

/* Name, summary, inputs, outputs, and a step that uses it. */
void plugin_print(const struct plugin *plugin, struct arena *arena, FILE *out);
/* {name, version, summary, path, gate, repeatable, inputs: [{name, type, required, default, minimum, maximum, choices,
 * secret, doc}], outputs: [{name, type, doc}]}; a default of a duration or size is its text. */
struct json plugin_json(const struct plugin *plugin, struct arena *arena);

#endif
