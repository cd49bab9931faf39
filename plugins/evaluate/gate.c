/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include "bootstrap.h"
#include "measures.h"
#include "slices.h"

#include <math.h>
#include <string.h>

enum { MOST_REASON_BYTES = 900 };

struct judging {
    const struct step_host *host;
    struct scratch *scratch;
    const struct data *data;
    const struct sample *sample;
    const struct champion *champion;
    uint64_t seed;
};

static bool is_cancelled(const void *context)
{
    const struct step_host *host = context;
    return host->cancelled(host);
}

static int unknown_metric(const struct judging *j, const struct threshold *rule, struct fault *fault)
{
    const char *nearest = measures_nearest(j->scratch, j->sample, rule->metric);
    const char *kind = !j->sample->classifier          ? "a regressor"
                       : sample_is_binary(j->sample)   ? "a classifier of two classes"
                                                       : "a classifier of several classes";
    const char *without = j->sample->classifier && j->sample->scores == NULL ? " without probabilities" : "";
    if (nearest != NULL) {
        return fault_set(fault, "thresholds: '%.150s': %s%s has no metric '%.100s' (did you mean '%.100s'?)",
                         rule->subject, kind, without, rule->metric, nearest);
    }
    return fault_set(fault, "thresholds: '%.150s': %s%s has no metric '%.100s'", rule->subject, kind, without,
                     rule->metric);
}

/* The rows that the rule looks at. */
static int rows_of(const struct judging *j, const struct threshold *rule, struct sample *ret_sample,
                   struct fault *fault)
{
    if (rule->column == NULL) {
        *ret_sample = *j->sample;
        return 0;
    }
    struct slice slice;
    struct fault inner;
    if (slices_of_value(j->scratch, &j->data->table, rule->column, rule->value, &slice, &inner) < 0) {
        return fault_set(fault, "thresholds: '%.150s': %.300s", rule->subject, inner.text);
    }
    *ret_sample = sample_take(j->scratch, j->sample, slice.rows, slice.count);
    return 0;
}

static int judge(const struct judging *j, const struct threshold *rule, struct gate_rule *judged, struct fault *fault)
{
    struct sample rows;
    struct measure measure;
    if (rows_of(j, rule, &rows, fault) < 0) {
        return -1;
    }
    if (!measures_one(j->scratch, &rows, rule->metric, &measure)) {
        return unknown_metric(j, rule, fault);
    }
    const char *key = measures_key(j->scratch, rule->metric, rule->column, rule->value);
    struct threshold_evidence evidence = {
        .value = measure.value, .undefined = measure.undefined, .samples = rows.rows, .held = NAN, .champion = NAN};
    if (rule->champion) {
        champion_evidence(j->scratch, j->champion, key, j->data->digest, &evidence);
    }
    double limit = threshold_limit(rule, evidence.champion);
    if (rule->confidence > 0 && threshold_holds(rule, measure.value, limit)) {
        struct bootstrap_stop stop = {is_cancelled, j->host};
        evidence.held = bootstrap_share(&rows, rule, limit, j->seed, stop);
    }
    *judged = (struct gate_rule){rule, key, evidence, threshold_judge(j->scratch, rule, &evidence)};
    return 0;
}

static struct gate_rule judge_row_count(struct scratch *scratch, size_t rows, int64_t min_samples)
{
    struct threshold *rule = scratch_one(scratch, struct threshold);
    *rule = (struct threshold){
        .subject = "n", .metric = "n", .op = STEP_THRESHOLD_AT_LEAST, .number = (double)min_samples};
    rule->text = scratch_printf(scratch, ">= %lld", (long long)min_samples);
    struct threshold_evidence evidence = {.value = (double)rows, .samples = rows, .held = NAN};
    return (struct gate_rule){rule, "n", evidence, threshold_judge(scratch, rule, &evidence)};
}

static const char *join_reasons(struct scratch *scratch, const struct gate_rule *rules, size_t count)
{
    const char *joined = "";
    size_t left_out = 0;
    for (size_t i = 0; i < count; i++) {
        const char *reason = rules[i].verdict.reason;
        if (rules[i].verdict.passed) {
            continue;
        }
        if (*joined != '\0' && strlen(joined) + strlen(reason) > MOST_REASON_BYTES) {
            left_out++;
        } else {
            joined = scratch_printf(scratch, "%s%s%s", joined, *joined == '\0' ? "" : "; ", reason);
        }
    }
    return left_out == 0 ? joined : scratch_printf(scratch, "%s; and %zu more", joined, left_out);
}

