/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cli/cli.h"

#include <stdlib.h>

static const struct option_row *find_row(const struct option_row *rows, struct str name, char letter)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if ((letter != 0 && rows->letter == letter) || (letter == 0 && str_is(name, rows->name))) {
            return rows;
        }
    }
    return NULL;
}

static const struct option_row *find_option(const struct cli *cli, struct str name, char letter)
{
    const struct option_row *row = cli->command == NULL ? NULL : find_row(cli->command->options, name, letter);
    return row != NULL ? row : find_row(common_options, name, letter);
}

static int unknown_option(const struct cli *cli, const char *word, struct str name, struct err *err)
{
    struct str names[64];
    size_t count = 0;
    const struct option_row *tables[] = {cli->command == NULL ? NULL : cli->command->options, common_options};
    for (size_t t = 0; t < 2; t++) {
        for (const struct option_row *row = tables[t]; row != NULL && row->name != NULL && count < 64; row++) {
            names[count++] = str_from(row->name);
        }
    }
    ptrdiff_t near = str_nearest(name, names, count);
    const char *command = cli->command == NULL ? "" : cli->command->name;
    if (near >= 0) {
        return err_set(err, ERR_INPUT, "unknown option '%s': did you mean '--%.*s'?", word, STR_ARG(names[near]));
    }
    return err_set(err, ERR_INPUT, "unknown option '%s': 'sluice %s%s--help' lists them", word, command,
                   *command == '\0' ? "" : " ");
}

/* Finds the command that the first words name: "run", or "models show". Returns how many words it took, 0 for none. */
static int find_command(struct cli *cli, int argc, char **argv)
{
    for (int words = 2; words >= 1; words--) {
        for (int i = 0; words <= argc && i < command_count; i++) {
            struct str rest = str_from(commands[i]->name);
            struct str first = {0};
            (void)str_cut(&rest, ' ', &first);
            bool two = rest.p != NULL;
            bool same = str_is(first, argv[0]) && two == (words == 2) && (!two || str_is(rest, argv[1]));
            if (same) {
                cli->command = commands[i];
                return words;
            }
        }
    }
    return 0;
}

