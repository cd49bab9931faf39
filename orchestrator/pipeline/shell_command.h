/* SPDX-License-Identifier: Apache-2.0
 * The words of one shell command as they come: is the word being read code to that command, and is what it reads from a
 * here-document?
 *
 * Shells, interpreters, eval, ssh and the like take text and run it. A value in such a text would be code, however well
 * it is quoted for the shell before it; shell_text.c refuses expressions there.
 */
#ifndef SLUICE_PIPELINE_SHELL_COMMAND_H
#define SLUICE_PIPELINE_SHELL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum { SHELL_WORD_MAX = 64 };

struct shell_interpreter;

/* Plain data: copied when a command substitution begins, put back when it ends. */
struct shell_command {
    char word[SHELL_WORD_MAX]; /* the word being read, without its quotes, cut */
    size_t word_length;
    bool begins;               /* the next word is the command's name */
    bool prefixed;             /* sudo, xargs and the like stand before it */
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
/* A byte of the word being read. */
void shell_command_byte(struct shell_command *command, char c);
/* The word ends, if there is one. */
void shell_command_end_word(struct shell_command *command);
/* "<<<": the next word is what the command reads. */
void shell_command_here_string(struct shell_command *command);
/* Is the word being read (or about to begin) code? */
bool shell_command_takes_code(const struct shell_command *command);
/* Is what the command reads from its input code? */
bool shell_command_reads_code(const struct shell_command *command);
/* The word being read is NAME[...: an index, which bash evaluates as arithmetic. */
bool shell_command_in_index(const struct shell_command *command);

#endif
