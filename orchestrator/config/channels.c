/* SPDX-License-Identifier: Apache-2.0 */
#include "config/channels.h"

#include "base/mail_address.h"
#include "config/texts.h"
#include "pipeline/load.h"

enum { CHANNELS_MAX = 200, ADDRESSES_MAX = 50 };

static struct channel *channel_of(void *target)
{
    return target;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* 1 with the name of the secret that the text is, 0 when it is plain, -1 after an error. */
static int read_secret(struct loader *loader, const struct yaml_node *node, struct str *ret)
{
    struct template value;
    struct str name;
    if (!load_template(loader, node, &value)) {
        return -1;
    }
    if (template_is_secret(&value, &name)) {
        *ret = arena_str(loader->arena, name);
        return 1;
    }
    if (!template_is_plain(&value)) {
        load_error(loader, node, DIAG_EXPR_PLACE, "write ${{ secrets.NAME }}, and put the whole text into that secret",
                   "'%.*s': only a secret stands here, and nothing beside it", STR_ARG(node->text));
        return -1;
    }
    return 0;
}

static void read_only_secret(struct loader *loader, const struct yaml_node *node, const char *what, struct str *ret)
{
    if (read_secret(loader, node, ret) == 0) {
        load_error(loader, node, DIAG_SECRET, "write ${{ secrets.NAME }}", "%s stands in the file", what);
    }
}

static bool is_url(struct str text, const char *const *schemes)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] >= 0x7f ||
            strchr("<>|\"`", text.p[i]) != NULL) {
            return false;
        }
    }
    for (size_t i = 0; schemes[i] != NULL; i++) {
        if (str_starts(text, str_from(schemes[i])) && text.n > strlen(schemes[i]) &&
            text.p[strlen(schemes[i])] != '/') {
            return true;
        }
    }
    return false;
}

static const char *const http_schemes[] = {"https://", "http://", NULL};
static const char *const mail_schemes[] = {"smtps://", "smtp://", NULL};

static void read_url(struct loader *loader, const struct yaml_node *node, const char *const *schemes,
                     struct channel *channel)
{
    int secret = read_secret(loader, node, &channel->url_secret);
    if (secret == 0 && !is_url(node->text, schemes)) {
        load_error(loader, node, DIAG_VALUE, NULL, "expected %sHOST... or %sHOST..., found '%.*s'", schemes[0],
                   schemes[1], STR_ARG(node->text));
    } else if (secret == 0) {
        channel->url = arena_str(loader->arena, node->text);
    }
}

static bool read_address(struct loader *loader, const struct yaml_node *node, struct str *ret)
{
    if (!mail_address_is_plain(node->text)) {
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s' is no address: expected name@example.org",
                   STR_ARG(node->text));
        return false;
    }
    *ret = arena_str(loader->arena, node->text);
    return true;
}

/* ---- the keys of a channel -------------------------------------------------------------------------------------- */

static void key_webhook(struct loader *loader, const struct yaml_node *node, void *target)
{
    channel_of(target)->kind = CHANNEL_WEBHOOK;
    read_url(loader, node, http_schemes, target);
}

static void key_slack(struct loader *loader, const struct yaml_node *node, void *target)
{
    channel_of(target)->kind = CHANNEL_SLACK;
    read_url(loader, node, http_schemes, target);
}

static void key_email(struct loader *loader, const struct yaml_node *node, void *target)
{
    channel_of(target)->kind = CHANNEL_EMAIL;
    read_url(loader, node, mail_schemes, target);
    if (str_find_byte(channel_of(target)->url, '@', 0) >= 0) {
        load_error(loader, node, DIAG_SECRET, "'user' and 'password' say who logs in",
                   "a name or password stands in the server's URL");
    }
}

