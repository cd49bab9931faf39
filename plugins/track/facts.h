/* SPDX-License-Identifier: Apache-2.0
 * What will be recorded: params and tags as texts, metrics as points. Everything is read before anything is recorded,
 * so that a file with an error in it leaves nothing behind.
 */
#ifndef SLUICE_TRACK_FACTS_H
#define SLUICE_TRACK_FACTS_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

#include <stddef.h>
#include <stdint.h>

enum { FACTS_MOST_POINTS = 5000000 };

struct fact_text {
    const char *key;
    const char *value;
};

struct fact_texts {
    struct fact_text *items;
    size_t count;
    size_t room;
};

struct fact_point {
    const char *key;
    double value;
    int64_t step;
    int64_t time_ms; /* 0: now */
};

struct fact_points {
    struct fact_point *items;
    size_t count;
    size_t room;
};

/* Each of the two takes what a parameter holds: a map, or the path of a JSON, YAML or CSV file, or a list of these.
 * NULL is nothing. `what` names the parameter. Keys of maps inside maps are joined: "model/depth". Lists become JSON
 * text. CSV: the columns key and value. */
int facts_read_texts(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                     const char *what, struct fact_texts *texts, struct fault *fault);
/* JSON and YAML: a map of numbers, or a list of {key, value, step, timestamp}. CSV: the columns key, value and, if
 * wanted, step and timestamp; or one column for each metric and, if wanted, step and timestamp: without `step` the
 * number of the row from 0. Empty cells are left out. Numbers may be written as "NaN", "Infinity" and "-Infinity".
 * Anything else is a fault. */
int facts_read_points(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                      const char *what, struct fact_points *points, struct fault *fault);

#endif
