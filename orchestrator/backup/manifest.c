/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/manifest.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 1 << 20, LIST_MAX = 1 << 30, FIELDS = 5, HEX_BYTES = 64 };

static const char digest_name[] = "manifest.sha256";

void backup_list_add(struct backup_list *list, const struct backup_file *file, struct arena *arena)
{
    list->items = arena_grow(arena, list->items, list->count, &list->room, sizeof *list->items);
    list->items[list->count++] = (struct backup_file){
        .path = arena_strdup(arena, file->path),
        .sha256 = arena_strdup(arena, file->sha256),
        .size_bytes = file->size_bytes,
        .mode = file->mode,
        .stamp = arena_strdup(arena, file->stamp),
    };
    list->bytes += file->size_bytes;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    const struct backup_file *x = a;
    const struct backup_file *y = b;
    return strcmp(x->path, y->path);
}

static void write_path(struct strbuf *text, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '\\' || *c == '\n') {
            strbuf_add_text(text, *c == '\n' ? "\\n" : "\\\\");
        } else {
            strbuf_add_byte(text, *c);
        }
    }
}

static void write_list(struct strbuf *text, struct backup_list *list)
{
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof *list->items, by_path);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct backup_file *file = &list->items[i];
        strbuf_printf(text, "%s %lld %04o %s ", file->sha256, (long long)file->size_bytes, (unsigned)file->mode,
                      file->stamp);
        write_path(text, file->path);
        strbuf_add_byte(text, '\n');
    }
}

static void write_manifest(struct strbuf *text, const struct backup_manifest *m, struct arena *arena)
{
    char at[40];
    struct json object = json_object();
    struct json files = json_object();
    format_time(at, sizeof at, m->made_ms);
    json_add(arena, &files, "count", json_int(m->file_count));
    json_add(arena, &files, "bytes", json_int(m->bytes));
    json_add(arena, &files, "list_sha256", json_cstring(arena, m->list_sha256));
    json_add(arena, &object, "format", json_int(BACKUP_FORMAT));
    json_add(arena, &object, "made_at", json_cstring(arena, at));
    json_add(arena, &object, "sluice", json_cstring(arena, m->sluice));
    json_add(arena, &object, "schema", json_int(m->schema));
    json_add(arena, &object, "home", json_cstring(arena, m->home));
    json_add(arena, &object, "home_id", json_cstring(arena, m->home_id));
    json_add(arena, &object, "activity_head", json_cstring(arena, m->activity_head));
    json_add(arena, &object, "open_runs", json_int(m->open_runs));
    json_add(arena, &object, "key", json_bool(m->has_key));
    json_add(arena, &object, "files", files);
    json_add(arena, &object, "sha256_in", json_cstring(arena, digest_name));
    json_write_pretty(text, &object);
    strbuf_add_byte(text, '\n');
}

/* The manifest comes last: where it is, there is a backup. */
static int put_manifest(const char *folder, struct str text, struct digest *ret, struct arena *arena, struct err *err)
{
    *ret = digest_bytes(text);
    const char *line = arena_printf(arena, "%s\n", ret->hex);
    return fs_write(path_join(arena, folder, digest_name), str_from(line), 0600, true, err) < 0
               ? -1
               : fs_write(path_join(arena, folder, "manifest.json"), text, 0600, true, err);
}

int backup_manifest_write(const char *folder, struct backup_list *list, struct backup_manifest *manifest,
                          struct arena *arena, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, LIST_MAX);
    write_list(&text, list);
    manifest->file_count = (int64_t)list->count;
    manifest->bytes = list->bytes;
    manifest->list_sha256 = arena_strdup(arena, digest_bytes(strbuf_str(&text)).hex);
    int result = text.overflow
                     ? err_set(err, ERR_LIMIT, "%zu files: more than a list of 1 GB has room for", list->count)
                     : fs_write(path_join(arena, folder, "files.list"), strbuf_str(&text), 0600, true, err);
    if (result == 0) {
        strbuf_reset(&text);
        write_manifest(&text, manifest, arena);
        result = put_manifest(folder, strbuf_str(&text), &manifest->digest, arena, err);
    }
    strbuf_clear(&text);
    return result;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static const char *read_path(struct str text, struct arena *arena)
{
    char *path = arena_dup(arena, text.p, text.n);
    char *to = path;
    for (size_t i = 0; i < text.n; i++) {
        bool escapes = text.p[i] == '\\' && i + 1 < text.n;
        i += escapes;
        *to++ = escapes && text.p[i] == 'n' ? '\n' : text.p[i];
    }
    *to = '\0';
    return path;
}

static bool is_sha256(struct str text)
{
    return text.n == 64 && strspn(text.p, "0123456789abcdef") >= 64;
}

