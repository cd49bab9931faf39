/* SPDX-License-Identifier: Apache-2.0
 * The source of a scalar and its text are read side by side, a unit at a time: a character, an escape, or a line break
 * with the blanks around it. What a unit gives is decided as libyaml 0.2 does (scan_flow_scalar, scan_plain_scalar,
 * scan_block_scalar).
 */
#include "pipeline/scalar_source.h"

#include "base/utf8.h"

struct cursor {
    size_t offset; /* in the text */
    size_t at;     /* in the file */
    struct pos pos; /* of `at` */
    bool line_begins; /* of a block: its indentation is still ahead */
};

/* Most are never asked for. */
struct source {
    struct pos start;
    struct str text;
};

struct scalar {
    struct str text;
    char style;    /* '"', '\'', '|' for both kinds of block, '\0' for plain */
    size_t indent; /* of a block */
    struct cursor first;
};

struct scalar_sources {
    struct source *items;
    size_t count;
    size_t room;
    struct cursor line; /* the last start that was looked for: lines can be very long */
    size_t current;     /* whose these are, SIZE_MAX: nobody's */
    struct scalar scalar;
    struct cursor cursor;
};

static struct scalar_sources *sources_of(struct diags *diags)
{
    if (diags->sources == NULL) {
        diags->sources = arena_one(diags->scratch, struct scalar_sources);
        diags->sources->current = SIZE_MAX;
    }
    return diags->sources;
}

struct pos scalar_source_add(struct diags *diags, struct pos start, struct str text)
{
    struct scalar_sources *sources = sources_of(diags);
    sources->items = arena_grow(diags->scratch, sources->items, sources->count, &sources->room, sizeof *sources->items);
    sources->items[sources->count++] = (struct source){start, text};
    return (struct pos){-(int)sources->count, 0};
}

/* ---- reading the file ---------------------------------------------------------------------------------------- */

