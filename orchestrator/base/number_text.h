/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text, quickly: most bytes of a page of runs or a history are numbers and what stands around them.
 */
#ifndef SLUICE_BASE_NUMBER_TEXT_H
#define SLUICE_BASE_NUMBER_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Room that is enough for every number; nothing ends the text. */
enum { NUMBER_TEXT_MAX = 32 };

/* As "%lld"; returns its length. */
size_t number_text_int(int64_t value, char room[NUMBER_TEXT_MAX]);
/* The shortest of "%.15g", "%.16g" and "%.17g" that strtod reads back as the same number; returns its length. For
 * numbers that are finite. */
size_t number_text_double(double value, char room[NUMBER_TEXT_MAX]);

#endif
