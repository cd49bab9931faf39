/* SPDX-License-Identifier: Apache-2.0
 * Completion for bash, zsh and fish, written from the table of commands.
 */
#include "cli/commands.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* What the arguments of a command can be completed with. */
enum {
    TAKES_FILES = 1,
    TAKES_RUNS = 2,
    TAKES_MODELS = 4,
    TAKES_SHELLS = 8,
    TAKES_COMMANDS = 16,
    TAKES_SECRETS = 32,
};

static const struct {
    const char *word; /* in command.arguments */
    unsigned takes;
} argument_words[] = {
    {"FILE", TAKES_FILES},   {"FOLDER", TAKES_FILES},     {"RUN", TAKES_RUNS},       {"m-ID", TAKES_MODELS},
    {"SHELL", TAKES_SHELLS}, {"COMMAND", TAKES_COMMANDS}, {"SECRET", TAKES_SECRETS},
};

/* The first column of a list; nothing when there is no home. */
#define LIST_RUNS "sluice runs --limit 50 2>/dev/null | sed \"1d;s/ .*//\""
#define LIST_MODELS "sluice models 2>/dev/null | sed \"1d;s/ .*//\""
#define LIST_SECRETS "sluice secrets list 2>/dev/null | sed \"1d;s/ .*//\""
#define SHELLS "bash zsh fish"

static unsigned taken_by(const struct command *command)
{
    unsigned takes = 0;
    for (size_t i = 0; command->arguments != NULL && i < sizeof argument_words / sizeof argument_words[0]; i++) {
        takes |= strstr(command->arguments, argument_words[i].word) != NULL ? argument_words[i].takes : 0;
    }
    return takes;
}

static bool is_path(const struct option_row *row)
{
    return row->argument != NULL && (strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "FOLDER") == 0);
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

static void print_first_words(void)
{
    for (int i = 0; i < command_count; i++) {
        if (is_first_of_word(i)) {
            printf("%.*s ", STR_ARG(first_word(commands[i])));
        }
    }
}

/* ---- bash ---------------------------------------------------------------------------------------------------- */

static void bash_option_names(const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        printf(" --%s", rows->name);
    }
}

/* Options whose value is a path, or, with `path` false, some other word. */
static void bash_valued(const struct option_row *rows, bool path)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->argument != NULL && is_path(rows) == path) {
            printf("--%s ", rows->name);
        }
    }
}

static void bash_options(struct str word)
{
    static const char *const names[] = {"options='", "'; paths+='", "'; values='"};
    for (int kind = 0; kind < 3; kind++) {
        printf("%s", names[kind]);
        for (int i = 0; i < command_count; i++) {
            if (!str_eq(first_word(commands[i]), word)) {
                continue;
            }
            if (kind == 0) {
                bash_option_names(commands[i]->options);
            } else {
                bash_valued(commands[i]->options, kind == 1);
            }
        }
    }
    printf("'; ");
}

static void bash_cases(void)
{
    for (int i = 0; i < command_count; i++) {
        if (!is_first_of_word(i)) {
            continue;
        }
        struct str word = first_word(commands[i]);
        unsigned takes = 0;
        printf("        %.*s) ", STR_ARG(word));
        bash_options(word);
        printf("words=\"");
        for (int k = i; k < command_count; k++) {
            const char *second = strchr(commands[k]->name, ' ');
            if (!str_eq(first_word(commands[k]), word)) {
                continue;
            }
            takes |= taken_by(commands[k]);
            printf("%s%s", second == NULL ? "" : second + 1, second == NULL ? "" : " ");
        }
        printf("%s%s%s%s", takes & TAKES_RUNS ? "$(" LIST_RUNS ") " : "",
               takes & TAKES_MODELS ? "$(" LIST_MODELS ") " : "", takes & TAKES_SECRETS ? "$(" LIST_SECRETS ") " : "",
               takes & TAKES_SHELLS ? SHELLS : "");
        if (takes & TAKES_COMMANDS) {
            print_first_words();
        }
        printf("\"; files=%d ;;\n", takes & TAKES_FILES ? 1 : 0);
    }
}

