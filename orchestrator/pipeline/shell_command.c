/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/shell_command.h"

#include <ctype.h>
#include <string.h>

enum how {
    ALL_WORDS = 1,    /* every argument is code */
    FIRST_WORD = 2,   /* the first operand is, unless -f or -e gave the program */
    SECOND_WORD = 4,  /* the operands behind the first are */
    FROM_INPUT = 8,   /* its input is, as long as no operand names a script */
    ANYWHERE = 16,    /* the letters count behind operands, too */
    BUILTIN = 32,     /* only a shell has it */
    NAMES = 64,       /* operands are names of variables, as far as their '=' */
    TAKES_NAME = 128, /* the argument of the letters is a name, not code */
    SWITCH = 256,     /* the letters make code of all words behind them */
    NO_OPTION = 512,  /* a value could be one of the letters with its argument: only behind an operand or "--" */
    TEST = 1024,      /* two values side by side could be "-v NAME" */
    DIRECT = 2048,    /* a common word: it counts only where a command's name stands */
};

struct shell_interpreter {
    const char *name;
    const char *code;      /* letters of options whose argument is code */
    const char *arguments; /* letters of options that take another argument */
    unsigned how;
};

/* Names are without their directory and version: /usr/bin/python3.11 is "python". What bash does with a name was tried
 * with bash 5.2; export, mapfile and getopts do not look at an index. */
static const struct shell_interpreter interpreters[] = {
    {"eval", "", "", ALL_WORDS | BUILTIN},
    {"trap", "", "", ALL_WORDS | BUILTIN},
    {"alias", "", "", ALL_WORDS | BUILTIN},
    {"source", "", "", ALL_WORDS | BUILTIN},
    {".", "", "", ALL_WORDS | BUILTIN},
    {"let", "", "", ALL_WORDS | BUILTIN},
    {"compgen", "WCF", "", ANYWHERE | BUILTIN},
    {"complete", "WCF", "", ANYWHERE | BUILTIN},
    {"bind", "x", "", ANYWHERE | BUILTIN},
    {"mapfile", "C", "dnOstuc", ANYWHERE | BUILTIN},
    {"readarray", "C", "dnOstuc", ANYWHERE | BUILTIN},
    {"declare", "aAin", "", ANYWHERE | BUILTIN | NAMES | SWITCH}, /* an integer is arithmetic, an array is expanded */
    {"typeset", "aAin", "", ANYWHERE | BUILTIN | NAMES | SWITCH},
    {"local", "aAin", "", ANYWHERE | BUILTIN | NAMES | SWITCH},
    {"readonly", "aA", "", ANYWHERE | BUILTIN | SWITCH},
    {"export", "aA", "", ANYWHERE | BUILTIN | SWITCH},
    {"read", "a", "dinNptu", ANYWHERE | BUILTIN | NAMES | TAKES_NAME},
    {"unset", "", "", BUILTIN | NAMES},
    {"wait", "p", "", ANYWHERE | BUILTIN | TAKES_NAME | NO_OPTION},
    {"printf", "v", "", BUILTIN | TAKES_NAME | NO_OPTION},
    {"test", "vR", "", ANYWHERE | BUILTIN | TAKES_NAME | TEST},
    {"[", "vR", "", ANYWHERE | BUILTIN | TAKES_NAME | TEST},
    {"ssh", "", "bcDEeFIiJLlmOopQRSWw", ALL_WORDS | FROM_INPUT | ANYWHERE},
    {"parallel", "", "", ALL_WORDS | FROM_INPUT | ANYWHERE},
    {"watch", "", "", ALL_WORDS},
    {"sh", "c", "oO", FROM_INPUT},
    {"bash", "c", "oO", FROM_INPUT},
    {"rbash", "c", "oO", FROM_INPUT},
    {"dash", "c", "oO", FROM_INPUT},
    {"ash", "c", "oO", FROM_INPUT},
    {"ksh", "c", "oO", FROM_INPUT},
    {"mksh", "c", "oO", FROM_INPUT},
    {"zsh", "c", "oO", FROM_INPUT},
    {"fish", "c", "oO", FROM_INPUT},
    {"su", "c", "gGsw", FROM_INPUT | ANYWHERE},
    {"runuser", "c", "gGsw", FROM_INPUT | ANYWHERE},
    {"sg", "c", "", ANYWHERE | DIRECT},
    {"flock", "c", "Ew", ANYWHERE},
    {"script", "c", "", ANYWHERE | DIRECT},
    {"at", "", "fqt", FROM_INPUT | ANYWHERE | DIRECT},
    {"batch", "", "", FROM_INPUT | ANYWHERE | DIRECT},
    {"env", "S", "", ALL_WORDS | DIRECT}, /* only with -S: else it stands before a command */
    {"python", "c", "WX", FROM_INPUT},
    {"ipython", "c", "", FROM_INPUT},
    {"pypy", "c", "WX", FROM_INPUT},
    {"perl", "eE", "I", FROM_INPUT},
    {"ruby", "e", "Ir", FROM_INPUT},
    {"node", "ep", "r", FROM_INPUT},
    {"nodejs", "ep", "r", FROM_INPUT},
    {"bun", "ep", "", 0},
    {"Rscript", "e", "", FROM_INPUT},
    {"R", "e", "f", FROM_INPUT | ANYWHERE},
    {"julia", "eE", "Lp", FROM_INPUT},
    {"octave", "", "", FROM_INPUT},
    {"lua", "e", "l", FROM_INPUT},
    {"luajit", "e", "l", FROM_INPUT},
    {"tclsh", "", "", FROM_INPUT},
    {"expect", "c", "", FROM_INPUT | DIRECT},
    {"php", "rBE", "dz", FROM_INPUT},
    {"psql", "c", "dfhpUv", FROM_INPUT | ANYWHERE},
    {"mysql", "e", "", FROM_INPUT | ANYWHERE},
    {"mariadb", "e", "", FROM_INPUT | ANYWHERE},
    {"sqlite", "", "", SECOND_WORD | FROM_INPUT | ANYWHERE | DIRECT},
    {"duckdb", "cs", "", SECOND_WORD | FROM_INPUT | ANYWHERE | DIRECT},
    {"awk", "e", "vFfi", FIRST_WORD},
    {"gawk", "e", "vFfi", FIRST_WORD},
    {"mawk", "", "vFf", FIRST_WORD},
    {"nawk", "", "vFf", FIRST_WORD},
    {"sed", "e", "fl", FIRST_WORD},
    {"gsed", "e", "fl", FIRST_WORD},
    {"jq", "", "fL", FIRST_WORD | DIRECT},
    {"dc", "e", "f", FROM_INPUT | ANYWHERE | DIRECT},
    {"vim", "c", "", ANYWHERE | DIRECT},
    {"vi", "c", "", ANYWHERE | DIRECT},
    {"ex", "c", "", FROM_INPUT | ANYWHERE | DIRECT},
    {"ed", "", "p", FROM_INPUT | ANYWHERE | DIRECT},
    {"m4", "", "", FROM_INPUT | DIRECT},
};

