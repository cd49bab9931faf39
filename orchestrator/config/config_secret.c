/* SPDX-License-Identifier: Apache-2.0
 * Where a secret's value comes from. No message here holds a value.
 */
#include "config/config.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "config/secret_command.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- keeping a command's answer --------------------------------------------------------------------------- */

static bool recall(const struct config_answer *answer, struct arena *arena, struct str *ret)
{
    if (answer->bytes == NULL || clock_monotonic_ms(&clock_system) >= answer->until_ms) {
        return false;
    }
    *ret = arena_str(arena, (struct str){answer->bytes, answer->size});
    return true;
}

/* The room is used again, so that a daemon's years of answers take the place of the longest one. */
static void keep(const struct config *config, struct config_answer *answer, int64_t until_ms, struct str value)
{
    if (answer->room < value.n) {
        answer->bytes = arena_alloc(config->arena, value.n);
        answer->room = value.n;
    }
    memcpy(answer->bytes, value.p, value.n);
    answer->size = value.n;
    answer->until_ms = until_ms;
}

/* ---- the secret ------------------------------------------------------------------------------------------- */

static int read_env(const struct config_secret *secret, struct arena *arena, struct str *ret, struct err *err)
{
    const char *value = getenv(arena_str(arena, secret->env).p);
    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the environment variable '%.*s' is not set", STR_ARG(secret->env));
    }
    *ret = arena_str(arena, str_from(value));
    return 0;
}

struct str config_secret_without_lf(struct str value)
{
    return str_ends(value, STR("\n")) ? str_slice(value, 0, value.n - 1) : value;
}

int config_secret_check_name(struct str name, struct err *err)
{
    if (str_is_identifier(name) && name.n <= SECRET_NAME_MAX_BYTES) {
        return 0;
    }
    return err_set(
        err, ERR_INPUT,
        "'%.*s' is no name of a secret: expected up to %d letters, digits and '_', not beginning with a digit",
        STR_ARG(name), SECRET_NAME_MAX_BYTES);
}

int config_secret_check(struct str value, struct err *err)
{
    if (value.n > SECRET_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "its value is longer than %d KiB", SECRET_MAX_BYTES >> 10);
    }
    if (str_find_byte(value, '\0', 0) >= 0) {
        return err_set(err, ERR_INPUT, "its value holds a NUL: no environment variable can carry it");
    }
    if (!utf8_valid(value)) {
        return err_set(err, ERR_INPUT, "its value is no UTF-8 text: give it in base64, and decode it in the step");
    }
    if (value.n < SECRET_MIN_BYTES) {
        return err_set(err, ERR_INPUT,
                       "its value has %zu bytes: expected at least %d, so that it can be masked in logs", value.n,
                       SECRET_MIN_BYTES);
    }
    if (str_trim(value).n < SECRET_MIN_SOLID_BYTES) { /* programs often leave out what stands around it */
        return err_set(err, ERR_INPUT,
                       "its value has %zu bytes without the blanks around it: expected at least %d, so that it can be "
                       "masked in logs",
                       str_trim(value).n, SECRET_MIN_SOLID_BYTES);
    }
    return 0;
}

int config_secret_look(const struct config_secret *secret, struct err *err)
{
    if (secret->env.n > 0 && getenv(secret->env.p) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the environment variable '%.*s' is not set", STR_ARG(secret->env));
    }
    if (secret->file.n > 0 && access(secret->file.p, R_OK) < 0) {
        return err_set(err, ERR_NOT_FOUND, "the file '%s' %s", secret->file.p,
                       fs_exists(secret->file.p) ? "may not be read by you" : "is not there");
    }
    if (secret->file.n > 0 && fs_is_folder(secret->file.p)) {
        return err_set(err, ERR_INPUT, "the file '%s' is a folder", secret->file.p);
    }
    return 0;
}

/* 1: its command goes on. */
static int ask(const struct config_secret *secret, struct secret_command **command, int epoll_fd, struct str *ret,
               struct err *err)
{
    if (*command == NULL) {
        *command = secret_command_begin(secret->exec, secret->exec_count, epoll_fd, err);
    }
    return *command == NULL ? -1 : secret_command_look(*command, ret, err);
}

static int read_source(const struct config_secret *secret, struct secret_command **command, int epoll_fd,
                       struct arena *arena, struct str *ret, struct err *err)
{
    int result = secret->exec != NULL ? ask(secret, command, epoll_fd, ret, err)
                 : secret->file.n > 0 ? fs_read(secret->file.p, SECRET_MAX_BYTES + 1, arena, ret, err)
                                      : read_env(secret, arena, ret, err);
    if (result != 0) {
        return result;
    }
    if (secret->env.n == 0) {
        *ret = config_secret_without_lf(*ret);
    }
    return config_secret_check(*ret, err);
}

const struct config_secret *config_secret_find(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        if (str_eq(config->secrets[i].name, name)) {
            return &config->secrets[i];
        }
    }
    return NULL;
}

bool config_secret_is_for(const struct config_secret *secret, const char *pipeline)
{
    for (size_t i = 0; i < secret->pipeline_count; i++) {
        if (pipeline != NULL && str_is(secret->pipelines[i], pipeline)) {
            return true;
        }
    }
    return secret->pipelines == NULL;
}

int config_secret_allow(const struct config_secret *secret, const char *pipeline, struct err *err)
{
    return config_secret_is_for(secret, pipeline)
               ? 0
               : err_set(err, ERR_DENIED, "secret '%.*s' is not for pipeline '%s': config.yaml lists those in 'for'",
                         STR_ARG(secret->name), pipeline == NULL ? "" : pipeline);
}

int config_secret_read(const struct config *config, const struct config_secret *secret, const char *pipeline,
                       struct secret_command **command, int epoll_fd, struct arena *arena, struct str *ret,
                       struct err *err)
{
    struct str value = {0};
    struct config_answer *answer = &config->answers[secret - config->secrets];
    if (config_secret_allow(secret, pipeline, err) < 0) {
        return -1;
    }
    if (secret->ttl_ms > 0 && *command == NULL && recall(answer, arena, ret)) {
        return 0;
    }
    int result = read_source(secret, command, epoll_fd, arena, &value, err);
    if (result != 0) {
        return result > 0 ? 1 : err_add(err, "secret '%.*s'", STR_ARG(secret->name));
    }
    if (secret->ttl_ms > 0) {
        keep(config, answer, secret_command_ended_ms(*command) + secret->ttl_ms, value);
    }
    *ret = arena_str(arena, value);
    return 0;
}

void config_answers_forget(struct config *config)
{
    for (size_t i = 0; config->answers != NULL && i < config->secret_count; i++) {
        struct config_answer *answer = &config->answers[i]; /* its bytes are in the configuration's arena */
        if (answer->bytes != NULL) {
            explicit_bzero(answer->bytes, answer->room);
        }
        *answer = (struct config_answer){0};
    }
}
