/* SPDX-License-Identifier: Apache-2.0 */
#include "api/approve_page.h"

#include "api/api_internal.h"
#include "api/user_rights.h"
#include "base/clock.h"
#include "base/html.h"
#include "base/parse.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "run/approval.h"
#include "store/activity.h"
#include "store/approval_links.h"
#include "store/gates.h"
#include "store/guards.h"
#include "store/pipeline_runs.h"
#include "store/waits.h"

#include <inttypes.h>
#include <stdio.h>

enum { FORM_BYTES = 32 << 10, REASON_BYTES = 4000, PAGE_BYTES = 4 << 20, NONCE_BYTES = 33 };

/* 30 at once, then one every 20 s: of 2^256. Where a link was good, its own. */
const struct throttle_rules approve_page_tries = {{0, 0}, {30, 20000}, {100, 1000}};

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "dt{font-weight:600;margin-top:.6rem}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}"
    "textarea{width:100%;box-sizing:border-box}button{font:inherit;padding:.4rem 1rem;margin:.6rem .6rem 0 0}";

static void begin_page(struct strbuf *out, const char *nonce, const char *title)
{
    strbuf_init(out, PAGE_BYTES);
    strbuf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    html_add(out, str_from(title));
    strbuf_printf(out, "</title><style nonce=\"%s\">%s</style></head><body>\n<h1>", nonce, style);
    html_add(out, str_from(title));
    strbuf_add_text(out, "</h1>\n");
}

static void add_row(struct strbuf *out, const char *name, const char *text)
{
    if (text != NULL && *text != '\0') {
        strbuf_printf(out, "<dt>%s</dt><dd>", name);
        html_add(out, str_from(text));
        strbuf_add_text(out, "</dd>\n");
    }
}

/* The page is for one pair of eyes, and for no cache. */
static void send_page(struct api_call *call, int status, const char *nonce, struct strbuf *take_page)
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

static void make_nonce(struct api_call *call, char ret[NONCE_BYTES])
{
    (void)snprintf(ret, NONCE_BYTES, "%016" PRIx64 "%016" PRIx64, rng_next(call->rng), rng_next(call->rng));
}

static void say(struct api_call *call, int status, const char *title, const char *text)
{
    char nonce[NONCE_BYTES];
    struct strbuf page;
    make_nonce(call, nonce);
    begin_page(&page, nonce, title);
    strbuf_add_text(&page, "<p>");
    html_add(&page, str_from(text));
    strbuf_add_text(&page, "</p>\n");
    if (status == 403 || status == 404) {
        api_note_refusal(call->exchange, status, text);
    }
    send_page(call, status, nonce, &page);
}

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

struct asked {
    struct approval_link link;
    struct wait_row wait;
    struct json spec;
    struct pipeline_run run;
    const char *label; /* "wine/12" */
};

static const char *texts_of(struct arena *arena, const struct json *value)
{
    const char *all = "";
    if (value == NULL || value->type == JSON_NULL) {
        return NULL;
    }
    if (value->type != JSON_ARRAY) {
        return value->type == JSON_STRING ? arena_str(arena, value->u.string).p : json_text(arena, value).p;
    }
    for (size_t i = 0; i < value->u.array.count; i++) {
        const struct json *item = &value->u.array.items[i];
        struct str text = item->type == JSON_STRING ? item->u.string : json_text(arena, item);
        all = arena_printf(arena, "%s%s%.*s", all, i == 0 ? "" : ", ", STR_ARG(text));
    }
    return all;
}

/* The gates that the approval is bound to, with what they said. */
static const char *gates_of(struct api_call *call, const struct asked *asked)
{
    const struct json *manifest = json_get(&asked->spec, "manifest");
    struct gate *gates = NULL;
    size_t count = 0;
    const char *all = "";
    struct err ignored = {0};
    if (manifest == NULL || manifest->type != JSON_ARRAY ||
        store_gate_list(call->store, asked->wait.run_id, call->arena, &gates, &count, &ignored) < 0) {
        return "";
    }
    for (size_t i = 0; i < manifest->u.array.count; i++) {
        const struct json *item = &manifest->u.array.items[i];
        const char *id = json_get_text(item, "id", "");
        const char *said = "of an earlier run";
        if (strcmp(json_get_text(item, "kind", ""), "gate") != 0) {
            continue;
        }
        for (size_t g = 0; g < count; g++) { /* the newest of its name is the last */
            if (strcmp(gates[g].step, id) == 0) {
                said = gates[g].passed ? "passed" : arena_printf(call->arena, "refused: %s", gates[g].refused_by);
            }
        }
        all = arena_printf(call->arena, "%s%s%s: %s", all, *all == '\0' ? "" : "\n", id, said);
    }
    return all;
}