/* A command that is named by a variable: $PYTHON -c. */
static const struct shell_interpreter named_by_variable = {"$", "c", "", 0};

static const struct shell_interpreter *find_interpreter(const char *word)
{
    const char *slash = strrchr(word, '/');
    const char *base = slash == NULL ? word : slash + 1;
    size_t length = strlen(base);
    while (length > 1 && (isdigit((unsigned char)base[length - 1]) || base[length - 1] == '.')) {
        length--;
    }
    for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++) {
        const char *name = interpreters[i].name;
        if (name[0] == base[0] && strncmp(name, base, length) == 0 && name[length] == '\0') {
            return &interpreters[i];
        }
    }
    return NULL;
}

static bool is_among(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (word[0] == **words && strcmp(word, *words) == 0) {
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
    static const char *const words[] = {"env",     "exec",    "command",  "builtin", "nohup",   "time",   "sudo",
                                        "nice",    "doas",    "xargs",    "srun",    "stdbuf",  "timeout", "setsid",
                                        "ionice",  "busybox", "chroot",   "unshare", "nsenter", "taskset", "chrt",
                                        "numactl", "strace",  "unbuffer", "coproc",  "setpriv", "mpirun",  "mpiexec",
                                        NULL};
    return is_among(word, words);
}

static bool is_assignment(const char *word)
{
    const char *equals = strchr(word, '=');
    return equals != NULL && equals != word && word[0] != '-';
}

/* NAME=: the shell expands the value of some variables as it would a script, and that of others is arithmetic. */
static bool is_run_by_shell(const char *word, size_t length)
{
    static const char *const names[] = {"PS0",  "PS1",    "PS2",    "PS4",     "PROMPT_COMMAND", "BASH_ENV",
                                        "RANDOM", "OPTIND", "HISTCMD", "SRANDOM", NULL};
    for (const char *const *name = names; *name != NULL; name++) {
        size_t size = strlen(*name);
        bool starts = length > size && memcmp(word, *name, size) == 0;
        if (starts && (word[size] == '=' || (word[size] == '+' && length > size + 1 && word[size + 1] == '='))) {
            return true;
        }
    }
    return false;
}

/* ---- words -------------------------------------------------------------------------------------------- */

void shell_command_begin(struct shell_command *command)
{
    shell_command_end_word(command);
    *command = (struct shell_command){
        .begins = true, .words_only = command->words_only, .feeds_code = command->feeds_code};
}

void shell_command_begin_words(struct shell_command *command)
{
    *command = (struct shell_command){.begins = true, .words_only = true};
}

void shell_command_array(struct shell_command *command, const struct shell_command *around)
{
    *command = (struct shell_command){
        .begins = true, .is_array = true, .all_code = around->all_numbers, .feeds_code = around->feeds_code};
}

/* Is there room for another byte? Of a long path the last name is what counts. */
static bool make_room(struct shell_command *command)
{
    if (command->word_length + 1 == SHELL_WORD_MAX) {
        const char *slash = memrchr(command->word, '/', command->word_length);
        size_t cut = slash == NULL ? 0 : (size_t)(slash + 1 - command->word);
        memmove(command->word, command->word + cut, command->word_length - cut);
        command->word_length -= cut;
    }
    return command->word_length + 1 < SHELL_WORD_MAX;
}

void shell_command_bytes(struct shell_command *command, const char *bytes, size_t count)
{
    while (count > 0 && make_room(command)) {
        size_t room = SHELL_WORD_MAX - 1 - command->word_length;
        size_t taken = count < room ? count : room;
        memcpy(command->word + command->word_length, bytes, taken);
        command->word_length += taken;
        bytes += taken;
        count -= taken;
    }
}

void shell_command_byte(struct shell_command *command, char c)
{
    shell_command_bytes(command, &c, 1);
}

void shell_command_value(struct shell_command *command)
{
    command->has_value = true;
    shell_command_byte(command, '$');
}

/* An interpreter that exists where the word stands. */
static const struct shell_interpreter *find_known(const struct shell_command *command)
{
    const struct shell_interpreter *found = find_interpreter(command->word);
    bool absent = found != NULL && (found->how & BUILTIN) != 0 && command->words_only;
    if (found == NULL && strchr(command->word, '$') != NULL) {
        return &named_by_variable;
    }
    return absent ? NULL : found;
}

static void take_name(struct shell_command *command)
{
    bool grammar = !command->words_only && (is_assignment(command->word) || is_keyword(command->word));
    bool of_prefix = command->prefixed && (command->word[0] == '-' || is_assignment(command->word));
    if (command->through_env && strncmp(command->word, "-S", 2) == 0) {
        command->interpreter = find_interpreter("env");
        command->direct = true;
        command->begins = false;
        return;
    }
    if (grammar || of_prefix) {
        return;
    }
    if (is_prefix(command->word)) {
        command->prefixed = true;
        command->through_env = strcmp(command->word, "env") == 0;
        command->through_xargs = command->through_xargs || strcmp(command->word, "xargs") == 0;
        return;
    }
    memcpy(command->name, command->word, sizeof command->name);
    command->interpreter = find_known(command);
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
    if (strcmp(letters, "-") == 0) {
        command->options_ended = true;
        return;
    }
    if (letters[0] == '-') {
        command->argument_next = strcmp(letters, "-rcfile") == 0 || strcmp(letters, "-init-file") == 0;
        command->code_next = is_long_code(command->word, length + 1) && strchr(letters, '=') == NULL;
        return;
    }
    if (strpbrk(letters, interpreter->code) != NULL) {
        command->all_code = command->all_code || (interpreter->how & SWITCH) != 0;
        command->all_numbers = command->all_numbers || (command->all_code && strpbrk(letters, "in") != NULL);
        command->code_next = (interpreter->how & SWITCH) == 0;
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
    command->had_value = command->has_value;
    command->has_value = false;
    bool argument = command->argument_next;
    command->argument_next = false;
    if (command->redirected) { /* a file, or the text of a here-string */
        command->redirected = command->code_next = false;
        command->argument_next = argument;
        return;
    }
    if (command->code_next) {
        command->code_next = false;
        command->operands += strchr(command->interpreter->code, 'c') != NULL ? 1 : 0; /* behind -c are its arguments */
        return;
    }
    if (command->begins) {
        take_name(command);
        return;
    }
    bool option = command->word[0] == '-' && command->word[1] != '\0' && !command->options_ended;
    bool free = command->interpreter == NULL || command->interpreter == &named_by_variable;
    const struct shell_interpreter *among = option || !free ? NULL : find_interpreter(command->word);
    bool counts = among != NULL && (among->how & BUILTIN) == 0 &&
                  (command->prefixed || (among->how & (ALL_WORDS | DIRECT)) == 0);
    if (counts) { /* "timeout 9 bash -c", "docker run image sh -c" */
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
    command->redirected = command->here_string = true;
}

void shell_command_redirection(struct shell_command *command)
{
    shell_command_end_word(command);
    command->redirected = true;
}

void shell_command_feed(struct shell_command *command)
{
    command->feeds_code = true;
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

static bool takes_code(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (command->begins && command->through_env && command->word_length >= 2 && memcmp(command->word, "-S", 2) == 0) {
        return true;
    }
    if (command->feeds_code && shell_command_prints(command)) {
        return true;
    }
    if (interpreter == NULL || command->redirected) {
        return command->code_next;
    }
    bool option = command->word_length > 0 && command->word[0] == '-';
    bool operand = command->direct && !command->argument_next && !option;
    bool first = (interpreter->how & FIRST_WORD) != 0 && command->operands == 0 && !command->program_given;
    bool second = (interpreter->how & SECOND_WORD) != 0 && command->operands >= 1;
    bool all = (interpreter->how & ALL_WORDS) != 0 && command->direct;
    return command->code_next || all || (operand && (first || second)) || option_takes_code(command);
}

/* Builtins of bash that take the name of a variable. */
static bool is_name(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (interpreter == NULL || !command->direct || command->redirected) {
        return false;
    }
    bool option = command->word_length > 0 && command->word[0] == '-' && !command->options_ended;
    bool valued = memchr(command->word, '=', command->word_length) != NULL;
    bool name = (interpreter->how & NAMES) != 0 && !command->argument_next && !option && !valued;
    bool guess = (interpreter->how & NO_OPTION) != 0 && command->word_length == 0 && command->operands == 0 &&
                 !command->options_ended && !command->code_next;
    bool beside = (interpreter->how & TEST) != 0 && command->had_value;
    return name || guess || beside;
}

static bool in_index(const struct shell_command *command)
{
    size_t i = 0;
    while (i < command->word_length && (isalnum((unsigned char)command->word[i]) || command->word[i] == '_')) {
        i++;
    }
    bool named = i > 0 && !isdigit((unsigned char)command->word[0]);
    bool open = i < command->word_length && command->word[i] == '[' && (named || (i == 0 && command->is_array));
    return open && memchr(command->word + i, ']', command->word_length - i) == NULL;
}

enum shell_risk shell_command_risk(const struct shell_command *command)
{
    bool names = command->interpreter != NULL && (command->interpreter->how & TAKES_NAME) != 0;
    if (takes_code(command)) {
        return names ? SHELL_NAME : SHELL_CODE;
    }
    if (is_name(command)) {
        return SHELL_NAME;
    }
    return command->all_code                                      ? SHELL_CODE
         : in_index(command)                                      ? SHELL_INDEX
         : is_run_by_shell(command->word, command->word_length) ? SHELL_VARIABLE
                                                                  : SHELL_SAFE;
}

const char *shell_risk_text(enum shell_risk risk)
{
    static const char *const texts[] = {[SHELL_SAFE] = NULL,
                                        [SHELL_CODE] = "that is code to another interpreter",
                                        [SHELL_NAME] = "that is the name of a variable",
                                        [SHELL_INDEX] = "inside an index",
                                        [SHELL_VARIABLE] = "in a variable that the shell runs"};
    return texts[risk];
}

const char *shell_risk_hint(enum shell_risk risk)
{
    return risk == SHELL_NAME       ? "bash runs the commands in a name's index: write the name, or printf '%s'"
         : risk == SHELL_VARIABLE ? "write the value out: in 'env:' it would be run, too"
                                  : "put it in 'env:' and use the variable";
}

bool shell_command_reads_code(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (interpreter == NULL || (interpreter->how & FROM_INPUT) == 0) {
        return false;
    }
    return command->operands == 0 || (interpreter->how & ANYWHERE) != 0;
}

bool shell_command_prints(const struct shell_command *command)
{
    return command->here_string || strcmp(command->name, "echo") == 0 || strcmp(command->name, "printf") == 0;
}

bool shell_command_ends_group(const struct shell_command *command)
{
    static const char *const words[] = {"done", "fi", "esac", NULL};
    return is_among(command->name, words) || (command->begins && !command->prefixed);
}

bool shell_command_runs_file(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    bool sources = strcmp(command->name, "source") == 0 || strcmp(command->name, ".") == 0;
    return sources || (interpreter != NULL && (interpreter->how & FROM_INPUT) != 0 && command->operands == 0);
}

bool shell_command_runs_input(const struct shell_command *command)
{
    const struct shell_interpreter *interpreter = command->interpreter;
    if (interpreter == NULL || command->words_only) {
        return false;
    }
    bool host_only = strcmp(interpreter->name, "ssh") != 0 || command->operands <= 1;
    bool reads = (interpreter->how & FROM_INPUT) != 0 && !command->program_given && host_only &&
                 (command->operands == 0 || (interpreter->how & ANYWHERE) != 0);
    return reads || (command->through_xargs && command->program_given);
}
