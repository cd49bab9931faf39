/* SPDX-License-Identifier: Apache-2.0
 * Completion for bash, zsh and fish, written from the table of commands.
 */
#include "cli/commands.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* "validate" takes files, as "run" does; the second word of "models show" completes behind the first. */
static bool takes_files(const struct command *command)
{
    return command->arguments != NULL &&
           (strstr(command->arguments, "FILE") != NULL || strstr(command->arguments, "FOLDER") != NULL);
}

static void print_option_names(const struct option_row *rows, const char *before)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf("%s--%s", before, rows->name);
    }
}

static struct str first_word(const struct command *command)
{
    struct str rest = str_from(command->name);
    struct str word = {0};
    (void)str_cut(&rest, ' ', &word);
    return word;
}

/* The first of the rows that begin with this word: each word is printed once. */
static bool is_first_of_word(int index)
{
    for (int i = 0; i < index; i++) {
        if (str_eq(first_word(commands[i]), first_word(commands[index]))) {
            return false;
        }
    }
    return true;
}

/* ---- bash ---------------------------------------------------------------------------------------------------- */

static void bash_cases(void)
{
    for (int i = 0; i < command_count; i++) {
        if (!is_first_of_word(i)) {
            continue;
        }
        struct str word = first_word(commands[i]);
        printf("        %.*s) words=\"", STR_ARG(word));
        bool files = false;
        for (int k = i; k < command_count; k++) {
            if (str_eq(first_word(commands[k]), word)) {
                const char *second = strchr(commands[k]->name, ' ');
                printf("%s", second == NULL ? "" : second + 1);
                print_option_names(commands[k]->options, " ");
                printf(" ");
                files = files || takes_files(commands[k]);
            }
        }
        printf("\"; files=%d ;;\n", files ? 1 : 0);
    }
}

static void print_bash(void)
{
    printf("# bash completion for sluice: source <(sluice completion bash)\n"
           "_sluice() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} words='' files=0 common='");
    print_option_names(common_options, " ");
    printf("'\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='");
    for (int i = 0; i < command_count; i++) {
        if (is_first_of_word(i)) {
            printf("%.*s ", STR_ARG(first_word(commands[i])));
        }
    }
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    bash_cases();
    printf("        esac\n    fi\n"
           "    case $current in -*) files=0 ;; esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words $common\" -- \"$current\")\n"
           "    if [ \"$files\" -eq 1 ]; then\n"
           "        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$current\")\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _sluice sluice\n");
}

/* ---- zsh ------------------------------------------------------------------------------------------------------ */

/* Within single quotes of zsh, for _describe and _arguments: no quote, no colon or bracket that means something. */
static void zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else if (strchr(":[]\\", *text) != NULL) {
            printf("\\%c", *text);
        } else {
            putchar(*text);
        }
    }
}

static void zsh_options(const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf(" \\\n                '%s--%s%s[", rows->many ? "*" : "", rows->name, rows->argument == NULL ? "" : "=");
        zsh_text(rows->doc);
        printf("]%s", rows->argument == NULL ? "" : ":");
        zsh_text(rows->argument == NULL ? "" : rows->argument);
        bool files =
            rows->argument != NULL && (strcmp(rows->argument, "FILE") == 0 || strcmp(rows->argument, "FOLDER") == 0);
        printf("%s'", rows->argument == NULL ? "" : files ? ":_files" : ": ");
    }
}

static void print_zsh(void)
{
    printf("#compdef sluice\n# zsh completion for sluice: sluice completion zsh > ~/.zfunc/_sluice\n"
           "_sluice() {\n    local -a commands\n    commands=(\n");
    for (int i = 0; i < command_count; i++) {
        if (is_first_of_word(i)) {
            printf("        '%.*s:", STR_ARG(first_word(commands[i])));
            zsh_text(commands[i]->summary);
            printf("'\n");
        }
    }
    printf(
        "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    case "
        "$words[2] in\n");
    for (int i = 0; i < command_count; i++) {
        if (!is_first_of_word(i)) {
            continue;
        }
        printf("        %.*s)\n            _arguments", STR_ARG(first_word(commands[i])));
        zsh_options(commands[i]->options);
        zsh_options(common_options);
        printf(" \\\n                '*:argument:%s'\n            ;;\n", takes_files(commands[i]) ? "_files" : "()");
    }
    printf("    esac\n}\nif [ \"$funcstack[1]\" = _sluice ]; then _sluice \"$@\"; else compdef _sluice sluice; fi\n");
}

/* ---- fish ----------------------------------------------------------------------------------------------------- */

static void fish_text(const char *text)
{
    for (; *text != '\0'; text++) {
        printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    }
}

static void fish_options(const struct option_row *rows, const char *condition)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf("complete -c sluice %s -l %s", condition, rows->name);
        if (rows->letter != 0) {
            printf(" -s %c", rows->letter);
        }
        printf("%s -d '", rows->argument == NULL ? "" : " -r");
        fish_text(rows->doc);
        printf("'\n");
    }
}

static void print_fish(void)
{
    printf(
        "# fish completion for sluice: sluice completion fish > ~/.config/fish/completions/sluice.fish\ncomplete -c "
        "sluice -f\n");
    fish_options(common_options, "");
    for (int i = 0; i < command_count; i++) {
        struct str word = first_word(commands[i]);
        char condition[160];
        const char *second = strchr(commands[i]->name, ' ');
        (void)snprintf(condition, sizeof condition, "-n '__fish_seen_subcommand_from %.*s'", STR_ARG(word));
        if (is_first_of_word(i)) {
            printf("complete -c sluice -n __fish_use_subcommand -a %.*s -d '", STR_ARG(word));
            fish_text(commands[i]->summary);
            printf("'\n");
        }
        if (second != NULL) {
            printf("complete -c sluice %s -a %s -d '", condition, second + 1);
            fish_text(commands[i]->summary);
            printf("'\n");
        }
        fish_options(commands[i]->options, condition);
        if (takes_files(commands[i])) {
            printf("complete -c sluice %s -F\n", condition);
        }
    }
}

static int run_completion(struct cli *cli)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(cli->arguments[0], shells[i].shell) == 0) {
            shells[i].print();
            return EXIT_OK;
        }
    }
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "'%s': expected bash, zsh or fish", cli->arguments[0]);
    return cli_fail(cli, EXIT_USAGE, &err);
}

const struct command command_completion = {
    .name = "completion",
    .group = "Home",
    .summary = "print the completion script of bash, zsh or fish",
    .arguments = "SHELL",
    .examples = "source <(sluice completion bash)\nsluice completion fish > ~/.config/fish/completions/sluice.fish",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_completion,
};
