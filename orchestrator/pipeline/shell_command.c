/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/shell_command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum how {
    ALL_WORDS = 1,  /* every argument is code */
    FIRST_WORD = 2, /* the first operand is, unless -f or -e gave the program */
    FROM_INPUT = 4, /* its input is, as long as no operand names a script */
    ANYWHERE = 8,   /* the letters count behind operands, too */
};

struct shell_interpreter {
    const char *name;
    const char *code;      /* letters of options whose argument is code */
    const char *arguments; /* letters of options that take another argument */
    unsigned how;
};

/* Names are without their directory and version: /usr/bin/python3.11 is "python". */
static const struct shell_interpreter interpreters[] = {
    {"eval", "", "", ALL_WORDS},
    {"ssh", "", "", ALL_WORDS | FROM_INPUT | ANYWHERE},
    {"trap", "", "", ALL_WORDS},
    {"alias", "", "", ALL_WORDS},
    {"source", "", "", ALL_WORDS},
    {".", "", "", ALL_WORDS},
    {"let", "", "", ALL_WORDS},
    {"parallel", "", "", ALL_WORDS | FROM_INPUT | ANYWHERE},
    {"watch", "", "", ALL_WORDS},
    {"sh", "c", "oO", FROM_INPUT},
    {"bash", "c", "oO", FROM_INPUT},
    {"dash", "c", "oO", FROM_INPUT},
    {"ksh", "c", "oO", FROM_INPUT},
    {"zsh", "c", "oO", FROM_INPUT},
    {"fish", "c", "oO", FROM_INPUT},
    {"su", "c", "gGsw", FROM_INPUT | ANYWHERE},
    {"script", "c", "", ANYWHERE},
    {"python", "c", "WX", FROM_INPUT},
    {"pypy", "c", "WX", FROM_INPUT},
    {"perl", "eE", "I", FROM_INPUT},
    {"ruby", "e", "Ir", FROM_INPUT},
    {"node", "ep", "r", FROM_INPUT},
    {"Rscript", "e", "", FROM_INPUT},
    {"R", "e", "f", FROM_INPUT | ANYWHERE},
    {"lua", "e", "l", FROM_INPUT},
    {"php", "rBE", "dz", FROM_INPUT},
    {"psql", "c", "dfhpUv", FROM_INPUT | ANYWHERE},
    {"mysql", "e", "", FROM_INPUT | ANYWHERE},
    {"awk", "e", "vFfi", FIRST_WORD},
    {"gawk", "e", "vFfi", FIRST_WORD},
    {"mawk", "", "vFf", FIRST_WORD},
    {"nawk", "", "vFf", FIRST_WORD},
    {"sed", "e", "fl", FIRST_WORD},
    {"declare", "i", "", ANYWHERE}, /* an integer's value is arithmetic, which can run commands */
    {"typeset", "i", "", ANYWHERE},
    {"local", "i", "", ANYWHERE},
};

static const struct shell_interpreter *find_interpreter(const char *word)
{
    const char *slash = strrchr(word, '/');
    const char *base = slash == NULL ? word : slash + 1;
    size_t length = strlen(base);
    while (length > 1 && (isdigit((unsigned char)base[length - 1]) || base[length - 1] == '.')) {
        length--;
    }
    for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++) {
        if (strlen(interpreters[i].name) == length && strncmp(interpreters[i].name, base, length) == 0) {
            return &interpreters[i];
        }
    }
    return NULL;
}

