/* SPDX-License-Identifier: Apache-2.0
 * The text format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#include "readings.h"

#include "members.h"
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

int readings_parse(const struct step_host *host, const char *source, const char *text, size_t size,
                   struct readings *ret_readings, struct fault *fault)
{
    *ret_readings = (struct readings){.source = source, .text = text};
    const char *first = text + strspn(text, blanks);
    if (strlen(text) != size) {
        return fault_set(fault, "%.200s gave bytes that are no text", source);
    }
    if (*first == '{' || *first == '[') {
        if (host->parse_json(host, text, size, &ret_readings->json) < 0) {
            return fault_set(fault, "%.200s gave JSON that cannot be read", source);
        }
    }
    return 0;
}

/* ---- what was logged ------------------------------------------------------------------------------- */

static bool begins(const char *source, const char *with)
{
    return strncmp(source, with, strlen(with)) == 0;
}

bool readings_go_on(const char *source)
{
    return begins(source, "runs:/") || begins(source, "steps:/");
}

bool readings_are_logged(const char *source)
{
    return readings_go_on(source) || begins(source, "models:/") || begins(source, "m-");
}

int readings_ask(const struct step_host *host, const char *source, int64_t since_ms, struct readings *ret_readings,
                 struct fault *fault)
{
    const struct step_value *reply = NULL;
    struct members ask = {0};
    *ret_readings = (struct readings){.source = source, .since_ms = since_ms};
    members_text(&ask, "source", source);
    int result = members_ask(host, "metrics.read", &ask, &reply, fault);
    members_free(&ask);
    ret_readings->metrics = result < 0 ? NULL : step_get(reply, "metrics");
    return result < 0 || ret_readings->metrics != NULL ? result
                                                       : fault_set(fault, "%.200s: the store gave no list", source);
}

/* One that a rule without a dataset is about stands there once, however many datasets there are. */
static const struct step_value *choose_metric(const struct readings *readings, const struct threshold *rule,
                                              size_t *ret_count)
{
    const struct step_value *found = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < readings->metrics->count; i++) {
        const struct step_value *one = &readings->metrics->items[i];
        const char *key = value_member_text(one, "key");
        const char *dataset = value_member_text(one, "dataset");
        bool named = key != NULL && strcmp(key, rule->metric) == 0;
        bool chosen = rule->column == NULL || (dataset != NULL && strcmp(dataset, rule->value) == 0);
        found = named && chosen ? one : found;
        *ret_count += named && chosen;
    }
    return found;
}