static int missing_of(struct api_call *call, const struct asked *asked, const char **ret, struct err *err)
{
    struct vote *votes = NULL;
    struct approval_vote *voices = NULL;
    size_t count = 0;
    if (store_vote_voices(call->store, asked->wait.id, call->arena, &votes, &voices, &count, err) < 0) {
        return -1;
    }
    *ret = approval_missing(&asked->spec, voices, count, call->arena);
    return 0;
}

static int show_form(struct api_call *call, const struct asked *asked, int status, const char *problem,
                     struct err *err)
{
    const char *missing = "";
    char until[40];
    char nonce[NONCE_BYTES];
    struct strbuf page;
    if (missing_of(call, asked, &missing, err) < 0) {
        return -1;
    }
    make_nonce(call, nonce);
    format_time(until, sizeof until, asked->link.expires_ms);
    const char *step = json_get_text(&asked->spec, "step", "");
    begin_page(&page, nonce, arena_printf(call->arena, "%s %s asks for approval", asked->label, step));
    strbuf_add_text(&page, "<dl>\n");
    add_row(&page, "You are", asked->link.person);
    add_row(&page, "What is asked", json_get_text(&asked->spec, "message", NULL));
    add_row(&page, "Model", json_get_text(&asked->spec, "of", NULL));
    add_row(&page, "Started by", json_get_text(&asked->spec, "starter", NULL));
    add_row(&page, "Made by", texts_of(call->arena, json_get(&asked->spec, "authors")));
    add_row(&page, "Who may decide", texts_of(call->arena, json_get(&asked->spec, "by")));
    add_row(&page, "Still missing", missing);
    add_row(&page, "Gates", gates_of(call, asked));
    add_row(&page, "Digest of what is to be reviewed", asked->link.evidence_sha256);
    add_row(&page, "This link is good once, until", until);
    strbuf_add_text(&page, "</dl>\n");
    if (problem != NULL) {
        strbuf_add_text(&page, "<p><strong>");
        html_add(&page, str_from(problem));
        strbuf_add_text(&page, "</strong></p>\n");
    }
    strbuf_printf(&page,
                  "<form method=\"post\" autocomplete=\"off\"><label for=\"reason\">Reason, for the record (required "
                  "to reject)</label><br><textarea id=\"reason\" name=\"reason\" rows=\"4\" "
                  "maxlength=\"%d\"></textarea><br>"
                  "<button name=\"decision\" value=\"approve\">Approve</button>"
                  "<button name=\"decision\" value=\"reject\">Reject</button></form>\n",
                  REASON_BYTES / 4);
    send_page(call, status, nonce, &page);
    return 0;
}

/* ---- who shows it ----------------------------------------------------------------------------------------------- */

static struct str token_of(const struct api_call *call)
{
    struct str path = call->exchange->path;
    return str_slice(path, strlen(APPROVE_PAGE_PREFIX), path.n);
}

static const char *ended_words(const char *status)
{
    return strcmp(status, "met") == 0 ? "approved" : strcmp(status, "void") == 0 ? "void" : status;
}

/* Whose link it is must be who he was, and may decide still. */
static int check_person(struct api_call *call, const struct asked *asked, struct err *err)
{
    const char *person = asked->link.person;
    struct json groups = store_groups_of(call->store, person, call->arena);
    if (auth_is_on(call->auth)) {
        struct auth_who *who = arena_one(call->arena, struct auth_who);
        if (!auth_find(call->auth, str_from(person), call->arena, who) || who->user_id != asked->link.user_id) {
            return err_set(err, ERR_DENIED, "'%s', whom this link was made for, is no user any more", person);
        }
        const struct api_need need = API_NEEDS(APPROVER, USE, ITSELF);
        call->who = who;
        if (user_check_scope(call, &need, err) < 0 ||
            user_check_owned(call, OWNED_RUN, asked->wait.run_id, PERMISSION_USE, err) < 0) {
            return -1;
        }
    }
    return approval_may_vote(&asked->spec, person, &groups, err);
}

