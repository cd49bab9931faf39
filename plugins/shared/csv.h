/* SPDX-License-Identifier: Apache-2.0
 * Reads delimited text as RFC 4180 describes it: quoted fields with doubled quotes, line breaks
 * inside quotes, CRLF or LF. A UTF-8 byte order mark is skipped, and so are empty lines.
 *
 * The first record is the header. A record with another number of fields is an error that names the
 * line. Nothing is guessed about types: fields are text, csv_numbers() converts a column on demand.
 *
 * Two ways to read: csv_open/csv_next/csv_close, a record at a time in constant memory, and
 * csv_read_file, the whole file within a bound.
 */
#ifndef SLUICE_SHARED_CSV_H
#define SLUICE_SHARED_CSV_H

#include "fault.h"
#include "scratch.h"

#include <stddef.h>

struct csv_options {
    char separator;   /* ',', ';', '\t', ...; 0: the one of these three that is most frequent in the first line */
    size_t max_bytes; /* of the file; 0: 1 GiB */
    size_t max_rows;  /* without the header; 0: 100 million */
};

enum { CSV_MAX_COLUMNS = 10000, CSV_MAX_FIELD_BYTES = 16 * 1024 * 1024 };

/* ---- a record at a time ------------------------------------------------------------------- */
struct csv_reader;

/* Opens the file and reads the header. */
int csv_open(const char *path, struct csv_options options, struct csv_reader **ret_reader, struct fault *fault);
size_t csv_column_count(const struct csv_reader *reader);
/* The header's names; they live as long as the reader. */
const char *const *csv_column_names(const struct csv_reader *reader);
char csv_separator(const struct csv_reader *reader);
/* 1 with the fields (as many as columns, NUL-terminated, valid until the next call) and the number of
 * the line where the record starts (1 is the file's first line); 0 at the end; -1 with a fault. */
int csv_next(struct csv_reader *reader, const char *const **ret_fields, size_t *ret_line, struct fault *fault);
/* NULL is allowed. */
void csv_close(struct csv_reader *reader);

/* ---- the whole file ----------------------------------------------------------------------- */
struct csv_table {
    size_t columns;
    size_t rows;
    const char *const *names;  /* of the columns */
    const char *const *fields; /* row by row; use csv_field() */
    const size_t *lines;       /* the line where each row starts */
    char separator;
};

/* Everything in the table lives in `scratch`. */
int csv_read_file(struct scratch *scratch, const char *path, struct csv_options options, struct csv_table *ret_table,
                  struct fault *fault);
/* Row 0 is the first below the header. */
const char *csv_field(const struct csv_table *table, size_t row, size_t column);
/* The place of a column, or -1 with "no column 'qualty' in the file (did you mean 'quality'?)". */
int csv_column(const struct csv_table *table, const char *name, size_t *ret_column, struct fault *fault);
/* The column as finite numbers, blanks around them allowed. Anything else (empty, "NaN", "inf", words,
 * hexadecimal) is a fault: "row 3 (line 4), column 'predicted': 'NaN' is not a finite number". Rows
 * count from 1 there. */
int csv_numbers(struct scratch *scratch, const struct csv_table *table, size_t column, const double **ret_numbers,
                struct fault *fault);

/* ---- pieces ------------------------------------------------------------------------------- */
/* 0 when the whole text is a finite decimal number, blanks around it allowed; else -1. */
int csv_parse_number(const char *text, double *ret_number);

#endif
