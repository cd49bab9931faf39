/* SPDX-License-Identifier: Apache-2.0 */
#include "config/retention.h"

#include "base/parse.h"
#include "pipeline/load.h"

#include <stdio.h>

enum { KEEP_MAX = 1000000000, LEAST_EVERY_MS = 1000 };

const struct retention retention_none = {.older_than_ms = -1, .keep_last = -1, .max_bytes = -1};

const struct retention_row retention_rows[RETENTION_KINDS] = {
    [RETENTION_RUNS] = {"runs", "ended runs: their records, and with them logs and artifacts", true, true},
    [RETENTION_LOGS] = {"logs", "logs and working folders of ended runs; their records stay", true, true},
    [RETENTION_ARTIFACTS] = {"artifacts", "artifacts and models of ended runs; their records stay", true, true},
    [RETENTION_CACHE] = {"cache", "kept results: steps that are given the same run again", true, false},
    [RETENTION_DELETED] = {"deleted", "runs, models and experiments that a client of MLflow deleted", false, false},
    [RETENTION_TRIGGERS] = {"triggers", "what was to start runs, where no run is left of it", false, false},
};

void retention_clear(struct retention rules[RETENTION_KINDS])
{
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        rules[i] = retention_none;
    }
}

static bool has_rule(const struct retention *rule)
{
    return rule->older_than_ms >= 0 || rule->keep_last >= 0 || rule->max_bytes >= 0;
}

/* ---- one word of a rule ----------------------------------------------------------------------------------------- */

enum { WORD_OLDER_THAN, WORD_KEEP_LAST, WORD_MAX_SIZE, WORD_COUNT };
static const char *const rule_words[WORD_COUNT] = {"older_than", "keep_last", "max_size"};

static bool takes(enum retention_kind kind, size_t word)
{
    const struct retention_row *row = &retention_rows[kind];
    return word == WORD_OLDER_THAN || (word == WORD_KEEP_LAST ? row->has_last : row->has_size);
}

static const char *examples(enum retention_kind kind)
{
    return takes(kind, WORD_MAX_SIZE)    ? "older_than=90d, keep_last=50 or max_size=50G"
           : takes(kind, WORD_KEEP_LAST) ? "older_than=90d, keep_last=50"
                                         : "older_than=90d";
}

static int find_word(enum retention_kind kind, struct str word, struct err *err)
{
    struct str names[WORD_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (takes(kind, i)) {
            names[count++] = str_from(rule_words[i]);
        }
        if (str_is(word, rule_words[i]) && count > 0 && str_eq(names[count - 1], word)) {
            return (int)i;
        }
    }
    if (kind == RETENTION_CACHE && str_is(word, rule_words[WORD_MAX_SIZE])) {
        return err_set(err, ERR_INPUT, "'cache' has no 'max_size': a kept result has no files of its own");
    }
    ptrdiff_t near = str_nearest(word, names, count);
    return near < 0 ? err_set(err, ERR_INPUT, "there is no '%.*s': expected %s", STR_ARG(word), examples(kind))
                    : err_set(err, ERR_INPUT, "there is no '%.*s': did you mean '%.*s'?", STR_ARG(word),
                              STR_ARG(names[near]));
}

