/* SPDX-License-Identifier: Apache-2.0
 * The only doors by which text becomes a number. All take the whole text or fail, with a message
 * that quotes it and says what was expected.
 */
#ifndef SLUICE_BASE_PARSE_H
#define SLUICE_BASE_PARSE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Decimal, optional sign, within [min, max]: "expected an integer from 0 to 10, found 'x'". */
int parse_int(struct str text, int64_t min, int64_t max, int64_t *ret_value, struct err *err);
/* Finite decimal floating point, C locale whatever the process's locale says. */
int parse_number(struct str text, double *ret_value, struct err *err);
/* Any real number as Python's float() reads it, but for "1_000" and digits that are not ASCII's: with blanks around it,
 * "nan", "inf" and "infinity" in any case and with a sign; what is too great for a double is infinite. */
int parse_real(struct str text, double *ret_value, struct err *err);
/* Exactly "true" or "false"; "yes", "on", "1" and the like get "did you mean true". */
int parse_bool(struct str text, bool *ret_value, struct err *err);
/* "500ms", "90s", "15m", "2h", "3d", "1h30m" (units descending, each once) to milliseconds. */
int parse_duration_ms(struct str text, int64_t *ret_ms, struct err *err);
/* "512M", "8G", "1024", "1.5G": K M G T are powers of 1024, an optional trailing "B" or "iB". */
int parse_size_bytes(struct str text, int64_t *ret_bytes, struct err *err);
/* The same where nobody means a few bytes, as of memory: above zero and below 64 KiB a number wants its unit ("8" is
 * refused: probably "8G" was meant; "8B" is taken). */
int parse_size_of_much(struct str text, int64_t *ret_bytes, struct err *err);

/* "1h 30m", "2.4 s", "310 ms": for people, at most two units. */
void format_duration(char *room, size_t size, int64_t ms);
/* "3.2 GB", "512 KB" (powers of 1024), for people. */
void format_size(char *room, size_t size, int64_t bytes);
/* RFC 3339 in UTC with milliseconds: "2026-11-24T10:15:00.123Z" (needs 25 bytes). */
void format_time(char *room, size_t size, int64_t epoch_ms);
/* The same to the second: "2026-11-24T10:15:00Z". */
void format_time_s(char *room, size_t size, int64_t epoch_ms);
/* RFC 3339 date-time ("2026-11-24T10:15:00Z", offsets, fractions) to epoch milliseconds. */
int parse_time(struct str text, int64_t *ret_epoch_ms, struct err *err);

#endif
