/* SPDX-License-Identifier: Apache-2.0
 * Prometheus' text format (version 0.0.4): families of samples.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef SLUICE_METRICS_EXPOSITION_H
#define SLUICE_METRICS_EXPOSITION_H

#include "base/histogram.h"
#include "base/strbuf.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Labels: name, value, name, value, ..., NULL. NULL for none. */
typedef const char *const *exposition_labels;

/* Must come before the samples of the family. `type` is "counter", "gauge" or "histogram". */
void exposition_family(struct strbuf *out, const char *name, const char *type, const char *help);
void exposition_sample(struct strbuf *out, const char *name, exposition_labels labels, double value);
/* The samples of one histogram: _bucket, _sum, _count. */
void exposition_histogram(struct strbuf *out, const char *name, exposition_labels labels,
                          const struct histogram *histogram);

#endif
