/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret_input.h"

#include "config/config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum {
    ROOM_BYTES = SECRET_MAX_BYTES + 2, /* a LF at the end, and one more to notice that it is too long */
    TERMINAL_LINE_BYTES = 4095,        /* what the kernel keeps of one line; the rest is lost without a word */
};

/* ---- standard input --------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = number;
}

/* Up to the end, or to the end of the first line. */
static int read_input(bool line, char *room, size_t *ret_size, struct err *err)
{
    size_t size = 0;
    while (size < ROOM_BYTES && interrupted == 0) {
        ssize_t n = read(STDIN_FILENO, room + size, ROOM_BYTES - size);
        if (n < 0 && errno != EINTR) {
            return err_errno(err, "reading standard input");
        }
        if (n == 0) {
            break;
        }
        size += n < 0 ? 0 : (size_t)n;
        if (line && size > 0 && room[size - 1] == '\n') {
            break;
        }
    }
    *ret_size = size;
    return 0;
}

/* ---- a terminal -------------------------------------------------------------------------------------------------- */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { SIGNAL_COUNT = sizeof signals / sizeof signals[0] };

/* The kernel cuts what is longer, and nobody could tell. */
static int check_lines(const char *room, size_t size, struct err *err)
{
    struct str rest = {room, size};
    struct str line = {0};
    while (str_cut(&rest, '\n', &line)) {
        if (line.n >= TERMINAL_LINE_BYTES) {
            return err_set(err, ERR_LIMIT,
                           "a terminal takes lines of less than %d bytes: give a longer value by standard input, '< "
                           "FILE'",
                           TERMINAL_LINE_BYTES);
        }
    }
    return 0;
}

/* Without an echo, and with the echo back whatever comes: a signal is taken only after that. */
static int ask(const char *prompt, bool line, char *room, size_t *ret_size, struct err *err)
{
    struct termios shown;
    struct sigaction before[SIGNAL_COUNT];
    const struct sigaction note = {.sa_handler = note_signal};
    if (tcgetattr(STDIN_FILENO, &shown) < 0) {
        return err_errno(err, "asking the terminal");
    }
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        (void)sigaction(signals[i], &note, &before[i]);
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    fprintf(stderr, "%s (not shown%s): ", prompt, line ? "" : "; end it by Ctrl-D on a new line");
    int result = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0 ? err_errno(err, "hiding what is typed")
                                                                 : read_input(line, room, ret_size, err);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        (void)sigaction(signals[i], &before[i], NULL);
    }
    if (interrupted != 0) {
        (void)raise(interrupted);
        return err_set(err, ERR_STATE, "interrupted: nothing was set"); /* only after a stop */
    }
    return result < 0 ? -1 : check_lines(room, *ret_size, err);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static void take_argument(const struct cli *cli, const char *name, char *given, struct arena *arena, struct str *ret)
{
    *ret = arena_str(arena, str_from(given));
    explicit_bzero(given, strlen(given));
    if (!cli->quiet) {
        fprintf(stderr,
                "sluice: warning: a value on the command line can be seen by others in 'ps', and stays in the history "
                "of your shell: 'sluice secrets set %s -' reads it from standard input\n",
                name);
    }
}

int secret_input_read(const struct cli *cli, const char *name, char *given, struct arena *arena, struct str *ret_value,
                      struct err *err)
{
    if (given != NULL && strcmp(given, "-") != 0) {
        take_argument(cli, name, given, arena, ret_value);
        return 0;
    }
    char *room = arena_alloc(arena, ROOM_BYTES);
    size_t size = 0;
    const char *prompt = arena_printf(arena, "value of %s", name);
    int result = isatty(STDIN_FILENO) == 1 ? ask(prompt, given == NULL, room, &size, err)
                                           : read_input(false, room, &size, err);
    *ret_value = config_secret_without_lf((struct str){room, size});
    if (result < 0) {
        explicit_bzero(room, ROOM_BYTES);
    }
    return result;
}

int secret_input_password(const char *user, struct arena *arena, struct str *ret_password, struct err *err)
{
    char *room = arena_alloc(arena, ROOM_BYTES);
    char *again = arena_alloc(arena, ROOM_BYTES);
    size_t size = 0;
    size_t again_size = 0;
    bool asks = isatty(STDIN_FILENO) == 1;
    int result = !asks ? read_input(false, room, &size, err)
                       : ask(arena_printf(arena, "password of %s", user), true, room, &size, err);
    if (result == 0 && asks) {
        result = ask(arena_printf(arena, "the same once more"), true, again, &again_size, err);
        if (result == 0 && (size != again_size || memcmp(room, again, size) != 0)) {
            result = err_set(err, ERR_INPUT, "the two passwords are not the same: nothing was changed");
        }
        explicit_bzero(again, ROOM_BYTES);
    }
    *ret_password = config_secret_without_lf((struct str){room, size});
    if (result < 0) {
        explicit_bzero(room, ROOM_BYTES);
    }
    return result;
}

void secret_input_forget(struct str *value)
{
    if (value->p != NULL) {
        explicit_bzero((char *)(uintptr_t)value->p, value->n);
    }
    *value = (struct str){0};
}
