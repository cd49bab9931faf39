/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/keying.h"

#include "base/fs.h"
#include "base/path.h"
#include "engine/file_digest.h"

enum { SHOWN_MAX_BYTES = 100 };

const char *keying_digest_text(struct arena *arena, const char *hex)
{
    return arena_printf(arena, "sha256:%s", hex);
}

struct digest keying_digest(const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, (size_t)1 << 30);
    json_write_canonical(&text, value);
    struct digest digest = digest_bytes(strbuf_str(&text));
    strbuf_clear(&text);
    return digest;
}

void keying_add(struct keying *k, const char *name, const char *text)
{
    const struct json *before = json_get(&k->parts, name);
    if (before != NULL && !str_is(before->u.string, text)) {
        const char *both = arena_printf(k->arena, "%s\n%s", before->u.string.p, text);
        text = keying_digest_text(k->arena, digest_bytes(str_from(both)).hex);
    }
    json_set(k->arena, &k->parts, name, json_cstring(k->arena, text));
}

void keying_add_value(struct keying *k, const char *name, const struct json *value)
{
    if (value->type == JSON_STRING && value->u.string.n == strlen("sha256:") + 64 &&
        str_starts(value->u.string, STR("sha256:"))) {
        keying_add(k, name, value->u.string.p);
        return;
    }
    struct strbuf text;
    strbuf_init(&text, (size_t)1 << 30);
    json_write_canonical(&text, value);
    struct str written = strbuf_str(&text);
    const char *kept = written.n <= SHOWN_MAX_BYTES ? arena_str(k->arena, written).p
                                                    : keying_digest_text(k->arena, digest_bytes(written).hex);
    keying_add(k, name, kept);
    strbuf_clear(&text);
}

const char *keying_noted_digest(struct keying *k, const char *path)
{
    struct digest digest;
    if (k->failed || file_digest(k->engine->options.store, path, engine_now(k->engine), &digest, k->err) < 0) {
        k->failed = true;
        return "";
    }
    json_set(k->arena, &k->files, path, json_cstring(k->arena, digest.hex));
    return keying_digest_text(k->arena, digest.hex);
}

const char *keying_short_name(const struct keying *k, const char *path)
{
    const char *workspace = k->open->row.workspace;
    size_t n = strlen(workspace);
    bool below = strncmp(path, workspace, n) == 0 && path[n] == '/';
    const char *lua = k->engine->options.lua_folder;
    size_t m = strlen(lua);
    if (!below && strncmp(path, lua, m) == 0 && path[m] == '/') {
        return path + m + 1;
    }
    return below ? path + n + 1 : path;
}

void keying_add_file(struct keying *k, const char *path)
{
    const char *name = arena_printf(k->arena, "file %s", keying_short_name(k, path));
    if (json_get(&k->parts, name) == NULL && json_get(&k->files, path) == NULL) {
        keying_add(k, name, keying_noted_digest(k, path));
    }
}

void keying_add_path(struct keying *k, const struct json *value)
{
    if (value->type == JSON_STRING && value->u.string.n > 0) {
        const char *path = path_join(k->arena, k->open->row.workspace, value->u.string.p);
        if (fs_exists(path)) {
            keying_add_file(k, path_normal(k->arena, path));
        }
    }
}
