/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/canvas.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "cli/screen.h"

#include <stdlib.h>

enum { LINES_MAX = 200, FRAME_MAX = 1 << 20 };

struct canvas {
    FILE *out;
    struct strbuf frame;
    int columns;
    int lines;
    int widths[LINES_MAX]; /* columns of each line on the screen */
    int drawn;
};

struct canvas *canvas_new(FILE *out)
{
    struct canvas *canvas = mem_alloc(sizeof *canvas);
    *canvas = (struct canvas){.out = out, .columns = 80, .lines = 23};
    strbuf_init(&canvas->frame, FRAME_MAX);
    return canvas;
}

void canvas_free(struct canvas *canvas)
{
    if (canvas != NULL) {
        strbuf_clear(&canvas->frame);
        free(canvas);
    }
}

int canvas_columns(const struct canvas *canvas)
{
    return canvas->columns;
}

int canvas_lines(const struct canvas *canvas)
{
    return canvas->lines;
}

static int between(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* The last column stays free: some terminals wrap when it is written. So does the line that the cursor stands on. */
static void measure(struct canvas *canvas)
{
    struct screen size = screen_size();
    canvas->columns = between(size.columns - 1, 20, 500);
    canvas->lines = between(size.rows - 1, 3, LINES_MAX);
}

/* Rows that the last drawing takes now: terminals that were made narrower have wrapped its lines. */
static int rows_taken(const struct canvas *canvas)
{
    int rows = 0;
    for (int i = 0; i < canvas->drawn; i++) {
        rows += 1 + (canvas->widths[i] > 0 ? (canvas->widths[i] - 1) / (canvas->columns + 1) : 0);
    }
    return rows < canvas->lines ? rows : canvas->lines;
}

static void go_up(struct canvas *canvas)
{
    int rows = rows_taken(canvas);
    strbuf_reset(&canvas->frame);
    strbuf_add_byte(&canvas->frame, '\r');
    if (rows > 0) {
        strbuf_printf(&canvas->frame, "\033[%dA", rows);
    }
    canvas->drawn = 0;
}

static void flush(struct canvas *canvas)
{
    (void)fwrite(canvas->frame.data, 1, canvas->frame.length, canvas->out);
    (void)fflush(canvas->out);
}

void canvas_begin(struct canvas *canvas)
{
    measure(canvas);
    go_up(canvas);
}

/* The length of an escape sequence at the start of the text ("ESC [ 31 m", "ESC ] ... BEL", "ESC c"), 0: there is none.
 */
static size_t escape_length(struct str text)
{
    if (text.n == 0 || text.p[0] != '\033') {
        return 0;
    }
    size_t at = 2;
    if (text.n >= 2 && text.p[1] == '[') {
        while (at < text.n && (unsigned char)text.p[at] < 0x40) {
            at++;
        }
        at++;
    } else if (text.n >= 2 && text.p[1] == ']') {
        while (at < text.n && text.p[at] != '\a' && text.p[at] != '\033') {
            at++;
        }
        at += at < text.n && text.p[at] == '\033' ? 2 : 1;
    }
    return at < text.n ? at : text.n;
}

/* One code point, as it may be drawn: '?' for what is no text, a space for what would move the cursor. */
static struct str drawable(struct str text, size_t *ret_size)
{
    uint32_t code = 0;
    *ret_size = utf8_decode(text.p, text.n, &code);
    if (*ret_size == 0) {
        *ret_size = 1;
        return STR("?");
    }
    return code < 0x20 || (code >= 0x7F && code < 0xA0) ? STR(" ") : str_slice(text, 0, *ret_size);
}

void canvas_line(struct canvas *canvas, struct str text, const char *colour)
{
    if (canvas->drawn >= canvas->lines) {
        return;
    }
    int width = 0;
    strbuf_add_text(&canvas->frame, colour);
    while (text.n > 0) {
        size_t size = escape_length(text);
        if (size == 0) {
            struct str shown = drawable(text, &size);
            int columns = (int)utf8_columns(shown);
            if (width + columns > canvas->columns) {
                break;
            }
            strbuf_add_str(&canvas->frame, shown);
            width += columns;
        }
        text = str_slice(text, size, text.n);
    }
    strbuf_printf(&canvas->frame, "%s\033[K\n", *colour == '\0' ? "" : "\033[0m");
    canvas->widths[canvas->drawn++] = width;
}

void canvas_end(struct canvas *canvas)
{
    strbuf_add_text(&canvas->frame, "\033[J");
    flush(canvas);
}

void canvas_clear(struct canvas *canvas)
{
    if (canvas->drawn > 0) {
        measure(canvas);
        go_up(canvas);
        strbuf_add_text(&canvas->frame, "\033[J");
        flush(canvas);
    }
}
