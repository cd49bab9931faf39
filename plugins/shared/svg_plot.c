/* SPDX-License-Identifier: Apache-2.0 */
#include "svg_plot.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 560, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 44, BOTTOM = 56, MAX_POINTS = 2000, TICKS = 5 };

static const char *const colours[] = {"#1f6f8b", "#d1495b", "#66a182", "#edae49",
                                      "#6c5b7b", "#2e4057", "#a26769", "#8d96a3"};
enum { COLOUR_COUNT = sizeof colours / sizeof colours[0] };

struct axis {
    double low;
    double high;
    double step; /* between ticks */
};

struct frame {
    struct axis x;
    struct axis y;
};

static void open_picture(struct textbuf *out, int width, int height, const char *title)
{
    textbuf_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                   "role=\"img\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n<title>",
                   width, height, width, height);
    textbuf_xml(out, title);
    textbuf_printf(out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
    textbuf_printf(out, "<text x=\"%d\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">", width / 2);
    textbuf_xml(out, title);
    textbuf_put(out, "</text>\n");
}

static void put_text(struct textbuf *out, double x, double y, const char *attributes, const char *text)
{
    textbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    textbuf_xml(out, text);
    textbuf_put(out, "</text>\n");
}

/* ---- lines and points ------------------------------------------------------------------------ */

/* Where a value stands between the ends of the axis, from 0 to 1. */
static double share_of(const struct axis *axis, double value)
{
    double length = axis->high - axis->low;
    /* The length of an axis across most of the doubles is not finite: half of it is. */
    return isfinite(length) ? (value - axis->low) / length
                            : (value / 2 - axis->low / 2) / (axis->high / 2 - axis->low / 2);
}

static double place_x(const struct frame *frame, double x)
{
    return LEFT + share_of(&frame->x, x) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct frame *frame, double y)
{
    return HEIGHT - BOTTOM - share_of(&frame->y, y) * (HEIGHT - TOP - BOTTOM);
}

/* Widens to round numbers: steps of 1, 2 or 5 times a power of ten. */
static struct axis rounded(struct axis axis)
{
    if (!(axis.low <= axis.high)) {
        return (struct axis){0, 1, 0.2};
    }
    if (axis.low == axis.high) {
        double margin = axis.low == 0 ? 1 : fabs(axis.low) / 10;
        axis = (struct axis){axis.low - margin, axis.high + margin, 0};
    }
    double raw = (axis.high / TICKS - axis.low / TICKS);
    double power = pow(10, floor(log10(raw)));
    double step = raw / power > 5 ? 10 * power : raw / power > 2 ? 5 * power : raw / power > 1 ? 2 * power : power;
    struct axis wide = {floor(axis.low / step) * step, ceil(axis.high / step) * step, step};
    bool usable = isfinite(wide.low) && isfinite(wide.high) && wide.high - wide.low >= step && step > 0;
    return usable ? wide : (struct axis){axis.low, axis.high, raw};
}

static struct axis span(const struct svg_plot_series *series, size_t series_count, bool of_x)
{
    struct axis axis = {INFINITY, -INFINITY, 0};
    for (size_t s = 0; s < series_count; s++) {
        const double *values = of_x ? series[s].x : series[s].y;
        for (size_t i = 0; i < series[s].count; i++) {
            if (isfinite(values[i])) {
                axis.low = fmin(axis.low, values[i]);
                axis.high = fmax(axis.high, values[i]);
            }
        }
    }
    return axis;
}

/* The number of the tick at `i`; false beyond the axis. */
static bool tick_at(const struct axis *axis, int i, double *ret_at)
{
    double at = axis->low + axis->step * i;
    if (i > 2 * TICKS + 2 || at > axis->high + axis->step * 1e-6) {
        return false;
    }
    /* A rounding leftover such as 1e-17 would be written in place of the 0 it is. */
    *ret_at = fabs(at) < axis->step * 1e-6 ? 0 : at;
    return true;
}

static void put_ticks(struct textbuf *out, const struct frame *frame)
{
    char label[32];
    double at = 0;
    for (int i = 0; tick_at(&frame->x, i, &at); i++) {
        textbuf_printf(out, "<path d=\"M%.1f %dV%d\" stroke=\"#e4e4e4\"/>\n", place_x(frame, at), TOP, HEIGHT - BOTTOM);
        (void)snprintf(label, sizeof label, "%.4g", at);
        put_text(out, place_x(frame, at), HEIGHT - BOTTOM + 18, "text-anchor=\"middle\"", label);
    }
    for (int i = 0; tick_at(&frame->y, i, &at); i++) {
        textbuf_printf(out, "<path d=\"M%d %.1fH%d\" stroke=\"#e4e4e4\"/>\n", LEFT, place_y(frame, at), WIDTH - RIGHT);
        (void)snprintf(label, sizeof label, "%.4g", at);
        put_text(out, LEFT - 8, place_y(frame, at) + 4, "text-anchor=\"end\"", label);
    }
}

static void put_guide(struct textbuf *out, const struct svg_plot *plot, const struct frame *frame)
{
    static const char dashes[] = "stroke=\"#888\" stroke-dasharray=\"5 4\"";
    if (plot->guide == SVG_PLOT_DIAGONAL) {
        textbuf_printf(out, "<path d=\"M%d %dL%d %d\" %s/>\n", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, TOP, dashes);
    } else if (plot->guide != SVG_PLOT_NO_GUIDE) {
        double level = plot->guide == SVG_PLOT_ZERO ? 0 : plot->level;
        if (level >= frame->y.low && level <= frame->y.high) {
            textbuf_printf(out, "<path d=\"M%d %.1fH%d\" %s/>\n", LEFT, place_y(frame, level), WIDTH - RIGHT, dashes);
        }
    }
}

static void put_one_series(struct textbuf *out, const struct svg_plot *plot, const struct frame *frame,
                           const struct svg_plot_series *series, const char *colour)
{
    size_t stride = series->count / MAX_POINTS + 1;
    bool first = true;
    double before_y = 0;
    textbuf_printf(out, plot->points ? "<g fill=\"%s\" fill-opacity=\"0.5\">\n"
                                     : "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"", colour);
    for (size_t i = 0; i < series->count; i++) {
        bool shown = i % stride == 0 || i + 1 == series->count;
        if (!shown || !isfinite(series->x[i]) || !isfinite(series->y[i])) {
            continue;
        }
        double x = place_x(frame, series->x[i]);
        double y = place_y(frame, series->y[i]);
        if (plot->points) {
            textbuf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", x, y);
        } else if (first) {
            textbuf_printf(out, "M%.1f %.1f", x, y);
        } else if (plot->stairs && y != before_y) {
            textbuf_printf(out, "H%.1fV%.1f", x, y);
        } else {
            textbuf_printf(out, "L%.1f %.1f", x, y);
        }
        before_y = y;
        first = false;
    }
    textbuf_put(out, plot->points ? "</g>\n" : "\"/>\n");
}

static void put_legend(struct textbuf *out, const struct svg_plot_series *series, size_t count)
{
    int line = 0;
    for (size_t s = 0; s < count && s < COLOUR_COUNT; s++) {
        if (series[s].name == NULL) {
            continue;
        }
        int y = HEIGHT - BOTTOM - 14 - 16 * line++;
        textbuf_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"4\" fill=\"%s\"/>\n", WIDTH - RIGHT - 190,
                       y - 6, colours[s]);
        put_text(out, WIDTH - RIGHT - 172, y, "", series[s].name);
    }
}

void svg_plot_series(struct textbuf *out, const struct svg_plot *plot, const struct svg_plot_series *series,
                     size_t series_count)
{
    struct frame frame = {{0, 1, 0.2}, {0, 1, 0.2}};
    if (!plot->unit_axes) {
        frame.x = rounded(span(series, series_count, true));
        frame.y = rounded(span(series, series_count, false));
    }
    open_picture(out, WIDTH, HEIGHT, plot->title);
    put_ticks(out, &frame);
    textbuf_printf(out, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#444\"/>\n", LEFT, TOP, HEIGHT - BOTTOM,
                   WIDTH - RIGHT);
    put_guide(out, plot, &frame);
    for (size_t s = 0; s < series_count; s++) {
        put_one_series(out, plot, &frame, &series[s], colours[s % COLOUR_COUNT]);
    }
    put_legend(out, series, series_count);
    put_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, "text-anchor=\"middle\"", plot->x_label);
    char turned[96];
    (void)snprintf(turned, sizeof turned, "text-anchor=\"middle\" transform=\"rotate(-90 18 %d)\"",
                   (TOP + HEIGHT - BOTTOM) / 2);
    put_text(out, 18, (TOP + HEIGHT - BOTTOM) / 2.0, turned, plot->y_label);
    textbuf_put(out, "</svg>\n");
}

