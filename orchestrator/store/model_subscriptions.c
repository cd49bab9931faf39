/* SPDX-License-Identifier: Apache-2.0 */
#include "store/model_subscriptions.h"

#include "base/mail_address.h"
#include "store/activity.h"
#include "store/mail_addresses.h"
#include "store/registry.h"
#include "store/stmt.h"

#define CONFIRMED_MS                                                                                                   \
    "(SELECT max(m.confirmed_ms) FROM mail_addresses AS m WHERE m.actor = s.actor AND m.address = s.address)"
#define CONFIRM_BY_MS                                                                                                  \
    "(SELECT max(m.expires_ms) FROM mail_addresses AS m WHERE m.actor = s.actor AND m.address = s.address)"
#define COLUMNS                                                                                                        \
    "SELECT s.id, s.name, s.version, s.actor, s.channel, s.address, s.created_ms, "                                    \
    "s.address = '' OR " CONFIRMED_MS " IS NOT NULL, " CONFIRM_BY_MS " FROM model_subscriptions AS s "

static const char *about_words(const struct model_subscription *s, struct arena *arena)
{
    return s->version == 0 ? arena_printf(arena, "model %s", s->name)
                           : arena_printf(arena, "model %s/%lld", s->name, (long long)s->version);
}

static int note(struct store *store, const struct model_subscription *s, const char *actor, const char *action,
                int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = actor,
        .action = action,
        .object = about_words(s, arena),
        .object_id = s->name,
        .from_state = "",
        .to_state = *s->address == '\0' ? s->channel : arena_printf(arena, "%s, %s", s->channel, s->address),
        .reason = strcmp(actor, s->actor) == 0 ? "" : arena_printf(arena, "it was %s's", s->actor),
        .evidence_sha256 = "",
    };
    int result = store_activity_append(store, &entry, err);
    arena_free(arena);
    return result;
}

static int check_model(struct store *store, const struct model_subscription *s, struct err *err)
{
    struct arena *arena = arena_new();
    struct registered_model model;
    struct model_version version;
    int result = s->version == 0 ? store_registry_get(store, s->name, arena, &model, err)
                                 : store_version_get(store, s->name, s->version, arena, &version, err);
    arena_free(arena);
    return result;
}

static void bind(struct stmt *s, const struct model_subscription *row)
{
    stmt_text(s, ":name", row->name);
    stmt_int(s, ":version", row->version);
    stmt_text(s, ":actor", row->actor);
    stmt_text(s, ":channel", row->channel);
    stmt_text(s, ":address", row->address);
}

/* 1 when it is there already, with its id. */
static int find_same(struct store *store, struct model_subscription *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM model_subscriptions WHERE name = :name AND version = :version AND "
                                     "actor = :actor AND channel = :channel AND address = :address");
    bind(s, row);
    int found = stmt_step(s, err);
    row->id = found == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return found;
}

/* Only e-mail goes to whom the subscriber says, and only when whoever reads there has agreed. */
static int check_address(struct store *store, const struct telling_rules *rules, struct model_subscription *row,
                         struct arena *arena, struct err *err)
{
    const struct channel *channel = telling_find(rules, row->channel);
    struct mail_address address;
    row->confirmed = *row->address == '\0';
    if (channel == NULL) {
        return telling_no_channel(rules, row->channel, arena, err);
    }
    if (row->confirmed) {
        return 0;
    }
    if (channel->kind != CHANNEL_EMAIL) {
        return err_set(err, ERR_STATE, "address: channel '%s' is %s: only e-mail goes to an address", row->channel,
                       channel_kind_names[channel->kind]);
    }
    if (!mail_address_is_plain(str_from(row->address))) {
        return err_set(err, ERR_INPUT, "address: '%.100s' is none: expected name@example.org", row->address);
    }
    const struct mail_ask ask = {row->actor, row->address, channel, rules->external_url, row->created_ms};
    if (store_mail_address_ask(store, &ask, arena, &address, err) < 0) {
        return -1;
    }
    row->confirmed = address.confirmed_ms != 0;
    row->confirm_by_ms = row->confirmed ? 0 : address.expires_ms;
    return 0;
}

static int insert(struct store *store, struct model_subscription *row, struct err *err)
{
    int found = find_same(store, row, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO model_subscriptions (name, version, actor, channel, address, "
                                     "created_ms) VALUES (:name, :version, :actor, :channel, :address, :now)");
    bind(s, row);
    stmt_int(s, ":now", row->created_ms);
    if (stmt_run_one(s, "subscribing", err) < 0) {
        return -1;
    }
    row->id = stmt_last_id(store);
    return note(store, row, row->actor, "model.subscribed", row->created_ms, err);
}

int store_model_subscribe(struct store *store, const struct telling_rules *rules,
                          struct model_subscription *subscription, struct err *err)
{
    struct arena *arena = arena_new();
    int result = check_model(store, subscription, err) < 0 ||
                         check_address(store, rules, subscription, arena, err) < 0
                     ? -1
                     : insert(store, subscription, err);
    arena_free(arena);
    return result;
}

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct model_subscription *)item = (struct model_subscription){
        .id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .version = stmt_column_int(s, 2),
        .actor = stmt_column_text(s, 3, arena),
        .channel = stmt_column_text(s, 4, arena),
        .address = stmt_column_text(s, 5, arena),
        .created_ms = stmt_column_int(s, 6),
        .confirmed = stmt_column_int(s, 7) != 0,
        .confirm_by_ms = stmt_column_int(s, 7) != 0 ? 0 : stmt_column_int(s, 8),
    };
}

int store_model_unsubscribe(struct store *store, int64_t id, const char *actor, bool of_all, int64_t now_ms,
                            struct err *err)
{
    struct arena *arena = arena_new();
    struct model_subscription row = {0};
    struct stmt *s = stmt_get(store, COLUMNS "WHERE s.id = :id");
    stmt_int(s, ":id", id);
    int found = stmt_step(s, err);
    if (found == 1) {
        read_row(s, arena, &row);
    }
    stmt_done(s);
    if (found == 0 || (found == 1 && !of_all && strcmp(row.actor, actor) != 0)) {
        found = err_set(err, ERR_NOT_FOUND, "you have no subscription %lld: 'sluice models subscriptions' lists them",
                        (long long)id);
    }
    if (found == 1) {
        struct stmt *gone = stmt_get(store, "DELETE FROM model_subscriptions WHERE id = :id");
        stmt_int(gone, ":id", id);
        found = stmt_run_one(gone, "ending a subscription", err) < 0
                    ? -1
                    : note(store, &row, actor, "model.unsubscribed", now_ms, err);
    }
    arena_free(arena);
    return found < 0 ? -1 : 0;
}

int store_model_subscription_list(struct store *store, const char *name, const char *actor, struct arena *arena,
                                  struct model_subscription **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, COLUMNS "WHERE (:name IS NULL OR s.name = :name) AND (:actor IS NULL OR "
                                             "s.actor = :actor) ORDER BY s.id");
    stmt_text(s, ":name", name);
    stmt_text(s, ":actor", actor);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_model_subscriptions_rename(struct store *store, const char *from, const char *to, struct err *err)
{
    struct stmt *s = to == NULL ? stmt_get(store, "DELETE FROM model_subscriptions WHERE name = :from")
                                : stmt_get(store, "UPDATE OR IGNORE model_subscriptions SET name = :to "
                                                  "WHERE name = :from");
    stmt_text(s, ":from", from);
    if (to != NULL) {
        stmt_text(s, ":to", to);
    }
    return stmt_run(s, err) < 0 ? -1 : 0;
}
