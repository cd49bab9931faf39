/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/exposition.h"

#include "base/json.h"

#include <stdio.h>

void exposition_family(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_value(struct strbuf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"' || *c == '\n') {
            strbuf_add_byte(out, '\\');
        }
        strbuf_add_byte(out, *c == '\n' ? 'n' : *c);
    }
}

/* `more` is a last label, or NULL. */
static void write_labels(struct strbuf *out, exposition_labels labels, const char *more, const char *more_value)
{
    char before = '{';
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
        strbuf_printf(out, "%c%s=\"", before, labels[i]);
        write_value(out, labels[i + 1]);
        strbuf_add_byte(out, '"');
        before = ',';
    }
    if (more != NULL) {
        strbuf_printf(out, "%c%s=\"%s\"", before, more, more_value);
        before = ',';
    }
    strbuf_add_text(out, before == ',' ? "} " : " ");
}

static void write_number(struct strbuf *out, double value)
{
    json_write_double(out, value);
    strbuf_add_byte(out, '\n');
}

void exposition_sample(struct strbuf *out, const char *name, exposition_labels labels, double value)
{
    strbuf_add_text(out, name);
    write_labels(out, labels, NULL, NULL);
    write_number(out, value);
}

void exposition_histogram(struct strbuf *out, const char *name, exposition_labels labels,
                          const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; histogram->bounds[i] > 0; i++) {
        char bound[32];
        count += histogram->counts[i];
        (void)snprintf(bound, sizeof bound, "%g", histogram->bounds[i]);
        strbuf_printf(out, "%s_bucket", name);
        write_labels(out, labels, "le", bound);
        write_number(out, (double)count);
    }
    double all = (double)histogram_count(histogram);
    strbuf_printf(out, "%s_bucket", name);
    write_labels(out, labels, "le", "+Inf");
    write_number(out, all);
    strbuf_printf(out, "%s_sum", name);
    write_labels(out, labels, NULL, NULL);
    write_number(out, histogram->sum);
    strbuf_printf(out, "%s_count", name);
    write_labels(out, labels, NULL, NULL);
    write_number(out, all);
}
