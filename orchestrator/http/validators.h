/* SPDX-License-Identifier: Apache-2.0
 * What tells one state of a file from another, and the conditions of a request on it (RFC 9110, 8.8 and 13).
 *
 * A file that was changed just now has none: it may change again in the same tick of the clock, and would look the same
 * then. Of one that has rested each change gives it another time of change (st_ctime, which nobody can set), so its tag
 * is a strong one, and stays when the server is started anew.
 */
#ifndef SLUICE_HTTP_VALIDATORS_H
#define SLUICE_HTTP_VALIDATORS_H

#include "http/exchange.h"

#include <sys/stat.h>

enum { HTTP_REST_MS = 2000, HTTP_TAG_BYTES = 64, HTTP_DATE_BYTES = 32 };

struct http_validators {
    char tag[HTTP_TAG_BYTES];       /* with its quotes; "": none */
    char modified[HTTP_DATE_BYTES]; /* "Sun, 06 Nov 1994 08:49:37 GMT"; "": none */
    int64_t modified_s;
};

void http_validators_of(const struct stat *state, int64_t now_ms, struct http_validators *ret);

/* The headers of a request; "" for those that it does not have. */
struct http_conditions {
    struct str if_match, if_unmodified_since, if_none_match, if_modified_since, if_range, range;
};
void http_conditions_read(const struct http_exchange *exchange, struct http_conditions *ret);
/* The same, copied. */
struct http_conditions http_conditions_keep(const struct http_conditions *conditions, struct arena *arena);

/* 0: it is sent; else the status instead, 304 or 412. In If-Modified-Since only the very date that was sent is taken: a
 * file that is moved here may be older than the one before. A date that is none is not looked at. */
int http_conditions_judge(const struct http_conditions *conditions, const struct http_validators *validators);
/* The range that is asked for; "" when it is of another state (If-Range): then the whole is sent. */
struct str http_conditions_range(const struct http_conditions *conditions, const struct http_validators *validators);

/* Is the tag (without "W/") one of the list of If-Match (strongly) or If-None-Match? "*" is any. */
bool http_tags_have(struct str list, const char *tag, bool strongly);

#endif
