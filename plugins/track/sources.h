/* SPDX-License-Identifier: Apache-2.0
 * Where a parameter's facts come from: a map that stands in the pipeline, or files.
 */
#ifndef SLUICE_TRACK_SOURCES_H
#define SLUICE_TRACK_SOURCES_H

#include "document.h"

struct source {
    const char *path;               /* absolute; NULL for values that stand in the pipeline */
    const char *shown;              /* for faults: the path as it was written, or the parameter's name */
    enum document_kind kind;        /* of a file */
    const struct step_value *value; /* of JSON, YAML and the pipeline; NULL for CSV */
};

/* Reads the documents among them; CSV files are left to the caller. NULL is no source. */
int sources_read(const struct step_host *host, struct scratch *scratch, const struct step_value *from, const char *what,
                 struct source **ret_sources, size_t *ret_count, struct fault *fault);

#endif
