/* SPDX-License-Identifier: Apache-2.0
 * What is asked of every request before it is looked at: that it was meant for this server (against DNS rebinding),
 * that no page of another site made a browser send it, and that a body is JSON (which a page of another site cannot
 * send).
 */
#ifndef SLUICE_API_GUARD_H
#define SLUICE_API_GUARD_H

#include "base/err.h"
#include "http/exchange.h"

/* Beside the loopback's names, which are always allowed, and without a port: "mlflow.example.com", "*.example.com",
 * "*" for any. */
struct guard {
    const char *const *hosts;
    size_t host_count;
};

/* NULL, or in one line why it is refused (403). */
const char *guard_refuses(const struct guard *guard, const struct http_exchange *exchange);
/* 0 when the body is said to be JSON; ERR_INPUT, in MLflow's words unless the interface is ours. */
int guard_check_type(const struct http_exchange *exchange, bool ours, struct err *err);

#endif
