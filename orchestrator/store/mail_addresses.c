/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mail_addresses.h"

#include "base/parse.h"
#include "digest/digest.h"
#include "store/activity.h"
#include "store/deliveries.h"
#include "store/secrets.h"
#include "store/stmt.h"

#include <stdio.h>
#include <strings.h>

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, WEEK_MS = 7 * DAY_MS, FORGET_DAYS = 30, DIGITS = 64 };

static const char purpose[] = "sluice mail address 1";

#define COLUMNS "SELECT id, actor, address, asked_ms, expires_ms, coalesce(confirmed_ms, 0) FROM mail_addresses "

static struct mail_address read_row(struct stmt *s, struct arena *arena)
{
    return (struct mail_address){
        .id = stmt_column_int(s, 0),
        .actor = stmt_column_text(s, 1, arena),
        .address = stmt_column_text(s, 2, arena),
        .asked_ms = stmt_column_int(s, 3),
        .expires_ms = stmt_column_int(s, 4),
        .confirmed_ms = stmt_column_int(s, 5),
    };
}

/* The row that was confirmed, else the newest. 1: found, 0: there is none, -1: an error. */
static int find_newest(struct store *store, const char *actor, const char *address, struct arena *arena,
                       struct mail_address *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, COLUMNS "WHERE actor = :actor AND address = :address "
                                             "ORDER BY confirmed_ms IS NULL, id DESC LIMIT 1");
    stmt_text(s, ":actor", actor);
    stmt_text(s, ":address", address);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_row(s, arena);
    }
    stmt_done(s);
    return row;
}

/* ---- the token -------------------------------------------------------------------------------------------------- */

/* The HMAC of id, expiry, actor and address; each part is preceded by its length, so that no two rows sign alike. */
static int sign(struct store *store, const struct mail_address *address, struct digest *ret, struct err *err)
{
    char numbers[64];
    struct digest key;
    if (store_key_hmac(store, str_from(purpose), &key, err) < 0) {
        return -1;
    }
    (void)snprintf(numbers, sizeof numbers, "%lld %lld", (long long)address->id, (long long)address->expires_ms);
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, str_from(numbers));
    digest_builder_add(builder, str_from(address->actor));
    digest_builder_add(builder, str_from(address->address));
    struct digest all = digest_builder_take(builder);
    *ret = digest_hmac(str_from(key.hex), str_from(all.hex));
    explicit_bzero(&key, sizeof key);
    return 0;
}

static int find_id(struct store *store, int64_t id, struct arena *arena, struct mail_address *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, COLUMNS "WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_row(s, arena);
    }
    stmt_done(s);
    return row;
}

int store_mail_address_token(struct store *store, int64_t id, char ret_token[MAIL_CONFIRM_TOKEN_BYTES], struct err *err)
{
    struct arena *arena = arena_new();
    struct mail_address address;
    struct digest signature;
    int found = find_id(store, id, arena, &address, err);
    int result = found < 0    ? -1
                 : found == 0 ? err_set(err, ERR_NOT_FOUND, "what was to be confirmed is not asked any more")
                              : sign(store, &address, &signature, err);
    if (result == 0) {
        (void)snprintf(ret_token, MAIL_CONFIRM_TOKEN_BYTES, "%lld.%s", (long long)id, signature.hex);
    }
    arena_free(arena);
    return result;
}

