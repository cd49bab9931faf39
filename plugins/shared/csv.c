/* SPDX-License-Identifier: Apache-2.0
 * One automaton reads a record into a growing text, each field ended by a NUL; the fields' places are
 * kept as offsets, because the text moves while it grows. */
#include "csv.h"

#include "spelling.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 64 * 1024 };

struct csv_reader {
    FILE *file;
    char *path;
    char separator;
    size_t rows_left;
    size_t line; /* the line of the byte that is read next */
    unsigned char buffer[READ_BYTES];
    size_t buffer_size;
    size_t buffer_next;
    char *text; /* of the record */
    size_t text_size;
    size_t text_room;
    size_t *offsets; /* of the fields in text */
    size_t field_count;
    size_t field_room;
    const char **fields;
    struct scratch header;
    const char **names;
    size_t columns;
};

static void *grown(void *block, size_t count, size_t size)
{
    void *bigger = reallocarray(block, count, size);
    if (bigger == NULL) {
        (void)fprintf(stderr, "out of memory: %zu items of %zu bytes\n", count, size);
        abort();
    }
    return bigger;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static int peek_byte(struct csv_reader *reader)
{
    if (reader->buffer_next == reader->buffer_size) {
        reader->buffer_size = fread(reader->buffer, 1, sizeof reader->buffer, reader->file);
        reader->buffer_next = 0;
        if (reader->buffer_size == 0) {
            return EOF;
        }
    }
    return reader->buffer[reader->buffer_next];
}

static int next_byte(struct csv_reader *reader)
{
    int c = peek_byte(reader);
    if (c != EOF) {
        reader->buffer_next++;
        reader->line += c == '\n' ? 1 : 0;
    }
    return c;
}

static void put_byte(struct csv_reader *reader, int c)
{
    if (reader->text_size == reader->text_room) {
        reader->text_room = reader->text_room == 0 ? 1024 : reader->text_room * 2;
        reader->text = grown(reader->text, reader->text_room, 1);
    }
    reader->text[reader->text_size++] = (char)c;
}

static void start_field(struct csv_reader *reader)
{
    if (reader->field_count == reader->field_room) {
        reader->field_room = reader->field_room == 0 ? 32 : reader->field_room * 2;
        reader->offsets = grown(reader->offsets, reader->field_room, sizeof *reader->offsets);
        reader->fields = grown(reader->fields, reader->field_room, sizeof *reader->fields);
    }
    reader->offsets[reader->field_count++] = reader->text_size;
}

/* ---- a record ------------------------------------------------------------------------------- */

/* At a line break or the end of the file. A lone CR is data: only CRLF and LF end a record. */
static bool at_record_end(struct csv_reader *reader, int c)
{
    return c == EOF || c == '\n' || (c == '\r' && peek_byte(reader) == '\n');
}

/* Reads behind the opening quote up to the separator or record end; returns the byte that ended it. */
static int read_quoted(struct csv_reader *reader, size_t start_line, struct fault *fault)
{
    for (;;) {
        int c = next_byte(reader);
        if (c == EOF) {
            (void)fault_set(fault, "line %zu: a quoted field is never closed", start_line);
            return -2;
        }
        if (c != '"') {
            put_byte(reader, c);
        } else if (peek_byte(reader) == '"') {
            put_byte(reader, next_byte(reader));
        } else {
            size_t line = reader->line;
            c = next_byte(reader);
            if (c != (unsigned char)reader->separator && !at_record_end(reader, c)) {
                (void)fault_set(fault, "line %zu: '%c' after a closing quote: expected the separator or the line's end",
                                line, c);
                return -2;
            }
            return c;
        }
        if (c == '\0' || reader->text_size - reader->offsets[reader->field_count - 1] > CSV_MAX_FIELD_BYTES) {
            (void)fault_set(fault, "line %zu: a quoted field %s", start_line,
                            c == '\0' ? "holds a NUL byte" : "is longer than 16 MiB (is a quote missing?)");
            return -2;
        }
    }
}

static int read_plain(struct csv_reader *reader, int c, struct fault *fault)
{
    while (c != (unsigned char)reader->separator && !at_record_end(reader, c)) {
        if (c == '\0') {
            (void)fault_set(fault, "line %zu: a NUL byte: this is no text file", reader->line);
            return -2;
        }
        if (reader->text_size - reader->offsets[reader->field_count - 1] > CSV_MAX_FIELD_BYTES) {
            (void)fault_set(fault, "line %zu: a field is longer than 16 MiB", reader->line);
            return -2;
        }
        put_byte(reader, c);
        c = next_byte(reader);
    }
    return c;
}

/* 1 with a record in fields, 0 at the end of the file, -1 with a fault. */
static int read_record(struct csv_reader *reader, size_t *ret_line, struct fault *fault)
{
    reader->text_size = 0;
    reader->field_count = 0;
    int c = next_byte(reader);
    while (c == '\n' || (c == '\r' && peek_byte(reader) == '\n')) {
        c = next_byte(reader);
    }
    if (c == EOF) {
        return ferror(reader->file) ? fault_set(fault, "cannot read '%s': %s", reader->path, strerror(errno)) : 0;
    }
    size_t start_line = reader->line;
    for (;;) {
        start_field(reader);
        c = c == '"' ? read_quoted(reader, reader->line, fault) : read_plain(reader, c, fault);
        if (c == -2) {
            return -1;
        }
        put_byte(reader, '\0');
        if (c != (unsigned char)reader->separator) {
            break;
        }
        if (reader->field_count == CSV_MAX_COLUMNS) {
            return fault_set(fault, "line %zu: more than %d fields", start_line, CSV_MAX_COLUMNS);
        }
        c = next_byte(reader);
    }
    if (c == '\r') {
        (void)next_byte(reader);
    }
    if (ferror(reader->file)) {
        return fault_set(fault, "cannot read '%s': %s", reader->path, strerror(errno));
    }
    for (size_t i = 0; i < reader->field_count; i++) {
        reader->fields[i] = reader->text + reader->offsets[i];
    }
    *ret_line = start_line;
    return 1;
}

/* ---- the reader ------------------------------------------------------------------------------ */

static char find_separator(struct csv_reader *reader)
{
    static const char candidates[] = {',', ';', '\t'};
    size_t counts[sizeof candidates] = {0};
    bool quoted = false;
    (void)peek_byte(reader);
    for (size_t i = reader->buffer_next; i < reader->buffer_size; i++) {
        unsigned char c = reader->buffer[i];
        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\n' && !quoted) {
            break;
        }
        for (size_t k = 0; !quoted && k < sizeof candidates; k++) {
            counts[k] += c == (unsigned char)candidates[k] ? 1 : 0;
        }
    }
    size_t best = 0;
    for (size_t k = 1; k < sizeof candidates; k++) {
        best = counts[k] > counts[best] ? k : best;
    }
    return candidates[best];
}

