/* SPDX-License-Identifier: Apache-2.0
 * A table as MLflow keeps one: {"columns": [...], "data": [[...], ...]}.
 */
#ifndef SLUICE_TRACK_TABLE_H
#define SLUICE_TRACK_TABLE_H

#include "fault.h"
#include "scratch.h"
#include "step.h"
#include "textbuf.h"

/* Appends the table of a file. CSV: a column whose cells are all numbers or empty is numbers, any other is texts; an
 * empty cell is null. JSON and YAML: a list of maps, a map of lists of one length, or the form above. `shown` is the
 * path in faults. */
int table_read(const struct step_host *host, struct scratch *scratch, const char *path, const char *shown,
               struct textbuf *out, struct fault *fault);

#endif
