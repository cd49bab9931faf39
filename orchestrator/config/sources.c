/* SPDX-License-Identifier: Apache-2.0 */
#include "config/sources.h"

#include "base/parse.h"
#include "base/path.h"
#include "pipeline/load.h"

enum { SOURCES_MAX = 1000, NAME_MAX_BYTES = 100, URL_MAX_BYTES = 2000 };

static const int64_t every_ms = 60000;
static const int64_t timeout_ms = 600000;
static const int64_t max_bytes = (int64_t)1 << 30;

/* One source, while it is read. */
struct reading_source {
    const char *folder; /* of config.yaml */
    struct json *row;
};

static void set(struct loader *loader, void *target, const char *key, struct json value)
{
    json_set(loader->arena, ((struct reading_source *)target)->row, key, value);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static bool is_plain(struct loader *loader, const struct yaml_node *node, const char *what)
{
    bool good = node->text.n > 0 && node->text.n <= URL_MAX_BYTES;
    for (size_t i = 0; good && i < node->text.n; i++) {
        good = (unsigned char)node->text.p[i] >= 0x20 && node->text.p[i] != 0x7F;
    }
    if (!good) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected text of at most %d bytes without control characters",
                   what, URL_MAX_BYTES);
    }
    return good;
}

static void read_text(struct loader *loader, const struct yaml_node *node, void *target, const char *key)
{
    if (is_plain(loader, node, arena_printf(loader->arena, "'%s'", key))) {
        set(loader, target, key, json_string(loader->arena, node->text));
    }
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr("._-", c) == NULL)) {
            return false;
        }
    }
    return name.n > 0 && name.n <= NAME_MAX_BYTES;
}

static void key_name(struct loader *loader, const struct yaml_node *node, void *target)
{
    if (str_is(node->text, "folder")) {
        load_error(loader, node, DIAG_VALUE, NULL, "'folder' is what 'sluice serve --pipelines' is called: expected "
                                                   "another name of a source");
    } else if (!is_name(node->text)) {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "'%.*s' is no name of a source: expected up to %d of a-z, 0-9, '.', '_' and '-', beginning with a "
                   "letter or digit",
                   STR_ARG(node->text), NAME_MAX_BYTES);
    } else {
        set(loader, target, "name", json_string(loader->arena, node->text));
    }
}

/* ---- where it is ------------------------------------------------------------------------------------------------ */

/* Credentials in a URL would be in messages, tags and the store. */
static bool has_password(struct str rest)
{
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    struct str authority = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    ptrdiff_t at = str_find_byte(authority, '@', 0);
    return at >= 0 && str_find_byte(str_slice(authority, 0, (size_t)at), ':', 0) >= 0;
}

static bool has_user(struct str rest)
{
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    return str_find_byte(slash < 0 ? rest : str_slice(rest, 0, (size_t)slash), '@', 0) >= 0;
}

static const char *url_problem(struct str url)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = scheme < 0 ? url : str_slice(url, (size_t)scheme + 3, url.n);
    if (scheme < 0) {
        ptrdiff_t colon = str_find_byte(url, ':', 0);
        ptrdiff_t slash = str_find_byte(url, '/', 0);
        bool is_scp = colon > 0 && (slash < 0 || colon < slash) && (size_t)colon + 1 < url.n;
        return is_scp || url.p[0] == '/' ? NULL
                                         : "expected https://, ssh://, USER@HOST:PATH, file:// or an absolute path";
    }
    if (str_starts(url, STR("file://"))) {
        return rest.n > 1 && rest.p[0] == '/' ? NULL : "expected file:///PATH";
    }
    if (str_starts(url, STR("http://"))) {
        return "what comes by http can be changed on its way: expected https://";
    }
    bool https = str_starts(url, STR("https://"));
    if (!https && !str_starts(url, STR("ssh://"))) {
        return "expected https, ssh or file";
    }
    if (has_password(rest) || (https && has_user(rest))) {
        return "it holds credentials: expected them in 'credentials', from a secret";
    }
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    return slash <= 0 || (size_t)slash + 1 == rest.n ? "it names no repository" : NULL;
}

static void key_url(struct loader *loader, const struct yaml_node *node, void *target)
{
    if (!is_plain(loader, node, "'url'")) {
        return;
    }
    const char *problem = str_find_byte(node->text, ' ', 0) >= 0 ? "it holds a blank" : url_problem(node->text);
    if (problem != NULL) { /* not the url: it may hold a password */
        load_error(loader, node, DIAG_VALUE, NULL, "'url': %s", problem);
        return;
    }
    set(loader, target, "url", json_string(loader->arena, node->text));
}

