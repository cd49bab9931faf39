/* SPDX-License-Identifier: Apache-2.0
 * One exchange by libcurl, redirects followed here, one by one, so that each is judged like the first request.
 */
#ifndef SLUICE_FETCH_TRANSFER_H
#define SLUICE_FETCH_TRANSFER_H

#include "base/strbuf.h"
#include "fetch/request.h"

struct fetch_answer {
    int status;          /* 0: none came */
    struct json headers; /* {name in lower case: value} */
    struct str url;      /* where it came from, without credentials */
    struct strbuf body;  /* the caller clears it */
    const char *remark;  /* of a mail that was taken: what was not; NULL */
};

/* Asks and waits. 0 with the answer, whatever its status. -1 in words otherwise; `ret_answer` then holds status,
 * headers and the first max_bytes of the body when the only fault is that the body is longer, else status 0. In any
 * case the caller clears the body. Not for two threads at once (libcurl is set up and taken down inside). */
int fetch_transfer(const struct fetch_request *request, struct arena *arena, struct fetch_answer *ret_answer,
                   struct err *err);

#endif