static void skip_byte_order_mark(struct csv_reader *reader)
{
    (void)peek_byte(reader);
    if (reader->buffer_size >= 3 && memcmp(reader->buffer, "\xEF\xBB\xBF", 3) == 0) {
        reader->buffer_next = 3;
    }
}

static int check_names(const struct csv_reader *reader, struct fault *fault)
{
    for (size_t i = 0; i < reader->columns; i++) {
        for (size_t j = 0; j < i; j++) {
            if (reader->names[i][0] != '\0' && strcmp(reader->names[i], reader->names[j]) == 0) {
                return fault_set(fault, "line 1: the column '%s' stands twice (%zu and %zu)", reader->names[i], j + 1,
                                 i + 1);
            }
        }
    }
    return 0;
}

static int read_header(struct csv_reader *reader, struct fault *fault)
{
    size_t line = 0;
    int got = read_record(reader, &line, fault);
    if (got <= 0) {
        return got < 0 ? -1 : fault_set(fault, "the file is empty: expected a header line");
    }
    reader->columns = reader->field_count;
    reader->names = scratch_array(&reader->header, reader->columns, sizeof *reader->names);
    for (size_t i = 0; i < reader->columns; i++) {
        reader->names[i] = scratch_copy(&reader->header, reader->fields[i], strlen(reader->fields[i]));
    }
    return check_names(reader, fault);
}

