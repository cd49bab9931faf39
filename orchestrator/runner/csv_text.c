/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/csv_text.h"

static const size_t cell_max_bytes = (size_t)64 << 20;

void csv_text_begin(struct csv_text_reader *reader, struct str text, char delimiter)
{
    *reader = (struct csv_text_reader){
        .rest = str_starts(text, STR("\xEF\xBB\xBF")) ? str_slice(text, 3, text.n) : text,
        .delimiter = delimiter == '\0' ? ',' : delimiter,
        .next_line = 1,
    };
}

/* Takes a line end off the rest, if one is there. */
static bool take_line_end(struct csv_text_reader *reader)
{
    struct str *rest = &reader->rest;
    if (rest->n == 0 || (rest->p[0] != '\n' && rest->p[0] != '\r')) {
        return false;
    }
    size_t size = rest->p[0] == '\r' && rest->n > 1 && rest->p[1] == '\n' ? 2 : 1;
    *rest = str_slice(*rest, size, rest->n);
    reader->next_line++;
    return true;
}

/* Behind the opening quote, up to the closing one. */
static int quoted_cell(struct csv_text_reader *reader, struct arena *arena, struct str *ret, struct err *err)
{
    struct strbuf cell;
    strbuf_init(&cell, cell_max_bytes);
    struct str rest = str_slice(reader->rest, 1, reader->rest.n);
    bool closed = false;
    while (!closed && rest.n > 0) {
        const char *quote = memchr(rest.p, '"', rest.n);
        size_t size = quote == NULL ? rest.n : (size_t)(quote - rest.p);
        for (size_t i = 0; i < size; i++) {
            reader->next_line += rest.p[i] == '\n' || (rest.p[i] == '\r' && (i + 1 == size || rest.p[i + 1] != '\n'));
        }
        strbuf_add(&cell, rest.p, size);
        rest = str_slice(rest, size, rest.n);
        if (rest.n > 1 && rest.p[1] == '"') {
            strbuf_add_byte(&cell, '"');
            rest = str_slice(rest, 2, rest.n);
        } else if (rest.n > 0) {
            rest = str_slice(rest, 1, rest.n);
            closed = true;
        }
    }
    reader->rest = rest;
    *ret = arena_str(arena, strbuf_str(&cell));
    bool fits = !cell.overflow;
    strbuf_clear(&cell);
    if (!closed) {
        return err_set(err, ERR_INPUT, "line %zu: a quote is opened and never closed", reader->line);
    }
    if (rest.n > 0 && rest.p[0] != reader->delimiter && rest.p[0] != '\n' && rest.p[0] != '\r') {
        return err_set(err, ERR_INPUT, "line %zu: '%c' after a closing quote", reader->next_line, rest.p[0]);
    }
    return fits ? 0 : err_set(err, ERR_LIMIT, "line %zu: a cell of over 64 MiB", reader->line);
}

static int plain_cell(struct csv_text_reader *reader, struct str *ret, struct err *err)
{
    struct str rest = reader->rest;
    size_t size = 0;
    while (size < rest.n && rest.p[size] != reader->delimiter && rest.p[size] != '\n' && rest.p[size] != '\r') {
        if (rest.p[size] == '"') {
            return err_set(err, ERR_INPUT, "line %zu: a quote inside a cell: expected the whole cell in quotes",
                           reader->next_line);
        }
        size++;
    }
    *ret = str_slice(rest, 0, size);
    reader->rest = str_slice(rest, size, rest.n);
    return 0;
}

int csv_text_next(struct csv_text_reader *reader, struct arena *arena, struct err *err)
{
    while (take_line_end(reader)) {
    }
    reader->count = 0;
    reader->line = reader->next_line;
    if (reader->rest.n == 0) {
        return 0;
    }
    for (;;) {
        struct str cell;
        bool quoted = reader->rest.n > 0 && reader->rest.p[0] == '"';
        if ((quoted ? quoted_cell(reader, arena, &cell, err) : plain_cell(reader, &cell, err)) < 0) {
            return -1;
        }
        reader->cells = arena_grow(arena, reader->cells, reader->count, &reader->room, sizeof *reader->cells);
        reader->cells[reader->count++] = cell;
        if (reader->rest.n == 0 || take_line_end(reader)) {
            return 1;
        }
        reader->rest = str_slice(reader->rest, 1, reader->rest.n);
    }
}

void csv_text_put(struct strbuf *out, struct str cell, char delimiter, bool alone)
{
    bool plain = cell.n > 0 || !alone;
    for (size_t i = 0; i < cell.n && plain; i++) {
        char c = cell.p[i];
        plain = c != '"' && c != '\n' && c != '\r' && c != delimiter;
    }
    if (plain) {
        strbuf_add_str(out, cell);
        return;
    }
    strbuf_add_byte(out, '"');
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.p[i] == '"') {
            strbuf_add_byte(out, '"');
        }
        strbuf_add_byte(out, cell.p[i]);
    }
    strbuf_add_byte(out, '"');
}
