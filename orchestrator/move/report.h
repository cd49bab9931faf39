/* SPDX-License-Identifier: Apache-2.0
 * What an import or export has to say beside its records: what was wrong, and what was left out, counted.
 */
#ifndef SLUICE_MOVE_REPORT_H
#define SLUICE_MOVE_REPORT_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

enum { REPORT_PROBLEMS_MAX = 200 }; /* kept in words; the others are counted */

struct move_left {
    const char *what; /* "assessments of traces" */
    int64_t count;
    const char *why; /* "there is no place for them" */
};

struct move_report {
    struct arena *arena;
    const char **problems; /* one line each: a record was not read or written for it */
    size_t problem_count;  /* also of those that are not kept */
    size_t problem_room;
    struct move_left *left;
    size_t left_count;
    size_t left_room;
    const char **notes; /* what is worth knowing and no fault */
    size_t note_count;
    size_t note_room;
};

void move_report_init(struct move_report *report, struct arena *arena);
void move_report_problem(struct move_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Once each text. */
void move_report_note(struct move_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds to the count of that thing; 0 adds nothing. */
void move_report_left(struct move_report *report, const char *what, int64_t count, const char *why);

#endif
