/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gate_words.h"

#include "base/utf8.h"
#include "cli/summary.h"

#include <math.h>
#include <string.h>

const struct json *gate_rules(const struct gate *gate)
{
    static const struct json none = {.type = JSON_ARRAY};
    const struct json *rules = json_get(&gate->record, "rules");
    return rules != NULL && rules->type == JSON_ARRAY ? rules : &none;
}

const char *gate_counted(struct arena *arena, const struct gate *gate)
{
    const struct json *rules = gate_rules(gate);
    size_t refused = 0;
    for (size_t i = 0; i < rules->u.array.count; i++) {
        refused += json_get_bool(&rules->u.array.items[i], "passed", false) ? 0 : 1;
    }
    return arena_printf(arena, "%zu of %zu rule%s", refused, rules->u.array.count,
                        rules->u.array.count == 1 ? "" : "s");
}

const char *gate_verdict(struct arena *arena, const struct gate *gate)
{
    return gate->passed                               ? "passed"
           : gate_rules(gate)->u.array.count == 0 ? arena_printf(arena, "refused: %s", gate->refused_by)
                                                      : arena_printf(arena, "refused by %s", gate_counted(arena, gate));
}

const char *gate_replay_words(struct arena *arena, const struct gate *gate)
{
    const struct json *replay = json_get(&gate->record, "replay");
    if (gate->replay_of == 0) {
        return NULL;
    }
    return arena_printf(arena, "replay of gate %lld on %s, %s%s", (long long)gate->replay_of,
                        gate->version == NULL ? "?" : gate->version,
                        gate->champion == NULL ? "with no champion"
                                               : arena_printf(arena, "with %s, the champion of %s", gate->champion,
                                                              json_get_text(replay, "champion", "then")),
                        gate->other_data ? ", on other data" : "");
}

/* "recall[size=large]" */
static const char *subject(struct arena *arena, const struct json *rule)
{
    const struct json *slice = json_get(rule, "slice");
    const char *metric = json_get_text(rule, "metric", "?");
    if (slice == NULL || slice->type != JSON_OBJECT) {
        return metric;
    }
    return arena_printf(arena, "%s[%s=%s]", metric, json_get_text(slice, "column", "?"),
                        json_get_text(slice, "value", "?"));
}

/* By how much it was missed; where there is no number for that, what the gate said. */
static const char *shortfall(struct arena *arena, const struct json *rule)
{
    double margin = json_get_number(rule, "margin", NAN);
    double limit = json_get_number(rule, "limit", NAN);
    const char *text = json_get_text(rule, "rule", "");
    if (json_get_bool(rule, "passed", false) || isnan(margin) || margin >= 0) {
        return json_get_text(rule, "reason", "");
    }
    return strstr(text, "champion") == NULL ? arena_printf(arena, "missed by %.3g", -margin)
                                            : arena_printf(arena, "missed %.4g by %.3g", limit, -margin);
}

void gate_print_rules(const struct cli *cli, const struct gate *gate, struct arena *arena, FILE *out)
{
    const struct json *rules = gate_rules(gate);
    int subjects = 0;
    int texts = 0;
    for (size_t i = 0; i < rules->u.array.count; i++) {
        int subject_columns = (int)utf8_columns(str_from(subject(arena, &rules->u.array.items[i])));
        int text_columns = (int)utf8_columns(str_from(json_get_text(&rules->u.array.items[i], "rule", "")));
        subjects = subject_columns > subjects ? subject_columns : subjects;
        texts = text_columns > texts ? text_columns : texts;
    }
    for (size_t i = 0; i < rules->u.array.count; i++) {
        const struct json *rule = &rules->u.array.items[i];
        const char *name = subject(arena, rule);
        const char *text = json_get_text(rule, "rule", "");
        const char *missed = shortfall(arena, rule);
        enum step_state look = json_get_bool(rule, "passed", false) ? STEP_STATE_SUCCEEDED : STEP_STATE_FAILED;
        fprintf(out, "    %s%s%s %s%*s  %-9.6g  %s%*s%s%s\n", summary_colour(cli, look), summary_mark(look),
                summary_reset(cli), name, subjects - (int)utf8_columns(str_from(name)), "",
                json_get_number(rule, "value", NAN), text,
                *missed == '\0' ? 0 : texts - (int)utf8_columns(str_from(text)), "", *missed == '\0' ? "" : "  ",
                missed);
    }
}