static int take_word(int word, struct str value, struct retention *rule, struct err *err)
{
    int result = word == WORD_OLDER_THAN  ? parse_duration_ms(value, &rule->older_than_ms, err)
                 : word == WORD_KEEP_LAST ? parse_int(value, 0, KEEP_MAX, &rule->keep_last, err)
                                          : parse_size_of_much(value, &rule->max_bytes, err);
    return result < 0 ? err_add(err, "%s", rule_words[word]) : 0;
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

int retention_parse(enum retention_kind kind, struct str text, struct retention *ret, struct err *err)
{
    struct retention rule = retention_none;
    struct str part = {0};
    if (str_is(text, "none")) {
        *ret = rule;
        return 0;
    }
    for (struct str rest = text; str_cut(&rest, ',', &part);) {
        struct str value = part;
        struct str name = {0};
        (void)str_cut(&value, '=', &name);
        int word = find_word(kind, str_trim(name), err);
        if (word < 0 || take_word(word, str_trim(value), &rule, err) < 0) {
            return err_add(err, "--%s '%.*s'", retention_rows[kind].name, STR_ARG(text));
        }
    }
    rule.given = has_rule(&rule);
    if (!rule.given) {
        return err_set(err, ERR_INPUT, "--%s: expected %s or none, found nothing", retention_rows[kind].name,
                       takes(kind, WORD_KEEP_LAST) ? "older_than=90d, keep_last=50" : "older_than=90d");
    }
    *ret = rule;
    return 0;
}

const char *retention_words(const struct retention *rule, struct arena *arena)
{
    const char *words = "";
    char room[40];
    if (rule->older_than_ms >= 0) {
        format_duration(room, sizeof room, rule->older_than_ms);
        words = arena_printf(arena, "older than %s", room);
    }
    if (rule->max_bytes >= 0) {
        format_size(room, sizeof room, rule->max_bytes);
        words = arena_printf(arena, "%s%sat most %s", words, *words == '\0' ? "" : ", ", room);
    }
    if (rule->keep_last >= 0) {
        words = arena_printf(arena, "%s%skeep the last %lld", words, *words == '\0' ? "" : ", ",
                             (long long)rule->keep_last);
    }
    return *words == '\0' ? "none" : words;
}

/* ---- config.yaml ------------------------------------------------------------------------------------------------ */

static void load_rule(struct loader *loader, const struct yaml_node *node, enum retention_kind kind,
                      struct retention *ret)
{
    struct retention rule = retention_none;
    const char *what = arena_printf(loader->arena, "'gc.%s'", retention_rows[kind].name);
    if (!load_expect(loader, node, TAKES_MAP, what)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        struct err wrong = {0};
        int word = find_word(kind, pair->key.text, &wrong);
        if (word < 0) {
            load_error(loader, &pair->key, DIAG_UNKNOWN_KEY, NULL, "%s: %s", what, wrong.message);
        } else if (load_expect(loader, &pair->value, TAKES_TEXT | TAKES_NUMBER, what) &&
                   take_word(word, pair->value.text, &rule, &wrong) < 0) {
            load_error(loader, &pair->value, DIAG_VALUE, NULL, "%s: %s", what, wrong.message);
        }
    }
    rule.given = has_rule(&rule);
    *ret = rule;
}

static void load_every(struct loader *loader, const struct yaml_node *node, int64_t *ret_ms)
{
    struct err wrong = {0};
    int64_t ms = 0;
    if (!load_expect(loader, node, TAKES_TEXT | TAKES_NUMBER, "'gc.every'")) {
        return;
    }
    if (parse_duration_ms(node->text, &ms, &wrong) < 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "'gc.every': %s", wrong.message);
    } else if (ms < LEAST_EVERY_MS) {
        load_error(loader, node, DIAG_VALUE, NULL, "'gc.every': expected 1s or more, found '%.*s'",
                   STR_ARG(node->text));
    } else {
        *ret_ms = ms;
    }
}

void retention_load(struct loader *loader, const struct yaml_node *node, struct retention rules[RETENTION_KINDS],
                    int64_t *ret_every_ms)
{
    struct str names[RETENTION_KINDS];
    for (size_t k = 0; k < RETENTION_KINDS; k++) {
        names[k] = str_from(retention_rows[k].name);
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        ptrdiff_t kind = -1;
        if (str_is(pair->key.text, "every")) {
            load_every(loader, &pair->value, ret_every_ms);
            continue;
        }
        for (size_t k = 0; k < RETENTION_KINDS; k++) {
            kind = str_eq(names[k], pair->key.text) ? (ptrdiff_t)k : kind;
        }
        if (kind < 0) {
            load_error(loader, &pair->key, DIAG_UNKNOWN_KEY,
                       load_hint_near(loader, pair->key.text, names, RETENTION_KINDS),
                       "'gc' has no '%.*s': expected runs, logs, artifacts, cache, deleted, triggers or every",
                       STR_ARG(pair->key.text));
        } else {
            load_rule(loader, &pair->value, (enum retention_kind)kind, &rules[kind]);
        }
    }
}
