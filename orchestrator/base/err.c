/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERR_NONE] = "none",     [ERR_INPUT] = "input",   [ERR_NOT_FOUND] = "not_found", [ERR_EXISTS] = "exists",
    [ERR_STATE] = "state",   [ERR_DENIED] = "denied", [ERR_LIMIT] = "limit",         [ERR_BUSY] = "busy",
    [ERR_IO] = "io",         [ERR_NEWER] = "newer",   [ERR_CORRUPT] = "corrupt",     [ERR_INTERNAL] = "internal",
};

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err == NULL || err->code != ERR_NONE) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    utf8_one_line(err->message);
    return -1;
}

int err_errno(struct err *err, const char *format, ...)
{
    int number = errno;
    if (err == NULL || err->code != ERR_NONE) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    err->code = ERR_IO;
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (used > 0 && (size_t)used < sizeof err->message) {
        (void)snprintf(err->message + used, sizeof err->message - (size_t)used, ": %s", strerror(number));
    }
    utf8_one_line(err->message);
    return -1;
}

static void put_before(char *text, size_t size, const char *format, va_list args)
{
    char old[ERR_MESSAGE_MAX];
    memcpy(old, text, size);
    int used = vsnprintf(text, size, format, args);
    if (used >= 0 && (size_t)used < size) {
        size_t room = size - (size_t)used;
        (void)snprintf(text + used, room, ": %.*s", (int)room, old);
    }
    utf8_one_line(text);
}

int err_add(struct err *err, const char *format, ...)
{
    if (err == NULL || err->code == ERR_NONE) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    put_before(err->message, sizeof err->message, format, args);
    va_end(args);
    if (err->mlflow[0] != '\0') {
        va_start(args, format);
        put_before(err->mlflow, sizeof err->mlflow, format, args);
        va_end(args);
    }
    return -1;
}

int err_as_mlflow(struct err *err, const char *format, ...)
{
    if (err == NULL || err->code == ERR_NONE || err->mlflow[0] != '\0') {
        return -1;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->mlflow, sizeof err->mlflow, format, args);
    va_end(args);
    utf8_one_line(err->mlflow);
    return -1;
}

const char *err_for_mlflow(const struct err *err)
{
    return err->mlflow[0] != '\0' ? err->mlflow : err->message;
}

int err_pass(struct err *err, const struct err *from)
{
    if (err != NULL && err->code == ERR_NONE) {
        *err = *from;
    }
    return -1;
}

void err_clear(struct err *err)
{
    err->code = ERR_NONE;
    err->message[0] = '\0';
    err->mlflow[0] = '\0';
}

const char *err_code_name(enum err_code code)
{
    return code_names[code];
}
