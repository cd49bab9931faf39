/* SPDX-License-Identifier: Apache-2.0 */
#include "store/approval_links.h"

#include "digest/digest.h"
#include "crypto/password.h"
#include "run/approval.h"
#include "store/activity.h"
#include "store/guards.h"
#include "store/pipeline_runs.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store/users.h"
#include "store/waits.h"

#include <stdio.h>

enum { LEAST_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000, MOST_DAYS = 30, DIGITS = 64 };

static const char purpose[] = "sluice approval link 1";

/* ---- the token -------------------------------------------------------------------------------------------------- */

/* Over the parts, each with its length before it. A key of its own purpose is derived from the home's. */
static int sign(const struct store *store, const struct approval_link *link, struct str secret,
                struct digest *ret_digest, struct err *err)
{
    char numbers[120];
    if (!store->has_activity_key) {
        return err_set(err, ERR_NOT_FOUND, "the home's key is not there, or may not be read by you: no link can be "
                                           "signed");
    }
    struct str home = {(const char *)store->activity_key, sizeof store->activity_key};
    struct digest key = digest_hmac(home, str_from(purpose));
    (void)snprintf(numbers, sizeof numbers, "%lld %lld %lld", (long long)link->wait, (long long)link->user_id,
                   (long long)link->expires_ms);
    const struct str parts[] = {secret, str_from(numbers), str_from(link->evidence_sha256), str_from(link->person)};
    struct digest_builder *builder = digest_builder_new();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        digest_builder_add(builder, parts[i]);
    }
    struct digest all = digest_builder_take(builder);
    *ret_digest = digest_hmac(str_from(key.hex), str_from(all.hex));
    explicit_bzero(&key, sizeof key);
    return 0;
}

