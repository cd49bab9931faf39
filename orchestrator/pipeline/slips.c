/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/slips.h"

#include "pipeline/diag.h"

#include <strings.h>

enum { PART_MIN = 3 }; /* "str" is a part of "string"; "s" says nothing */

struct synonym {
    const char *word;
    const char *meant;
};

/* A word may stand twice: what it means depends on where it stands, and only one of them is a key there. */
static const struct synonym keys_elsewhere[] = {
    {"environment", "env"}, {"variables", "env"},
    {"depends_on", "needs"}, {"depends-on", "needs"}, {"dependsOn", "needs"}, {"depends", "needs"},
    {"dependencies", "needs"}, {"requires", "needs"}, {"after", "needs"}, {"deps", "inputs"},
    {"script", "run"}, {"command", "run"}, {"cmd", "run"}, {"exec", "run"}, {"bash", "run"},
    {"plugin", "uses"}, {"action", "uses"}, {"when", "if"}, {"condition", "if"}, {"only_if", "if"},
    {"args", "with"}, {"arguments", "with"}, {"parameters", "params"}, {"parameters", "with"}, {"params", "with"},
    {"strategy", "matrix"}, {"foreach", "matrix"}, {"outs", "artifacts"}, {"files", "artifacts"},
    {"retries", "retry"}, {"max_retries", "retry"}, {"max_attempts", "attempts"}, {"times", "attempts"},
    {"backoff", "factor"}, {"cpu", "resources"}, {"memory", "resources"}, {"gpu", "resources"}, {"gpus", "gpu"},
    {"allow_failure", "continue_on_error"}, {"ignore_errors", "continue_on_error"},
    {"jobs", "steps"}, {"tasks", "steps"}, {"stages", "steps"},
    {"trigger", "on"}, {"triggers", "on"}, {"schedule", "on"}, {"cron", "on"},
    {"title", "description"}, {"labels", "tags"},
};

static const struct synonym choices_elsewhere[] = {
    {"float", "number"}, {"double", "number"}, {"decimal", "number"}, {"long", "integer"}, {"text", "string"},
    {"file", "path"}, {"array", "list"}, {"dict", "map"}, {"object", "map"},
};

static const char *did_you_mean(struct arena *arena, struct str meant)
{
    return arena_printf(arena, "did you mean '%.*s'?", STR_ARG(meant));
}

/* The index of what `word` means elsewhere; -1 when that does not exist here. */
static ptrdiff_t find_synonym(struct str word, const struct synonym *rows, size_t row_count, const struct str *names,
                              size_t count)
{
    for (size_t r = 0; r < row_count; r++) {
        for (size_t i = 0; str_is(word, rows[r].word) && i < count; i++) {
            if (str_is(names[i], rows[r].meant)) {
                return (ptrdiff_t)i;
            }
        }
    }
    return -1;
}

static bool begins_or_ends(struct str whole, struct str part)
{
    return part.n >= PART_MIN && part.n < whole.n &&
           (strncasecmp(whole.p, part.p, part.n) == 0 ||
            strncasecmp(whole.p + whole.n - part.n, part.p, part.n) == 0);
}

/* The one choice that `word` is a part of, or has as its part; -1 for none or several. */
static ptrdiff_t find_part(struct str word, const struct str *choices, size_t count)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < count; i++) {
        if (begins_or_ends(choices[i], word) || begins_or_ends(word, choices[i])) {
            if (found >= 0) {
                return -1;
            }
            found = (ptrdiff_t)i;
        }
    }
    return found;
}

const char *slip_hint_key(struct arena *arena, struct str word, const struct str *keys, size_t count)
{
    size_t rows = sizeof keys_elsewhere / sizeof keys_elsewhere[0];
    ptrdiff_t meant = find_synonym(word, keys_elsewhere, rows, keys, count);
    return meant >= 0 ? did_you_mean(arena, keys[meant]) : diag_hint_near(arena, word, keys, count);
}

const char *slip_hint_choice(struct arena *arena, struct str word, const struct str *choices, size_t count)
{
    size_t rows = sizeof choices_elsewhere / sizeof choices_elsewhere[0];
    ptrdiff_t meant = str_nearest(word, choices, count);
    meant = meant >= 0 ? meant : find_synonym(word, choices_elsewhere, rows, choices, count);
    meant = meant >= 0 ? meant : find_part(word, choices, count);
    return meant >= 0 ? did_you_mean(arena, choices[meant]) : diag_hint_near(arena, word, choices, count);
}

const char *slip_hint_name(struct arena *arena, struct str word, char filler, bool (*is_name)(struct str name))
{
    char *text = arena_dup(arena, word.p, word.n);
    for (size_t i = 0; i < word.n; i++) {
        char c = text[i];
        bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : kept ? c : filler;
    }
    struct str name = {text, word.n};
    return is_name(name) ? did_you_mean(arena, name) : NULL;
}
