/* SPDX-License-Identifier: Apache-2.0 */
#include "api/approve_page.h"

#include "api/link_page.h"
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

#include <stdio.h>

enum { REASON_BYTES = 4000 };

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
    char nonce[LINK_NONCE_BYTES];
    struct strbuf page;
    if (missing_of(call, asked, &missing, err) < 0) {
        return -1;
    }
    link_page_nonce(call, nonce);
    format_time(until, sizeof until, asked->link.expires_ms);
    const char *step = json_get_text(&asked->spec, "step", "");
    link_page_begin(&page, nonce, arena_printf(call->arena, "%s %s asks for approval", asked->label, step));
    strbuf_add_text(&page, "<dl>\n");
    link_page_row(&page, "You are", asked->link.person);
    link_page_row(&page, "What is asked", json_get_text(&asked->spec, "message", NULL));
    link_page_row(&page, "Model", json_get_text(&asked->spec, "of", NULL));
    link_page_row(&page, "Started by", json_get_text(&asked->spec, "starter", NULL));
    link_page_row(&page, "Made by", texts_of(call->arena, json_get(&asked->spec, "authors")));
    link_page_row(&page, "Who may decide", approval_asks(&asked->spec, call->arena));
    link_page_row(&page, "Still missing", missing);
    link_page_row(&page, "Gates", gates_of(call, asked));
    link_page_row(&page, "Digest of what is to be reviewed", asked->link.evidence_sha256);
    link_page_row(&page, "This link is good once, until", until);
    strbuf_add_text(&page, "</dl>\n");
    if (problem != NULL) {
        strbuf_add_text(&page, "<p role=\"alert\">");
        html_add(&page, str_from(problem));
        strbuf_add_text(&page, "</p>\n");
    }
    strbuf_printf(&page,
                  "<form method=\"post\" autocomplete=\"off\"><label for=\"reason\">Reason, for the record (required "
                  "to reject)</label><br><textarea id=\"reason\" name=\"reason\" rows=\"4\" "
                  "maxlength=\"%d\"></textarea><br>"
                  "<button name=\"decision\" value=\"approve\">Approve</button>"
                  "<button name=\"decision\" value=\"reject\">Reject</button></form>\n",
                  REASON_BYTES / 4);
    link_page_send(call, status, nonce, &page);
    return 0;
}

/* ---- who shows it ----------------------------------------------------------------------------------------------- */

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
    char label[32];
    struct str token = link_page_token(call, APPROVE_PAGE_PREFIX);
    int found = store_approval_link_find(call->store, token, call->arena, &ret->link, err);
    if (found <= 0) {
        if (found == 0) {
            link_page_say(call, 404, "There is no such link", "It is not complete, or never was one of this server's.");
        }
        return found;
    }
    link_page_was_good(call);
    if (store_wait_get(call->store, ret->link.wait, call->arena, &ret->wait, err) < 0 ||
        json_read(str_from(ret->wait.spec), (struct json_limits){0}, call->arena, &ret->spec, err) < 0 ||
        store_pipeline_run_get(call->store, ret->wait.run_id, call->arena, &ret->run, err) < 0) {
        return -1;
    }
    pipeline_run_label(&ret->run, label);
    ret->label = arena_printf(call->arena, "%s/%s", ret->run.pipeline, label);
    struct err no = {0};
    if (ret->link.ended_ms != 0) {
        link_page_say(call, 410, "This link was used",
                      ret->link.decision == NULL                     ? "A newer link was made in its place."
                      : strcmp(ret->link.decision, "approve") == 0 ? "It said: approved."
                                                                     : "It said: rejected.");
    } else if (strcmp(ret->wait.status, "open") != 0) {
        link_page_say(call, 410, "There is nothing to decide any more",
            arena_printf(call->arena, "%s: the request is %s.", ret->label, ended_words(ret->wait.status)));
    } else if (ret->link.expires_ms <= call->now_ms) {
        link_page_say(call, 410, "This link is too old", "Ask for a new one.");
    } else if (check_person(call, ret, &no) < 0) {
        if (no.code != ERR_DENIED) {
            return err_set(err, no.code, "%s", no.message);
        }
        link_page_say(call, 403, "This link is good no more", no.message);
    } else {
        return 1;
    }
    return 0;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

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
    link_page_say(call, 200, "Your word is recorded",
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
        link_page_say(call, wrong.code == ERR_STATE ? 409 : 403, "Nothing was decided", wrong.message);
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
    LINK_PAGE_ROWS(APPROVE_PAGE_PREFIX, answer_look, answer_word),
    {0},
};
