/* SPDX-License-Identifier: Apache-2.0
 * What sluice-fetch is asked: one JSON map on standard input, read and checked whole before anything is sent.
 *
 *   url           http:// or https://, at most 8 KiB; user:password@ is sent as Basic authorisation, to this host only
 *   method        a token in upper case, default GET (POST with a body)
 *   headers       ["Name: value", ...] or {"Name": "value"}; at most 100, 64 KiB. Content-Length, Transfer-Encoding
 *                 and Expect are sluice-fetch's own
 *   body          text, or body_base64: bytes
 *   timeout_ms    of the whole exchange, redirects included; default 30 s, at most a day
 *   max_bytes     of the answer's body; default 16 MiB, at most 1 GiB
 *   follow        redirects to follow, 0 to 20; default 5 for GET and HEAD, else 0. 301, 302 and 303 become a GET
 *                 without the body (HEAD stays HEAD), 307 and 308 repeat the request. To another origin, only Accept,
 *                 Accept-Language, Content-Type and User-Agent go along; from https to http is refused
 *   only_status   true: the status is the answer, whatever becomes of the body behind it: one that never ends, or
 *                 breaks off, is no error
 *   mail          {from, to, text, user, password, tls}: `url` is smtp:// or smtps://, and the text, a whole mail with
 *                 its headers and CRLF, is handed to that server, of the members above with `timeout_ms` only. With
 *                 smtp:// encryption is asked for (STARTTLS) and must be there, unless `tls` is false. The status of
 *                 the answer is the server's last: 250. Addresses that it refuses for good keep the others from
 *                 nothing: then the line has a "remark", in words
 *   policy        which addresses may be reached (base/address_policy.h)
 *
 * It answers on standard output with one line of JSON, and behind its LF the body as it came:
 *
 *   {"status": 200, "headers": {"content-type": "text/html"}, "size": 1234, "url": "https://..."}
 *
 * Names of headers are in lower case, repeated ones are joined by ", "; at most 256 headers and 64 KiB are accepted.
 * `url` is where the answer came from, without credentials. `size` is the number of bytes that follow. When no answer
 * came the line is {"error": text}, one line in words, with "refused": true when the policy or a certificate forbids
 * it: asking again would not help. A body over max_bytes is cut and has both: {"status", ..., "error"}. The exit status
 * is 0 when there is no error, 1 when there is one.
 *
 * From its environment it takes proxies, if the policy lets it, and SSL_CERT_FILE, CURL_CA_BUNDLE, SSL_CERT_DIR:
 * certificates are always checked.
 */
#ifndef SLUICE_FETCH_REQUEST_H
#define SLUICE_FETCH_REQUEST_H

#include "base/address_policy.h"

enum {
    FETCH_REQUEST_MAX_BYTES = 256 << 20, /* of the JSON text */
    FETCH_URL_MAX_BYTES = 8 << 10,
    FETCH_BODY_MAX_BYTES = 1 << 30, /* of an answer */
};

struct fetch_header {
    struct str name;
    struct str value;
};

struct fetch_mail {
    struct str from;
    const struct str *to;
    size_t to_count;
    struct str text;
    struct str user, password; /* empty: nobody logs in */
    bool plain;                /* may go unencrypted */
};

struct fetch_request {
    const struct fetch_mail *mail; /* NULL: it is a request of HTTP */
    struct str url;
    struct str method;
    const struct fetch_header *headers;
    size_t header_count;
    bool has_body;
    struct str body;
    int64_t timeout_ms;
    int64_t max_bytes;
    int follow;
    bool only_status;
    struct address_policy policy;
};

/* Reads and checks one request; everything lies in `arena`. -1 in words that hold no value of a header and no url. */
int fetch_request_read(struct str text, struct arena *arena, struct fetch_request *ret_request, struct err *err);
/* RFC 4648 base64 with its padding, nothing else in it. -1 when it is none. */
int fetch_base64_decode(struct str text, struct arena *arena, struct str *ret_bytes);

#endif
