/* SPDX-License-Identifier: Apache-2.0
 * What came out of a run, for a person: its metrics, the rules of its gates, its models, where its files are. Each part
 * is left out when there is nothing in it.
 */
#ifndef SLUICE_CLI_RESULTS_H
#define SLUICE_CLI_RESULTS_H

#include "cli/cli.h"
#include "store/gates.h"
#include "store/store.h"
#include "view/run_view.h"

#include <stdio.h>

/* Of the items of a matrix; of steps so many that succeeded, and so many that did not. */
enum { ITEMS_SHOWN = 24 };

struct results {
    const struct cli *cli;
    struct store *store;
    const struct run_view *view;
    FILE *out;
    struct gate *gates; /* of the run */
    size_t gate_count;
};

/* Everything lives in the view's arena. */
void results_load(struct results *results, const struct cli *cli, struct store *store, const struct run_view *view,
                  FILE *out);
/* "3 of 6 rules" that a gate's refusal at the step rests on; NULL when none refused there. */
const char *results_refusal(const struct results *results, struct str step);
void results_print(const struct results *results);

#endif