/* The approval that the link is about. 1: it may be decided by it. 0: it has been answered. */
static int find_asked(struct api_call *call, struct asked *ret, struct err *err)
{
    char peer[HTTP_PEER_BYTES];
    char label[32];
    int found = store_approval_link_find(call->store, token_of(call), call->arena, &ret->link, err);
    if (found <= 0) {
        if (found == 0) {
            say(call, 404, "There is no such link", "It is not complete, or never was one of this server's.");
        }
        return found;
    }
    http_peer(call->exchange, peer);
    throttle_good(call->api->links, str_from("link"), str_from(peer), clock_monotonic_ms(&clock_system));
    if (store_wait_get(call->store, ret->link.wait, call->arena, &ret->wait, err) < 0 ||
        json_read(str_from(ret->wait.spec), (struct json_limits){0}, call->arena, &ret->spec, err) < 0 ||
        store_pipeline_run_get(call->store, ret->wait.run_id, call->arena, &ret->run, err) < 0) {
        return -1;
    }
    pipeline_run_label(&ret->run, label);
    ret->label = arena_printf(call->arena, "%s/%s", ret->run.pipeline, label);
    struct err no = {0};
    if (ret->link.ended_ms != 0) {
        say(call, 410, "This link was used", ret->link.decision == NULL ? "A newer link was made in its place."
                                             : strcmp(ret->link.decision, "approve") == 0 ? "It said: approved."
                                                                                          : "It said: rejected.");
    } else if (strcmp(ret->wait.status, "open") != 0) {
        say(call, 410, "There is nothing to decide any more",
            arena_printf(call->arena, "%s: the request is %s.", ret->label, ended_words(ret->wait.status)));
    } else if (ret->link.expires_ms <= call->now_ms) {
        say(call, 410, "This link is too old", "Ask for a new one.");
    } else if (check_person(call, ret, &no) < 0) {
        if (no.code != ERR_DENIED) {
            return err_set(err, no.code, "%s", no.message);
        }
        say(call, 403, "This link is good no more", no.message);
    } else {
        return 1;
    }
    return 0;
}