static int find_in_metrics(const struct readings *readings, const struct threshold *rule, double *ret,
                           struct fault *fault)
{
    size_t count = 0;
    if (rule->column != NULL && strcmp(rule->column, "dataset") != 0) {
        return fault_set(fault, "%.150s: expected [dataset=NAME]: metrics of MLflow have no '%.60s'", rule->subject,
                         rule->column);
    }
    const struct step_value *one = choose_metric(readings, rule, &count);
    if (count > 1) {
        return fault_set(fault, "%.200s has '%.150s' of %zu datasets: choose one: \"%.100s[dataset=NAME]\"",
                         readings->source, rule->subject, count, rule->metric);
    }
    if (one == NULL) {
        return fault_set(fault, "%.200s has no metric '%.150s'", readings->source, rule->subject);
    }
    const struct step_value *value = step_get(one, "value");
    const struct step_value *at_ms = step_get(one, "at_ms");
    if (at_ms == NULL || at_ms->type != STEP_TYPE_INT || at_ms->integer < readings->since_ms) {
        return fault_set(fault, "%.200s: '%.150s' has not been logged since then", readings->source, rule->subject);
    }
    *ret = value != NULL && (value->type == STEP_TYPE_NUMBER || value->type == STEP_TYPE_INT) ? value->number : NAN;
    return 0;
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

/* The member that the path begins with, the longest name first: names may hold dots. */
static const struct step_value *member_of(struct scratch *scratch, const struct step_value *value, const char *path,
                                          const char **ret_rest)
{
    char *name = scratch_copy(scratch, path, strlen(path));
    for (;;) {
        const struct step_value *found = step_get(value, name);
        if (found == NULL && value->type == STEP_TYPE_LIST && name[0] != '\0' &&
            strspn(name, "0123456789") == strlen(name) && strlen(name) < 10) {
            size_t index = (size_t)atol(name);
            found = index < value->count ? &value->items[index] : NULL;
        }
        if (found != NULL) {
            *ret_rest = path + strlen(name) + (path[strlen(name)] == '.' ? 1 : 0);
            return found;
        }
        char *dot = strrchr(name, '.');
        if (dot == NULL) {
            return NULL;
        }
        *dot = '\0';
    }
}

static bool number_of(const char *text, double *ret)
{
    char *end = NULL;
    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

static int find_in_json(struct scratch *scratch, const struct readings *readings, const struct threshold *rule,
                        double *ret, struct fault *fault)
{
    const struct step_value *value = readings->json;
    const char *rest = rule->metric;
    if (rule->column != NULL) {
        return fault_set(fault, "%.150s: [%.60s=%.60s] chooses by a label, and %.150s gave JSON: expected a path such "
                         "as 'latency.p99'",
                         rule->subject, rule->column, rule->value, readings->source);
    }
    while (value != NULL && *rest != '\0') {
        value = member_of(scratch, value, rest, &rest);
    }
    if (value == NULL) {
        return fault_set(fault, "%.200s has no '%.150s'", readings->source, rule->metric);
    }
    if (value->type == STEP_TYPE_INT || value->type == STEP_TYPE_NUMBER) {
        *ret = value->number;
        return 0;
    }
    if (value->type == STEP_TYPE_STRING && number_of(value->string, ret)) { /* as Prometheus answers queries */
        return 0;
    }
    return fault_set(fault, "%.200s: '%.150s' is no number but %s", readings->source, rule->metric,
                     value_type_name(value));
}

/* ---- the text format ------------------------------------------------------------------------------ */

/* Reads `"..."` with its escapes; does it say `wanted`? NULL when it has no end. */
static const char *read_label(const char *p, const char *wanted, bool *ret_same)
{
    size_t at = 0;
    size_t size = strlen(wanted);
    bool same = true;
    for (p++; *p != '"'; p++) {
        char c = *p;
        if (c == '\\') {
            c = *++p == 'n' ? '\n' : *p;
        }
        if (*p == '\0' || *p == '\n') {
            return NULL;
        }
        same = same && at < size && wanted[at] == c;
        at++;
    }
    *ret_same = same && at == size;
    return p + 1;
}

/* Behind '{': goes behind '}'. Has it the label that the rule asks for? NULL when the labels cannot be read. */
static const char *read_labels(const char *p, const struct threshold *rule, bool *ret_chosen)
{
    *ret_chosen = rule->column == NULL;
    for (p += strspn(p, " \t,"); *p != '}'; p += strspn(p, " \t,")) {
        size_t size = strcspn(p, "= \t\n");
        const char *name = p;
        p += size;
        p += strspn(p, " \t");
        if (size == 0 || *p != '=') {
            return NULL;
        }
        p++;
        p += strspn(p, " \t");
        bool same = false;
        bool named = rule->column != NULL && strlen(rule->column) == size && strncmp(name, rule->column, size) == 0;
        p = *p == '"' ? read_label(p, named ? rule->value : "", &same) : NULL;
        if (p == NULL) {
            return NULL;
        }
        *ret_chosen = *ret_chosen || (named && same);
    }
    return p + 1;
}

/* 1 with the value when the line is a sample that the rule is about, 0 when it is another, -1 when it is none. */
static int read_sample(const char *line, const struct threshold *rule, double *ret)
{
    const char *p = line + strspn(line, " \t");
    size_t size = strcspn(p, "{ \t\n");
    bool chosen = rule->column == NULL;
    bool named = strlen(rule->metric) == size && strncmp(p, rule->metric, size) == 0;
    if (*p == '#' || *p == '\n' || *p == '\r' || *p == '\0') {
        return 0;
    }
    p += size;
    if (*p == '{') {
        p = read_labels(p + 1, rule, &chosen);
    }
    if (p == NULL) {
        return named ? -1 : 0;
    }
    char *end = NULL;
    double value = strtod(p, &end);
    if (end == p || (*end != '\0' && strchr(blanks, *end) == NULL)) {
        return named ? -1 : 0;
    }
    *ret = value;
    return named && chosen ? 1 : 0;
}

static int find_in_text(const struct readings *readings, const struct threshold *rule, double *ret,
                        struct fault *fault)
{
    int found = 0;
    for (const char *line = readings->text; line != NULL && *line != '\0';) {
        double value = 0;
        int one = read_sample(line, rule, &value);
        if (one < 0) {
            return fault_set(fault, "%.200s: a line about '%.100s' cannot be read: '%.*s'", readings->source,
                             rule->metric, (int)strcspn(line, "\n") > 80 ? 80 : (int)strcspn(line, "\n"), line);
        }
        found += one;
        *ret = one == 1 ? value : *ret;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    if (found == 0) {
        return fault_set(fault, "%.200s has no '%.150s'", readings->source, rule->subject);
    }
    return found == 1 ? 0
                      : fault_set(fault, "%.200s says '%.150s' %d times: choose one by its label: "
                                  "\"%.100s[LABEL=VALUE]\"",
                                  readings->source, rule->subject, found, rule->metric);
}

int readings_find(struct scratch *scratch, const struct readings *readings, const struct threshold *rule,
                  double *ret_value, struct fault *fault)
{
    int result = readings->metrics != NULL ? find_in_metrics(readings, rule, ret_value, fault)
                 : readings->json != NULL  ? find_in_json(scratch, readings, rule, ret_value, fault)
                                           : find_in_text(readings, rule, ret_value, fault);
    if (result == 0 && !isfinite(*ret_value)) {
        return fault_set(fault, "%.200s: '%.150s' is no finite number", readings->source, rule->subject);
    }
    return result;
}