const struct command *command_find(const char *name)
{
    for (int i = 0; i < command_count; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

bool command_is_below(const struct command *command, const char *word)
{
    size_t length = strlen(word);
    return strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

/* "'sluice lua run', 'sluice lua test'": the commands that begin with the word; "" for one that nothing is below. */
static const char *commands_below(struct arena *arena, const char *word)
{
    const char *words = "";
    bool below = false;
    for (int i = 0; i < command_count; i++) {
        below = below || command_is_below(commands[i], word);
        if (command_is_below(commands[i], word) || strcmp(commands[i]->name, word) == 0) {
            words = arena_printf(arena, "%s%s'sluice %s'", words, *words == '\0' ? "" : ", ", commands[i]->name);
        }
    }
    return below ? words : "";
}

/* Where the first word is that of commands, "plugins nope" is near to what "nope" is near to, and not to "plugins new",
 * of which it has so much. */
static ptrdiff_t nearest_of_two(struct arena *arena, const char *word, const char *next, const struct str *names,
                                size_t count)
{
    struct str first = str_from(arena_printf(arena, "%s ", word));
    struct str seconds[128];
    bool below = false;
    for (size_t i = 0; i < count; i++) {
        bool is_below = str_starts(names[i], first);
        below = below || is_below;
        seconds[i] = is_below ? str_slice(names[i], first.n, names[i].n) : STR("");
    }
    return below ? str_nearest(str_from(next), seconds, count)
                 : str_nearest(str_from(arena_printf(arena, "%s %s", word, next)), names, count);
}

int command_unknown(const struct cli *cli, const char *word, const char *next, struct err *err)
{
    struct str names[128];
    size_t count = 0;
    for (int i = 0; i < command_count && count < 128; i++) {
        names[count++] = str_from(commands[i]->name);
    }
    const char *both = next == NULL ? word : arena_printf(cli->arena, "%s %s", word, next);
    ptrdiff_t near = next == NULL ? str_nearest(str_from(word), names, count)
                                  : nearest_of_two(cli->arena, word, next, names, count);
    const char *below = commands_below(cli->arena, word);
    if (near >= 0) {
        return err_set(err, ERR_INPUT, "unknown command '%s': did you mean '%.*s'?", both, STR_ARG(names[near]));
    }
    if (*below != '\0') {
        const char *form = next == NULL ? "'%s' needs another word: %s" : "unknown command '%s': there is %s";
        return err_set(err, ERR_INPUT, form, both, below);
    }
    near = str_nearest(str_from(word), names, count);
    if (near >= 0 && str_is(names[near], word)) {
        return err_set(err, ERR_INPUT, "unknown command '%s': nothing is below 'sluice %s'", both, word);
    }
    if (near >= 0) {
        return err_set(err, ERR_INPUT, "unknown command '%s': did you mean '%.*s'?", word, STR_ARG(names[near]));
    }
    return err_set(err, ERR_INPUT, "unknown command '%s': 'sluice --help' lists them", word);
}

static void give(struct cli *cli, const struct option_row *row, const char *value)
{
    cli->given[cli->given_count++] = (struct given_option){.row = row, .value = value};
}

static int take_long(struct cli *cli, int argc, char **argv, int *at, struct err *err)
{
    const char *word = argv[*at];
    struct str rest = str_from(word + 2);
    struct str name = {0};
    (void)str_cut(&rest, '=', &name);
    const struct option_row *row = find_option(cli, name, 0);
    if (row == NULL) {
        return unknown_option(cli, word, name, err);
    }
    if (row->argument == NULL) {
        if (rest.p != NULL) {
            return err_set(err, ERR_INPUT, "option '--%s' takes no value", row->name);
        }
        give(cli, row, "");
        return 0;
    }
    if (rest.p == NULL && *at + 1 >= argc) {
        return err_set(err, ERR_INPUT, "option '--%s' needs %s", row->name, row->argument);
    }
    give(cli, row, rest.p != NULL ? rest.p : argv[++*at]);
    return 0;
}

static int take_letters(struct cli *cli, int argc, char **argv, int *at, struct err *err)
{
    const char *word = argv[*at];
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const struct option_row *row = find_option(cli, STR(""), *letter);
        if (row == NULL) {
            return unknown_option(cli, word, (struct str){letter, 1}, err);
        }
        if (row->argument == NULL) {
            give(cli, row, "");
            continue;
        }
        if (letter[1] == '\0' && *at + 1 >= argc) {
            return err_set(err, ERR_INPUT, "option '-%c' needs %s", *letter, row->argument);
        }
        give(cli, row, letter[1] != '\0' ? letter + 1 : argv[++*at]);
        return 0;
    }
    return 0;
}

static int check_repeats(const struct cli *cli, struct err *err)
{
    for (int i = 0; i < cli->given_count; i++) {
        for (int k = 0; k < i; k++) {
            if (cli->given[i].row == cli->given[k].row && !cli->given[i].row->many &&
                cli->given[i].row->argument != NULL) {
                return err_set(err, ERR_INPUT, "option '--%s' is given twice", cli->given[i].row->name);
            }
        }
    }
    return 0;
}

/* What follows a word, unless it is an option. */
static const char *next_word(int argc, char **argv)
{
    return argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
}

int options_parse(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char **arguments = arena_array(cli->arena, (size_t)argc + 1, sizeof *arguments);
    cli->given = arena_array(cli->arena, (size_t)argc * 8 + 1, sizeof *cli->given);
    cli->arguments = arguments;
    int at = 1;
    bool only_arguments = false;
    for (; at < argc; at++) {
        char *word = argv[at];
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && word[0] == '-' && word[1] == '-') {
            if (take_long(cli, argc, argv, &at, err) < 0) {
                return -1;
            }
        } else if (!only_arguments && word[0] == '-' && word[1] != '\0') {
            if (take_letters(cli, argc, argv, &at, err) < 0) {
                return -1;
            }
        } else if (cli->command == NULL) {
            int words = find_command(cli, argc - at, argv + at);
            if (words == 0) {
                return command_unknown(cli, word, next_word(argc - at, argv + at), err);
            }
            at += words - 1;
        } else {
            arguments[cli->argument_count++] = word;
        }
    }
    return check_repeats(cli, err);
}

const char *option_nth(const struct cli *cli, const char *name, int index)
{
    for (int i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].row->name, name) == 0 && index-- == 0) {
            return cli->given[i].value;
        }
    }
    return NULL;
}

const char *option_value(const struct cli *cli, const char *name)
{
    const char *last = NULL;
    for (int i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].row->name, name) == 0) {
            last = cli->given[i].value;
        }
    }
    return last;
}

bool option_given(const struct cli *cli, const char *name)
{
    return option_value(cli, name) != NULL;
}