static int check_file(const char *path, FILE *file, size_t max_bytes, struct fault *fault)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0) {
        return fault_set(fault, "cannot read '%s': %s", path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        return fault_set(fault, "'%s' is a folder: expected a file of delimited text", path);
    }
    if (info.st_size > 0 && (unsigned long long)info.st_size > max_bytes) {
        return fault_set(fault, "'%s' has %lld bytes: at most %zu are read", path, (long long)info.st_size, max_bytes);
    }
    return 0;
}

int csv_open(const char *path, struct csv_options options, struct csv_reader **ret_reader, struct fault *fault)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return fault_set(fault, "cannot open '%s': %s", path, strerror(errno));
    }
    if (check_file(path, file, options.max_bytes == 0 ? (size_t)1 << 30 : options.max_bytes, fault) < 0) {
        (void)fclose(file);
        return -1;
    }
    struct csv_reader *reader = grown(NULL, 1, sizeof *reader);
    *reader = (struct csv_reader){.file = file, .line = 1};
    reader->path = scratch_copy(&reader->header, path, strlen(path));
    reader->rows_left = options.max_rows == 0 ? 100000000 : options.max_rows;
    skip_byte_order_mark(reader);
    reader->separator = options.separator == '\0' ? find_separator(reader) : options.separator;
    if (read_header(reader, fault) < 0) {
        struct fault inner = *fault;
        csv_close(reader);
        return fault_set(fault, "'%.200s': %.280s", path, inner.text);
    }
    *ret_reader = reader;
    return 0;
}

size_t csv_column_count(const struct csv_reader *reader)
{
    return reader->columns;
}

const char *const *csv_column_names(const struct csv_reader *reader)
{
    return reader->names;
}

char csv_separator(const struct csv_reader *reader)
{
    return reader->separator;
}

int csv_next(struct csv_reader *reader, const char *const **ret_fields, size_t *ret_line, struct fault *fault)
{
    struct fault inner;
    size_t line = 0;
    int got = read_record(reader, &line, &inner);
    if (got > 0 && reader->field_count != reader->columns) {
        got = fault_set(&inner, "line %zu has %zu field%s: expected %zu as in the header", line, reader->field_count,
                        reader->field_count == 1 ? "" : "s", reader->columns);
    } else if (got > 0 && reader->rows_left == 0) {
        got = fault_set(&inner, "line %zu: more rows than are read at most", line);
    }
    if (got < 0) {
        return fault_set(fault, "'%.200s': %.280s", reader->path, inner.text);
    }
    if (got > 0) {
        reader->rows_left--;
        *ret_fields = reader->fields;
        *ret_line = line;
    }
    return got;
}

void csv_close(struct csv_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    (void)fclose(reader->file);
    free(reader->text);
    free(reader->offsets);
    free(reader->fields);
    scratch_free(&reader->header);
    free(reader);
}

/* ---- the whole file -------------------------------------------------------------------------- */

/* What grows while rows arrive; moved into the table's scratch at the end. */
struct growing {
    const char **fields;
    size_t *lines;
    size_t rows;
    size_t room;
};

static void keep_row(struct scratch *scratch, struct growing *rows, const char *const *fields, size_t columns,
                     size_t line)
{
    if (rows->rows == rows->room) {
        rows->room = rows->room == 0 ? 256 : rows->room * 2;
        rows->fields = grown(rows->fields, rows->room * columns, sizeof *rows->fields);
        rows->lines = grown(rows->lines, rows->room, sizeof *rows->lines);
    }
    for (size_t i = 0; i < columns; i++) {
        rows->fields[rows->rows * columns + i] = scratch_copy(scratch, fields[i], strlen(fields[i]));
    }
    rows->lines[rows->rows++] = line;
}

