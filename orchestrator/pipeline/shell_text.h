/* SPDX-License-Identifier: Apache-2.0
 * Expressions inside the text of a shell script, without ever pasting a value into it.
 *
 * Each expression becomes a reference to a variable of the step's environment, `__1`, `__2`, ...; a small lexer
 * of POSIX shell quoting decides the form of the reference by the place where it stands, or refuses the
 * place (docs/expressions.md). If the lexer were wrong, the worst is a word split
 * or a literal, never code.
 */
#ifndef SLUICE_PIPELINE_SHELL_TEXT_H
#define SLUICE_PIPELINE_SHELL_TEXT_H

#include "pipeline/expr.h"

struct shell_text {
    struct str text;                 /* the script with references */
    const struct expr *const *exprs; /* exprs[i] is the value of variable __(i+1) */
    size_t expr_count;
};

/* `pos` is where the script's first character stands; its further lines begin at the same column (a block
 * scalar). 0, or -1 after adding diagnostics. */
int shell_text_parse(struct str script, struct pos pos, struct diags *diags, struct shell_text *ret_text);

#endif
