/* SPDX-License-Identifier: Apache-2.0 */
#include "api/login.h"

#include "api/answers.h"
#include "auth/throttle.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

/* One who waits for a claim. */
struct waiter {
    struct http_exchange *exchange; /* NULL: he has gone */
    struct waiter *next;
};

/* A password that is being verified. */
struct claim {
    struct file_job job;
    struct password_mark mark;
    char *user, *password, *hash;
    char peer[HTTP_PEER_BYTES];
    bool good;
    struct waiter *waiters;
    struct claim *next;
};

struct login {
    struct auth *auth;
    struct throttle *throttle;
    struct file_worker *worker;
    struct claim *claims;
    size_t waiting; /* jobs that the thread has, of both kinds */
};

/* ---- opening ---------------------------------------------------------------------------------------------------- */

int login_open(struct store *store, enum permission by_default, struct login **ret_login, struct err *err)
{
    struct login *login = mem_alloc(sizeof *login);
    if (file_worker_open(&login->worker, err) < 0) {
        free(login);
        return -1;
    }
    login->auth = auth_new(store, by_default);
    login->throttle = throttle_new(&throttle_passwords);
    *ret_login = login;
    return 0;
}

static void forget_text(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

static void unlink_claim(struct login *login, struct claim *claim)
{
    struct claim **place = &login->claims;
    while (*place != claim) {
        place = &(*place)->next;
    }
    *place = claim->next;
}

/* Who still waits for it waits no more. */
static void free_claim(struct claim *claim)
{
    for (struct waiter *waiter = claim->waiters; waiter != NULL;) {
        struct waiter *next = waiter->next;
        if (waiter->exchange != NULL) {
            waiter->exchange->disown = NULL;
        }
        free(waiter);
        waiter = next;
    }
    forget_text(claim->password);
    free(claim->user);
    free(claim->hash);
    free(claim);
}

void login_close(struct login *login)
{
    if (login == NULL) {
        return;
    }
    file_worker_stop(login->worker);
    while (login->claims != NULL) {
        struct claim *claim = login->claims;
        unlink_claim(login, claim);
        free_claim(claim);
    }
    file_worker_close(login->worker);
    auth_free(login->auth);
    throttle_free(login->throttle);
    free(login);
}

struct auth *login_auth(struct login *login)
{
    return login->auth;
}

int login_fd(const struct login *login)
{
    return file_worker_fd(login->worker);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

void login_refuse(struct http_exchange *exchange)
{
    static const struct http_header headers[] = {
        {"WWW-Authenticate", "Basic realm=\"mlflow\", charset=\"UTF-8\""}, {0}};
    answer_refusal(exchange, 401, "UNAUTHENTICATED",
                   "You are not authenticated. MLflow's clients take a name and a password from "
                   "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token from MLFLOW_TRACKING_TOKEN.",
                   headers);
}

static void refuse_for_now(struct http_exchange *exchange, int64_t wait_ms)
{
    const char *seconds = arena_printf(exchange->arena, "%lld", (long long)(wait_ms + 999) / 1000);
    const struct http_header headers[] = {{"Retry-After", seconds}, {0}};
    answer_refusal(exchange, 429, "REQUEST_LIMIT_EXCEEDED", "Too many passwords are being tried: try again later.",
                   headers);
}

/* ---- claims ----------------------------------------------------------------------------------------------------- */

static int verify(void *ctx, struct err *err)
{
    struct claim *claim = ctx;
    (void)err;
    claim->good = password_verify(claim->hash, str_from(claim->password));
    return 0;
}

static char *copy(struct str text)
{
    char *bytes = mem_alloc(text.n + 1);
    if (text.n > 0) {
        memcpy(bytes, text.p, text.n);
    }
    return bytes;
}

static struct claim *find_claim(struct login *login, const struct auth_claim *asked)
{
    for (struct claim *claim = login->claims; claim != NULL; claim = claim->next) {
        if (password_mark_equal(&claim->mark, &asked->mark) && strcmp(claim->hash, asked->hash) == 0) {
            return claim;
        }
    }
    return NULL;
}

static size_t count_of_peer(const struct login *login, const char *peer)
{
    size_t count = 0;
    for (const struct claim *claim = login->claims; claim != NULL; claim = claim->next) {
        count += strcmp(claim->peer, peer) == 0;
    }
    return count;
}

/* NULL when it has been answered that there are too many. */
static struct claim *begin_claim(struct login *login, struct http_exchange *exchange, const struct auth_claim *asked)
{
    char peer[HTTP_PEER_BYTES];
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    http_peer(exchange, peer);
    bool full = login->waiting >= LOGIN_QUEUE || count_of_peer(login, peer) >= LOGIN_QUEUE_OF_PEER;
    int64_t wait_ms = full ? 1000 : throttle_take(login->throttle, asked->user, str_from(peer), now_ms);
    if (wait_ms > 0) {
        refuse_for_now(exchange, wait_ms);
        return NULL;
    }
    struct claim *claim = mem_alloc(sizeof *claim);
    claim->job = (struct file_job){.work = verify, .ctx = claim};
    claim->mark = asked->mark;
    claim->user = copy(asked->user);
    claim->password = copy(asked->password);
    claim->hash = copy(str_from(asked->hash));
    memcpy(claim->peer, peer, sizeof peer);
    claim->next = login->claims;
    login->claims = claim;
    login->waiting++;
    file_worker_give(login->worker, &claim->job);
    return claim;
}

static void leave(void *owner)
{
    struct waiter *waiter = owner;
    waiter->exchange = NULL;
}

static void wait_for(struct claim *claim, struct http_exchange *exchange)
{
    struct waiter *waiter = mem_alloc(sizeof *waiter);
    *waiter = (struct waiter){.exchange = exchange, .next = claim->waiters};
    claim->waiters = waiter;
    exchange->owner = waiter;
    exchange->disown = leave;
    http_hold(exchange);
}

static void settle(struct login *login, struct claim *claim)
{
    struct str user = str_from(claim->user);
    unlink_claim(login, claim); /* nobody is to wait for it from now on */
    if (claim->good) {
        auth_learn(login->auth, &claim->mark, user, claim->hash, clock_wall_ms(&clock_system));
        throttle_good(login->throttle, user, str_from(claim->peer), clock_monotonic_ms(&clock_system));
    }
    for (struct waiter *waiter = claim->waiters; waiter != NULL; waiter = waiter->next) {
        struct http_exchange *exchange = waiter->exchange;
        waiter->exchange = NULL;
        if (exchange != NULL) {
            exchange->disown = NULL;
            exchange->owner = NULL;
        }
        if (exchange != NULL && claim->good) {
            http_release(exchange);
        } else if (exchange != NULL) {
            login_refuse(exchange);
        }
    }
    free_claim(claim);
}

/* ---- passwords beside those that let somebody in ---------------------------------------------------------------- */

bool login_may_try(struct login *login, struct http_exchange *exchange, const char *user)
{
    char peer[HTTP_PEER_BYTES];
    http_peer(exchange, peer);
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    int64_t wait_ms = throttle_take(login->throttle, str_from(user), str_from(peer), now_ms);
    if (wait_ms > 0) {
        refuse_for_now(exchange, wait_ms);
    }
    return wait_ms == 0;
}

void login_tried_well(struct login *login, const struct http_exchange *exchange, const char *user)
{
    char peer[HTTP_PEER_BYTES];
    http_peer(exchange, peer);
    throttle_back(login->throttle, str_from(user), str_from(peer), clock_monotonic_ms(&clock_system));
}

/* ---- what others use -------------------------------------------------------------------------------------------- */

enum login_answer login_ask(struct login *login, struct http_exchange *exchange, struct auth_who **ret_who)
{
    struct auth_who *who = arena_one(exchange->arena, struct auth_who);
    struct auth_claim asked;
    struct err wrong = {0};
    struct str header = http_header(exchange, "Authorization");
    switch (auth_ask(login->auth, header, clock_wall_ms(&clock_system), exchange->arena, who, &asked, &wrong)) {
    case AUTH_OFF:
        return LOGIN_OFF;
    case AUTH_GOOD:
        *ret_who = who;
        return LOGIN_GOOD;
    case AUTH_UNKNOWN: {
        struct claim *claim = find_claim(login, &asked);
        claim = claim != NULL ? claim : begin_claim(login, exchange, &asked);
        if (claim != NULL) {
            wait_for(claim, exchange);
        }
        return LOGIN_ENDS;
    }
    case AUTH_REFUSED:
        login_refuse(exchange);
        return LOGIN_ENDS;
    case AUTH_FAILED:
        break;
    }
    answer_error(exchange, &wrong);
    return LOGIN_ENDS;
}

int login_give(struct login *login, struct file_job *job, struct err *err)
{
    if (login->waiting >= LOGIN_QUEUE) {
        return err_set(err, ERR_BUSY, "Too many passwords wait to be hashed: try again later.");
    }
    login->waiting++;
    file_worker_give(login->worker, job);
    return 0;
}

struct file_job *login_take(struct login *login)
{
    struct file_job *job = NULL;
    while ((job = file_worker_take(login->worker)) != NULL) {
        login->waiting--;
        if (job->work != verify) {
            return job;
        }
        settle(login, job->ctx);
    }
    return NULL;
}
