/* SPDX-License-Identifier: Apache-2.0 */
#include "move/report.h"

#include <string.h>

void move_report_init(struct move_report *report, struct arena *arena)
{
    *report = (struct move_report){.arena = arena};
}

void move_report_problem(struct move_report *report, const char *format, ...)
{
    va_list args;
    if (report->problem_count++ >= REPORT_PROBLEMS_MAX) {
        return;
    }
    va_start(args, format);
    size_t count = report->problem_count - 1;
    report->problems = arena_grow(report->arena, report->problems, count, &report->problem_room,
                                  sizeof *report->problems);
    report->problems[count] = arena_vprintf(report->arena, format, args);
    va_end(args);
}

void move_report_note(struct move_report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(report->arena, format, args);
    va_end(args);
    for (size_t i = 0; i < report->note_count; i++) {
        if (strcmp(report->notes[i], text) == 0) {
            return;
        }
    }
    report->notes =
        arena_grow(report->arena, report->notes, report->note_count, &report->note_room, sizeof *report->notes);
    report->notes[report->note_count++] = text;
}

void move_report_left(struct move_report *report, const char *what, int64_t count, const char *why)
{
    for (size_t i = 0; i < report->left_count; i++) {
        if (strcmp(report->left[i].what, what) == 0) {
            report->left[i].count += count;
            return;
        }
    }
    if (count == 0) {
        return;
    }
    report->left = arena_grow(report->arena, report->left, report->left_count, &report->left_room,
                              sizeof *report->left);
    report->left[report->left_count++] = (struct move_left){what, count, why};
}
