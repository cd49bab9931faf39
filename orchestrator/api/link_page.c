/* SPDX-License-Identifier: Apache-2.0 */
#include "api/link_page.h"

#include "base/clock.h"
#include "base/html.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE_BYTES = 4 << 20, FORM_BYTES = 32 << 10 };

/* 30 at once, then one every 20 s: of 2^256. Where a link was good, its own. */
const struct throttle_rules link_page_tries = {{0, 0}, {30, 20000}, {100, 1000}};

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;line-height:1.25}dt{font-weight:600;margin-top:.6rem}dd{margin:0;white-space:pre-wrap}"
    "p[role=alert]{border-left:.25rem solid #d32f2f;padding-left:.75rem;font-weight:600}"
    "textarea{width:100%;box-sizing:border-box;font:inherit}"
    "button{font:inherit;padding:.4rem 1rem;margin:.6rem .6rem 0 0}";

void link_page_begin(struct strbuf *out, const char *nonce, const char *title)
{
    strbuf_init(out, PAGE_BYTES);
    strbuf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    html_add(out, str_from(title));
    strbuf_printf(out, "</title><style nonce=\"%s\">%s</style></head><body>\n<h1>", nonce, style);
    html_add(out, str_from(title));
    strbuf_add_text(out, "</h1>\n");
}

void link_page_row(struct strbuf *out, const char *name, const char *text)
{
    if (text != NULL && *text != '\0') {
        strbuf_printf(out, "<dt>%s</dt><dd>", name);
        html_add(out, str_from(text));
        strbuf_add_text(out, "</dd>\n");
    }
}

/* The page is for one pair of eyes, and for no cache. */
void link_page_send(struct api_call *call, int status, const char *nonce, struct strbuf *take_page)
{
    strbuf_add_text(take_page, "</body></html>\n");
    struct http_answer answer = {
        .status = status,
        .content_type = "text/html; charset=utf-8",
        .body = *take_page,
        .fd = -1,
        .headers = {{"Content-Security-Policy",
                     arena_printf(call->arena,
                                  "default-src 'none'; style-src 'nonce-%s'; form-action 'self'; base-uri 'none'; "
                                  "frame-ancestors 'none'",
                                  nonce)},
                    {"Referrer-Policy", "no-referrer"},
                    {"Cache-Control", "no-store"},
                    {"X-Frame-Options", "DENY"},
                    {"X-Robots-Tag", "noindex, nofollow"},
                    {status == 429 ? "Retry-After" : NULL, "20"}},
    };
    http_answer(call->exchange, &answer);
}

void link_page_nonce(struct api_call *call, char ret[LINK_NONCE_BYTES])
{
    (void)snprintf(ret, LINK_NONCE_BYTES, "%016" PRIx64 "%016" PRIx64, rng_next(call->rng), rng_next(call->rng));
}

void link_page_say(struct api_call *call, int status, const char *title, const char *text)
{
    char nonce[LINK_NONCE_BYTES];
    struct strbuf page;
    link_page_nonce(call, nonce);
    link_page_begin(&page, nonce, title);
    strbuf_add_text(&page, "<p>");
    html_add(&page, str_from(text));
    strbuf_add_text(&page, "</p>\n");
    if (status == 403 || status == 404) {
        api_note_refusal(call->exchange, status, text);
    }
    link_page_send(call, status, nonce, &page);
}

size_t link_page_head(struct api_call *call)
{
    const struct api_match *match = call->exchange->found;
    char peer[HTTP_PEER_BYTES];
    if (match->door->for_steps) {
        http_answer_text(call->exchange, 404, "There is nothing here.");
        return 0;
    }
    http_peer(call->exchange, peer);
    if (throttle_take(call->api->links, str_from("link"), str_from(peer), clock_monotonic_ms(&clock_system)) > 0) {
        link_page_say(call, 429, "Too many",
                      "Too many links that are none were opened from your address: try again later.");
    }
    return 0;
}

size_t link_page_form_head(struct api_call *call)
{
    struct str type = http_header(call->exchange, "Content-Type");
    (void)link_page_head(call);
    if (!call->exchange->answered && !str_starts(type, STR("application/x-www-form-urlencoded"))) {
        link_page_say(call, 415, "This is no form", "The page that GET gives has one.");
    }
    return FORM_BYTES;
}

void link_page_was_good(struct api_call *call)
{
    char peer[HTTP_PEER_BYTES];
    http_peer(call->exchange, peer);
    throttle_good(call->api->links, str_from("link"), str_from(peer), clock_monotonic_ms(&clock_system));
}

struct str link_page_token(const struct api_call *call, const char *prefix)
{
    struct str path = call->exchange->path;
    return str_slice(path, strlen(prefix), path.n);
}