/* As git-check-ref-format(1) has it, as far as a slip of the hand goes. */
static void key_branch(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct str name = node->text;
    bool good = name.n > 0 && name.n <= 200 && name.p[0] != '-' && name.p[0] != '/' && name.p[name.n - 1] != '/' &&
                str_find(name, STR("..")) < 0 && str_find(name, STR("@{")) < 0 && str_find(name, STR("//")) < 0;
    for (size_t i = 0; good && i < name.n; i++) {
        good = (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7F && strchr("~^:?*[\\", name.p[i]) == NULL;
    }
    if (!good || str_starts(name, STR("refs/"))) {
        load_error(loader, node, DIAG_VALUE, NULL, "'branch': '%.*s' is no name of a branch: expected one such as main",
                   STR_ARG(name));
        return;
    }
    set(loader, target, "branch", json_string(loader->arena, name));
}

static void key_path(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct str path = node->text;
    while (path.n > 1 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    if (!str_is(path, ".") && !path_is_below(path)) {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "'path': '%.*s': expected a folder, a file or a glob below the root of the repository",
                   STR_ARG(node->text));
        return;
    }
    set(loader, target, "path", json_string(loader->arena, path));
}

static void key_page(struct loader *loader, const struct yaml_node *node, void *target)
{
    bool web = str_starts(node->text, STR("https://")) || str_starts(node->text, STR("http://"));
    if (!web || str_find(node->text, STR("{commit}")) < 0) {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "'page': expected a URL with {commit} in it, such as https://git.example.org/x/commit/{commit}");
        return;
    }
    read_text(loader, node, target, "page");
}

/* ---- how often, how long, how much ------------------------------------------------------------------------------- */

static void read_time(struct loader *loader, const struct yaml_node *node, void *target, const char *key,
                      int64_t least_ms, int64_t most_ms)
{
    int64_t ms = 0;
    if (!load_duration(loader, node, &ms)) {
        return;
    }
    if (ms < least_ms || ms > most_ms) {
        char least[32], most[32];
        format_duration(least, sizeof least, least_ms);
        format_duration(most, sizeof most, most_ms);
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s': expected %s to %s", STR_ARG(node->text), least, most);
        return;
    }
    set(loader, target, key, json_int(ms));
}

static void key_every(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_time(loader, node, target, "every_ms", 1000, (int64_t)7 * 24 * 3600000);
}

static void key_timeout(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_time(loader, node, target, "timeout_ms", 1000, (int64_t)24 * 3600000);
}

static void key_max_size(struct loader *loader, const struct yaml_node *node, void *target)
{
    int64_t bytes = 0;
    struct err wrong = {0};
    if (parse_size_of_much(node->text, &bytes, &wrong) < 0 || bytes < 1) {
        load_error(loader, node, DIAG_VALUE, NULL, "'max_size': %s",
                   wrong.code == ERR_NONE ? "expected more than nothing" : wrong.message);
        return;
    }
    set(loader, target, "max_bytes", json_int(bytes));
}

/* ---- credentials ------------------------------------------------------------------------------------------------ */

static void read_secret(struct loader *loader, const struct yaml_node *node, void *target, const char *key)
{
    struct template value;
    struct str name;
    if (!load_template(loader, node, &value)) {
        return;
    }
    if (template_is_plain(&value)) {
        load_error(loader, node, DIAG_SECRET, "write ${{ secrets.NAME }}", "'%s': a value stands in the file", key);
    } else if (!template_is_secret(&value, &name)) {
        load_error(loader, node, DIAG_SECRET, "write ${{ secrets.NAME }}, and put the whole text into that secret",
                   "'%s' is one secret, and nothing beside it", key);
    } else {
        set(loader, target, key, json_string(loader->arena, name));
    }
}

static void read_file(struct loader *loader, const struct yaml_node *node, void *target, const char *key)
{
    struct reading_source *reading = target;
    if (!is_plain(loader, node, arena_printf(loader->arena, "'%s'", key))) {
        return;
    }
    if (node->text.p[0] == '~') {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "expected a path, absolute or from the folder of config.yaml, found '%.*s'", STR_ARG(node->text));
        return;
    }
    const char *path = path_join(loader->arena, reading->folder, arena_str(loader->arena, node->text).p);
    set(loader, target, key, json_cstring(loader->arena, path));
}

#define READS(what, key)                                                                                               \
    static void key_##key(struct loader *loader, const struct yaml_node *node, void *target)                           \
    {                                                                                                                  \
        read_##what(loader, node, target, #key);                                                                       \
    }
READS(text, username)
READS(secret, password)
READS(secret, ssh_key)
READS(secret, passphrase)
READS(file, ssh_key_file)
READS(file, known_hosts)
READS(file, ca)
READS(secret, secret)

static const struct key credential_keys[] = {
    {.name = "username", .takes = TAKES_TEXT, .load = key_username},
    {.name = "password", .takes = TAKES_TEXT, .load = key_password},
    {.name = "ca", .takes = TAKES_TEXT, .load = key_ca},
    {.name = "ssh_key", .takes = TAKES_TEXT, .load = key_ssh_key},
    {.name = "ssh_key_file", .takes = TAKES_TEXT, .load = key_ssh_key_file},
    {.name = "passphrase", .takes = TAKES_TEXT, .load = key_passphrase},
    {.name = "known_hosts", .takes = TAKES_TEXT, .load = key_known_hosts},
    {0},
};