int gate_judge(const struct step_host *host, struct scratch *scratch, const struct thresholds *thresholds,
               int64_t min_samples, const struct data *data, const struct sample *sample,
               const struct champion *champion, uint64_t seed, struct gate *ret_gate, struct fault *fault)
{
    struct judging judging = {host, scratch, data, sample, champion, seed};
    struct gate_rule *rules = scratch_array(scratch, thresholds->count + 1, sizeof *rules);
    size_t count = 0;
    for (size_t i = 0; i < thresholds->count; i++) {
        if (judge(&judging, &thresholds->rules[i], &rules[count++], fault) < 0) {
            return -1;
        }
    }
    if (count == 0 && min_samples > 0) {
        rules[count++] = judge_row_count(scratch, sample->rows, min_samples);
    }
    bool passed = true;
    for (size_t i = 0; i < count; i++) {
        passed = passed && rules[i].verdict.passed;
    }
    *ret_gate = (struct gate){rules, count, passed, join_reasons(scratch, rules, count)};
    return 0;
}

/* ---- telling ------------------------------------------------------------------------------------ */

void gate_log(const struct step_host *host, const struct gate *gate)
{
    if (gate->count == 0) {
        return;
    }
    int widest = 6;
    int widest_rule = 4;
    for (size_t i = 0; i < gate->count; i++) {
        int subject = (int)strlen(gate->rules[i].rule->subject);
        int rule = (int)strlen(gate->rules[i].rule->text);
        widest = subject > widest ? subject : widest;
        widest_rule = rule > widest_rule ? rule : widest_rule;
    }
    widest = widest > 60 ? 60 : widest;
    step_log(host, STEP_LOG_INFO, "%-7s  %-*s  %12s  %-*s  %12s  %10s  %8s", "", widest, "metric", "value", widest_rule,
             "rule", "limit", "margin", "rows");
    for (size_t i = 0; i < gate->count; i++) {
        const struct gate_rule *r = &gate->rules[i];
        char limit[32] = "-";
        char margin[32] = "-";
        char sure[48] = "";
        if (!isnan(r->verdict.limit)) {
            (void)snprintf(limit, sizeof limit, "%.6g", r->verdict.limit);
            (void)snprintf(margin, sizeof margin, "%+.3g", r->verdict.margin);
        }
        if (!isnan(r->evidence.held)) {
            (void)snprintf(sure, sizeof sure, "  held in %.4g %% of resamples", 100 * r->evidence.held);
        }
        bool passed = r->verdict.passed;
        step_log(host, passed ? STEP_LOG_INFO : STEP_LOG_WARN, "%-7s  %-*.60s  %12.6g  %-*s  %12s  %10s  %8zu%s",
                 passed ? "passed" : "refused", widest, r->rule->subject, r->evidence.value, widest_rule,
                 r->rule->text, limit, margin, r->evidence.samples, sure);
    }
}

static void put_rule(struct textbuf *out, const struct gate_rule *r)
{
    textbuf_put(out, "{\"metric\":");
    textbuf_json_string(out, r->rule->metric);
    textbuf_put(out, ",\"key\":");
    textbuf_json_string(out, r->key);
    textbuf_put(out, ",\"slice\":");
    if (r->rule->column == NULL) {
        textbuf_put(out, "null");
    } else {
        textbuf_put(out, "{\"column\":");
        textbuf_json_string(out, r->rule->column);
        textbuf_put(out, ",\"value\":");
        textbuf_json_string(out, r->rule->value);
        textbuf_put(out, "}");
    }
    textbuf_put(out, ",\"rule\":");
    textbuf_json_string(out, r->rule->text);
    textbuf_put(out, ",\"value\":");
    textbuf_json_number(out, r->evidence.value);
    textbuf_put(out, ",\"limit\":");
    textbuf_json_number(out, r->verdict.limit);
    textbuf_put(out, ",\"margin\":");
    textbuf_json_number(out, r->verdict.margin);
    textbuf_printf(out, ",\"passed\":%s,\"n\":%zu,\"min_samples\":%lld,\"confidence\":",
                   r->verdict.passed ? "true" : "false", r->evidence.samples, (long long)r->rule->min_samples);
    textbuf_json_number(out, r->rule->confidence > 0 ? r->rule->confidence : NAN);
    textbuf_put(out, ",\"held\":");
    textbuf_json_number(out, r->evidence.held);
    textbuf_put(out, ",\"reason\":");
    textbuf_json_string(out, r->verdict.reason);
    textbuf_put(out, "}");
}

void gate_put_rules(struct textbuf *out, const struct gate *gate)
{
    textbuf_put(out, "[");
    for (size_t i = 0; i < gate->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        put_rule(out, &gate->rules[i]);
    }
    textbuf_put(out, "]");
}
