/* SPDX-License-Identifier: Apache-2.0 */
#include "store/channels.h"

#include "digest/digest.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/stmt.h"

const char *const channel_kind_names[] = {"webhook", "slack", "email", NULL};

const struct channel *telling_find(const struct telling_rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->channel_count; i++) {
        if (str_is(rules->channels[i].name, name)) {
            return &rules->channels[i];
        }
    }
    return NULL;
}

int telling_no_channel(const struct telling_rules *rules, const char *name, struct arena *arena, struct err *err)
{
    struct str *names = arena_array(arena, rules->channel_count + 1, sizeof *names);
    for (size_t i = 0; i < rules->channel_count; i++) {
        names[i] = rules->channels[i].name;
    }
    ptrdiff_t near = str_nearest(str_from(name), names, rules->channel_count);
    return err_set(err, ERR_NOT_FOUND, "there is no channel '%s'%s%s%s", name,
                   near >= 0                   ? ": did you mean '"
                   : rules->channel_count == 0 ? ": config.yaml has no 'channels'"
                                               : ": 'sluice channels list' has them",
                   near < 0 ? "" : names[near].p, near < 0 ? "" : "'?");
}

/* ---- which there are -------------------------------------------------------------------------------------------- */

/* What makes it another receiver: not which events it is told of. */
static struct digest digest_of(const struct channel *channel)
{
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, str_from(channel_kind_names[channel->kind]));
    digest_builder_add(builder, channel->url);
    digest_builder_add(builder, channel->url_secret);
    digest_builder_add(builder, channel->from);
    for (size_t i = 0; i < channel->to_count; i++) {
        digest_builder_add(builder, channel->to[i]);
    }
    return digest_builder_take(builder);
}

static int drop_gone(struct store *store, const struct telling_rules *rules, int64_t now_ms, struct arena *arena,
                     struct err *err)
{
    struct channel_state *states = NULL;
    size_t count = 0;
    if (store_channel_list(store, arena, &states, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (telling_find(rules, states[i].name) != NULL) {
            continue;
        }
        struct stmt *s = stmt_get(store, "DELETE FROM channels WHERE name = :name");
        stmt_text(s, ":name", states[i].name);
        if (stmt_run(s, err) < 0 ||
            store_deliveries_drop(store, arena_printf(arena, "channel/%s", states[i].name),
                                  "config.yaml has no such channel any more", now_ms, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_channels_take(struct store *store, const struct telling_rules *rules, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    int result = drop_gone(store, rules, now_ms, arena, err);
    for (size_t i = 0; result == 0 && i < rules->channel_count; i++) {
        struct digest digest = digest_of(&rules->channels[i]);
        struct stmt *s = stmt_get(store, "INSERT INTO channels (name, kind, sha256, disabled_ms, reason) "
                                         "VALUES (:name, :kind, :sha256, 0, '') ON CONFLICT (name) DO UPDATE SET "
                                         "kind = :kind, sha256 = :sha256, disabled_ms = 0, reason = '' "
                                         "WHERE sha256 <> :sha256");
        stmt_str(s, ":name", rules->channels[i].name);
        stmt_text(s, ":kind", channel_kind_names[rules->channels[i].kind]);
        stmt_text(s, ":sha256", digest.hex);
        result = stmt_run(s, err) < 0 ? -1 : 0;
    }
    arena_free(arena);
    return result < 0 ? -1 : store_telling_set(store, rules->channel_count > 0, now_ms, err);
}

/* ---- what has become of them ------------------------------------------------------------------------------------ */

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct channel_state *)item = (struct channel_state){
        .name = stmt_column_text(s, 0, arena),
        .kind = stmt_column_text(s, 1, arena),
        .disabled_ms = stmt_column_int(s, 2),
        .reason = stmt_column_text(s, 3, arena),
    };
}

int store_channel_get(struct store *store, const char *name, struct arena *arena, struct channel_state *ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT name, kind, disabled_ms, reason FROM channels WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_read_row(s, read_row, arena, ret, err);
    return row == 0 ? err_set(err, ERR_NOT_FOUND, "there is no channel '%s': 'sluice channels list' has them", name)
           : row < 0 ? -1
                     : 0;
}

int store_channel_list(struct store *store, struct arena *arena, struct channel_state **ret, size_t *ret_count,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT name, kind, disabled_ms, reason FROM channels ORDER BY name");
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_channel_disable(struct store *store, const char *name, const char *reason, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "UPDATE channels SET disabled_ms = :now, reason = :reason WHERE name = :name");
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":reason", reason);
    stmt_text(s, ":name", name);
    int result = stmt_run_one(s, "disabling a channel", err) < 0
                     ? -1
                     : store_deliveries_drop(store, arena_printf(arena, "channel/%s", name), "the channel was disabled",
                                             now_ms, err);
    arena_free(arena);
    return result;
}

int store_channel_enable(struct store *store, const char *name, struct err *err)
{
    struct arena *arena = arena_new();
    struct channel_state state;
    int result = store_channel_get(store, name, arena, &state, err);
    if (result == 0 && state.disabled_ms == 0) {
        result = err_set(err, ERR_STATE, "channel '%s' is not disabled", name);
    }
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE channels SET disabled_ms = 0, reason = '' WHERE name = :name");
    stmt_text(s, ":name", name);
    return stmt_run_one(s, "enabling a channel", err);
}