static void key_credentials(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, credential_keys, target, "'credentials'");
    if (yaml_get(node, "ssh_key") != NULL && yaml_get(node, "ssh_key_file") != NULL) {
        load_error(loader, node, DIAG_VALUE, NULL, "'credentials': expected one of 'ssh_key' and 'ssh_key_file'");
    }
}

static void key_verify(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, webhook_verifications, &word)) {
        set(loader, target, "verify", json_cstring(loader->arena, webhook_verifications[word]));
    }
}

static const struct key hook_keys[] = {
    {.name = "verify", .takes = TAKES_TEXT, .load = key_verify, .required = true},
    {.name = "secret", .takes = TAKES_TEXT, .load = key_secret},
    {0},
};

/* Whoever could say so without a secret could have us fetch all the time. */
static void key_webhook(struct loader *loader, const struct yaml_node *node, void *target)
{
    const struct yaml_node *verify = yaml_get(node, "verify");
    if (!load_map(loader, node, hook_keys, target, "'webhook'")) {
        return;
    }
    if (verify != NULL && str_is(verify->text, "none")) {
        load_error(loader, verify, DIAG_VALUE, "say who sends it, and give it a secret",
                   "'verify: none': whoever reaches the server could have it fetch");
    } else if (verify != NULL && yaml_get(node, "secret") == NULL) {
        load_error(loader, verify, DIAG_MISSING, "write secret: ${{ secrets.NAME }}",
                   "'webhook' has no 'secret': '%.*s' checks deliveries by one", STR_ARG(verify->text));
    }
}

/* ---- the list --------------------------------------------------------------------------------------------------- */

static const struct key source_keys[] = {
    {.name = "name", .takes = TAKES_TEXT, .load = key_name},
    {.name = "url", .takes = TAKES_TEXT, .load = key_url, .required = true},
    {.name = "branch", .takes = TAKES_TEXT, .load = key_branch},
    {.name = "path", .takes = TAKES_TEXT, .load = key_path},
    {.name = "every", .takes = TAKES_DURATION, .load = key_every},
    {.name = "timeout", .takes = TAKES_DURATION, .load = key_timeout},
    {.name = "max_size", .takes = TAKES_TEXT | TAKES_NUMBER, .load = key_max_size},
    {.name = "page", .takes = TAKES_TEXT, .load = key_page},
    {.name = "credentials", .takes = TAKES_MAP, .load = key_credentials},
    {.name = "webhook", .takes = TAKES_MAP, .load = key_webhook},
    {0},
};

/* "https://git.example.org/team/Wine.git" is "wine". */
static const char *name_of_url(const char *url, struct arena *arena)
{
    struct str rest = str_from(url);
    while (rest.n > 0 && rest.p[rest.n - 1] == '/') {
        rest.n--;
    }
    rest.n -= str_ends(rest, STR(".git")) ? strlen(".git") : 0;
    size_t from = rest.n;
    while (from > 0 && rest.p[from - 1] != '/' && rest.p[from - 1] != ':') {
        from--;
    }
    char *name = arena_dup(arena, rest.p + from, rest.n - from);
    for (char *p = name; *p != '\0'; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("._-", *p) != NULL;
        *p = upper ? (char)(*p - 'A' + 'a') : plain ? *p : '-';
    }
    return name;
}

static void finish(struct loader *loader, const struct yaml_node *node, struct json *row, struct json *list)
{
    struct arena *arena = loader->arena;
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"every_ms", every_ms}, {"timeout_ms", timeout_ms}, {"max_bytes", max_bytes}};
    const char *url = json_get_text(row, "url", NULL);
    if (url == NULL) {
        return; /* that was said */
    }
    if (yaml_get(node, "name") == NULL) {
        const char *name = name_of_url(url, arena);
        if (!is_name(str_from(name)) || strcmp(name, "folder") == 0) {
            load_error(loader, node, DIAG_MISSING, "write name: NAME",
                       "this source has no name, and its url gives none");
            return;
        }
        json_set(arena, row, "name", json_cstring(arena, name));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (json_get(row, numbers[i].key) == NULL) {
            json_set(arena, row, numbers[i].key, json_int(numbers[i].value));
        }
    }
    const char *name = json_get_text(row, "name", "");
    for (size_t i = 0; i < list->u.array.count; i++) {
        if (strcmp(json_get_text(&list->u.array.items[i], "name", ""), name) == 0 && *name != '\0') {
            load_error(loader, node, DIAG_VALUE, "give each a 'name'", "two sources are called '%s'", name);
        }
    }
}

void sources_load(struct loader *loader, const struct yaml_node *node, const char *folder, struct json *ret)
{
    struct json list = json_array();
    if (node->count > SOURCES_MAX) {
        load_error(loader, node, DIAG_BOUND, NULL, "'sources': expected at most %d, found %zu", SOURCES_MAX,
                   node->count);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *what = arena_printf(loader->arena, "source %zu", i + 1);
        struct json row = json_object();
        struct reading_source reading = {.folder = folder, .row = &row};
        if (load_map(loader, &node->items[i], source_keys, &reading, what)) {
            finish(loader, &node->items[i], &row, &list);
            json_push(loader->arena, &list, row);
        }
    }
    *ret = list;
}
