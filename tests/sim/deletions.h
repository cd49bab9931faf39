/* SPDX-License-Identifier: Apache-2.0
 * Conditions of engine/ and run/ that are taken out, one at a time (deletions.py).
 *
 * The script compiles these folders once more, with every `if (x)` as `if (deletion_holds(N, x))`: one program that is
 * all the mutants, and that knows in which histories a condition was true. In the others its mutant does the same.
 */
#ifndef SLUICE_SIM_DELETIONS_H
#define SLUICE_SIM_DELETIONS_H

#include <stdbool.h>

enum { DELETIONS_MAX = 2000 };

extern int deletion_chosen; /* its condition is never true; 0: none */
extern bool deletion_reached[DELETIONS_MAX];

static inline bool deletion_holds(int number, bool holds)
{
    deletion_reached[number] |= holds;
    return holds && number != deletion_chosen;
}

#endif
