/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/man_page.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Text for roff: what people copy stays what it is (dashes, quotes), and no line begins with a request. */
static void roff(FILE *out, const char *text)
{
    static const char special[] = "\\-'`^~";
    static const char *const written[] = {"\\e", "\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti"};
    size_t size = 1;
    for (bool start = true; *text != '\0'; text += size) {
        const char *at = strchr(special, *text);
        uint32_t code = 0;
        size = utf8_decode(text, strlen(text), &code);
        size = size == 0 ? 1 : size;
        if (start && *text == '.') {
            fprintf(out, "\\&");
        }
        if (at != NULL) {
            fprintf(out, "%s", written[at - special]);
        } else if (size > 1) {
            fprintf(out, "\\[u%04X]", (unsigned)code);
        } else {
            putc(*text, out);
        }
        start = *text == '\n';
    }
}

/* "models-show", the name of the page. */
static void page_name(const struct command *command, bool capital, FILE *out)
{
    for (const char *p = command->name; *p != '\0'; p++) {
        putc(*p == ' ' ? '-' : capital && *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
    }
}

static void roff_options(FILE *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        fprintf(out, ".TP\n");
        if (rows->letter != 0) {
            fprintf(out, "\\fB\\-%c\\fR, ", rows->letter);
        }
        fprintf(out, "\\fB\\-\\-");
        roff(out, rows->name);
        fprintf(out, "\\fR%s", rows->argument == NULL ? "" : " \\fI");
        roff(out, rows->argument == NULL ? "" : rows->argument);
        fprintf(out, "%s\n", rows->argument == NULL ? "" : "\\fR");
        roff(out, rows->doc);
        fprintf(out, "%s\n", rows->many ? " (may be repeated)" : "");
    }
}

static void print_program(FILE *out)
{
    fprintf(out, ".TH SLUICE 1 \"\" \"sluice %s\"\n.SH NAME\n", SLUICE_VERSION);
    fprintf(out, "sluice \\- takes models from training to production under gates\n");
    fprintf(out, ".SH SYNOPSIS\n.B sluice\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.SH COMMANDS\n");
    for (int i = 0; i < command_count; i++) {
        fprintf(out, ".TP\n.BR sluice\\-");
        page_name(commands[i], false, out);
        fprintf(out, " (1)\n");
        roff(out, commands[i]->summary);
        fprintf(out, "\n");
    }
    fprintf(out, ".SH OPTIONS\n");
    roff_options(out, common_options);
    fprintf(out, ".SH EXIT STATUS\n");
    for (const struct exit_row *row = exit_rows; row->words != NULL; row++) {
        fprintf(out, ".TP\n%d\n%s\n", row->code, row->words);
    }
    fprintf(out, ".SH ENVIRONMENT\n.TP\nSLUICE_HOME\nthe home, when \\-\\-home is not given\n"
                 ".TP\nSLUICE_PLUGINS\na folder of further plugins\n.TP\nNO_COLOR\nno colours\n");
}

void man_page(const struct command *command, FILE *out)
{
    if (command == NULL) {
        print_program(out);
        return;
    }
    fprintf(out, ".TH SLUICE\\-");
    page_name(command, true, out);
    fprintf(out, " 1 \"\" \"sluice %s\"\n.SH NAME\nsluice\\-", SLUICE_VERSION);
    page_name(command, false, out);
    fprintf(out, " \\- ");
    roff(out, command->summary);
    fprintf(out, "\n.SH SYNOPSIS\n.B sluice %s\n%s", command->name,
            command->options != NULL ? "[\\fIOPTIONS\\fR] " : "");
    roff(out, command->arguments == NULL ? "" : command->arguments);
    fprintf(out, "\n.SH DESCRIPTION\n");
    roff(out, command->details == NULL ? command->summary : command->details);
    fprintf(out, "\n.SH OPTIONS\n");
    roff_options(out, command->options);
    roff_options(out, common_options);
    fprintf(out, ".SH EXAMPLES\n.EX\n");
    roff(out, command->examples);
    fprintf(out, "\n.EE\n.SH SEE ALSO\n.BR sluice (1)\n");
}
