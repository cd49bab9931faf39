/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with pipeline files, in the forms that people and machines read.
 */
#ifndef SLUICE_CLI_DIAG_PRINT_H
#define SLUICE_CLI_DIAG_PRINT_H

#include "pipeline/diag.h"

#include <stdbool.h>
#include <stdio.h>

enum diag_format {
    DIAG_FORMAT_TEXT,   /* file:line:column, the source line, a caret */
    DIAG_FORMAT_JSON,   /* {"valid", "files": [{"file", "errors", "warnings", "diagnostics": [...]}]} */
    DIAG_FORMAT_SARIF,  /* SARIF 2.1.0 */
    DIAG_FORMAT_GITHUB, /* workflow commands: ::error file=...,line=...,col=...:: */
    DIAG_FORMAT_GITLAB, /* a Code Quality report: [{"description", "check_name", "fingerprint", "severity", ...}] */
};

/* -1 for an unknown word, else the format. */
int diag_format_parse(const char *word);
/* Prints those of `count` files, sorted by position. */
void diag_print(enum diag_format format, struct diags *files, size_t count, bool colour, FILE *out);

#endif
