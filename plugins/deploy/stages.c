/* SPDX-License-Identifier: Apache-2.0 */
#include "stages.h"

#include "value.h"
#include "web.h"

#include <string.h>

enum { MOST_STAGES = 100 };

static const double ALL = 100;

static int parse_weight(const struct step_value *param, const char *what, double least, struct stage *stage,
                        struct fault *fault)
{
    bool number = param->type == STEP_TYPE_INT || param->type == STEP_TYPE_NUMBER;
    if (!number || !(param->number > 0 && param->number <= 100)) {
        return fault_set(fault, "%s: expected a number of percent, above 0 and up to 100", what);
    }
    if (param->number <= least) {
        return fault_set(fault, "%s: expected more than the %g of the stage before it, found %g", what, least,
                         param->number);
    }
    stage->weight = param->number;
    return 0;
}

static int parse_one(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                     const char *what, double least, int64_t timeout_ms, struct stage *stage, struct fault *fault)
{
    static const char *const known[] = {"weight", "target", "for", "check", "health"};
    const struct step_value *weight = value_given(step_get(param, "weight"));
    const struct step_value *target = value_given(step_get(param, "target"));
    const struct step_value *lasts = value_given(step_get(param, "for"));
    const struct step_value *health = value_given(step_get(param, "health"));
    stage->check = value_member_text(param, "check");
    if (param->type != STEP_TYPE_MAP) {
        return fault_set(fault, "%s: expected a map with 'weight' or 'target', got %s", what, value_type_name(param));
    }
    if (value_check_keys(param, what, known, sizeof known / sizeof known[0], fault) < 0) {
        return -1;
    }
    if ((weight == NULL) == (target == NULL)) {
        return fault_set(fault, "%s: expected exactly one of 'weight' and 'target'", what);
    }
    if (weight != NULL && parse_weight(weight, what, least, stage, fault) < 0) {
        return -1;
    }
    if (target != NULL) {
        stage->health.url = NULL; /* that of another place says nothing of this one */
    }
    if ((target != NULL && target_parse(host, scratch, target, timeout_ms, &stage->target, fault) < 0) ||
        (lasts != NULL && value_duration(lasts, "for", &stage->for_ms, fault) < 0) ||
        (stage->check != NULL && check_source(stage->check, "check", fault) < 0)) {
        struct fault inner = *fault;
        return fault_set(fault, "%s: %.400s", what, inner.text);
    }
    return health == NULL ? 0 : health_parse(health, stage->health.timeout_ms, &stage->health, fault);
}

int stages_parse(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                 const struct health *health, int64_t timeout_ms, struct stages *ret_stages, struct fault *fault)
{
    double least = 0;
    *ret_stages = (struct stages){0};
    if (param == NULL) {
        return 0;
    }
    if (param->type != STEP_TYPE_LIST || param->count == 0 || param->count > MOST_STAGES) {
        return fault_set(fault, "stages: expected a list of 1 to %d stages", MOST_STAGES);
    }
    ret_stages->items = scratch_array(scratch, param->count, sizeof *ret_stages->items);
    for (size_t i = 0; i < param->count; i++) {
        struct stage *stage = &ret_stages->items[i];
        const char *what = scratch_printf(scratch, "stages: stage %zu", i + 1);
        stage->health = *health;
        if (parse_one(host, scratch, &param->items[i], what, least, timeout_ms, stage, fault) < 0) {
            return -1;
        }
        if (stage->weight == 0 && least > 0) {
            return fault_set(fault, "%s: a target of its own comes before the stages of traffic", what);
        }
        least = stage->weight > 0 ? stage->weight : least;
    }
    ret_stages->count = param->count;
    return 0;
}

size_t stages_total(const struct stages *stages)
{
    bool whole = stages->count > 0 && stages->items[stages->count - 1].weight >= ALL;
    return stages->count + (whole ? 0 : 1);
}

const char *stages_words(struct scratch *scratch, const struct stages *stages, size_t index, const char *target)
{
    bool behind = index >= stages->count;
    const struct stage *stage = &stages->items[behind ? stages->count - 1 : index];
    const char *which = scratch_printf(scratch, "stage %zu of %zu", index + 1, stages_total(stages));
    if (stage->weight > 0) {
        return scratch_printf(scratch, "%s (%g %% of the traffic)", which, behind ? ALL : stage->weight);
    }
    return scratch_printf(scratch, "%s (%.200s)", which, behind ? target : stage->target.name);
}
