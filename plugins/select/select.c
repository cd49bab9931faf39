/* SPDX-License-Identifier: Apache-2.0
 * Picks the best of several candidates, most often the items of a matrix. */
#include "step.h"

#include "choice.h"
#include "textbuf.h"
#include "value.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, metric, "required; shape=list; items=number|null",                                                          \
      "A number for each candidate; null for one that has none.")                                                      \
    P(ANY, from, "shape=list", "The candidates, as many as numbers; the best one is the output `best`.")               \
    P(STRING, mode, "default=max; choices=max|min", "Whether the greatest or the least number is the best.")           \
    P(STRING, ties, "default=first; choices=first|last", "Which of several equal ones is taken.")

#define OUTPUTS(O)                                                                                                     \
    O(INT, index, "The place of the best candidate, from 0.")                                                          \
    O(NUMBER, value, "Its number.")                                                                                    \
    O(ANY, best, "The item of `from` at that place; null without `from`.")

STEP_PARAMS_STRUCT(select_params, PARAMS);

static int check_from(const struct select_params *p, struct fault *fault)
{
    if (p->from == NULL || p->from->type == STEP_TYPE_NULL) {
        return 0;
    }
    if (p->from->type != STEP_TYPE_LIST) {
        return fault_set(fault, "from: expected a list of candidates");
    }
    if (p->from->count != p->metric->count) {
        return fault_set(fault, "from has %zu candidates, metric has %zu numbers: expected as many", p->from->count,
                         p->metric->count);
    }
    return 0;
}

static enum step_result set_outputs(const struct step_host *host, const struct select_params *p, size_t index)
{
    static const struct step_value nothing = {.type = STEP_TYPE_NULL};
    bool from = p->from != NULL && p->from->type == STEP_TYPE_LIST;
    struct textbuf value = {0};
    struct textbuf best = {0};
    textbuf_json_number(&value, p->metric->items[index].number);
    value_put_json(&best, from ? &p->from->items[index] : &nothing);
    int result = step_output_int(host, "index", (int64_t)index);
    result |= host->output(host, "value", textbuf_text(&value));
    result |= host->output(host, "best", textbuf_text(&best));
    textbuf_free(&value);
    textbuf_free(&best);
    return result == 0 ? STEP_OK : step_fail(host, "the outputs were not accepted");
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct select_params *p = params;
    struct fault fault;
    size_t index = 0;
    bool greatest = strcmp(p->mode, "max") == 0;
    if (choice_best(p->metric, greatest, strcmp(p->ties, "last") == 0, &index, &fault) < 0 ||
        check_from(p, &fault) < 0) {
        return step_fail(host, "%s", fault.text);
    }
    size_t without = 0;
    for (size_t i = 0; i < p->metric->count; i++) {
        without += p->metric->items[i].type == STEP_TYPE_NULL ? 1 : 0;
    }
    if (without > 0) {
        step_log(host, STEP_LOG_WARN, "%zu of %zu candidates have no metric and are passed over", without,
                 p->metric->count);
    }
    step_log(host, STEP_LOG_INFO, "item %zu of %zu (from 0) is the best: %.6g is the %s", index, p->metric->count,
             p->metric->items[index].number, greatest ? "greatest" : "least");
    return set_outputs(host, p, index);
}

STEP_PLUGIN(select, "1.0", "Picks the best of several candidates by a metric.", STEP_REPEATABLE | STEP_CACHEABLE,
            select_params, PARAMS, OUTPUTS, run)
