/* SPDX-License-Identifier: Apache-2.0
 * Records what is in files: params, metrics, tags, tables and artifacts of the step's own run. Everything is read
 * first; a file with an error in it leaves nothing recorded. */
#include "step.h"

#include "attachments.h"
#include "facts.h"
#include "value.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, params, "shape=map|string|list", "A map, or JSON, YAML or CSV files.")                                      \
    P(ANY, metrics, "shape=map|string|list", "A map of numbers, or JSON, YAML or CSV files.")                          \
    P(ANY, tags, "shape=map|string|list", "A map, or JSON, YAML or CSV files.")                                        \
    P(ANY, tables, "shape=map|string|list", "CSV, JSON or YAML files that become tables; a map gives them names.")     \
    P(ANY, artifacts, "shape=map|string|list", "Files, folders or patterns such as plots/*.png; a map names them.")

#define OUTPUTS(O)                                                                                                     \
    O(INT, params, "How many params were recorded.")                                                                   \
    O(INT, metrics, "How many points of metrics were recorded.")                                                       \
    O(INT, tags, "How many tags were recorded.")                                                                       \
    O(INT, tables, "How many tables were recorded.")                                                                   \
    O(INT, artifacts, "How many files and folders were recorded, without tables.")

STEP_PARAMS_STRUCT(track_params, PARAMS);

struct tracking {
    const struct step_host *host;
    struct scratch scratch;
    struct fact_texts params, tags;
    struct fact_points points;
    struct attachments tables, artifacts;
};

static int read_all(struct tracking *tracking, const struct track_params *p, struct fault *fault)
{
    const struct step_host *host = tracking->host;
    struct scratch *scratch = &tracking->scratch;
    bool none = value_given(p->params) == NULL && value_given(p->metrics) == NULL && value_given(p->tags) == NULL &&
                value_given(p->tables) == NULL && value_given(p->artifacts) == NULL;
    if (none) {
        return fault_set(fault, "nothing to track: expected params, metrics, tags, tables or artifacts");
    }
    return facts_read_texts(host, scratch, value_given(p->params), "params", &tracking->params, fault) < 0 ||
                   facts_read_points(host, scratch, value_given(p->metrics), "metrics", &tracking->points, fault) < 0 ||
                   facts_read_texts(host, scratch, value_given(p->tags), "tags", &tracking->tags, fault) < 0 ||
                   attachments_read_tables(host, scratch, value_given(p->tables), &tracking->tables, fault) < 0 ||
                   attachments_find(host, scratch, value_given(p->artifacts), &tracking->artifacts, fault) < 0
               ? -1
               : 0;
}

static int record_texts(const struct tracking *tracking, struct fault *fault)
{
    const struct step_host *host = tracking->host;
    for (size_t i = 0; i < tracking->params.count; i++) {
        if (host->param(host, tracking->params.items[i].key, tracking->params.items[i].value) < 0) {
            return fault_set(fault, "the param '%.100s' was not accepted: the log says why",
                             tracking->params.items[i].key);
        }
    }
    for (size_t i = 0; i < tracking->tags.count; i++) {
        if (host->tag(host, tracking->tags.items[i].key, tracking->tags.items[i].value) < 0) {
            return fault_set(fault, "the tag '%.100s' was not accepted: the log says why", tracking->tags.items[i].key);
        }
    }
    return 0;
}

static int record_points(const struct tracking *tracking, struct fault *fault)
{
    const struct step_host *host = tracking->host;
    for (size_t i = 0; i < tracking->points.count; i++) {
        const struct fact_point *point = &tracking->points.items[i];
        if (host->metric(host, point->key, point->value, point->step, point->time_ms) < 0) {
            return fault_set(fault, "the metric '%.100s' was not accepted: the log says why", point->key);
        }
        if (i % 1024 == 0 && host->cancelled(host)) {
            return fault_set(fault, "cancelled after %zu of %zu points", i, tracking->points.count);
        }
    }
    return 0;
}

static enum step_result conclude(const struct tracking *tracking)
{
    const struct {
        const char *name;
        size_t count;
    } rows[] = {{"params", tracking->params.count},
                {"metrics", tracking->points.count},
                {"tags", tracking->tags.count},
                {"tables", tracking->tables.count},
                {"artifacts", tracking->artifacts.count}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (step_output_int(tracking->host, rows[i].name, (int64_t)rows[i].count) < 0) {
            return step_fail(tracking->host, "the output '%s' was not accepted", rows[i].name);
        }
    }
    step_log(tracking->host, STEP_LOG_INFO, "%zu params, %zu points of metrics, %zu tags, %zu tables, %zu artifacts",
             rows[0].count, rows[1].count, rows[2].count, rows[3].count, rows[4].count);
    return STEP_OK;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct tracking tracking = {.host = host};
    struct fault fault;
    bool good = read_all(&tracking, params, &fault) == 0 && record_texts(&tracking, &fault) == 0 &&
                record_points(&tracking, &fault) == 0 && attachments_record(host, &tracking.artifacts, &fault) == 0 &&
                attachments_record(host, &tracking.tables, &fault) == 0 &&
                attachments_tell_tables(host, &tracking.tables, &fault) == 0;
    enum step_result result = good ? conclude(&tracking) : step_fail(host, "%s", fault.text);
    scratch_free(&tracking.scratch);
    return result;
}

STEP_PLUGIN(track, "1.0", "Records params, metrics, tags, tables and artifacts from files.",
            STEP_REPEATABLE | STEP_CACHEABLE, track_params, PARAMS, OUTPUTS, run)