static void keep_table(struct scratch *scratch, const struct csv_reader *reader, const struct growing *rows,
                       struct csv_table *ret_table)
{
    size_t cells = rows->rows * reader->columns;
    const char **fields = scratch_array(scratch, cells, sizeof *fields);
    size_t *lines = scratch_array(scratch, rows->rows, sizeof *lines);
    const char **names = scratch_array(scratch, reader->columns, sizeof *names);
    if (cells > 0) {
        memcpy(fields, rows->fields, cells * sizeof *fields);
        memcpy(lines, rows->lines, rows->rows * sizeof *lines);
    }
    for (size_t i = 0; i < reader->columns; i++) {
        names[i] = scratch_copy(scratch, reader->names[i], strlen(reader->names[i]));
    }
    *ret_table = (struct csv_table){.columns = reader->columns,
                                    .rows = rows->rows,
                                    .names = names,
                                    .fields = fields,
                                    .lines = lines,
                                    .separator = reader->separator};
}

int csv_read_file(struct scratch *scratch, const char *path, struct csv_options options, struct csv_table *ret_table,
                  struct fault *fault)
{
    struct csv_reader *reader = NULL;
    if (csv_open(path, options, &reader, fault) < 0) {
        return -1;
    }
    struct growing rows = {0};
    const char *const *fields = NULL;
    size_t line = 0;
    int got = 0;
    while ((got = csv_next(reader, &fields, &line, fault)) > 0) {
        keep_row(scratch, &rows, fields, reader->columns, line);
    }
    if (got == 0) {
        keep_table(scratch, reader, &rows, ret_table);
    }
    free(rows.fields);
    free(rows.lines);
    csv_close(reader);
    return got;
}

const char *csv_field(const struct csv_table *table, size_t row, size_t column)
{
    return table->fields[row * table->columns + column];
}

int csv_column(const struct csv_table *table, const char *name, size_t *ret_column, struct fault *fault)
{
    for (size_t i = 0; i < table->columns; i++) {
        if (strcmp(table->names[i], name) == 0) {
            *ret_column = i;
            return 0;
        }
    }
    const char *nearest = spelling_nearest(name, table->names, table->columns);
    if (nearest != NULL) {
        return fault_set(fault, "no column '%.100s' in the file (did you mean '%.100s'?)", name, nearest);
    }
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < table->columns && used < sizeof list - 1; i++) {
        int put = snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", table->names[i]);
        used += put < 0 ? 0 : (size_t)put;
    }
    return fault_set(fault, "no column '%.100s' in the file; it has: %s%s", name, list,
                     used >= sizeof list ? "..." : "");
}

int csv_parse_number(const char *text, double *ret_number)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    /* strtod reads hexadecimal, "nan" and "infinity" too, which are no data here. */
    for (const char *p = text; *p != '\0'; p++) {
        if (!isdigit((unsigned char)*p) && strchr("+-.eE \t", *p) == NULL) {
            return -1;
        }
    }
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || !isfinite(number)) {
        return -1;
    }
    while (*end == ' ' || *end == '\t') {
        end++;
    }
    if (*end != '\0') {
        return -1;
    }
    *ret_number = number;
    return 0;
}

int csv_numbers(struct scratch *scratch, const struct csv_table *table, size_t column, const double **ret_numbers,
                struct fault *fault)
{
    double *numbers = scratch_array(scratch, table->rows, sizeof *numbers);
    for (size_t row = 0; row < table->rows; row++) {
        const char *text = csv_field(table, row, column);
        if (csv_parse_number(text, &numbers[row]) < 0) {
            return fault_set(fault, "row %zu (line %zu), column '%.100s': '%.60s' is not a finite number", row + 1,
                             table->lines[row], table->names[column], text);
        }
    }
    *ret_numbers = numbers;
    return 0;
}
