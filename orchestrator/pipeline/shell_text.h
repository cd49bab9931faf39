/* SPDX-License-Identifier: Apache-2.0
 * Expressions inside the text of a shell script, without ever pasting a value into it.
 *
 * Each expression becomes a reference to a variable of the step's environment, `__1`, `__2`, ...; a small lexer
 * of POSIX shell quoting decides the form of the reference by the place where it stands, or refuses the
 * place (docs/expressions.md): what is code to another interpreter, or a name whose index bash would evaluate. A value
 * is only ever in a variable: if the lexer takes one place for another, the worst that the shell itself makes of it is
 * a split word or a literal.
 */
#ifndef SLUICE_PIPELINE_SHELL_TEXT_H
#define SLUICE_PIPELINE_SHELL_TEXT_H

#include "pipeline/expr.h"

struct shell_text {
    struct str text;                 /* the script with references */
    const struct expr *const *exprs; /* exprs[i] is the value of variable __(i+1) */
    size_t expr_count;
};

/* `pos` is the place of the script's first byte (yaml_content). 0, or -1 after adding diagnostics. */
int shell_text_parse(struct str script, struct pos pos, struct diags *diags, struct shell_text *ret_text);
/* The same question of a list of words, whose plain ones are text: an expression in what a shell or an interpreter
 * takes as a program is refused by the rules for scripts. 0, or -1 after adding diagnostics. */
int shell_words_check(const struct template *words, size_t count, struct diags *diags);

#endif
