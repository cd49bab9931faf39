/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/str.h"

#include <stdio.h>

enum { NAME_COLUMNS = 22, OPTION_COLUMNS = 26, TEXT_COLUMNS = 100 };

static const char *bold(const struct cli *cli)
{
    return cli->colour ? "\033[1m" : "";
}

static const char *plain(const struct cli *cli)
{
    return cli->colour ? "\033[0m" : "";
}

void help_list(const struct cli *cli, bool to_error)
{
    FILE *out = to_error ? stderr : stdout;
    fprintf(out,
            "sluice takes models from training to production under gates: pipelines in YAML, every step recorded.\n\n");
    fprintf(out, "%sUsage%s\n  sluice COMMAND [OPTIONS] [ARGUMENTS]\n", bold(cli), plain(cli));
    const char *group = "";
    for (int i = 0; i < command_count; i++) {
        if (strcmp(group, commands[i]->group) != 0) {
            group = commands[i]->group;
            fprintf(out, "\n%s%s%s\n", bold(cli), group, plain(cli));
        }
        fprintf(out, "  %-*s %s\n", NAME_COLUMNS, commands[i]->name, commands[i]->summary);
    }
    fprintf(out, "\n'sluice COMMAND --help' explains one command, with an example. A first pipeline: sluice init\n");
}

bool help_group(const char *word)
{
    bool found = false;
    for (int i = 0; i < command_count; i++) {
        if (command_is_below(commands[i], word)) {
            printf("%s  sluice %-*s %s\n", found ? "" : "Commands\n", NAME_COLUMNS, commands[i]->name,
                   commands[i]->summary);
            found = true;
        }
    }
    if (found) {
        printf("\n'sluice %s COMMAND --help' explains one of them, with an example.\n", word);
    }
    return found;
}

/* Fills paragraphs, which an empty line parts; lines that begin with a blank stay as they are. */
static void print_paragraphs(const char *text)
{
    struct str rest = str_from(text);
    struct str line = {0};
    int column = 0;
    while (str_cut(&rest, '\n', &line)) {
        struct str word = {0};
        if (line.n == 0) {
            printf("%s\n", column == 0 ? "" : "\n");
            column = 0;
            continue;
        }
        if (line.p[0] == ' ') {
            printf("%s%.*s", column == 0 ? "" : "\n", STR_ARG(line));
            column = TEXT_COLUMNS;
            continue;
        }
        while (str_cut(&line, ' ', &word)) {
            bool fits = column + 1 + (int)word.n <= TEXT_COLUMNS;
            printf("%s%.*s", column == 0 ? "" : fits ? " " : "\n", STR_ARG(word));
            column = column == 0 || !fits ? (int)word.n : column + 1 + (int)word.n;
        }
    }
    printf("\n");
}

static void print_indented(const char *text)
{
    struct str rest = str_from(text);
    struct str line = {0};
    while (str_cut(&rest, '\n', &line)) {
        printf("  %.*s\n", STR_ARG(line));
    }
}

/* "-p, --param NAME=VALUE", and how wide it is. */
static int option_name(const struct option_row *row, char ret[80])
{
    char letter[8] = "    ";
    if (row->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
    }
    return snprintf(ret, 80, "%s--%s%s%s", letter, row->name, row->argument == NULL ? "" : " ",
                    row->argument == NULL ? "" : row->argument);
}

/* In two columns, the first as wide as its widest name. */
static void print_options(const struct option_row *rows)
{
    char name[80];
    int columns = OPTION_COLUMNS;
    for (const struct option_row *row = rows; row != NULL && row->name != NULL; row++) {
        int width = option_name(row, name) + 1;
        columns = width > columns ? width : columns;
    }
    for (; rows != NULL && rows->name != NULL; rows++) {
        (void)option_name(rows, name);
        printf("  %-*s %s%s\n", columns, name, rows->doc, rows->many ? " (repeatable)" : "");
    }
}

void help_command(const struct cli *cli, const struct command *command)
{
    printf("sluice %s: %s\n\n%sUsage%s\n  sluice %s", command->name, command->summary, bold(cli), plain(cli),
           command->name);
    printf("%s%s%s\n", command->options != NULL ? " [OPTIONS]" : "", command->arguments == NULL ? "" : " ",
           command->arguments == NULL ? "" : command->arguments);
    if (command->details != NULL) {
        printf("\n");
        print_paragraphs(command->details);
    }
    if (command->options != NULL) {
        printf("\n%sOptions%s\n", bold(cli), plain(cli));
        print_options(command->options);
    }
    printf("\n%sOptions of every command%s\n", bold(cli), plain(cli));
    print_options(common_options);
    printf("\n%sExamples%s\n", bold(cli), plain(cli));
    print_indented(command->examples);
    bool below = false;
    for (int i = 0; i < command_count; i++) {
        if (command_is_below(commands[i], command->name)) {
            if (!below) {
                printf("\n%sSee also%s\n", bold(cli), plain(cli));
            }
            printf("  sluice %-*s %s\n", NAME_COLUMNS, commands[i]->name, commands[i]->summary);
            below = true;
        }
    }
}
