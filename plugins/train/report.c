/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "textbuf.h"
#include "value.h"

#include <string.h>

enum { MOST_COLUMNS = 1000 };

struct columns {
    const char *names[MOST_COLUMNS];
    size_t count;
};

static const double *find_metric(const struct trial *trial, const char *key)
{
    for (size_t i = 0; i < trial->metric_count; i++) {
        if (strcmp(trial->metrics[i].key, key) == 0) {
            return &trial->metrics[i].value;
        }
    }
    return NULL;
}

/* All metrics that any candidate has, in the order in which they come first. */
static void collect_metrics(const struct trial *trials, size_t count, struct columns *columns)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < trials[t].metric_count; i++) {
            bool known = false;
            for (size_t k = 0; k < columns->count && !known; k++) {
                known = strcmp(columns->names[k], trials[t].metrics[i].key) == 0;
            }
            if (!known && columns->count < MOST_COLUMNS) {
                columns->names[columns->count++] = trials[t].metrics[i].key;
            }
        }
    }
}

static void put_head(struct textbuf *out, const struct trial *first, const struct columns *columns)
{
    textbuf_put(out, "{\"columns\":[\"candidate\"");
    for (size_t i = 0; i < first->params->count; i++) {
        textbuf_put(out, ",");
        textbuf_json_string(out, first->params->keys[i]);
    }
    for (size_t i = 0; i < columns->count; i++) {
        /* A metric may be called as a param is. */
        struct textbuf name = {0};
        textbuf_printf(&name, "%s%s", step_get(first->params, columns->names[i]) == NULL ? "" : "metric ",
                       columns->names[i]);
        textbuf_put(out, ",");
        textbuf_json_string(out, textbuf_text(&name));
        textbuf_free(&name);
    }
    textbuf_put(out, ",\"seconds\",\"error\"],\"data\":[");
}

static void put_row(struct textbuf *out, const struct trial *trial, const struct trial *first,
                    const struct columns *columns)
{
    textbuf_printf(out, "[%zu", trial->index);
    for (size_t i = 0; i < first->params->count; i++) {
        textbuf_put(out, ",");
        value_put_json(out, step_get(trial->params, first->params->keys[i]));
    }
    for (size_t i = 0; i < columns->count; i++) {
        const double *value = find_metric(trial, columns->names[i]);
        textbuf_put(out, ",");
        if (value == NULL) {
            textbuf_put(out, "null");
        } else {
            textbuf_json_number(out, *value);
        }
    }
    textbuf_printf(out, ",%lld.%03lld,", (long long)(trial->took_ms / 1000), (long long)(trial->took_ms % 1000));
    textbuf_json_string_or_null(out, trial->good ? NULL : trial->why.text);
    textbuf_put(out, "]");
}

int report_table(const struct step_host *host, const struct trial *trials, size_t count, struct fault *fault)
{
    struct columns columns = {.count = 0};
    struct textbuf out = {0};
    struct scratch scratch = {0};
    const char *path = scratch_printf(&scratch, "%s/candidates.json", host->context->step_dir);
    collect_metrics(trials, count, &columns);
    put_head(&out, &trials[0], &columns);
    for (size_t i = 0; i < count; i++) {
        textbuf_put(&out, i == 0 ? "" : ",");
        put_row(&out, &trials[i], &trials[0], &columns);
    }
    textbuf_put(&out, "]}");
    int result = textbuf_write_file(&out, path, fault);
    if (result == 0 &&
        (host->artifact(host, path, "candidates.json") < 0 ||
         host->tag(host, "mlflow.loggedArtifacts", "[{\"path\":\"candidates.json\",\"type\":\"table\"}]") < 0)) {
        result = fault_set(fault, "the table of candidates was not accepted: the log says why");
    }
    textbuf_free(&out);
    scratch_free(&scratch);
    return result;
}

static int log_param(const struct step_host *host, const char *key, const struct step_value *value)
{
    struct textbuf text = {0};
    if (value->type == STEP_TYPE_LIST || value->type == STEP_TYPE_MAP) {
        value_put_json(&text, value);
    } else {
        value_put_plain(&text, value);
    }
    int result = host->param(host, key, textbuf_text(&text));
    textbuf_free(&text);
    return result;
}

int report_best(const struct step_host *host, const struct trial_spec *spec, const struct trial *trials, size_t count,
                const struct trial *best, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *series = scratch_printf(&scratch, "candidates/%s", spec->metric);
    int result = 0;
    for (size_t i = 0; i < best->params->count && result == 0; i++) {
        result = log_param(host, best->params->keys[i], &best->params->items[i]);
    }
    for (size_t i = 0; i < best->metric_count && result == 0; i++) {
        /* Of what a script prints, not everything is a name for MLflow. */
        bool decides = strcmp(best->metrics[i].key, spec->metric) == 0;
        result = host->metric(host, best->metrics[i].key, best->metrics[i].value, 0, 0) < 0 && decides ? -1 : 0;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = trials[i].good ? host->metric(host, series, trials[i].score, (int64_t)trials[i].index, 0) : 0;
    }
    scratch_free(&scratch);
    return result == 0 ? 0
                       : fault_set(fault, "a param or metric of the best candidate was not accepted: the log says why");
}
