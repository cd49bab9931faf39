/* SPDX-License-Identifier: Apache-2.0
 * Small, self-contained SVG pictures: lines, points and a matrix of cells.
 *
 * The pictures need no fonts, scripts or style sheets of others, and carry a title for screen readers.
 * Long series are thinned evenly to what a picture can show; first and last point always stay.
 */
#ifndef SLUICE_SHARED_SVG_PLOT_H
#define SLUICE_SHARED_SVG_PLOT_H

#include "textbuf.h"

#include <stdbool.h>
#include <stddef.h>

struct svg_plot_series {
    const char *name; /* shown in the legend; NULL for none */
    const double *x;
    const double *y;
    size_t count;
};

enum svg_plot_guide {
    SVG_PLOT_NO_GUIDE,
    SVG_PLOT_DIAGONAL, /* dashed, from the lower left to the upper right */
    SVG_PLOT_ZERO,     /* dashed, at y = 0 */
    SVG_PLOT_LEVEL,    /* dashed, at y = level */
};

struct svg_plot {
    const char *title;
    const char *x_label;
    const char *y_label;
    bool unit_axes; /* both axes from 0 to 1; else they span the data */
    bool points;    /* dots instead of lines */
    bool stairs;    /* lines go along x first, then along y */
    enum svg_plot_guide guide;
    double level;
};

/* Lines or dots; at most eight series have a colour of their own. Points that are not finite are left out. */
void svg_plot_series(struct textbuf *out, const struct svg_plot *plot, const struct svg_plot_series *series,
                     size_t series_count);

/* A heat map of a square matrix, rows downwards: darker is a greater share of its row. Values are written
 * into the cells up to 20 classes. */
void svg_plot_matrix(struct textbuf *out, const char *title, const char *row_label, const char *column_label,
                     const char *const *names, const double *cells, size_t size);

#endif
