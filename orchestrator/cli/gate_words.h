/* SPDX-License-Identifier: Apache-2.0
 * What a gate said, for a person: its verdict and its rules, each with by how much it was missed.
 */
#ifndef SLUICE_CLI_GATE_WORDS_H
#define SLUICE_CLI_GATE_WORDS_H

#include "cli/cli.h"
#include "store/gates.h"

#include <stdio.h>

/* The list of its rules; an empty one where it recorded none. */
const struct json *gate_rules(const struct gate *gate);
/* "3 of 6 rules": those that refused. */
const char *gate_counted(struct arena *arena, const struct gate *gate);
/* "passed", "refused by 3 of 6 rules", "refused: why". */
const char *gate_verdict(struct arena *arena, const struct gate *gate);
/* A line for each rule, indented by four. */
void gate_print_rules(const struct cli *cli, const struct gate *gate, struct arena *arena, FILE *out);
/* "replay of gate 7 on wine/1, with the champion of then"; NULL: it is none. */
const char *gate_replay_words(struct arena *arena, const struct gate *gate);

#endif
