/* SPDX-License-Identifier: Apache-2.0
 * The words of one shell command as they come: is the word being read code to that command, and is what it reads from a
 * here-document?
 *
 * Shells, interpreters, eval, ssh and the like take text and run it. A value in such a text would be code, however well
 * it is quoted for the shell before it. The same goes for the names that some builtins of bash take: a name may have an
 * index, `a[...]`, which is arithmetic, which may run commands. shell_value.c and shell_words.c refuse expressions
 * there.
 */
#ifndef SLUICE_PIPELINE_SHELL_COMMAND_H
#define SLUICE_PIPELINE_SHELL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum { SHELL_WORD_MAX = 64 };

struct shell_interpreter;

/* What a value would be at this place. */
enum shell_risk {
    SHELL_SAFE,     /* a word, or a part of one */
    SHELL_CODE,     /* text that another interpreter runs */
    SHELL_NAME,     /* the name of a variable */
    SHELL_INDEX,    /* inside NAME[...] */
    SHELL_VARIABLE, /* the value of a variable that the shell runs: PS4, BASH_ENV */
};

/* Plain data: copied when a command substitution begins, put back when it ends. */
struct shell_command {
    char word[SHELL_WORD_MAX]; /* the word being read, without its quotes, cut */
    size_t word_length;
    bool begins;               /* the next word is the command's name */
    bool words_only;           /* no shell reads this: a list of words, where builtins do not exist */
    bool is_array;             /* not a command: the items of NAME=( ) */
    bool has_value;            /* a value stands in the word */
    bool had_value;            /* in the one before it */
    bool options_ended;        /* "--" was seen */
    bool all_code;             /* an option makes code of all words that follow */
    bool all_numbers;          /* ... and arithmetic of the items of arrays among them */
    bool prefixed;             /* sudo, xargs and the like stand before it */
    bool through_env;
    bool through_xargs;
    bool redirected;           /* the next word is a file or a here-string, no argument */
    bool here_string;          /* one was given */
    bool feeds_code;           /* what it prints becomes code, or a number of the shell's arithmetic */
    char name[SHELL_WORD_MAX];
    const struct shell_interpreter *interpreter; /* NULL: takes no code */
    bool direct;               /* the interpreter is the command, not a word among its arguments */
    bool code_next;            /* -c was seen */
    bool argument_next;        /* an option was seen whose argument follows */
    bool program_given;        /* by -f or -e: operands are files */
    size_t operands;           /* words behind the interpreter that are no options */
};

/* A command begins: after a newline, ';', '|', '(' ... */
void shell_command_begin(struct shell_command *command);
/* A byte of the word being read; many of them. */
void shell_command_byte(struct shell_command *command, char c);
void shell_command_bytes(struct shell_command *command, const char *bytes, size_t count);
/* The word ends, if there is one. */
void shell_command_end_word(struct shell_command *command);
/* "<<<": the next word is what the command reads. */
void shell_command_here_string(struct shell_command *command);
/* "<" or ">": the next word is a file. */
void shell_command_redirection(struct shell_command *command);
/* What this command and those behind it print is run, as by eval "$(...)". */
void shell_command_feed(struct shell_command *command);
/* A value stands at this place of the word. */
void shell_command_value(struct shell_command *command);
/* "NAME=(": what follows are the items of an array, up to ')'; they may well be run as a command later. */
void shell_command_array(struct shell_command *command, const struct shell_command *around);
/* What a value at this place would be. */
enum shell_risk shell_command_risk(const struct shell_command *command);
/* What stands in the way of an expression, as "an expression %s would not be one shell word", and what to do about it.
 * NULL for SHELL_SAFE. */
const char *shell_risk_text(enum shell_risk risk);
const char *shell_risk_hint(enum shell_risk risk);
/* Is what the command reads from its input code? */
bool shell_command_reads_code(const struct shell_command *command);
/* A list of words begins, which no shell reads. */
void shell_command_begin_words(struct shell_command *command);
/* Does the command write its words, so that a pipe carries them on? */
bool shell_command_prints(const struct shell_command *command);
/* Does it run the file that its next word names? */
bool shell_command_runs_file(const struct shell_command *command);
/* Is it the end of several: done, fi, esac, or nothing, behind '}' or ')'? */
bool shell_command_ends_group(const struct shell_command *command);
/* Does it run what a pipe brings it? */
bool shell_command_runs_input(const struct shell_command *command);

#endif