static void print_bash(void)
{
    printf("# bash completion for sluice: source <(sluice completion bash)\n"
           "_sluice() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local words='' word='' options='' files=0 list=() values='' paths=' ");
    bash_valued(common_options, true);
    printf("'\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='");
    print_first_words();
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    bash_cases();
    printf("        esac\n    fi\n    case $current in\n        -*) files=0 words=\"$options");
    bash_option_names(common_options);
    printf("\" ;;\n    esac\n"
           "    case \"$paths\" in *\" $previous \"*) files=1 words='' ;; esac\n"
           "    case \" $values\" in *\" $previous \"*) return ;; esac\n"
           /* Not compgen -W, which would run what stands in the name of a model. */
           "    IFS=$' \\n' read -r -d '' -a list <<<\"$words\"\n"
           "    for word in \"${list[@]}\"; do\n"
           "        case $word in \"$current\"*) COMPREPLY+=(\"$word\") ;; esac\n"
           "    done\n"
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
        printf("%s'", rows->argument == NULL ? "" : is_path(rows) ? ":_files" : ": ");
    }
}

/* The rest of the words: second words of commands, and what the arguments are. */
static void zsh_arguments(int index)
{
    struct str word = first_word(commands[index]);
    unsigned takes = 0;
    printf(" \\\n                '*:argument:{");
    for (int k = index; k < command_count; k++) {
        const char *second = strchr(commands[k]->name, ' ');
        if (str_eq(first_word(commands[k]), word)) {
            takes |= taken_by(commands[k]);
            printf("%s%s", second == NULL ? "" : " compadd -- ", second == NULL ? "" : second + 1);
            printf("%s", second == NULL ? "" : ";");
        }
    }
    printf("%s%s%s%s%s%s }'\n", takes & TAKES_RUNS ? " compadd -- ${(f)\"$(" LIST_RUNS ")\"};" : "",
           takes & TAKES_MODELS ? " compadd -- ${(f)\"$(" LIST_MODELS ")\"};" : "",
           takes & TAKES_SECRETS ? " compadd -- ${(f)\"$(" LIST_SECRETS ")\"};" : "",
           takes & TAKES_SHELLS ? " compadd -- " SHELLS ";" : "",
           takes & TAKES_COMMANDS ? " _describe command commands;" : "", takes & TAKES_FILES ? " _files;" : "");
}

static void zsh_case(int index)
{
    struct str word = first_word(commands[index]);
    printf("        %.*s)\n            _arguments", STR_ARG(word));
    for (int k = index; k < command_count; k++) {
        if (str_eq(first_word(commands[k]), word)) {
            zsh_options(commands[k]->options);
        }
    }
    zsh_options(common_options);
    zsh_arguments(index);
    printf("            ;;\n");
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
    printf("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
           "    case $words[2] in\n");
    for (int i = 0; i < command_count; i++) {
        if (is_first_of_word(i)) {
            zsh_case(i);
        }
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
        printf("%s -d '", rows->argument == NULL ? "" : is_path(rows) ? " -r -F" : " -x");
        fish_text(rows->doc);
        printf("'\n");
    }
}

static void fish_arguments(unsigned takes, const char *condition)
{
    if (takes & TAKES_FILES) {
        printf("complete -c sluice %s -F\n", condition);
    }
    if (takes & TAKES_RUNS) {
        printf("complete -c sluice %s -a '(" LIST_RUNS ")' -d run\n", condition);
    }
    if (takes & TAKES_MODELS) {
        printf("complete -c sluice %s -a '(" LIST_MODELS ")' -d model\n", condition);
    }
    if (takes & TAKES_SECRETS) {
        printf("complete -c sluice %s -a '(" LIST_SECRETS ")' -d secret\n", condition);
    }
    if (takes & TAKES_SHELLS) {
        printf("complete -c sluice %s -a '" SHELLS "'\n", condition);
    }
    if (takes & TAKES_COMMANDS) {
        printf("complete -c sluice %s -a '", condition);
        print_first_words();
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
        fish_arguments(taken_by(commands[i]), condition);
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