static char byte_at(struct str file, size_t at)
{
    return at < file.n ? file.p[at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Bytes of the line break at `at`; 0: there is none. */
static size_t break_length(struct str file, size_t at)
{
    return byte_at(file, at) == '\n' ? 1 : byte_at(file, at) == '\r' && byte_at(file, at + 1) == '\n' ? 2 : 0;
}

static void skip(struct cursor *c, struct str file, size_t bytes)
{
    for (size_t end = c->at + bytes; c->at < end && c->at < file.n; c->at++) {
        if (file.p[c->at] == '\n') {
            c->pos = (struct pos){c->pos.line + 1, 1};
        } else if (((unsigned char)file.p[c->at] & 0xc0) != 0x80 && break_length(file, c->at) == 0) {
            c->pos.column++;
        }
    }
}

static void skip_blanks(struct cursor *c, struct str file)
{
    while (is_blank(byte_at(file, c->at))) {
        skip(c, file, 1);
    }
}

/* Line breaks and the blanks around them; returns how many breaks. */
static size_t skip_breaks(struct cursor *c, struct str file)
{
    size_t count = 0;
    skip_blanks(c, file);
    for (size_t length = 0; (length = break_length(file, c->at)) > 0; count++) {
        skip(c, file, length);
        skip_blanks(c, file);
    }
    return count;
}

/* ---- units: how many bytes of the text the next one gives; 0 at the end ---------------------------------------- */

static size_t character(struct cursor *c, struct str file)
{
    uint32_t code = 0;
    size_t length = c->at < file.n ? utf8_decode(file.p + c->at, file.n - c->at, &code) : 0;
    skip(c, file, length);
    return length;
}

static size_t utf8_length(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* Behind a backslash in double quotes. */
static size_t escape(struct cursor *c, struct str file)
{
    static const char digits[] = "0123456789abcdef";
    char kind = byte_at(file, c->at);
    size_t count = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    skip(c, file, 1);
    uint32_t code = 0;
    for (size_t i = 0; i < count; i++) {
        char digit = byte_at(file, c->at + i);
        const char *found = digit == '\0' ? NULL : strchr(digits, digit >= 'A' && digit <= 'F' ? digit + 32 : digit);
        code = code * 16 + (found == NULL ? 0 : (uint32_t)(found - digits));
    }
    skip(c, file, count);
    return count > 0 ? utf8_length(code) : kind == 'N' || kind == '_' ? 2 : kind == 'L' || kind == 'P' ? 3 : 1;
}

/* Of quoted and plain scalars. `ret_pos`: where it begins. */
static size_t flow_unit(const struct scalar *scalar, struct cursor *c, struct str file, struct pos *ret_pos)
{
    for (;;) {
        char byte = byte_at(file, c->at);
        *ret_pos = c->pos;
        if (scalar->style == '"' && byte == '\\') {
            skip(c, file, 1);
            size_t joined = break_length(file, c->at);
            if (joined == 0) {
                return escape(c, file);
            }
            skip(c, file, joined);
            size_t breaks = skip_breaks(c, file);
            if (breaks > 0) {
                return breaks;
            }
            continue; /* an escaped line break gives nothing */
        }
        if (scalar->style == '\'' && byte == '\'' && byte_at(file, c->at + 1) == '\'') {
            skip(c, file, 2);
            return 1;
        }
        if (is_blank(byte) || break_length(file, c->at) > 0) {
            struct cursor ahead = *c;
            size_t breaks = skip_breaks(&ahead, file);
            if (breaks > 0) {
                *c = ahead;
                return breaks == 1 ? 1 : breaks - 1;
            }
        }
        return character(c, file);
    }
}

/* A block's indentation, as far as the line has it. */
static void skip_indent(const struct scalar *scalar, struct cursor *c, struct str file)
{
    for (size_t i = 0; i < scalar->indent && byte_at(file, c->at) == ' '; i++) {
        skip(c, file, 1);
    }
}

/* Of literal and folded scalars: what a run of line breaks gives is seen from the text. */
static size_t block_unit(const struct scalar *scalar, struct cursor *c, struct str file, struct pos *ret_pos)
{
    if (c->line_begins) {
        skip_indent(scalar, c, file);
    }
    *ret_pos = c->pos;
    size_t length = break_length(file, c->at);
    if (length == 0) {
        c->line_begins = false;
        return character(c, file);
    }
    if (c->line_begins) { /* an empty line before the first that is not */
        skip(c, file, length);
        return 1;
    }
    size_t breaks = 0;
    for (; (length = break_length(file, c->at)) > 0; breaks++) {
        skip(c, file, length);
        skip_indent(scalar, c, file);
    }
    size_t given = 0;
    while (given < breaks && c->offset + given < scalar->text.n && scalar->text.p[c->offset + given] == '\n') {
        given++;
    }
    return given > 0 ? given : 1; /* folded: a blank */
}

/* ---- places -------------------------------------------------------------------------------------------------- */

/* Blanks before the first line of `text` that has something else. */
static size_t first_indent(struct str text)
{
    size_t blanks = 0;
    for (size_t i = 0; i < text.n && (text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\r'); i++) {
        blanks = text.p[i] == ' ' ? blanks + 1 : 0;
    }
    return blanks;
}

/* Goes on from the last place that was asked for. */
static struct cursor cursor_at(struct diags *diags, struct pos start)
{
    struct scalar_sources *sources = sources_of(diags);
    bool goes_on = sources->line.pos.line == start.line && sources->line.pos.column <= start.column;
    struct cursor c = sources->line;
    if (!goes_on) {
        bool known = start.line >= 1 && (size_t)start.line <= diags->line_count;
        c = (struct cursor){.at = known ? diags->lines[start.line - 1] : diags->text.n, .pos = {start.line, 1}};
    }
    while (c.pos.line == start.line && c.pos.column < start.column && c.at < diags->text.n) {
        skip(&c, diags->text, 1);
    }
    while (((unsigned char)byte_at(diags->text, c.at) & 0xc0) == 0x80) { /* the rest of a character */
        c.at++;
    }
    sources->line = c;
    return c;
}

size_t scalar_source_offset(struct diags *diags, struct pos pos)
{
    return cursor_at(diags, pos).at;
}

static void open_scalar(struct diags *diags, const struct source *source, struct scalar *scalar)
{
    struct cursor c = cursor_at(diags, source->start);
    *scalar = (struct scalar){.text = source->text};
    char style = byte_at(diags->text, c.at);
    scalar->style = style == '"' || style == '\'' ? style : style == '|' || style == '>' ? '|' : '\0';
    if (scalar->style == '|') {
        while (c.at < diags->text.n && break_length(diags->text, c.at) == 0) {
            skip(&c, diags->text, 1);
        }
        skip(&c, diags->text, break_length(diags->text, c.at));
        c.line_begins = true;
        size_t written = first_indent(str_slice(diags->text, c.at, diags->text.n));
        size_t kept = first_indent(scalar->text);
        scalar->indent = written > kept ? written - kept : 0;
    } else if (scalar->style != '\0') {
        skip(&c, diags->text, 1);
    }
    scalar->first = c;
}

/* Moves to the unit that gives byte `offset`, stays before it, and says where it begins. */
static struct pos seek(const struct scalar *scalar, struct cursor *c, struct str file, size_t offset)
{
    while (c->offset < scalar->text.n) {
        struct cursor next = *c;
        struct pos begins = c->pos;
        size_t given = scalar->style == '|' ? block_unit(scalar, &next, file, &begins)
                                            : flow_unit(scalar, &next, file, &begins);
        if (given == 0 || next.offset + given > offset) {
            return begins;
        }
        next.offset += given;
        *c = next;
    }
    return c->pos;
}

/* The scalar of a place, and a cursor in it that has not passed the place. */
static const struct scalar *scalar_of(struct diags *diags, struct pos place, struct cursor *ret)
{
    struct scalar_sources *sources = diags->sources;
    size_t index = (size_t)(-(place.line + 1));
    if (sources->current != index) {
        open_scalar(diags, &sources->items[index], &sources->scalar);
        sources->current = index;
        sources->cursor = sources->scalar.first;
    }
    *ret = sources->cursor.offset <= (size_t)place.column ? sources->cursor : sources->scalar.first;
    return &sources->scalar;
}

struct pos scalar_source_find(struct diags *diags, struct pos place)
{
    if (place.line >= 0) {
        return place;
    }
    struct cursor cursor;
    const struct scalar *scalar = scalar_of(diags, place, &cursor);
    struct pos found = seek(scalar, &cursor, diags->text, (size_t)place.column);
    diags->sources->cursor = cursor;
    return found;
}

void scalar_source_find_all(struct diags *diags, struct pos place, size_t count, struct pos *ret)
{
    (void)scalar_source_find(diags, place); /* those who ask next ask from here */
    struct cursor cursor;
    const struct scalar *scalar = scalar_of(diags, place, &cursor);
    for (size_t i = 0; i <= count; i++) {
        ret[i] = seek(scalar, &cursor, diags->text, (size_t)place.column + i);
    }
}