/* SECRET.SIGNATURE */
static bool split(struct str token, struct str *ret_secret, struct str *ret_signature)
{
    ptrdiff_t dot = str_find_byte(token, '.', 0);
    *ret_secret = str_slice(token, 0, dot < 0 ? 0 : (size_t)dot);
    *ret_signature = str_slice(token, dot < 0 ? 0 : (size_t)dot + 1, token.n);
    return dot > 0 && token.n < APPROVAL_LINK_TOKEN_BYTES && ret_signature->n == DIGITS;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int check_time(const struct approval_link_offer *offer, struct err *err)
{
    return offer->for_ms >= LEAST_MS && offer->for_ms <= (int64_t)MOST_DAYS * DAY_MS
               ? 0
               : err_set(err, ERR_INPUT, "a link is good for 1m to %dd", MOST_DAYS);
}

/* Who is kept from deciding himself is kept from holding somebody else's word. */
static int check_maker(const struct json *spec, const struct approval_link_offer *offer, const struct json *groups,
                       struct err *err)
{
    return strcmp(offer->made_by, offer->person) == 0 || !approval_excludes(spec, offer->made_by, groups)
               ? 0
               : err_set(err, ERR_DENIED, "'%s' may not decide this (not_by), and so makes no link for another: who "
                         "makes it could use it",
                         offer->made_by);
}

static int find_user(struct store *store, const char *name, struct arena *arena, int64_t *ret_id, struct err *err)
{
    struct user_row *users = NULL;
    size_t count = 0;
    struct user_row user;
    *ret_id = 0;
    if (store_user_list(store, arena, &users, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    struct err gone = {0};
    if (store_user_get(store, name, arena, &user, &gone) < 0) {
        return gone.code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no user '%s'", name)
                                          : err_set(err, gone.code, "%s", gone.message);
    }
    *ret_id = user.user_id;
    return 0;
}

static int insert(struct store *store, struct approval_link *link, struct str token_sha256, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE approval_links SET ended_ms = :now WHERE wait = :wait AND "
                                     "person = :person AND ended_ms IS NULL");
    stmt_int(s, ":now", link->created_ms);
    stmt_int(s, ":wait", link->wait);
    stmt_text(s, ":person", link->person);
    if (stmt_run(s, err) < 0) {
        return -1;
    }
    s = stmt_get(store, "INSERT INTO approval_links (wait, person, user_id, evidence_sha256, token_sha256, made_by, "
                        "created_ms, expires_ms) VALUES (:wait, :person, :user, :evidence, :token, :by, :created, "
                        ":expires)");
    stmt_int(s, ":wait", link->wait);
    stmt_text(s, ":person", link->person);
    if (link->user_id == 0) {
        stmt_null(s, ":user");
    } else {
        stmt_int(s, ":user", link->user_id);
    }
    stmt_text(s, ":evidence", link->evidence_sha256);
    stmt_str(s, ":token", token_sha256);
    stmt_text(s, ":by", link->made_by);
    stmt_int(s, ":created", link->created_ms);
    stmt_int(s, ":expires", link->expires_ms);
    if (stmt_run_one(s, "making a link", err) < 0) {
        return -1;
    }
    link->id = stmt_last_id(store);
    return 0;
}

static int note(struct store *store, const struct approval_link *link, const char *run_id, struct arena *arena,
                struct err *err)
{
    struct pipeline_run run;
    char label[32];
    if (store_pipeline_run_get(store, run_id, arena, &run, err) < 0) {
        return -1;
    }
    pipeline_run_label(&run, label);
    const struct activity entry = {
        .at_ms = link->created_ms,
        .actor = link->made_by,
        .action = "approval.link_made",
        .object = arena_printf(arena, "run %s %s", run.pipeline, label),
        .object_id = run_id,
        .reason = arena_printf(arena, "link %lld, for %s", (long long)link->id, link->person),
        .evidence_sha256 = link->evidence_sha256,
    };
    return store_activity_append(store, &entry, err);
}

int store_approval_link_make(struct store *store, const struct approval_link_offer *offer, struct arena *arena,
                             char ret_token[APPROVAL_LINK_TOKEN_BYTES], struct approval_link *ret, struct err *err)
{
    struct wait_row wait;
    struct json *spec = arena_one(arena, struct json);
    struct json groups = store_groups_of(store, offer->person, arena);
    struct json makers = store_groups_of(store, offer->made_by, arena);
    struct digest signature;
    char secret[PASSWORD_TOKEN_BYTES];
    if (check_time(offer, err) < 0 || store_wait_get(store, offer->wait, arena, &wait, err) < 0 ||
        json_read(str_from(wait.spec), (struct json_limits){0}, arena, spec, err) < 0) {
        return -1;
    }
    if (strcmp(wait.kind, "approval") != 0 || strcmp(wait.status, "open") != 0) {
        return err_set(err, ERR_STATE, "approval %lld is %s: there is nothing to decide", (long long)wait.id,
                       wait.status);
    }
    int64_t end_ms = offer->now_ms + offer->for_ms;
    struct approval_link link = {
        .wait = wait.id,
        .person = offer->person,
        .evidence_sha256 = json_get_text(spec, "sha256", ""),
        .made_by = offer->made_by,
        .created_ms = offer->now_ms,
        .expires_ms = wait.expires_ms != 0 && wait.expires_ms < end_ms ? wait.expires_ms : end_ms,
    };
    if (approval_may_vote(spec, offer->person, &groups, err) < 0 ||
        check_maker(spec, offer, &makers, err) < 0 ||
        find_user(store, offer->person, arena, &link.user_id, err) < 0) {
        return -1;
    }
    password_token_new(secret);
    if (sign(store, &link, str_from(secret), &signature, err) < 0 ||
        insert(store, &link, str_from(digest_bytes(str_from(secret)).hex), err) < 0 ||
        note(store, &link, wait.run_id, arena, err) < 0) {
        return -1;
    }
    (void)snprintf(ret_token, APPROVAL_LINK_TOKEN_BYTES, "%s.%s", secret, signature.hex);
    explicit_bzero(secret, sizeof secret);
    *ret = link;
    return 0;
}

/* ---- using ------------------------------------------------------------------------------------------------------- */

int store_approval_link_find(struct store *store, struct str token, struct arena *arena, struct approval_link *ret,
                             struct err *err)
{
    struct str secret, signature;
    struct digest wanted;
    if (!split(token, &secret, &signature)) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT id, wait, person, coalesce(user_id, 0), evidence_sha256, made_by, "
                                     "created_ms, expires_ms, coalesce(ended_ms, 0), decision FROM approval_links "
                                     "WHERE token_sha256 = :token");
    struct digest digest = digest_bytes(secret);
    stmt_text(s, ":token", digest.hex);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct approval_link){
            .id = stmt_column_int(s, 0),
            .wait = stmt_column_int(s, 1),
            .person = stmt_column_text(s, 2, arena),
            .user_id = stmt_column_int(s, 3),
            .evidence_sha256 = stmt_column_text(s, 4, arena),
            .made_by = stmt_column_text(s, 5, arena),
            .created_ms = stmt_column_int(s, 6),
            .expires_ms = stmt_column_int(s, 7),
            .ended_ms = stmt_column_int(s, 8),
            .decision = stmt_column_text_or_null(s, 9, arena),
        };
    }
    stmt_done(s);
    if (row != 1) {
        return row;
    }
    return sign(store, ret, secret, &wanted, err) < 0 ? -1 : digest_equal(arena_str(arena, signature).p, wanted.hex);
}

int store_approval_link_use(struct store *store, int64_t id, const char *decision, const char *address, int64_t now_ms,
                            struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE approval_links SET ended_ms = :now, decision = :decision, "
                                     "address = :address WHERE id = :id AND ended_ms IS NULL");
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":decision", decision);
    stmt_text(s, ":address", address);
    stmt_int(s, ":id", id);
    int64_t changed = stmt_run(s, err);
    return changed < 0    ? -1
           : changed == 1 ? 0
                          : err_set(err, ERR_STATE, "this link was used already, or replaced by a newer one");
}
