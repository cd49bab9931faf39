/* SPDX-License-Identifier: Apache-2.0 */
#include "api/address_page.h"

#include "api/link_page.h"
#include "base/parse.h"
#include "engine/engine.h"
#include "store/activity.h"
#include "store/mail_addresses.h"

/* 1: what it asks may be agreed to. 0: it has been answered. */
static int find_asked(struct api_call *call, struct mail_address *ret, struct err *err)
{
    struct str token = link_page_token(call, MAIL_CONFIRM_PATH);
    int found = store_mail_address_find(call->store, token, call->arena, ret, err);
    if (found <= 0) {
        if (found == 0) {
            link_page_say(call, 404, "There is no such link", "It is not complete, or a newer one was sent.");
        }
        return found;
    }
    link_page_was_good(call);
    if (ret->confirmed_ms != 0) {
        link_page_say(call, 410, "This link was used", arena_printf(call->arena, "Mail comes to %s.", ret->address));
    } else if (ret->expires_ms <= call->now_ms) {
        link_page_say(call, 410, "This link is too old", "Whoever wants to be told there subscribes once more.");
    } else {
        return 1;
    }
    return 0;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static int answer_look(struct api_call *call, struct err *err)
{
    struct mail_address asked;
    char nonce[LINK_NONCE_BYTES];
    char until[40];
    struct strbuf page;
    int found = find_asked(call, &asked, err);
    if (found <= 0) {
        return found;
    }
    link_page_nonce(call, nonce);
    format_time(until, sizeof until, asked.expires_ms);
    link_page_begin(&page, nonce, "May mail come here?");
    strbuf_add_text(&page, "<dl>\n");
    link_page_row(&page, "Address", asked.address);
    link_page_row(&page, "Who wants to be told there of what happens to models", asked.actor);
    link_page_row(&page, "This link is good once, until", until);
    strbuf_add_text(&page, "</dl>\n<p>Whoever does not know of this closes the page: nothing else is sent.</p>\n"
                           "<form method=\"post\"><button name=\"answer\" value=\"yes\">Yes</button></form>\n");
    link_page_send(call, 200, nonce, &page);
    return 0;
}

/* ---- agreeing ---------------------------------------------------------------------------------------------------- */

struct agreeing {
    struct api_call *call;
    const struct mail_address *address;
    const char *peer;
};

static int confirm_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    const struct agreeing *agreeing = ctx;
    struct api_call *call = agreeing->call;
    (void)engine;
    return store_mail_address_confirm(call->store, agreeing->address, agreeing->peer, call->now_ms, err);
}

static int answer_word(struct api_call *call, struct err *err)
{
    struct engine *engine = api_options_of(call->api)->engine;
    struct mail_address asked;
    struct err wrong = {0};
    char peer[HTTP_PEER_BYTES];
    int found = find_asked(call, &asked, err);
    if (found <= 0) {
        return found;
    }
    if (engine == NULL) {
        return err_set(err, ERR_BUSY, "nothing can be agreed to here");
    }
    http_peer(call->exchange, peer);
    struct agreeing agreeing = {call, &asked, peer};
    store_activity_set_origin(call->store, peer, "link");
    int result = engine_command(engine, confirm_in_turn, &agreeing, &wrong);
    store_activity_set_origin(call->store, NULL, NULL);
    if (result < 0 && wrong.code != ERR_STATE) {
        return err_set(err, wrong.code, "%s", wrong.message);
    }
    if (result < 0) {
        link_page_say(call, 409, "Nothing was changed", wrong.message);
    } else {
        link_page_say(call, 200, "Mail comes here from now on",
                      arena_printf(call->arena, "What %s has subscribed to is told to %s.", asked.actor,
                                   asked.address));
    }
    return 0;
}

const struct api_plain address_page_plains[] = {
    LINK_PAGE_ROWS(MAIL_CONFIRM_PATH, answer_look, answer_word),
    {0},
};