/* ---- the matrix ------------------------------------------------------------------------------ */

static void put_cell(struct textbuf *out, double x, double y, double side, double value, double share, bool written)
{
    textbuf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#1f6f8b\" "
                        "fill-opacity=\"%.3f\" stroke=\"#fff\"/>\n", x, y, side, side, share);
    if (written) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.6g", value);
        put_text(out, x + side / 2, y + side / 2 + 4,
                 share > 0.55 ? "text-anchor=\"middle\" fill=\"#fff\"" : "text-anchor=\"middle\"", text);
    }
}

static const char *shortened(char *room, size_t size, const char *name)
{
    (void)snprintf(room, size, "%s", name);
    if (strlen(name) >= size) {
        /* Not inside a UTF-8 sequence. */
        size_t end = size - 4;
        while (end > 0 && ((unsigned char)room[end] & 0xC0) == 0x80) {
            end--;
        }
        (void)snprintf(room + end, size - end, "...");
    }
    return room;
}

void svg_plot_matrix(struct textbuf *out, const char *title, const char *row_label, const char *column_label,
                     const char *const *names, const double *cells, size_t size)
{
    enum { MARGIN = 130, AREA = 420, WRITTEN = 20 };
    double side = size == 0 ? AREA : (double)AREA / (double)size;
    side = side > 110 ? 110 : side;
    int width = MARGIN + (int)(side * (double)size) + 30;
    int height = TOP + (int)(side * (double)size) + MARGIN;
    width = width < 320 ? 320 : width;
    open_picture(out, width, height, title);
    double bottom = TOP + side * (double)size;
    for (size_t r = 0; r < size; r++) {
        double sum = 0;
        for (size_t c = 0; c < size; c++) {
            sum += cells[r * size + c];
        }
        for (size_t c = 0; c < size; c++) {
            double value = cells[r * size + c];
            put_cell(out, MARGIN + side * (double)c, TOP + side * (double)r, side, value, sum > 0 ? value / sum : 0,
                     size <= WRITTEN);
        }
        char name[20];
        (void)shortened(name, sizeof name, names[r]);
        double middle = side * ((double)r + 0.5);
        put_text(out, MARGIN - 8, TOP + middle + 4, "text-anchor=\"end\"", name);
        char turned[96];
        (void)snprintf(turned, sizeof turned, "text-anchor=\"end\" transform=\"rotate(-60 %.1f %.1f)\"",
                       MARGIN + middle, bottom + 16);
        put_text(out, MARGIN + middle, bottom + 16, turned, name);
    }
    put_text(out, MARGIN + side * (double)size / 2, height - 10, "text-anchor=\"middle\"", column_label);
    char turned[96];
    (void)snprintf(turned, sizeof turned, "text-anchor=\"middle\" transform=\"rotate(-90 14 %.1f)\"",
                   TOP + side * (double)size / 2);
    put_text(out, 14, TOP + side * (double)size / 2, turned, row_label);
    textbuf_put(out, "</svg>\n");
}