static size_t look_at_head(struct api_call *call, size_t body_max)
{
    const struct api_match *match = call->exchange->found;
    char peer[HTTP_PEER_BYTES];
    if (match->door->for_steps) {
        http_answer_text(call->exchange, 404, "There is nothing here.");
        return 0;
    }
    http_peer(call->exchange, peer);
    if (throttle_take(call->api->links, str_from("link"), str_from(peer), clock_monotonic_ms(&clock_system)) > 0) {
        say(call, 429, "Too many", "Too many links that are none were opened from your address: try again later.");
    }
    return body_max;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static size_t head_of_look(struct api_call *call)
{
    return look_at_head(call, 0);
}

static int answer_look(struct api_call *call, struct err *err)
{
    struct asked asked = {0};
    int found = find_asked(call, &asked, err);
    return found <= 0 ? found : show_form(call, &asked, 200, NULL, err);
}

/* ---- deciding ---------------------------------------------------------------------------------------------------- */

struct word {
    const char *decision;
    struct str reason;
};

static size_t head_of_word(struct api_call *call)
{
    struct str type = http_header(call->exchange, "Content-Type");
    size_t body_max = look_at_head(call, FORM_BYTES);
    if (!call->exchange->answered && !str_starts(type, STR("application/x-www-form-urlencoded"))) {
        say(call, 415, "This is no form", "The page that GET gives has one.");
    }
    return body_max;
}

/* NULL, or what is wrong with it. */
static const char *read_word(struct api_call *call, struct word *ret)
{
    struct str rest = strbuf_str(&call->exchange->body);
    struct str name, value;
    bool bad = false;
    *ret = (struct word){0};
    while (percent_pair_next(&rest, call->arena, &name, &value, &bad)) {
        if (str_is(name, "decision")) {
            ret->decision = arena_str(call->arena, value).p;
        } else if (str_is(name, "reason")) {
            ret->reason = str_trim(value);
        }
    }
    if (bad || ret->decision == NULL ||
        (strcmp(ret->decision, "approve") != 0 && strcmp(ret->decision, "reject") != 0)) {
        return "Say whether you approve or reject.";
    }
    if (ret->reason.n > REASON_BYTES || !utf8_valid(ret->reason)) {
        return "The reason is too long, or no text.";
    }
    return strcmp(ret->decision, "reject") == 0 && ret->reason.n == 0
               ? "A rejection needs a reason: whoever made the model wants to know."
               : NULL;
}

struct use {
    struct api_call *call;
    const struct asked *asked;
    const struct word *word;
    const char *peer;
};

/* In the transaction of the word: both or none. */
static int use_link(void *ctx, struct err *err)
{
    const struct use *use = ctx;
    return store_approval_link_use(use->call->store, use->asked->link.id, use->word->decision, use->peer,
                                   use->call->now_ms, err);
}

static void tell(struct api_call *call, const struct asked *asked, const struct word *word, const struct json *outcome)
{
    const char *status = json_get_text(outcome, "status", "open");
    const char *missing = json_get_text(outcome, "missing", "");
    const char *what = strcmp(word->decision, "approve") == 0 ? "approved" : "rejected";
    const char *then = strcmp(status, "met") == 0        ? "It goes on."
                       : strcmp(status, "rejected") == 0 ? "It ends here."
                       : strcmp(status, "void") == 0     ? "But what was to be reviewed has changed: it ends here."
                                                     : arena_printf(call->arena, "Still missing: %s.", missing);
    say(call, 200, "Your word is recorded",
        arena_printf(call->arena, "You have %s %s. %s", what, asked->label, then));
}

static int decide(struct api_call *call, const struct asked *asked, const struct word *word, struct err *err)
{
    struct engine *engine = api_options_of(call->api)->engine;
    struct json outcome = json_object();
    char peer[HTTP_PEER_BYTES];
    http_peer(call->exchange, peer);
    struct use use = {call, asked, word, peer};
    struct engine_vote vote = {
        .run_id = asked->wait.run_id,
        .wait = asked->wait.id,
        .actor = asked->link.person,
        .groups = store_groups_of(call->store, asked->link.person, call->arena),
        .approve = strcmp(word->decision, "approve") == 0,
        .reason = arena_str(call->arena, word->reason).p,
        .login = "link",
        .evidence_sha256 = asked->link.evidence_sha256,
    };
    if (engine == NULL) {
        return err_set(err, ERR_BUSY, "nothing can be decided here");
    }
    struct err wrong = {0};
    store_activity_set_origin(call->store, peer, "link");
    engine_set_beside(engine, (struct engine_beside){use_link, &use});
    int result = engine_vote(engine, &vote, &outcome, call->arena, &wrong);
    engine_set_beside(engine, (struct engine_beside){0});
    store_activity_set_origin(call->store, NULL, NULL);
    if (result < 0 && (wrong.code == ERR_STATE || wrong.code == ERR_DENIED)) {
        say(call, wrong.code == ERR_STATE ? 409 : 403, "Nothing was decided", wrong.message);
        return 0;
    }
    if (result < 0) {
        return err_set(err, wrong.code, "%s", wrong.message);
    }
    tell(call, asked, word, &outcome);
    return 0;
}

static int answer_word(struct api_call *call, struct err *err)
{
    struct asked asked = {0};
    struct word word;
    int found = find_asked(call, &asked, err);
    if (found <= 0) {
        return found;
    }
    const char *problem = read_word(call, &word);
    return problem != NULL ? show_form(call, &asked, 422, problem, err) : decide(call, &asked, &word, err);
}

const struct api_plain approve_page_plains[] = {
    {.method = HTTP_GET, .path = APPROVE_PAGE_PREFIX, .open = true, .head = head_of_look, .answer = answer_look},
    {.method = HTTP_POST,
     .path = APPROVE_PAGE_PREFIX,
     .open = true,
     .commands = true,
     .note = API_NOTED_INSIDE,
     .head = head_of_word,
     .answer = answer_word},
    {0},
};
