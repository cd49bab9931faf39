/* SPDX-License-Identifier: Apache-2.0
 * What the pages behind links have in common, by which somebody without a login says yes once: /approve/TOKEN,
 * /confirm/TOKEN.
 *
 * GET shows what is asked and changes nothing, since programs that look into mails open what they find there; POST is
 * the word. A page runs no scripts, loads nothing, and tells nobody where one came from. How many tokens that are none
 * may be shown from an address is counted for all of them together.
 */
#ifndef SLUICE_API_LINK_PAGE_H
#define SLUICE_API_LINK_PAGE_H

#include "api/api_internal.h"
#include "auth/throttle.h"

enum { LINK_NONCE_BYTES = 33 };

extern const struct throttle_rules link_page_tries;

void link_page_nonce(struct api_call *call, char ret[LINK_NONCE_BYTES]);
void link_page_begin(struct strbuf *out, const char *nonce, const char *title);
/* Within a list (dl); nothing for no text. */
void link_page_row(struct strbuf *out, const char *name, const char *text);
/* Ends it. The page is for one pair of eyes, and for no cache. */
void link_page_send(struct api_call *call, int status, const char *nonce, struct strbuf *take_page);
/* A page of a title and a paragraph. */
void link_page_say(struct api_call *call, int status, const char *title, const char *text);

/* For struct api_plain, head: answer when there is nothing here, or too many were tried. The second takes a form. */
size_t link_page_head(struct api_call *call);
size_t link_page_form_head(struct api_call *call);
/* The two rows of struct api_plain that a page is. */
#define LINK_PAGE_ROWS(path_, look_, word_)                                                                            \
    {.method = HTTP_GET, .path = (path_), .open = true, .head = link_page_head, .answer = (look_)},                    \
    {.method = HTTP_POST, .path = (path_), .open = true, .commands = true, .note = API_NOTED_INSIDE,                   \
     .head = link_page_form_head, .answer = (word_)}

/* The token that was shown was one. */
void link_page_was_good(struct api_call *call);
/* What stands behind the prefix in the path. */
struct str link_page_token(const struct api_call *call, const char *prefix);

#endif