static bool is_among(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* Words of the shell's grammar behind which a command begins. */
static bool is_keyword(const char *word)
{
    static const char *const words[] = {"then", "else", "elif", "do", "if", "while", "until", "!", "{", NULL};
    return is_among(word, words);
}

/* Commands that run the command behind them. */
static bool is_prefix(const char *word)
{
    static const char *const words[] = {"env",  "exec",  "command", "builtin", "nohup",   "time",   "sudo",   "nice",
                                        "doas", "xargs", "srun",    "stdbuf",  "timeout", "setsid", "ionice", NULL};
    return is_among(word, words);
}

static bool is_assignment(const char *word)
{
    const char *equals = strchr(word, '=');
    return equals != NULL && equals != word && word[0] != '-';
}

/* ---- words -------------------------------------------------------------------------------------------- */

void shell_command_begin(struct shell_command *command)
{
    shell_command_end_word(command);
    *command = (struct shell_command){.begins = true};
}

void shell_command_byte(struct shell_command *command, char c)
{
    if (command->word_length + 1 < SHELL_WORD_MAX) {
        command->word[command->word_length++] = c;
    }
}

static void take_name(struct shell_command *command)
{
    if (is_assignment(command->word) || is_keyword(command->word) || (command->prefixed && command->word[0] == '-')) {
        return;
    }
    if (is_prefix(command->word)) {
        command->prefixed = true;
        return;
    }
    (void)snprintf(command->name, sizeof command->name, "%s", command->word);
    command->interpreter = find_interpreter(command->word);
    command->direct = true;
    command->begins = false;
}

/* Do the letters of an option count here, or do they belong to the script? */
static bool option_counts(const struct shell_command *command)
{
    return command->operands == 0 || (command->interpreter->how & ANYWHERE) != 0;
}

/* "--eval", "--command=...": `word` is an option with two dashes. */
static bool is_long_code(const char *word, size_t length)
{
    static const char *const options[] = {"--eval", "--command", "--execute", "--expression", "--exec", "--source"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t size = strlen(options[i]);
        if (length >= size && memcmp(word, options[i], size) == 0 && (length == size || word[size] == '=')) {
            return true;
        }
    }
    return false;
}

/* "-c", "-ec", "-v": what its letters say of the next word. */
static void take_option(struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    const char *letters = command->word + 1;
    size_t length = strlen(letters);
    if (!option_counts(command)) {
        return;
    }
    if (letters[0] == '-') {
        command->argument_next = strcmp(letters, "-rcfile") == 0 || strcmp(letters, "-init-file") == 0;
        command->code_next = is_long_code(command->word, length + 1) && strchr(letters, '=') == NULL;
        return;
    }
    if (strpbrk(letters, interpreter->code) != NULL) {
        command->code_next = true;
        command->program_given = true;
        return;
    }
    command->argument_next = strchr(interpreter->arguments, letters[length - 1]) != NULL;
    command->program_given = command->program_given || letters[0] == 'f';
}

void shell_command_end_word(struct shell_command *command)
{
    if (command->word_length == 0) {
        return;
    }
    command->word[command->word_length] = '\0';
    command->word_length = 0;
    bool argument = command->argument_next;
    command->argument_next = false;
    if (command->code_next) {
        command->code_next = false;
        command->operands += strchr(command->interpreter->code, 'c') != NULL ? 1 : 0; /* behind -c are its arguments */
        return;
    }
    if (command->begins) {
        take_name(command);
        return;
    }
    bool option = command->word[0] == '-' && command->word[1] != '\0';
    const struct shell_interpreter *among = option ? NULL : find_interpreter(command->word);
    bool counts = among != NULL && (command->prefixed || (among->how & ALL_WORDS) == 0);
    if (counts && command->interpreter == NULL) { /* "timeout 9 bash -c", "docker run image sh -c" */
        command->interpreter = among;
        command->direct = command->prefixed;
        command->operands = 0;
    } else if (command->interpreter != NULL && option) {
        take_option(command);
    } else if (command->interpreter != NULL && !argument && strcmp(command->word, "-") != 0) {
        command->operands++;
    }
}

void shell_command_here_string(struct shell_command *command)
{
    shell_command_end_word(command);
    command->code_next = shell_command_reads_code(command);
}

/* ---- questions -------------------------------------------------------------------------------------------- */

/* "-eCODE", "--eval=CODE": is what follows in the same word code? */
static bool option_takes_code(const struct shell_command *command)
{
    size_t length = command->word_length;
    if (length < 2 || command->word[0] != '-' || !option_counts(command)) {
        return false;
    }
    if (command->word[1] == '-') {
        return is_long_code(command->word, length);
    }
    for (size_t i = 1; i < length; i++) {
        if (strchr(command->interpreter->code, command->word[i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool shell_command_takes_code(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (interpreter == NULL) {
        return false;
    }
    bool option = command->word_length > 0 && command->word[0] == '-';
    bool first = (interpreter->how & FIRST_WORD) != 0 && command->direct && command->operands == 0 &&
                 !command->argument_next && !command->program_given && !option;
    bool all = (interpreter->how & ALL_WORDS) != 0 && command->direct;
    return command->code_next || all || first || option_takes_code(command);
}

bool shell_command_reads_code(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (interpreter == NULL || (interpreter->how & FROM_INPUT) == 0) {
        return false;
    }
    return command->operands == 0 || (interpreter->how & ANYWHERE) != 0;
}

bool shell_command_in_index(const struct shell_command *command)
{
    size_t i = 0;
    while (i < command->word_length && (isalnum((unsigned char)command->word[i]) || command->word[i] == '_')) {
        i++;
    }
    bool open = i > 0 && i < command->word_length && command->word[i] == '[' &&
                !isdigit((unsigned char)command->word[0]);
    return open && memchr(command->word + i, ']', command->word_length - i) == NULL;
}