int store_mail_address_find(struct store *store, struct str token, struct arena *arena, struct mail_address *ret,
                            struct err *err)
{
    ptrdiff_t dot = str_find_byte(token, '.', 0);
    struct str signature = str_slice(token, dot < 0 ? token.n : (size_t)dot + 1, token.n);
    struct mail_address newest;
    struct digest wanted;
    int64_t id = 0;
    if (dot <= 0 || signature.n != DIGITS || parse_int(str_slice(token, 0, (size_t)dot), 1, INT64_MAX, &id, NULL) < 0) {
        return 0;
    }
    int found = find_id(store, id, arena, ret, err);
    if (found != 1 || sign(store, ret, &wanted, err) < 0) {
        return found == 1 ? -1 : found;
    }
    if (!digest_equal(arena_str(arena, signature).p, wanted.hex)) {
        return 0;
    }
    found = find_newest(store, ret->actor, ret->address, arena, &newest, err);
    return found < 0 ? -1 : newest.id == ret->id;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static int count(struct stmt *s, int64_t *ret, struct err *err)
{
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int check_often(struct store *store, const struct mail_ask *ask, struct err *err)
{
    int64_t of_actor = 0;
    int64_t of_address = 0;
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM mail_addresses WHERE confirmed_ms IS NULL AND "
                                     "asked_ms > :since AND actor = :actor");
    stmt_int(s, ":since", ask->now_ms - DAY_MS);
    stmt_text(s, ":actor", ask->actor);
    if (count(s, &of_actor, err) < 0) {
        return -1;
    }
    s = stmt_get(store, "SELECT COUNT(*) FROM mail_addresses WHERE confirmed_ms IS NULL AND asked_ms > :since AND "
                        "address = :address COLLATE NOCASE");
    stmt_int(s, ":since", ask->now_ms - WEEK_MS);
    stmt_text(s, ":address", ask->address);
    if (count(s, &of_address, err) < 0) {
        return -1;
    }
    if (of_address >= MAIL_ASKS_OF_ADDRESS) {
        return err_set(err, ERR_STATE, "'%s' was asked %d times within a week: whoever reads there does not want it, "
                                       "or does not get it", ask->address, MAIL_ASKS_OF_ADDRESS);
    }
    return of_actor < MAIL_ASKS_OF_ACTOR
               ? 0
               : err_set(err, ERR_STATE, "'%s' has asked %d addresses within a day, and none has answered", ask->actor,
                         MAIL_ASKS_OF_ACTOR);
}

static bool is_trusted(const struct mail_ask *ask)
{
    const char *domain = strrchr(ask->address, '@');
    for (size_t i = 0; domain != NULL && i < ask->channel->trust_count; i++) {
        if (strcasecmp(domain + 1, ask->channel->trusts[i].p) == 0) {
            return true;
        }
    }
    return false;
}

static int insert(struct store *store, struct mail_address *row, bool trusted, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM mail_addresses WHERE confirmed_ms IS NULL AND asked_ms < :before");
    stmt_int(s, ":before", row->asked_ms - (int64_t)FORGET_DAYS * DAY_MS);
    if (stmt_run(s, err) < 0) {
        return -1;
    }
    s = stmt_get(store, "INSERT INTO mail_addresses (actor, address, asked_ms, expires_ms, confirmed_ms, means) VALUES "
                        "(:actor, :address, :asked, :expires, :confirmed, :means)");
    stmt_text(s, ":actor", row->actor);
    stmt_text(s, ":address", row->address);
    stmt_int(s, ":asked", row->asked_ms);
    stmt_int(s, ":expires", row->expires_ms);
    if (trusted) {
        stmt_int(s, ":confirmed", row->confirmed_ms);
    } else {
        stmt_null(s, ":confirmed");
    }
    stmt_text(s, ":means", trusted ? "config.yaml" : NULL);
    if (stmt_run_one(s, "asking for an address", err) < 0) {
        return -1;
    }
    row->id = stmt_last_id(store);
    return 0;
}

static int note(struct store *store, const struct mail_address *row, const char *action, const char *reason,
                int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = row->actor,
        .action = action,
        .object = arena_printf(arena, "address %s", row->address),
        .object_id = row->address,
        .from_state = "",
        .to_state = "",
        .reason = reason,
        .evidence_sha256 = "",
    };
    int result = store_activity_append(store, &entry, err);
    arena_free(arena);
    return result;
}

static void put(struct arena *arena, struct json *object, const char *name, const char *value)
{
    json_add(arena, object, name, json_cstring(arena, value));
}

