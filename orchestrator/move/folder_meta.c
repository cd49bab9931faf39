/* SPDX-License-Identifier: Apache-2.0 */
#include "move/folder_meta.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VALUE_BYTES_MAX = 64 << 20, FILES_MAX = 1000000 };

int folder_meta_read(const char *folder, const char *file, struct arena *arena, const struct yaml_node **ret,
                     struct err *err)
{
    struct diags diags;
    const char *path = path_join(arena, folder, file);
    diags_init(&diags, arena, path);
    if (fs_read_file(path, YAML_MAX_BYTES, arena, &diags.text, err) < 0) {
        return -1;
    }
    const struct yaml_node *root = yaml_doc_parse(&diags);
    diags_sort(&diags);
    if (diags.errors > 0) {
        return err_set(err, ERR_INPUT, "'%s', line %d: %s", path, diags.items[0].pos.line, diags.items[0].message);
    }
    if (root == NULL || root->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "'%s' has no keys: expected keys and values", path);
    }
    *ret = root;
    return 0;
}

const char *folder_meta_text_or_null(const struct yaml_node *meta, const char *key)
{
    const struct yaml_node *node = yaml_get(meta, key);
    bool none = node == NULL || (node->type == JSON_NULL && node->plain) || node->text.n == 0;
    return none ? NULL : node->text.p;
}

const char *folder_meta_text(const struct yaml_node *meta, const char *key)
{
    const char *text = folder_meta_text_or_null(meta, key);
    return text == NULL ? "" : text;
}

int folder_meta_int(const struct yaml_node *meta, const char *key, int64_t *ret, struct err *err)
{
    const char *text = folder_meta_text_or_null(meta, key);
    struct err wrong = {0};
    *ret = 0;
    return text == NULL || parse_int(str_from(text), INT64_MIN, INT64_MAX, ret, &wrong) == 0
               ? 0
               : err_set(err, ERR_INPUT, "its '%s': %s", key, wrong.message);
}

void folder_meta_pairs(const struct yaml_node *meta, const char *key, struct arena *arena, struct moved_pairs *ret)
{
    const struct yaml_node *map = yaml_get(meta, key);
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->count; i++) {
        const char *name = map->pairs[i].key.text.p;
        moved_pairs_add(ret, arena, name, folder_meta_text(map, name));
    }
}

int folder_pairs_read(const char *folder, const char *part, struct arena *arena, struct moved_pairs *ret,
                      struct err *err)
{
    struct fs_list list;
    const char *path = path_join(arena, folder, part);
    *ret = (struct moved_pairs){0};
    if (!fs_is_folder(path)) {
        return 0;
    }
    if (fs_walk(path, FILES_MAX, arena, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        struct str value;
        if (fs_read_file(path_join(arena, path, list.entries[i].path), VALUE_BYTES_MAX, arena, &value, err) < 0) {
            return -1;
        }
        if (memchr(value.p, '\0', value.n) != NULL) {
            return err_set(err, ERR_INPUT, "the value of '%s/%s' has a byte of zero: expected text", part,
                           list.entries[i].path);
        }
        moved_pairs_add(ret, arena, list.entries[i].path, value.p);
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int folder_list(const char *folder, struct arena *arena, struct moved_ids *ret, struct err *err)
{
    *ret = (struct moved_ids){0};
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, "reading the folder '%s'", folder);
    }
    struct dirent *entry = NULL;
    struct stat status;
    while ((errno = 0, entry = readdir(entries)) != NULL) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(status.st_mode)) {
            moved_ids_add(ret, arena, arena_strdup(arena, entry->d_name));
        }
    }
    int result = errno == 0 ? 0 : err_errno(err, "reading the folder '%s'", folder);
    (void)closedir(entries);
    if (ret->count > 1) {
        qsort(ret->items, ret->count, sizeof *ret->items, compare_names);
    }
    return result;
}
