/* SPDX-License-Identifier: Apache-2.0
 * A file of values: JSON or YAML, by its extension.
 */
#ifndef SLUICE_TRACK_DOCUMENT_H
#define SLUICE_TRACK_DOCUMENT_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

#include <stdbool.h>

enum { DOCUMENT_MAX_BYTES = 64 * 1024 * 1024, DOCUMENT_MAX_VALUES = 1000000, DOCUMENT_MAX_DEPTH = 64 };

enum document_kind { DOCUMENT_UNKNOWN, DOCUMENT_JSON, DOCUMENT_YAML, DOCUMENT_CSV };

/* By the extension: .json, .yaml or .yml, .csv or .tsv, in any case. */
enum document_kind document_kind(const char *path);

/* Reads a JSON or YAML file; of metrics, with the bare NaN and Infinity of Python's JSON, as texts. JSON lives until
 * the step's `run` returns, YAML in `scratch`. The fault names the path. */
int document_read(const struct step_host *host, struct scratch *scratch, const char *path, bool metrics,
                  const struct step_value **ret_value, struct fault *fault);

/* YAML by the core schema of 1.2: only true and false are booleans, `on` and `yes` are texts. One document. Anchors and
 * aliases are followed, within DOCUMENT_MAX_VALUES; tags and merge keys are faults. */
int document_read_yaml(struct scratch *scratch, const char *text, size_t size, const struct step_value **ret_value,
                       struct fault *fault);

#endif