static void key_secret(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct channel *channel = target;
    size_t count = node->type == JSON_STRING ? 1 : node->count;
    if (count == 0 || count > CHANNEL_SECRETS) {
        load_error(loader, node, DIAG_VALUE, NULL, "'secret': expected one, or two while the one replaces the other");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *item = node->type == JSON_STRING ? node : &node->items[i];
        if (load_expect(loader, item, TAKES_TEXT, "'secret'")) {
            read_only_secret(loader, item, "what signs", &channel->secrets[i]);
        }
    }
    channel->secret_count = count;
}

static void key_events(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)config_texts_read(loader, node, "'events'", &channel_of(target)->events, &channel_of(target)->event_count);
}

static void key_from(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)read_address(loader, node, &channel_of(target)->from);
}

static void key_to(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct channel *channel = target;
    size_t count = node->type == JSON_STRING ? 1 : node->count;
    struct str *to = arena_array(loader->arena, count + 1, sizeof *to);
    if (count == 0 || count > ADDRESSES_MAX) {
        load_error(loader, node, DIAG_VALUE, NULL, "'to': expected 1 to %d addresses", ADDRESSES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *item = node->type == JSON_STRING ? node : &node->items[i];
        if (load_expect(loader, item, TAKES_TEXT, "'to'")) {
            (void)read_address(loader, item, &to[i]);
        }
    }
    channel->to = to;
    channel->to_count = count;
}

static void key_user(struct loader *loader, const struct yaml_node *node, void *target)
{
    channel_of(target)->user = arena_str(loader->arena, node->text);
}

static void key_password(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_only_secret(loader, node, "a password", &channel_of(target)->password_secret);
}

static void key_tls(struct loader *loader, const struct yaml_node *node, void *target)
{
    bool tls = true;
    if (load_bool(loader, node, &tls)) {
        channel_of(target)->plain = !tls;
    }
}

static void key_trusts(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct channel *channel = target;
    if (!config_texts_read(loader, node, "'trusts'", &channel->trusts, &channel->trust_count)) {
        return;
    }
    for (size_t i = 0; i < channel->trust_count; i++) {
        struct str address = str_from(arena_printf(loader->arena, "a@%s", channel->trusts[i].p));
        if (!mail_address_is_plain(address) || strpbrk(channel->trusts[i].p, "*?[") != NULL) { /* it is no glob */
            load_error(loader, node, DIAG_VALUE, NULL, "'trusts': '%s' is no domain: expected example.org",
                       channel->trusts[i].p);
        }
    }
}

static const struct key channel_keys[] = {
    {.name = "webhook", .takes = TAKES_TEXT, .load = key_webhook},
    {.name = "slack", .takes = TAKES_TEXT, .load = key_slack},
    {.name = "email", .takes = TAKES_TEXT, .load = key_email},
    {.name = "secret", .takes = TAKES_TEXT | TAKES_LIST, .load = key_secret},
    {.name = "events", .takes = TAKES_LIST, .load = key_events},
    {.name = "from", .takes = TAKES_TEXT, .load = key_from},
    {.name = "to", .takes = TAKES_TEXT | TAKES_LIST, .load = key_to},
    {.name = "user", .takes = TAKES_TEXT, .load = key_user},
    {.name = "password", .takes = TAKES_TEXT, .load = key_password},
    {.name = "tls", .takes = TAKES_SWITCH, .load = key_tls},
    {.name = "trusts", .takes = TAKES_LIST, .load = key_trusts},
    {0},
};

/* ---- what they say together ------------------------------------------------------------------------------------- */

/* Which keys belong to which kind, and which of these must be there. */
static const struct {
    const char *key;
    const char *kind;
    bool required;
} belongings[] = {
    {"secret", "webhook", false}, {"from", "email", true},      {"to", "email", true},
    {"user", "email", false},     {"password", "email", false}, {"tls", "email", false},
    {"trusts", "email", false},
};

static void check_belongings(struct loader *loader, const struct yaml_node *node, const char *kind, const char *what)
{
    for (size_t i = 0; i < sizeof belongings / sizeof belongings[0]; i++) {
        const struct yaml_node *given = yaml_get(node, belongings[i].key);
        bool belongs = strcmp(belongings[i].kind, kind) == 0;
        if (given != NULL && !belongs) {
            load_error(loader, given, DIAG_VALUE, NULL, "%s: '%s' belongs to channels of '%s'", what,
                       belongings[i].key, belongings[i].kind);
        } else if (given == NULL && belongs && belongings[i].required) {
            load_error(loader, node, DIAG_MISSING, NULL, "%s has no '%s'", what, belongings[i].key);
        }
    }
    const struct yaml_node *tls = yaml_get(node, "tls");
    if (tls != NULL && str_is(tls->text, "false") && yaml_get(node, "password") != NULL) {
        load_error(loader, tls, DIAG_SECRET, NULL, "%s: without TLS the password could be read on its way", what);
    }
    if ((yaml_get(node, "user") == NULL) != (yaml_get(node, "password") == NULL)) {
        load_error(loader, node, DIAG_MISSING, NULL, "%s: 'user' and 'password' belong together", what);
    }
}

static void check_channel(struct loader *loader, const struct yaml_node *node, const char *what)
{
    const char *kind = NULL;
    int kinds = 0;
    for (size_t i = 0; channel_kind_names[i] != NULL; i++) {
        bool given = yaml_get(node, channel_kind_names[i]) != NULL;
        kinds += given;
        kind = given ? channel_kind_names[i] : kind;
    }
    if (kinds != 1) {
        load_error(loader, node, DIAG_MISSING, NULL, "%s: expected exactly one of 'webhook', 'slack' and 'email'",
                   what);
    } else {
        check_belongings(loader, node, kind, what);
    }
}

/* It stands in messages, commands and the names of rows. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr("._-", c) == NULL)) {
            return false;
        }
    }
    return name.n > 0 && name.n <= CHANNEL_NAME_MAX;
}

void channels_load(struct loader *loader, const struct yaml_node *node, struct telling_rules *ret)
{
    struct channel *channels = arena_array(loader->arena, node->count + 1, sizeof *channels);
    if (node->count > CHANNELS_MAX) {
        load_error(loader, node, DIAG_BOUND, NULL, "'channels': expected at most %d, found %zu", CHANNELS_MAX,
                   node->count);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        const char *what = arena_printf(loader->arena, "channel '%.*s'", STR_ARG(pair->key.text));
        channels[i].name = arena_str(loader->arena, pair->key.text);
        if (!is_name(pair->key.text)) {
            load_error(loader, &pair->key, DIAG_VALUE, NULL,
                       "'%.*s' is no name of a channel: expected up to %d lower-case letters, digits, '.', '_' and "
                       "'-', beginning with a letter or digit",
                       STR_ARG(pair->key.text), CHANNEL_NAME_MAX);
        } else if (load_map(loader, &pair->value, channel_keys, &channels[i], what)) {
            check_channel(loader, &pair->value, what);
        }
    }
    struct str *names = arena_array(loader->arena, node->count + 1, sizeof *names);
    for (size_t i = 0; i < node->count; i++) {
        names[i] = channels[i].name;
    }
    ret->channels = channels;
    ret->channel_count = node->count;
    ret->names = names;
}

static const struct str no_names[1];
const struct telling_rules telling_rules_none = {.names = no_names};

void notify_load(struct loader *loader, const struct yaml_node *node, const char *external_url,
                 struct telling_rules *ret)
{
    ret->external_url = external_url;
    const struct notify_reading reading = {
        .of_config = true,
        .channels = ret->names,
        .channel_count = ret->channel_count,
        .ret = &ret->rules,
        .ret_count = &ret->rule_count,
    };
    if (node != NULL && node->type == JSON_ARRAY) {
        load_notify(loader, node, &reading);
    }
}
