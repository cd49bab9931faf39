/* SPDX-License-Identifier: Apache-2.0
 * The file that is evaluated: where it is, what is in it, and which data it stands for.
 *
 * The dataset's digest is of the data alone, without what the model said of it: all columns except
 * those of prediction and probability (and ignore_columns), in the file's order, as comma-separated
 * text. So two models that were evaluated on the same rows have the same dataset digest, and can be
 * compared, though their files differ. The digest of the file itself goes into the evidence.
 */
#ifndef SLUICE_EVALUATE_DATA_H
#define SLUICE_EVALUATE_DATA_H

#include "csv.h"
#include "fault.h"
#include "scratch.h"
#include "step.h"

struct data_columns {
    const char **names; /* columns that are not data */
    size_t count;
};

struct data {
    const char *path; /* absolute, or below the workspace */
    const char *name; /* of the dataset: given, or the file's name */
    struct csv_table table;
    const char *digest;      /* sha256 in hex of the data */
    const char *file_digest; /* of the file's bytes */
};

/* Reads the parameter {path, name} or a path, and the file. `separator` is "auto", "comma",
 * "semicolon" or "tab". */
int data_read(const struct step_host *host, struct scratch *scratch, const struct step_value *dataset,
              const char *separator, int64_t max_bytes, struct data *ret_data, struct fault *fault);
/* Sets both digests, asking the host for them. */
int data_digest(const struct step_host *host, struct scratch *scratch, struct data *data,
                const struct data_columns *not_data, struct fault *fault);

#endif