static int read_line(struct str line, size_t number, struct backup_list *list, struct arena *arena, struct err *err)
{
    struct str fields[FIELDS] = {{0}};
    struct str rest = line;
    for (int i = 0; i < FIELDS - 1 && rest.p != NULL; i++) {
        (void)str_cut(&rest, ' ', &fields[i]);
    }
    int64_t size = 0;
    int64_t mode = 0;
    struct backup_file file = {.path = rest.p == NULL ? "" : read_path(rest, arena)};
    if (!is_sha256(fields[0]) || parse_int(fields[1], 0, INT64_MAX, &size, NULL) < 0 ||
        parse_int(fields[2], 0, 7777, &mode, NULL) < 0 || fields[3].n == 0 || !path_is_below(str_from(file.path))) {
        return err_set(err, ERR_CORRUPT, "files.list: line %zu is none of a list of files: '%.*s'", number,
                       (int)(line.n < 200 ? line.n : 200), line.p);
    }
    file.sha256 = arena_str(arena, fields[0]).p;
    file.stamp = arena_str(arena, fields[3]).p;
    file.size_bytes = size;
    file.mode = (mode_t)strtoul(arena_str(arena, fields[2]).p, NULL, 8);
    backup_list_add(list, &file, arena);
    return 0;
}

static int read_list(const char *folder, const struct backup_manifest *manifest, struct arena *arena,
                     struct backup_list *ret, struct err *err)
{
    struct str text = {0};
    struct str line;
    if (fs_read_file(path_join(arena, folder, "files.list"), LIST_MAX, arena, &text, err) < 0) {
        return -1;
    }
    if (!digest_equal(digest_bytes(text).hex, manifest->list_sha256)) {
        return err_set(err, ERR_CORRUPT, "files.list is not what was written: its SHA-256 is not that of the manifest");
    }
    size_t number = 0;
    for (struct str rest = text; str_cut(&rest, '\n', &line) && (line.n > 0 || rest.p != NULL);) {
        if (read_line(line, ++number, ret, arena, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_manifest(const struct json *object, struct backup_manifest *ret, struct err *err)
{
    const struct json *files = json_get(object, "files");
    int64_t format = json_get_int(object, "format", 0);
    if (format > BACKUP_FORMAT) {
        return err_set(err, ERR_NEWER,
                       "the backup was made by a newer sluice (format %lld; this one knows %d): use that version",
                       (long long)format, BACKUP_FORMAT);
    }
    *ret = (struct backup_manifest){
        .sluice = json_get_text(object, "sluice", ""),
        .schema = json_get_int(object, "schema", 0),
        .home = json_get_text(object, "home", ""),
        .home_id = json_get_text(object, "home_id", ""),
        .activity_head = json_get_text(object, "activity_head", ""),
        .open_runs = json_get_int(object, "open_runs", 0),
        .has_key = json_get_bool(object, "key", false),
        .file_count = json_get_int(files, "count", -1),
        .bytes = json_get_int(files, "bytes", -1),
        .list_sha256 = json_get_text(files, "list_sha256", ""),
    };
    bool good = format == BACKUP_FORMAT && ret->home[0] == '/' && is_sha256(str_from(ret->list_sha256)) &&
                parse_time(str_from(json_get_text(object, "made_at", "")), &ret->made_ms, NULL) == 0;
    return good ? 0 : err_set(err, ERR_CORRUPT, "manifest.json is no manifest of a backup");
}

/* Backups of before have no such file, and do not say that they have. */
static int check_digest(const char *folder, const struct json *object, const struct digest *digest,
                        struct arena *arena, struct err *err)
{
    struct str text = {0};
    struct err wrong = {0};
    const char *path = path_join(arena, folder, digest_name);
    if (json_get(object, "sha256_in") == NULL && !fs_exists(path)) {
        return 0;
    }
    if (fs_read_file(path, HEX_BYTES + 1, arena, &text, &wrong) < 0) {
        return err_set(err, ERR_CORRUPT, "%s", wrong.message);
    }
    return text.n == HEX_BYTES + 1 && text.p[HEX_BYTES] == '\n' &&
                   digest_equal(digest->hex, arena_dup(arena, text.p, HEX_BYTES))
               ? 0
               : err_set(err, ERR_CORRUPT, "manifest.json is not what %s says: one of them was changed", digest_name);
}

int backup_manifest_read(const char *folder, struct arena *arena, struct backup_manifest *ret,
                         struct backup_list *ret_list, struct err *err)
{
    struct str text = {0};
    struct json object;
    struct err wrong = {0};
    const char *path = path_join(arena, folder, "manifest.json");
    if (!fs_exists(path)) {
        return err_set(err, ERR_NOT_FOUND, "'%s' is no backup: expected a folder with a manifest.json", folder);
    }
    if (fs_read_file(path, MANIFEST_MAX, arena, &text, err) < 0) {
        return -1;
    }
    if (json_read(text, (struct json_limits){0}, arena, &object, &wrong) < 0) {
        return err_set(err, ERR_CORRUPT, "'%s': %s", path, wrong.message);
    }
    *ret_list = (struct backup_list){0};
    struct digest digest = digest_bytes(text);
    if (read_manifest(&object, ret, err) < 0 || check_digest(folder, &object, &digest, arena, err) < 0 ||
        read_list(folder, ret, arena, ret_list, err) < 0) {
        return err_add(err, "'%s'", folder);
    }
    ret->digest = digest;
    return (int64_t)ret_list->count == ret->file_count && ret_list->bytes == ret->bytes
               ? 0
               : err_set(err, ERR_CORRUPT, "'%s': %zu files of %lld bytes are listed, the manifest says %lld of %lld",
                         folder, ret_list->count, (long long)ret_list->bytes, (long long)ret->file_count,
                         (long long)ret->bytes);
}
