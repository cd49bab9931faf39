/* SPDX-License-Identifier: Apache-2.0 */
#include "git/request.h"

#include <string.h>

enum { TIMEOUT_MS = 600000, LIST_MAX = 10000 };
static const int64_t most_bytes = (int64_t)1 << 30;

static bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

bool git_is_commit(const char *text)
{
    return is_hex(text, 40);
}

/* "" when it is not there. */
static int read_text(const struct json *map, const char *key, const char **ret, struct err *err)
{
    const struct json *value = json_get(map, key);
    *ret = "";
    if (value == NULL || value->type == JSON_NULL) {
        return 0;
    }
    if (value->type != JSON_STRING || strlen(value->u.string.p) != value->u.string.n) {
        return err_set(err, ERR_INPUT, "'%s': expected text without a NUL", key);
    }
    *ret = value->u.string.p;
    return 0;
}

static int read_number(const struct json *map, const char *key, int64_t otherwise, int64_t *ret, struct err *err)
{
    *ret = json_get_int(map, key, otherwise);
    return *ret > 0 ? 0 : err_set(err, ERR_INPUT, "'%s': expected a number above 0", key);
}

static int read_commit(const struct json *map, const char *key, const char **ret, struct err *err)
{
    return read_text(map, key, ret, err) < 0 ? -1
           : **ret == '\0' || git_is_commit(*ret)
               ? 0
               : err_set(err, ERR_INPUT, "'%s': expected a commit's 40 hex digits", key);
}

static int read_list(const struct json *map, const char *key, const struct json **ret, size_t *ret_count,
                     struct err *err)
{
    const struct json *list = json_get(map, key);
    *ret = list != NULL && list->type == JSON_ARRAY ? list->u.array.items : NULL;
    *ret_count = *ret == NULL ? 0 : list->u.array.count;
    return *ret_count <= LIST_MAX ? 0 : err_set(err, ERR_LIMIT, "'%s': expected at most %d entries", key, LIST_MAX);
}

static int read_keep(const struct json *map, struct arena *arena, struct git_request *ret, struct err *err)
{
    const struct json *items = NULL;
    if (read_list(map, "keep", &items, &ret->keep_count, err) < 0) {
        return -1;
    }
    const char **keep = arena_array(arena, ret->keep_count, sizeof *keep);
    for (size_t i = 0; i < ret->keep_count; i++) {
        keep[i] = items[i].type == JSON_STRING ? items[i].u.string.p : "";
        if (!git_is_commit(keep[i])) {
            return err_set(err, ERR_INPUT, "'keep': expected commits of 40 hex digits");
        }
    }
    ret->keep = keep;
    return 0;
}

static int read_pins(const struct json *map, struct arena *arena, struct git_request *ret, struct err *err)
{
    const struct json *items = NULL;
    if (read_list(map, "pins", &items, &ret->pin_count, err) < 0) {
        return -1;
    }
    struct git_pin *pins = arena_array(arena, ret->pin_count, sizeof *pins);
    for (size_t i = 0; i < ret->pin_count; i++) {
        pins[i].run = json_get_text(&items[i], "run", "");
        pins[i].commit = json_get_text(&items[i], "commit", "");
        if (!is_hex(pins[i].run, 32) || !git_is_commit(pins[i].commit)) {
            return err_set(err, ERR_INPUT, "'pins': expected maps of 'run' and 'commit'");
        }
    }
    ret->pins = pins;
    return 0;
}

static int read_fetch(const struct json *fetch, struct git_request *ret, struct err *err)
{
    const struct {
        const char *key;
        const char **at;
    } texts[] = {{"url", &ret->url},           {"branch", &ret->branch},   {"path", &ret->path},
                 {"username", &ret->username}, {"password", &ret->password}, {"ssh_key", &ret->ssh_key},
                 {"passphrase", &ret->passphrase}, {"known_hosts", &ret->known_hosts}, {"ca", &ret->ca}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (read_text(fetch, texts[i].key, texts[i].at, err) < 0) {
            return -1;
        }
    }
    if (*ret->url == '\0') {
        return err_set(err, ERR_INPUT, "'url': expected where the repository is");
    }
    ret->fetches = true;
    ret->again = json_get_bool(fetch, "again", false);
    return read_commit(fetch, "since", &ret->since, err) < 0 || read_commit(fetch, "seen", &ret->seen, err) < 0
               ? -1
               : read_number(fetch, "max_bytes", most_bytes, &ret->max_bytes, err);
}

int git_request_read(struct str text, struct arena *arena, struct git_request *ret, struct err *err)
{
    struct json map;
    *ret = (struct git_request){0};
    if (json_read(text, (struct json_limits){0}, arena, &map, err) < 0) {
        return err_add(err, "the request");
    }
    const struct json *fetch = json_get(&map, "fetch");
    if (read_text(&map, "folder", &ret->folder, err) < 0 ||
        read_number(&map, "timeout_ms", TIMEOUT_MS, &ret->timeout_ms, err) < 0 ||
        read_keep(&map, arena, ret, err) < 0 || read_pins(&map, arena, ret, err) < 0) {
        return -1;
    }
    ret->parent = json_get_int(&map, "parent", 0);
    if (ret->folder[0] != '/') {
        return err_set(err, ERR_INPUT, "'folder': expected an absolute path");
    }
    return fetch == NULL || fetch->type != JSON_OBJECT ? 0 : read_fetch(fetch, ret, err);
}
