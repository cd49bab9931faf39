/* SPDX-License-Identifier: Apache-2.0
 * Errors as values.
 *
 * A function that can fail for more than one reason returns int (0, or -1) and takes a
 * `struct err *` last. The first failure sets it; callers may only add context in front; the edge
 * (a command, a route, the loop) prints it once. Messages are one line, lower case, no full stop,
 * say what was found and what was expected, and quote the user's text.
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

enum err_code {
    ERR_NONE = 0,
    ERR_INPUT,    /* what the caller gave is wrong; asking again the same way fails again */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_STATE,    /* the object is in a state that does not allow this */
    ERR_DENIED,   /* the actor may not do this */
    ERR_LIMIT,    /* a bound was passed: size, depth, count, time */
    ERR_BUSY,     /* somebody else holds it; trying later may work */
    ERR_IO,       /* file, disk or network */
    ERR_NEWER,    /* written by a newer sluice */
    ERR_CORRUPT,  /* stored bytes are not what was written */
    ERR_INTERNAL, /* a defect of sluice itself */
};

enum { ERR_MESSAGE_MAX = 1024, ERR_MLFLOW_MAX = 512 };

struct err {
    enum err_code code;
    char message[ERR_MESSAGE_MAX];
    char mlflow[ERR_MLFLOW_MAX]; /* the same as MLflow says it, where its clients look for that; "": as `message` */
};

/* Sets code and message unless an error is set already; returns -1. `err` may be NULL. */
int err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As err_set, with ": " and the text of errno behind the message; code ERR_IO. */
int err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " in front of the message, in MLflow's words too; returns -1. */
int err_add(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Behind err_set: what MLflow says of the same, for its clients alone; returns -1. */
int err_as_mlflow(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What MLflow's clients are told. */
const char *err_for_mlflow(const struct err *err);
/* What `from` says, as the error of the caller; returns -1. */
int err_pass(struct err *err, const struct err *from);
void err_clear(struct err *err);
/* "input", "not_found", ...: the code as a stable word for JSON. */
const char *err_code_name(enum err_code code);

#endif
