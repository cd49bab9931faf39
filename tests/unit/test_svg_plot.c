/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "svg_plot.h"

#include <math.h>

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part)) {
        count++;
    }
    return count;
}

TEST(a_picture_escapes_names_and_ends_properly)
{
    const char *names[] = {"a<b>", "\"&\""};
    const double cells[] = {3, 1, 0, 2};
    struct textbuf out = {0};
    svg_plot_matrix(&out, "A & B", "label", "prediction", names, cells, 2);
    const char *svg = textbuf_text(&out);
    assert_non_null(strstr(svg, "<title>A &amp; B</title>"));
    assert_non_null(strstr(svg, "a&lt;b&gt;"));
    assert_non_null(strstr(svg, "&quot;&amp;&quot;"));
    assert_null(strstr(svg, "a<b>"));
    assert_non_null(strstr(svg, "fill-opacity=\"0.750\""));
    assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
    textbuf_free(&out);
}

TEST(a_long_series_is_thinned_but_keeps_its_last_point)
{
    enum { COUNT = 100000 };
    double *x = calloc(COUNT, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = (double)i / (COUNT - 1);
    }
    struct svg_plot plot = {.title = "t", .x_label = "x", .y_label = "y", .unit_axes = true, .points = true};
    struct svg_plot_series series = {"s", x, x, COUNT};
    struct textbuf out = {0};
    svg_plot_series(&out, &plot, &series, 1);
    assert_in_range(occurrences(textbuf_text(&out), "<circle"), 1000, 2001);
    assert_non_null(strstr(textbuf_text(&out), "cx=\"540.0\" cy=\"44.0\""));
    textbuf_free(&out);
    free(x);
}

TEST(numbers_that_cannot_be_drawn_do_not_reach_the_picture)
{
    static const double sets[][4] = {
        {NAN, INFINITY, -INFINITY, NAN}, {5, 5, 5, 5}, {0, 0, 0, 0}, {1e308, -1e308, 1, 2}, {1e-320, 0, 0, 0},
        {1, NAN, 2, 3},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct svg_plot plot = {.title = "t", .x_label = "x", .y_label = "y", .guide = SVG_PLOT_ZERO};
        struct svg_plot_series series = {NULL, sets[i], sets[i], 4};
        struct textbuf out = {0};
        svg_plot_series(&out, &plot, &series, 1);
        assert_null(strstr(textbuf_text(&out), "nan"));
        assert_null(strstr(textbuf_text(&out), "inf"));
        textbuf_free(&out);
    }
}

TEST(ticks_stand_at_round_numbers)
{
    const double x[] = {-3.2, 11.9};
    struct svg_plot plot = {.title = "t", .x_label = "x", .y_label = "y"};
    struct svg_plot_series series = {NULL, x, x, 2};
    struct textbuf out = {0};
    svg_plot_series(&out, &plot, &series, 1);
    assert_int_equal(occurrences(textbuf_text(&out), ">0</text>"), 2);
    assert_int_equal(occurrences(textbuf_text(&out), ">10</text>"), 2);
    textbuf_free(&out);
}

TESTS(RUN(a_picture_escapes_names_and_ends_properly), RUN(a_long_series_is_thinned_but_keeps_its_last_point),
      RUN(numbers_that_cannot_be_drawn_do_not_reach_the_picture), RUN(ticks_stand_at_round_numbers))
