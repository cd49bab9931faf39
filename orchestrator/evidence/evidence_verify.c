/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"

#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "store/activity.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int corrupt(struct err *err, const char *file, const char *why)
{
    return err_set(err, ERR_CORRUPT, "'%s' %s", file, why);
}

static int read_one(const char *folder, const char *name, struct arena *arena, struct str *ret, struct err *err)
{
    struct err wrong = {0};
    if (fs_read_file(path_join(arena, folder, name), EVIDENCE_FILE_BYTES, arena, ret, &wrong) == 0) {
        return 0;
    }
    return err_set(err, fs_is_folder(folder) ? ERR_CORRUPT : ERR_NOT_FOUND, "%s", wrong.message);
}

/* A line of 64 hex digits, and nothing else. */
static int read_digest(const char *folder, const char *name, struct arena *arena, char ret[65], struct err *err)
{
    struct str text;
    if (read_one(folder, name, arena, &text, err) < 0) {
        return -1;
    }
    if (text.n != 65 || text.p[64] != '\n' || strspn(text.p, "0123456789abcdef") != 64) {
        return corrupt(err, name, "is no digest: expected 64 hex digits and a line feed");
    }
    memcpy(ret, text.p, 64);
    ret[64] = '\0';
    return 0;
}

static int check_manifest(const char *folder, const struct evidence_check *check, struct arena *arena,
                          struct json *ret_manifest, struct evidence_finding *finding, struct err *err)
{
    struct str text;
    char sha256[65];
    char hmac[65];
    if (read_one(folder, EVIDENCE_MANIFEST, arena, &text, err) < 0 ||
        read_digest(folder, EVIDENCE_SHA256, arena, sha256, err) < 0 ||
        read_digest(folder, EVIDENCE_HMAC, arena, hmac, err) < 0) {
        return -1;
    }
    if (!digest_equal(digest_bytes(text).hex, sha256)) {
        return corrupt(err, EVIDENCE_MANIFEST, "is not what " EVIDENCE_SHA256 " says: one of them was changed");
    }
    if (check->key != NULL) {
        struct digest made = digest_hmac((struct str){(const char *)check->key, EVIDENCE_KEY_BYTES}, text);
        if (!digest_equal(made.hex, hmac)) {
            return corrupt(err, EVIDENCE_HMAC,
                           "is not what this key makes of the manifest: it was changed, or the key is another home's");
        }
        finding->signed_by_key = true;
    }
    if (json_read(text, (struct json_limits){0}, arena, ret_manifest, NULL) < 0 ||
        json_get_int(ret_manifest, "sluice_evidence", 0) != EVIDENCE_FORMAT) {
        return corrupt(err, EVIDENCE_MANIFEST, "is no manifest of evidence that this sluice can read");
    }
    finding->sha256 = arena_strdup(arena, sha256);
    finding->head = json_get_text(ret_manifest, "head", "");
    finding->model = arena_printf(arena, "%s/%lld", json_get_text(ret_manifest, "model", ""),
                                  (long long)json_get_int(ret_manifest, "version", 0));
    return 0;
}

static bool is_known(const struct json *files, const char *path)
{
    static const char *const own[] = {EVIDENCE_MANIFEST, EVIDENCE_SHA256, EVIDENCE_HMAC};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i], path) == 0) {
            return true;
        }
    }
    return json_get(files, path) != NULL;
}

/* Plain files of the manifest, and nothing besides: what a link leads to may be another thing tomorrow. */
static int check_entry(const char *folder, const char *name, const struct json *files, struct arena *arena,
                       struct err *err)
{
    struct stat status;
    if (lstat(path_join(arena, folder, name), &status) < 0) {
        return err_errno(err, "reading '%s/%s'", folder, name);
    }
    return !is_known(files, name)       ? corrupt(err, name, "is not in the manifest: it was added")
           : !S_ISREG(status.st_mode) ? corrupt(err, name, "is no plain file: it was put in the place of one")
                                        : 0;
}

static int check_nothing_else(const char *folder, const struct json *files, struct arena *arena, struct err *err)
{
    DIR *entries = opendir(folder);
    int result = entries == NULL ? err_errno(err, "reading the folder '%s'", folder) : 0;
    struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = check_entry(folder, entry->d_name, files, arena, err);
        }
    }
    if (result == 0 && errno != 0) {
        result = err_errno(err, "reading the folder '%s'", folder);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return result;
}

