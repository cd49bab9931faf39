/* SPDX-License-Identifier: Apache-2.0
 * Mermaid and DOT: two notations for the same nodes and edges.
 */
#include "cli/graph.h"

#include "plugin/catalogue.h"
#include "view/step_words.h"

/* How a notation writes what is inside quotes. */
struct notation {
    const char *quote;
    const char *line_break;
};
static const struct notation mermaid = {"#quot;", "<br/>"};
static const struct notation dot = {"\\\"", "\\n"};

static void print_label(const struct notation *notation, const char *text, FILE *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool tag = notation == &mermaid && (*p == '<' || *p == '>' || *p == '&' || *p == '#');
        if (*p == '"') {
            fputs(notation->quote, out);
        } else if (*p == '\\' && notation == &dot) {
            fputs("\\\\", out);
        } else if (tag) {
            fprintf(out, "#%d;", *p);
        } else if ((unsigned char)*p < 0x20) {
            fputc(' ', out);
        } else {
            fputc(*p, out);
        }
    }
}

/* The id, and below it what the step is. */
static void print_node_text(const struct notation *notation, const struct step *step, struct arena *arena, FILE *out)
{
    const char *parts[] = {step_kind_words(step, arena), step_matrix_words(step, arena),
                           step_condition_words(step, arena)};
    fprintf(out, "%.*s", STR_ARG(step->id));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (*parts[i] != '\0') {
            fputs(notation->line_break, out);
            print_label(notation, parts[i], out);
        }
    }
}

static bool is_gate(const struct step *step)
{
    return step->plugin != NULL && step->plugin->gate;
}

void graph_mermaid(const struct pipeline *pipeline, struct arena *arena, FILE *out)
{
    fputs("flowchart TD\n", out);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        /* The prefix keeps ids clear of Mermaid's own words: "end", "style", "class". */
        fprintf(out, "  s_%.*s%s", STR_ARG(step->id), is_gate(step) ? "{{\"" : "[\"");
        print_node_text(&mermaid, step, arena, out);
        fputs(is_gate(step) ? "\"}}\n" : "\"]\n", out);
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        for (size_t n = 0; n < step->need_count; n++) {
            fprintf(out, "  s_%.*s %s s_%.*s\n", STR_ARG(pipeline->steps[step->needs[n].step].id),
                    step->needs[n].optional ? "-.->" : "-->", STR_ARG(step->id));
        }
    }
}

void graph_dot(const struct pipeline *pipeline, struct arena *arena, FILE *out)
{
    fprintf(out, "digraph \"%.*s\" {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
            STR_ARG(pipeline->name));
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        fprintf(out, "  \"%.*s\" [label=\"", STR_ARG(step->id));
        print_node_text(&dot, step, arena, out);
        fprintf(out, "\"%s];\n", is_gate(step) ? ", shape=hexagon, style=solid" : "");
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        for (size_t n = 0; n < step->need_count; n++) {
            fprintf(out, "  \"%.*s\" -> \"%.*s\"%s;\n", STR_ARG(pipeline->steps[step->needs[n].step].id),
                    STR_ARG(step->id), step->needs[n].optional ? " [style=dashed]" : "");
        }
    }
    fputs("}\n", out);
}
