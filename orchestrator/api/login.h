/* SPDX-License-Identifier: Apache-2.0
 * Who asks, at a door for everybody. Passwords that are not known yet are verified in a thread of their own, while the
 * request stands still; the same password in several requests is verified once.
 *
 * At most LOGIN_QUEUE wait to be verified, at most LOGIN_QUEUE_OF_PEER of one address; how often one may try is said by
 * auth/throttle.h. What is too much is answered with 429 and when to come again.
 */
#ifndef SLUICE_API_LOGIN_H
#define SLUICE_API_LOGIN_H

#include "api/file_worker.h"
#include "auth/auth.h"
#include "http/exchange.h"

enum { LOGIN_QUEUE = 64, LOGIN_QUEUE_OF_PEER = 4 };

struct login;

enum login_answer {
    LOGIN_OFF,  /* nobody is asked who he is */
    LOGIN_GOOD, /* `*ret_who` */
    LOGIN_ENDS, /* it has been answered, or set aside: `head` is called again when that has been found out */
};

int login_open(struct store *store, enum permission by_default, struct login **ret_login, struct err *err);
/* Waits for what is being verified; nobody is told of it any more. */
void login_close(struct login *login);
struct auth *login_auth(struct login *login);
/* Can be read when login_take has something to give. */
int login_fd(const struct login *login);
/* For a head: `who` lies in the exchange's arena. */
enum login_answer login_ask(struct login *login, struct http_exchange *exchange, struct auth_who **ret_who);
/* Hands a job that hashes a password to the thread. ERR_BUSY when too many wait. */
int login_give(struct login *login, struct file_job *job, struct err *err);
/* Answers and releases those who wait for what was verified; the next other job that is done, NULL: none. */
struct file_job *login_take(struct login *login);
/* Somebody who is let in shows the password of `user`, beside what let him in: it counts as a try. False when it has
 * been answered that there were too many. */
bool login_may_try(struct login *login, struct http_exchange *exchange, const char *user);
/* It was right. */
void login_tried_well(struct login *login, const struct http_exchange *exchange, const char *user);
/* 401. */
void login_refuse(struct http_exchange *exchange);

#endif
