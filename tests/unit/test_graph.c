/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/graph.h"

#include "pipeline_text.h"

#include <stdlib.h>

typedef void draw_function(const struct pipeline *pipeline, struct arena *arena, FILE *out);

static void check_drawing(draw_function *draw, const char *text, const char *expected)
{
    struct loaded loaded = load_text_of(text);
    char *drawn = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&drawn, &size);
    assert_non_null(out);
    if (loaded.pipeline == NULL) {
        fail_msg("%s", all_messages(&loaded));
    }
    draw(loaded.pipeline, loaded.arena, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(drawn, expected);
    free(drawn);
    loaded_free(&loaded);
}

TEST(a_chain_is_one_line_down_and_edges_that_follow_are_left_out)
{
    check_drawing(graph_text,
                  "name: p\nsteps:\n  a: {run: x}\n  b: {needs: a, run: x}\n  c: {needs: [a, b], run: x}\n",
                  "○  a  run\n"
                  "●  b  run\n"
                  "●  c  run\n");
}

TEST(branches_part_and_meet)
{
    check_drawing(graph_text,
                  "name: p\n"
                  "steps:\n"
                  "  load: {run: x}\n"
                  "  train: {needs: load, lua: train.lua}\n"
                  "  check: {needs: load, run: x}\n"
                  "  other: {run: x}\n"
                  "  judge: {needs: [train, check], uses: gate}\n"
                  "  all: {needs: [judge, other, load], run: x}\n",
                  "○      load   run\n"
                  "├─●    train  lua train.lua\n"
                  "● │    check  run\n"
                  "│ │ ○  other  run\n"
                  "●─╯ │  judge  uses gate\n"
                  "●───╯  all    run\n");
}

TEST(a_lane_in_between_is_crossed_and_one_in_the_middle_is_joined)
{
    check_drawing(graph_text,
                  "name: p\n"
                  "steps:\n"
                  "  a: {run: x}\n"
                  "  b: {run: x}\n"
                  "  c: {run: x}\n"
                  "  ac: {needs: [a, c], run: x}\n"
                  "  abc: {needs: [ac, b, a], run: x}\n"
                  "  late: {needs: b, run: x}\n",
                  "○      a     run\n"
                  "│ ○    b     run\n"
                  "│ │ ○  c     run\n"
                  "●─│─╯  ac    run\n"
                  "●─┤    abc   run\n"
                  "  ●    late  run\n");
    check_drawing(graph_text,
                  "name: p\nsteps: {a: {run: x}, b: {run: x}, c: {run: x}, d: {needs: [a, b, c], run: x}}\n",
                  "○      a  run\n"
                  "│ ○    b  run\n"
                  "│ │ ○  c  run\n"
                  "●─┴─╯  d  run\n");
}

TEST(a_step_that_stands_before_its_needs_in_the_file_is_drawn_after_them)
{
    check_drawing(graph_text, "name: p\nsteps:\n  c: {needs: b, run: x}\n  b: {needs: a, run: x}\n  a: {run: x}\n",
                  "○  a  run\n"
                  "●  b  run\n"
                  "●  c  run\n");
}

TEST(conditions_and_matrices_are_told)
{
    check_drawing(graph_text,
                  "name: p\nparams: {full: {type: boolean, default: true}}\nsteps:\n"
                  "  a: {matrix: {x: [1, 2], y: [1, 2, 3]}, run: x}\n"
                  "  b: {needs: a, if: params.full, run: x}\n"
                  "  c: {needs: a, if: always(), run: x}\n",
                  "○    a  run, matrix of 6\n"
                  "├─●  b  run, if success() && (params.full)\n"
                  "●    c  run, if always()\n");
}

TEST(what_would_be_too_wide_is_listed)
{
    char text[4000] = "name: p\nsteps:\n  z: {needs: [s0";
    for (int i = 1; i < 40; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", s%d", i);
    }
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "], run: x}\n");
    for (int i = 0; i < 40; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "  s%d: {run: x}\n", i);
    }
    struct loaded loaded = load_text_of(text);
    char *drawn = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&drawn, &size);
    graph_text(loaded.pipeline, loaded.arena, out);
    (void)fclose(out);
    assert_true(str_starts(str_from(drawn), STR("s0: run\ns1: run\n")));
    assert_non_null(strstr(drawn, "\nz: run, after s0, s1, s2, "));
    free(drawn);
    loaded_free(&loaded);
}

TEST(mermaid_has_every_edge_and_harmless_labels)
{
    check_drawing(graph_mermaid,
                  "name: p\nsteps:\n  end: {run: x}\n"
                  "  b: {needs: ['end?'], uses: gate, if: \"run.trigger != 'a<\\\"b'\"}\n",
                  "flowchart TD\n"
                  "  s_end[\"end<br/>run\"]\n"
                  "  s_b{{\"b<br/>uses gate<br/>if success() #38;#38; (run.trigger != 'a#60;#quot;b')\"}}\n"
                  "  s_end -.-> s_b\n");
}

TEST(dot_has_every_edge_and_quoted_labels)
{
    check_drawing(graph_dot,
                  "name: p\nsteps:\n  a: {run: x}\n  b: {needs: a, run: x}\n"
                  "  c: {needs: ['a?', b], uses: gate, if: \"run.trigger != 'a\\\\\\\"b'\"}\n",
                  "digraph \"p\" {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                  "  \"a\" [label=\"a\\nrun\"];\n"
                  "  \"b\" [label=\"b\\nrun\"];\n"
                  "  \"c\" [label=\"c\\nuses gate\\nif success() && (run.trigger != 'a\\\\\\\"b')\", shape=hexagon, "
                  "style=solid];\n"
                  "  \"a\" -> \"b\";\n"
                  "  \"a\" -> \"c\" [style=dashed];\n"
                  "  \"b\" -> \"c\";\n"
                  "}\n");
}

TESTS(RUN(a_chain_is_one_line_down_and_edges_that_follow_are_left_out), RUN(branches_part_and_meet),
      RUN(a_lane_in_between_is_crossed_and_one_in_the_middle_is_joined),
      RUN(a_step_that_stands_before_its_needs_in_the_file_is_drawn_after_them),
      RUN(conditions_and_matrices_are_told), RUN(what_would_be_too_wide_is_listed),
      RUN(mermaid_has_every_edge_and_harmless_labels), RUN(dot_has_every_edge_and_quoted_labels))