/* The link is put in when it is sent: who reads the outbox does not read it. */
static int send(struct store *store, const struct mail_ask *ask, const struct mail_address *row, struct arena *arena,
                struct err *err)
{
    struct json event = json_object();
    struct json data = json_object();
    const char *id = NULL;
    const char *home = NULL;
    char at[40];
    char until[40];
    if (store_webhook_new_id(store, arena, &id, err) < 0 || store_home_id(store, arena, &home, err) < 0) {
        return -1;
    }
    format_time(at, sizeof at, row->asked_ms);
    format_time(until, sizeof until, row->expires_ms);
    put(arena, &data, "subject", arena_printf(arena, "Mail to %s", row->address));
    put(arena, &data, "actor", row->actor);
    put(arena, &data, "reason", arena_printf(arena, "Somebody here wants to be told of models at this address. The "
                                             "link below, which is good until %s, says that you agree. If you do not "
                                             "know of it, do nothing: nothing else is sent to you.", until));
    json_add(arena, &data, "confirmation", json_int(row->id));
    put(arena, &event, "type", MAIL_CONFIRM_EVENT);
    json_add(arena, &event, "version", json_int(1));
    put(arena, &event, "id", id);
    put(arena, &event, "timestamp", at);
    put(arena, &event, "home", home);
    json_add(arena, &event, "data", data);
    const struct delivery_order order = {
        .receiver = arena_printf(arena, "channel/%s", ask->channel->name.p),
        .address = row->address,
        .event = MAIL_CONFIRM_EVENT,
        .object = arena_printf(arena, "address %s", row->address),
        .body = json_text(arena, &event).p,
    };
    return store_deliveries_add(store, &order, ask->now_ms, arena, NULL, err);
}

static int check_channel(struct store *store, const struct mail_ask *ask, struct arena *arena, struct err *err)
{
    struct channel_state state;
    if (store_channel_get(store, ask->channel->name.p, arena, &state, err) < 0) {
        return -1;
    }
    if (state.disabled_ms != 0) {
        return err_set(err, ERR_STATE, "channel '%s' is disabled: no link can be sent to '%s'", ask->channel->name.p,
                       ask->address);
    }
    return ask->external_url != NULL
               ? 0
               : err_set(err, ERR_STATE,
                         "'%s' would have to confirm by a link, and config.yaml does not say what links begin with "
                         "('external_url'); or let the channel trust its domain ('trusts')",
                         ask->address);
}

int store_mail_address_ask(struct store *store, const struct mail_ask *ask, struct arena *arena,
                           struct mail_address *ret, struct err *err)
{
    struct mail_address row = {.actor = ask->actor,
                               .address = ask->address,
                               .asked_ms = ask->now_ms,
                               .expires_ms = ask->now_ms + (int64_t)MAIL_CONFIRM_DAYS * DAY_MS};
    bool trusted = is_trusted(ask);
    int found = find_newest(store, ask->actor, ask->address, arena, ret, err);
    bool is_sent = found == 1 && !trusted && ret->asked_ms > ask->now_ms - MAIL_AGAIN_HOURS * HOUR_MS;
    if (found < 0 || is_sent || (found == 1 && ret->confirmed_ms != 0)) {
        return found < 0 ? -1 : 0;
    }
    row.confirmed_ms = trusted ? ask->now_ms : 0;
    if ((!trusted && (check_channel(store, ask, arena, err) < 0 || check_often(store, ask, err) < 0)) ||
        insert(store, &row, trusted, err) < 0) {
        return -1;
    }
    *ret = row;
    return trusted ? note(store, &row, "address.confirmed", "config.yaml trusts its domain", ask->now_ms, err)
           : send(store, ask, &row, arena, err) < 0
               ? -1
               : note(store, &row, "address.asked", "", ask->now_ms, err);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

int store_mail_address_confirm(struct store *store, const struct mail_address *address, const char *peer,
                               int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE mail_addresses SET confirmed_ms = :now, means = :peer WHERE id = :id AND "
                                     "confirmed_ms IS NULL AND expires_ms > :now");
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":peer", peer);
    stmt_int(s, ":id", address->id);
    int64_t changed = stmt_run(s, err);
    if (changed != 1) {
        return changed < 0 ? -1 : err_set(err, ERR_STATE, "this link was used already, or is too old");
    }
    return note(store, address, "address.confirmed", "by the link that was sent there", now_ms, err);
}
