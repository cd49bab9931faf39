/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/diag.h"

#include "base/utf8.h"
#include "pipeline/scalar_source.h"

#include <limits.h>
#include <stdlib.h>

enum { DIAGS_MAX = 1000, CHOICES_LISTED = 12 };

void diags_init(struct diags *diags, struct arena *arena, const char *file)
{
    *diags = (struct diags){.arena = arena, .scratch = arena, .file = file};
}

struct diags diags_unheard(const struct diags *diags)
{
    struct diags unheard = *diags;
    unheard.items = NULL;
    unheard.count = unheard.room = unheard.errors = 0;
    return unheard;
}

static enum diag_level level_of(enum diag_code code)
{
    return code == DIAG_UNHONOURED || code == DIAG_SUSPECT ? DIAG_WARNING : DIAG_ERROR;
}

struct diag *diag_add(struct diags *diags, enum diag_code code, struct pos pos, const char *hint, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    struct diag *diag = diag_vadd(diags, code, pos, hint, format, args);
    va_end(args);
    return diag;
}

/* An error of a layer below is one line, which ends with what was probably meant: here that is the hint. */
static const char *cut_hint(char *message)
{
    char *colon = strstr(message, ": did you mean ");
    if (colon == NULL || message[strlen(message) - 1] != '?') {
        return NULL;
    }
    *colon = '\0';
    return colon + strlen(": ");
}

struct diag *diag_vadd(struct diags *diags, enum diag_code code, struct pos pos, const char *hint, const char *format,
                       va_list args)
{
    if (diags->lines == NULL && diags->text.p != NULL) {
        diags_index_lines(diags);
    }
    if (diags->count >= DIAGS_MAX) {
        diags->errors += level_of(code) == DIAG_ERROR ? 1 : 0;
        diags->beyond = (struct diag){.level = level_of(code), .code = code, .pos = pos, .message = "", .hint = hint};
        return &diags->beyond;
    }
    char *message = arena_vprintf(diags->arena, format, args);
    utf8_one_line(message);
    hint = hint != NULL ? hint : cut_hint(message);
    diags->items = arena_grow(diags->arena, diags->items, diags->count, &diags->room, sizeof *diags->items);
    struct diag *diag = &diags->items[diags->count++];
    *diag = (struct diag){.level = level_of(code), .code = code, .message = message, .hint = hint};
    diag->pos = scalar_source_find(diags, pos);
    diags->errors += diag->level == DIAG_ERROR ? 1 : 0;
    return diag;
}

const char *diag_hint_near(struct arena *arena, struct str word, const struct str *candidates, size_t count)
{
    ptrdiff_t near = str_nearest(word, candidates, count);
    if (near >= 0) {
        return arena_printf(arena, "did you mean '%.*s'?", STR_ARG(candidates[near]));
    }
    if (count == 0 || count > CHOICES_LISTED) {
        return NULL;
    }
    const char *list = "";
    for (size_t i = 0; i < count; i++) {
        list = arena_printf(arena, "%s%s%.*s", list, i == 0 ? "" : ", ", STR_ARG(candidates[i]));
    }
    return arena_printf(arena, "expected %s%s", count == 1 ? "" : "one of ", list);
}

const char *diag_code_text(enum diag_code code)
{
    static const char *const texts[] = {"E000", "E001", "E002", "E003", "E004", "E005", "E006", "E007",
                                        "E008", "E009", "E010", "E011", "E012", "E013", "E014", "E015",
                                        "E016", "E017", "E018", "E019", "W020", "W021", "E022", "E023"};
    return texts[code];
}

static int by_position(const void *a, const void *b)
{
    const struct diag *x = a;
    const struct diag *y = b;
    if (x->pos.line != y->pos.line) {
        return x->pos.line < y->pos.line ? -1 : 1;
    }
    return x->pos.column < y->pos.column ? -1 : x->pos.column > y->pos.column;
}

/* As many as there are, at most `enough`: lines can be very long. */
static int characters(struct str text, int enough)
{
    int count = 0;
    for (size_t i = 0; i < text.n && count < enough; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* The parser may point behind a last line that has no end. */
static void keep_inside(const struct diags *diags, struct diag *diag)
{
    if ((size_t)diag->pos.line > diags->line_count) {
        diag->pos = (struct pos){(int)diags->line_count, INT_MAX - 1};
        diag->end_column = 0;
    }
    int far = diag->end_column > diag->pos.column ? diag->end_column : diag->pos.column;
    int most = characters(diags_source_line(diags, diag->pos.line), far) + 1;
    diag->pos.column = diag->pos.column > most ? most : diag->pos.column;
    diag->end_column = diag->end_column > most || diag->end_column <= diag->pos.column ? 0 : diag->end_column;
}

void diags_sort(struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].pos.line > 0 && diags->line_count > 0) {
            keep_inside(diags, &diags->items[i]);
        }
    }
    if (diags->count > 1) {
        qsort(diags->items, diags->count, sizeof *diags->items, by_position);
    }
}

void diags_index_lines(struct diags *diags)
{
    size_t count = 1;
    for (ptrdiff_t at = -1; (at = str_find_byte(diags->text, '\n', (size_t)(at + 1))) >= 0;) {
        count++;
    }
    size_t *lines = arena_array(diags->scratch, count, sizeof *lines);
    size_t line = 1;
    for (ptrdiff_t at = -1; (at = str_find_byte(diags->text, '\n', (size_t)(at + 1))) >= 0;) {
        lines[line++] = (size_t)at + 1;
    }
    diags->lines = lines;
    diags->line_count = count;
}

void diags_drop_scratch(struct diags *diags)
{
    if (diags->scratch != diags->arena) {
        arena_free(diags->scratch);
    }
    diags->scratch = diags->arena;
    diags->sources = NULL;
    diags->lines = NULL;
    diags->line_count = 0;
    if (diags->count > 0) { /* they are shown with their lines */
        diags_index_lines(diags);
    }
}

struct str diags_source_line(const struct diags *diags, int line)
{
    if (line < 1 || (size_t)line > diags->line_count) {
        return STR("");
    }
    struct str rest = str_slice(diags->text, diags->lines[line - 1], diags->text.n);
    struct str part = {0};
    (void)str_cut(&rest, '\n', &part);
    return part.n > 0 && part.p[part.n - 1] == '\r' ? str_slice(part, 0, part.n - 1) : part;
}
