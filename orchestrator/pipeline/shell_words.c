/* SPDX-License-Identifier: Apache-2.0
 * A `run` that is a list of words. No shell reads it, but the program that it names may take one of them as a program.
 */
#include "pipeline/shell_command.h"
#include "pipeline/shell_text.h"

static int add_value(struct shell_command *command, const struct expr *expr, struct diags *diags)
{
    enum shell_risk risk = shell_command_risk(command);
    shell_command_value(command);
    if (risk == SHELL_SAFE) {
        return 0;
    }
    struct diag *diag = diag_add(diags, DIAG_SHELL, expr->pos, shell_risk_hint(risk),
                                 "an expression %s would not be one word", shell_risk_text(risk));
    diag->end_column = expr->end_column;
    return -1;
}

static bool has_values(const struct template *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].part_count > 0) {
            return true;
        }
    }
    return false;
}

int shell_words_check(const struct template *words, size_t count, struct diags *diags)
{
    struct shell_command command;
    int result = 0;
    if (!has_values(words, count)) {
        return 0; /* what the words mean matters to values alone */
    }
    shell_command_begin_words(&command);
    for (size_t i = 0; i < count; i++) {
        const struct template *word = &words[i];
        if (word->part_count == 0) {
            shell_command_bytes(&command, word->plain.u.string.p, word->plain.u.string.n);
        }
        for (size_t part = 0; part < word->part_count; part++) {
            if (word->parts[part].expr == NULL) {
                shell_command_bytes(&command, word->parts[part].text.p, word->parts[part].text.n);
            } else if (add_value(&command, word->parts[part].expr, diags) < 0) {
                result = -1;
            }
        }
        shell_command_end_word(&command);
    }
    return result;
}
