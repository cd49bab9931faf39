/* SPDX-License-Identifier: Apache-2.0
 * The command line: one table of commands; parsing, help, man pages and completion come from its rows.
 * Standard output is data, standard error is messages.
 */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_RUN_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INVALID = 3,
    EXIT_HOME = 4,
    EXIT_WAITING = 5,
    EXIT_REFUSED = 6,
    EXIT_SIGNAL = 128, /* plus the number of the signal */
};

/* What each code says, for people. Rows end with NULL words. */
struct exit_row {
    int code;
    const char *words;
};
extern const struct exit_row exit_rows[];

struct cli;
struct seal_key;

/* One option of a command. Rows end with a NULL name. */
struct option_row {
    const char *name;     /* "param", for --param */
    char letter;          /* 'p', 0: none */
    const char *argument; /* "KEY=VALUE"; NULL: a flag */
    bool many;            /* may be given several times */
    const char *doc;
};

struct command {
    const char *name;      /* "run", or "models show" for a command under a noun */
    const char *group;     /* heading in the list: "Run", "Look", "Write", "Home" */
    const char *summary;   /* one line */
    const char *arguments; /* "[FILE]" */
    const char *details;   /* paragraphs for --help and the man page */
    const char *examples;  /* lines */
    const struct option_row *options; /* NULL: none of its own */
    int min_arguments, max_arguments; /* -1: any number */
    bool makes_home; /* a home begins with it, where there is none */
    int (*run)(struct cli *cli);
};

struct given_option {
    const struct option_row *row;
    const char *value; /* "" of a flag */
};

/* One invocation. */
struct cli {
    struct arena *arena;
    const struct command *command;
    const char *const *arguments;
    int argument_count;
    struct given_option *given;
    int given_count;
    const char *program; /* absolute path of this executable */
    struct seal_key *given_key; /* of SLUICE_KEY, once it was taken out of the environment; NULL: none */
    bool json;           /* --json */
    bool quiet;
    bool colour_messages; /* the same of stderr */
    bool colour;         /* stdout is such a terminal and NO_COLOR is not set */
    bool terminal;       /* stdout is a terminal that can move its cursor */
};

/* The table, in the order of the list that --help prints; the rows stand in the files of the commands (cli/commands.h).
 */
extern const struct command *const commands[];
extern const int command_count;
/* Options that every command takes. */
extern const struct option_row common_options[];

int cli_main(int argc, char **argv);
/* By its whole name, "models show"; NULL when there is none. */
const struct command *command_find(const char *name);
/* "models show" is below "models". */
bool command_is_below(const struct command *command, const char *word);
/* -1, with the nearest command; `next` is the word that follows, or NULL. */
int command_unknown(const struct cli *cli, const char *word, const char *next, struct err *err);

/* ---- options.c ---- */
/* 0, or -1 with a message that names the nearest option or command. */
int options_parse(struct cli *cli, int argc, char **argv, struct err *err);
/* The last value given, or NULL. */
const char *option_value(const struct cli *cli, const char *name);
bool option_given(const struct cli *cli, const char *name);
/* Calls for each value of an option that may be given several times: index from 0; NULL after the last. */
const char *option_nth(const struct cli *cli, const char *name, int index);

/* ---- help.c ---- */
void help_list(const struct cli *cli, bool to_error);
/* The commands that begin with this word ("lua"), which is none by itself. False when there are none. */
bool help_group(const char *word);
void help_command(const struct cli *cli, const struct command *command);

/* Prints "sluice: message" on standard error, or with --json {"error": {"code", "message"}} on standard output; returns
 * `code`. */
int cli_fail(const struct cli *cli, int code, const struct err *err);
/* The exit code that an error stands for: ERR_BUSY, ERR_NEWER, ERR_IO, ERR_CORRUPT are 4, ERR_INPUT and ERR_NOT_FOUND
 * 2, the rest 1. */
int cli_exit_of(const struct err *err);

#endif