static int check_files(const char *folder, const struct json *files, struct arena *arena,
                       struct evidence_finding *finding, struct err *err)
{
    if (files == NULL || files->type != JSON_OBJECT) {
        return corrupt(err, EVIDENCE_MANIFEST, "names no files");
    }
    for (size_t i = 0; i < files->u.object.count; i++) {
        const struct json_member *file = &files->u.object.members[i];
        const char *name = arena_str(arena, file->key).p;
        struct str text;
        if (strchr(name, '/') != NULL || !path_is_below(file->key)) {
            return corrupt(err, EVIDENCE_MANIFEST, "names a file outside of its folder");
        }
        if (read_one(folder, name, arena, &text, err) < 0) {
            return -1;
        }
        if (!digest_equal(digest_bytes(text).hex, json_get_text(&file->value, "sha256", "")) ||
            json_get_int(&file->value, "size_bytes", -1) != (int64_t)text.n) {
            return corrupt(err, name, "is not what the manifest says: it was changed");
        }
        finding->files++;
    }
    return check_nothing_else(folder, files, arena, err);
}

static struct activity row_of(const struct json *line)
{
    return (struct activity){
        .sequence = json_get_int(line, "sequence", 0),
        .at_ms = json_get_int(line, "at_ms", 0),
        .actor = json_get_text(line, "actor", ""),
        .action = json_get_text(line, "action", ""),
        .object = json_get_text(line, "object", ""),
        .object_id = json_get_text(line, "object_id", ""),
        .from_state = json_get_text(line, "from", ""),
        .to_state = json_get_text(line, "to", ""),
        .reason = json_get_text(line, "reason", ""),
        .evidence_sha256 = json_get_text(line, "evidence_sha256", ""),
        .chain = json_get_text(line, "chain", ""),
        .address = json_get_text(line, "address", ""),
        .means = json_get_text(line, "means", ""),
    };
}

static int check_rows(const char *folder, const struct evidence_check *check, struct arena *arena,
                      struct evidence_finding *finding, struct err *err)
{
    struct str text;
    struct str line = {0};
    struct activity last = {.chain = ""};
    if (read_one(folder, EVIDENCE_ACTIVITY, arena, &text, err) < 0) {
        return -1;
    }
    while (str_cut(&text, '\n', &line)) {
        struct json value;
        if (line.n == 0) {
            continue;
        }
        if (json_read(line, (struct json_limits){0}, arena, &value, NULL) < 0) {
            return corrupt(err, EVIDENCE_ACTIVITY, "has a line that is no JSON");
        }
        struct activity row = row_of(&value);
        const char *before = json_get_text(&value, "before", "");
        const char *what = arena_printf(arena, "row %lld of %s", (long long)row.sequence, EVIDENCE_ACTIVITY);
        if (row.sequence <= last.sequence) {
            return corrupt(err, what, "is not behind the one before it");
        }
        if (row.sequence == last.sequence + 1 && last.sequence > 0 && strcmp(before, last.chain) != 0) {
            return corrupt(err, what, "is not chained to the row before it");
        }
        if (check->key != NULL && !activity_row_holds(check->key, before, &row)) {
            return corrupt(err, what, "is not what the home's key has chained");
        }
        const char *head = arena_printf(arena, "%lld:%s", (long long)row.sequence, row.chain);
        if (check->head != NULL && strncmp(head, check->head, strcspn(head, ":") + 1) == 0) {
            if (strcmp(head, check->head) != 0) {
                return corrupt(err, what, "is not the one that had the published head");
            }
            finding->meets_head = true;
        }
        last = row;
        finding->rows++;
    }
    return 0;
}

int evidence_verify(const char *folder, const struct evidence_check *check, struct arena *arena,
                    struct evidence_finding *ret, struct err *err)
{
    struct json manifest;
    *ret = (struct evidence_finding){0};
    if (check_manifest(folder, check, arena, &manifest, ret, err) < 0 ||
        check_files(folder, json_get(&manifest, "files"), arena, ret, err) < 0 ||
        check_rows(folder, check, arena, ret, err) < 0) {
        return -1;
    }
    if (check->head != NULL && !ret->meets_head) {
        return err_set(err, ERR_STATE,
                       "the row of the head '%.80s' is not among those of the evidence: it proves nothing about them",
                       check->head);
    }
    return 0;
}
