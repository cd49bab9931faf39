/* SPDX-License-Identifier: Apache-2.0 */
#include "store/webhooks.h"

#include "base/address_policy.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "store/deliveries.h"
#include "store/key_rules.h"
#include "store/python_quote.h"
#include "store/stmt.h"
#include "store/webhook_events.h"

enum { NAME_MAX_BYTES = 63, DESCRIPTION_CHARACTERS_MAX = 1000 };

#define COLUMNS "webhook_id, name, description, url, status, secret, key_id, created_ms, updated_ms "

/* ---- rules ------------------------------------------------------------------------------------------------------ */

struct json webhook_policy_json(const struct webhook_rules *rules, struct arena *arena)
{
    struct json policy = json_object();
    struct json allow = json_array();
    for (size_t i = 0; i < rules->allow_count; i++) {
        json_push(arena, &allow, json_string(arena, rules->allow[i]));
    }
    json_set(arena, &policy, "reach", json_cstring(arena, "public"));
    json_set(arena, &policy, "allow", allow);
    json_set(arena, &policy, "https", json_bool(!rules->allow_http));
    json_set(arena, &policy, "proxy", json_cstring(arena, "none"));
    return policy;
}

int webhook_policy(const struct webhook_rules *rules, struct arena *arena, struct address_policy *ret,
                   struct err *err)
{
    struct json policy = webhook_policy_json(rules, arena);
    return address_policy_read(&policy, arena, ret, err);
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int webhook_name_check(const char *name, struct err *err)
{
    size_t n = strlen(name);
    bool good = n > 0 && n <= NAME_MAX_BYTES && is_letter_or_digit(name[0]) && is_letter_or_digit(name[n - 1]);
    for (size_t i = 0; good && i < n; i++) {
        good = is_letter_or_digit(name[i]) || strchr("._-", name[i]) != NULL;
    }
    if (good) {
        return 0;
    }
    struct strbuf quoted;
    strbuf_init(&quoted, 1024);
    python_quote(&quoted, str_slice(str_from(name), 0, 250));
    (void)err_set(err, ERR_INPUT,
                  "Webhook name %s is invalid. It must start and end with a letter or digit, be less than 63 "
                  "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
                  quoted.data);
    strbuf_clear(&quoted);
    return -1;
}

static int no_webhook(const char *webhook_id, struct err *err)
{
    (void)err_set(err, ERR_NOT_FOUND, "there is no webhook '%s'", webhook_id);
    return err_as_mlflow(err, "Webhook with ID %s not found.", webhook_id);
}

/* ---- making and changing ---------------------------------------------------------------------------------------- */

int store_webhook_new_id(struct store *store, struct arena *arena, const char **ret_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " SQL_UUID);
    int row = stmt_step(s, err);
    *ret_id = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row == 1 ? 0 : -1;
}

static int put_events(struct store *store, const char *webhook_id, const char *const *events, size_t count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM webhook_events WHERE webhook_id = :webhook");
    stmt_text(s, ":webhook", webhook_id);
    if (stmt_run(s, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_INPUT, "Webhook events must be a non-empty list of WebhookEvent objects: [].");
    }
    for (size_t i = 0; i < count; i++) {
        struct stmt *one = stmt_get(store, "INSERT INTO webhook_events (event, webhook_id, position) VALUES (:event, "
                                           ":webhook, :position) ON CONFLICT (event, webhook_id) DO NOTHING");
        stmt_text(one, ":event", events[i]);
        stmt_text(one, ":webhook", webhook_id);
        stmt_int(one, ":position", (int64_t)i);
        if (stmt_run(one, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_webhook_create(struct store *store, const struct webhook *webhook, int64_t now_ms, struct err *err)
{
    if (webhook_name_check(webhook->name, err) < 0 ||
        value_check_length("description", webhook->description, DESCRIPTION_CHARACTERS_MAX, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO webhooks (" COLUMNS ") VALUES (:id, :name, :description, :url, "
                                     ":status, :secret, :key_id, :now, :now)");
    stmt_text(s, ":id", webhook->webhook_id);
    stmt_text(s, ":name", webhook->name);
    stmt_text(s, ":description", webhook->description);
    stmt_text(s, ":url", webhook->url);
    stmt_text(s, ":status", webhook->active ? "ACTIVE" : "DISABLED");
    if (webhook->sealed.n == 0) {
        stmt_null(s, ":secret");
    } else {
        stmt_blob(s, ":secret", webhook->sealed.p, webhook->sealed.n);
    }
    stmt_text(s, ":key_id", webhook->sealed.n == 0 ? "" : webhook->key_id);
    stmt_int(s, ":now", now_ms);
    return stmt_run_one(s, "making a webhook", err) < 0
               ? -1
               : put_events(store, webhook->webhook_id, webhook->events, webhook->event_count, err);
}

/* Runs `s`, which changes one column of the webhook. */
static int change_one(struct stmt *s, const char *webhook_id, struct err *err)
{
    stmt_text(s, ":webhook", webhook_id);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? no_webhook(webhook_id, err) : changed < 0 ? -1 : 0;
}

static int set_text(struct store *store, const char *webhook_id, const char *sql, const char *value, struct err *err)
{
    if (value == NULL) {
        return 0;
    }
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":value", value);
    return change_one(s, webhook_id, err);
}

static int set_secret(struct store *store, const char *webhook_id, const struct webhook_change *change,
                      struct err *err)
{
    if (change->sealed == NULL) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "UPDATE webhooks SET secret = :secret, key_id = :key_id "
                                     "WHERE webhook_id = :webhook");
    if (change->sealed->n == 0) {
        stmt_null(s, ":secret");
    } else {
        stmt_blob(s, ":secret", change->sealed->p, change->sealed->n);
    }
    stmt_text(s, ":key_id", change->sealed->n == 0 ? "" : change->key_id);
    return change_one(s, webhook_id, err);
}

int store_webhook_update(struct store *store, const char *webhook_id, const struct webhook_change *change,
                         int64_t now_ms, struct err *err)
{
    const char *status = change->active == NULL ? NULL : *change->active ? "ACTIVE" : "DISABLED";
    if ((change->name != NULL && webhook_name_check(change->name, err) < 0) ||
        (change->description != NULL &&
         value_check_length("description", change->description, DESCRIPTION_CHARACTERS_MAX, err) < 0)) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE webhooks SET updated_ms = :now WHERE webhook_id = :webhook");
    stmt_int(s, ":now", now_ms);
    if (change_one(s, webhook_id, err) < 0 ||
        set_text(store, webhook_id, "UPDATE webhooks SET name = :value WHERE webhook_id = :webhook", change->name,
                 err) < 0 ||
        set_text(store, webhook_id, "UPDATE webhooks SET description = :value WHERE webhook_id = :webhook",
                 change->description, err) < 0 ||
        set_text(store, webhook_id, "UPDATE webhooks SET url = :value WHERE webhook_id = :webhook", change->url, err) <
            0 ||
        set_text(store, webhook_id, "UPDATE webhooks SET status = :value WHERE webhook_id = :webhook", status, err) <
            0 ||
        set_secret(store, webhook_id, change, err) < 0 ||
        (change->events != NULL && put_events(store, webhook_id, change->events, change->event_count, err) < 0)) {
        return -1;
    }
    return change->active == NULL || *change->active
               ? 0
               : store_deliveries_drop(store, webhook_id, "the webhook was disabled", now_ms, err);
}

int store_webhook_delete(struct store *store, const char *webhook_id, struct err *err)
{
    static const char *const deletions[] = {
        "DELETE FROM deliveries WHERE receiver = :webhook",
        "DELETE FROM webhook_events WHERE webhook_id = :webhook",
    };
    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        struct stmt *s = stmt_get(store, deletions[i]);
        stmt_text(s, ":webhook", webhook_id);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    store_deliveries_note(store);
    return change_one(stmt_get(store, "DELETE FROM webhooks WHERE webhook_id = :webhook"), webhook_id, err);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct webhook read_row(struct stmt *s, struct arena *arena)
{
    return (struct webhook){
        .webhook_id = stmt_column_text(s, 0, arena),
        .name = stmt_column_text(s, 1, arena),
        .description = stmt_column_text(s, 2, arena),
        .url = stmt_column_text(s, 3, arena),
        .active = str_is(stmt_column_view(s, 4), "ACTIVE"),
        .sealed = stmt_column_is_null(s, 5) ? (struct str){0} : stmt_column_blob(s, 5, arena),
        .key_id = stmt_column_text(s, 6, arena),
        .created_ms = stmt_column_int(s, 7),
        .updated_ms = stmt_column_int(s, 8),
    };
}

static int read_events(struct store *store, struct arena *arena, struct webhook *webhook, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT event FROM webhook_events WHERE webhook_id = :webhook ORDER BY position");
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":webhook", webhook->webhook_id);
    while ((row = stmt_step(s, err)) == 1) {
        webhook->events = arena_grow(arena, webhook->events, webhook->event_count, &room, sizeof *webhook->events);
        webhook->events[webhook->event_count++] = stmt_column_text(s, 0, arena);
    }
    stmt_done(s);
    return row;
}

int store_webhook_get(struct store *store, const char *webhook_id, struct arena *arena, struct webhook *ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM webhooks WHERE webhook_id = :webhook");
    stmt_text(s, ":webhook", webhook_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_row(s, arena);
    }
    stmt_done(s);
    return row == 0 ? no_webhook(webhook_id, err) : row < 0 ? -1 : read_events(store, arena, ret, err);
}

/* "MILLISECONDS/ID" of the last that was shown. */
static int read_token(const char *token, struct arena *arena, int64_t *ret_ms, const char **ret_id, struct err *err)
{
    struct str rest = str_from(token);
    struct str ms = {0};
    *ret_ms = INT64_MAX;
    *ret_id = "";
    if (rest.n == 0) {
        return 0;
    }
    if (!str_cut(&rest, '/', &ms) || rest.p == NULL || parse_int(ms, 0, INT64_MAX, ret_ms, NULL) < 0) {
        return err_set(err, ERR_INPUT, "Invalid page token: expected one that a list has given");
    }
    *ret_id = arena_str(arena, rest).p;
    return 0;
}

int store_webhook_list(struct store *store, int64_t max_results, const char *page_token, struct arena *arena,
                       struct webhook **ret, size_t *ret_count, const char **ret_token, struct err *err)
{
    struct webhook *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int64_t before_ms = 0;
    const char *before_id = NULL;
    int row = 0;
    if (max_results < 1 || max_results > WEBHOOKS_PAGE_MAX) {
        return err_set(err, ERR_INPUT, "max_results must be between 1 and %d.", WEBHOOKS_PAGE_MAX);
    }
    if (read_token(page_token, arena, &before_ms, &before_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM webhooks WHERE (created_ms, webhook_id) < (:ms, :id) "
                                     "ORDER BY created_ms DESC, webhook_id DESC LIMIT :limit");
    stmt_int(s, ":ms", before_ms);
    stmt_text(s, ":id", before_id);
    stmt_int(s, ":limit", max_results + 1);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = read_row(s, arena);
    }
    stmt_done(s);
    *ret_token = NULL;
    if (row == 0 && count > (size_t)max_results) {
        count--;
        *ret_token =
            arena_printf(arena, "%lld/%s", (long long)items[count - 1].created_ms, items[count - 1].webhook_id);
    }
    for (size_t i = 0; row == 0 && i < count; i++) {
        row = read_events(store, arena, &items[i], err);
    }
    *ret = items;
    *ret_count = count;
    return row;
}
