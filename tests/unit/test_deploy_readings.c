/* SPDX-License-Identifier: Apache-2.0
 * The numbers between stages: in JSON, and in the text of Prometheus.
 */
#include "fake_host.h"
#include "deploy/readings.c"
#include "shared/scratch.c"
#include "shared/spelling.c"
#include "shared/textbuf.c"
#include "shared/value.c"

/* The value, or the fault, of METRIC or METRIC[LABEL=VALUE]. */
static const char *found(struct fake_host *fake, const char *text, const char *metric, const char *label,
                         const char *value)
{
    struct scratch scratch = {0};
    struct readings readings;
    struct fault fault = {{0}};
    struct threshold rule = {.metric = metric, .column = label, .value = value};
    double number = 0;
    rule.subject = label == NULL ? metric : arena_printf(fake->arena, "%s[%s=%s]", metric, label, value);
    const char *result = NULL;
    if (readings_parse(&fake->host, "it", text, strlen(text), &readings, &fault) < 0 ||
        readings_find(&scratch, &readings, &rule, &number, &fault) < 0) {
        result = arena_strdup(fake->arena, fault.text);
    } else {
        result = arena_printf(fake->arena, "%.12g", number);
    }
    scratch_free(&scratch);
    return result;
}

TEST(numbers_are_found_by_name_path_and_label)
{
    static const char json[] = " {\"error_rate\": 0.01, \"a.b\": 2, \"latency\": {\"p99\": \"0.2\", "
                               "\"x.y\": {\"z\": 7}}, \"result\": [{\"value\": [5, \"0.5\"]}], "
                               "\"word\": \"much\", \"none\": null}";
    static const char text[] = "# HELP error_rate of answers\nerror_rate 0.01 1700000000\n"
                               "errors_total{code=\"500\",path=\"/a \\\"b\\\" \\\\ \\n\"} 3\n"
                               "errors_total{code=\"404\"} 8\nlatency{quantile=\"0.99\"} +Inf\nbad{code=500} 1\n"
                               "worse{code=\"5\"} much\nempty{} 4\nerror_rate_more 5\n";
    static const struct {
        const char *text, *metric, *label, *value, *expected;
    } cases[] = {
        {json, "error_rate", NULL, NULL, "0.01"},
        {json, "a.b", NULL, NULL, "2"},
        {json, "latency.p99", NULL, NULL, "0.2"},
        {json, "latency.x.y.z", NULL, NULL, "7"},
        {json, "result.0.value.1", NULL, NULL, "0.5"},
        {json, "result.1.value", NULL, NULL, "it has no 'result.1.value'"},
        {json, "latency", NULL, NULL, "it: 'latency' is no number but a map"},
        {json, "word", NULL, NULL, "it: 'word' is no number but a text"},
        {json, "none", NULL, NULL, "it: 'none' is no number but null"},
        {json, "gone", NULL, NULL, "it has no 'gone'"},
        {json, "error_rate", "code", "500",
         "error_rate[code=500]: [code=500] chooses by a label, and it gave JSON: expected a path such as "
         "'latency.p99'"},
        {"{\"x\": ", "x", NULL, NULL, "it gave JSON that cannot be read"},
        {text, "error_rate", NULL, NULL, "0.01"},
        {text, "errors_total", "code", "500", "3"},
        {text, "errors_total", "code", "404", "8"},
        {text, "errors_total", "path", "/a \"b\" \\ \n", "3"},
        {text, "errors_total", "code", "50", "it has no 'errors_total[code=50]'"},
        {text, "errors_total", NULL, NULL,
         "it says 'errors_total' 2 times: choose one by its label: \"errors_total[LABEL=VALUE]\""},
        {text, "latency", "quantile", "0.99", "it: 'latency[quantile=0.99]' is no finite number"},
        {text, "bad", NULL, NULL, "it: a line about 'bad' cannot be read: 'bad{code=500} 1'"},
        {text, "worse", NULL, NULL, "it: a line about 'worse' cannot be read: 'worse{code=\"5\"} much'"},
        {text, "empty", NULL, NULL, "4"},
        {text, "error", NULL, NULL, "it has no 'error'"},
        {"", "x", NULL, NULL, "it has no 'x'"},
        {"x{a=\"", "x", NULL, NULL, "it: a line about 'x' cannot be read: 'x{a=\"'"},
        {"x{a=\"b\\", "x", NULL, NULL, "it: a line about 'x' cannot be read: 'x{a=\"b\\'"},
        {"x{", "x", NULL, NULL, "it: a line about 'x' cannot be read: 'x{'"},
        {"x", "x", NULL, NULL, "it: a line about 'x' cannot be read: 'x'"},
        {"x 1\r\n", "x", NULL, NULL, "1"},
    };
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(found(&fake, cases[i].text, cases[i].metric, cases[i].label, cases[i].value),
                            cases[i].expected);
    }
    fake_host_close(&fake);
}

TESTS(RUN(numbers_are_found_by_name_path_and_label))
