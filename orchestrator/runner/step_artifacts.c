/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_artifacts.h"

#include "base/fs.h"
#include "base/path.h"
#include "runner/publish.h"
#include "digest/stamp.h"

#include <stdio.h>

/* A report has at most 1 MiB; a byte of a path may be six in JSON. */
enum { FILES_PER_REPORT = 1000, PATH_BYTES_PER_REPORT = 128 << 10 };

static const char wild[] = "*?[";

/* ---- finding ---- */

/* `path` below `folder`, or NULL. */
static const char *below(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/') {
        length--;
    }
    if (length == 0 || strncmp(folder, path, length) != 0 || path[length] != '/' || path[length + 1] == '\0') {
        return NULL;
    }
    return path + length + 1;
}

/* The folder to look in, and the glob in it: what stands before the first '*' is text, whatever is in it. */
static const char *split_glob(const struct json *spawn, const char *glob, struct arena *arena, const char **ret_rest)
{
    const char *own = below(json_get_text(spawn, "step_dir", ""), glob);
    const char *cwd = json_get_text(spawn, "cwd", "/");
    if (own != NULL) {
        *ret_rest = own;
        return json_get_text(spawn, "step_dir", "");
    }
    own = below(cwd, glob);
    if (own != NULL || glob[0] != '/') {
        *ret_rest = own != NULL ? own : glob;
        return cwd;
    }
    size_t front = strcspn(glob, wild);
    while (glob[front - 1] != '/') {
        front--;
    }
    *ret_rest = glob + front;
    return arena_dup(arena, glob, front);
}

static bool is_inside_last(const struct step_matches *matches, const char *path)
{
    for (size_t i = 0; i < matches->count; i++) {
        if (below(matches->paths[i], path) != NULL) {
            return true;
        }
    }
    return false;
}

int step_artifacts_match(const struct json *spawn, const char *glob, struct arena *arena, struct step_matches *ret,
                         struct err *err)
{
    if (*glob == '\0') {
        return err_set(err, ERR_INPUT, "a glob is empty");
    }
    const char *rest = glob;
    const char *folder = split_glob(spawn, glob, arena, &rest);
    while (rest[0] == '.' && rest[1] == '/') {
        rest += 2;
    }
    struct fs_list list = {0};
    if (fs_glob(folder, rest, arena, &list, err) < 0) {
        return err_add(err, "'%s'", glob);
    }
    size_t front = strcspn(rest, wild);
    *ret = (struct step_matches){.many = rest[front] != '\0'};
    while (ret->many && front > 0 && rest[front - 1] != '/') {
        front--;
    }
    ret->paths = arena_array(arena, list.count + 1, sizeof *ret->paths);
    ret->relatives = arena_array(arena, list.count + 1, sizeof *ret->relatives);
    for (size_t i = 0; i < list.count; i++) {
        const char *path = path_normal(arena, path_join(arena, folder, list.entries[i].path));
        if (!ret->many && fs_check_link(folder, path_join(arena, folder, list.entries[i].path), err) < 0) {
            return err_add(err, "'%s'", glob); /* of a pattern, fs_glob has looked already */
        }
        if (!is_inside_last(ret, path)) {
            ret->paths[ret->count] = path;
            ret->relatives[ret->count++] = ret->many ? list.entries[i].path + front : path_base(path);
        }
    }
    bool whole = *glob == '/';
    return ret->count > 0 ? 0
                          : err_set(err, ERR_NOT_FOUND, "nothing is at '%s'%s%s", glob, whole ? "" : " in ",
                                    whole ? "" : folder);
}

/* ---- planning ---- */

static const char *place_of(const struct json *spawn, const char *name, const char *path, struct arena *arena)
{
    const char *step_dir = path_normal(arena, json_get_text(spawn, "step_dir", "/"));
    const char *cwd = path_normal(arena, json_get_text(spawn, "cwd", "/"));
    const char *place = below(step_dir, path);
    if (place == NULL && strcmp(path, step_dir) != 0) {
        place = below(cwd, path);
    }
    if (place == NULL) {
        place = *name != '\0' ? name : path_base(path);
    }
    return place;
}

/* Would one be written over the other? The same file twice, or a folder and what is in it, are no harm. */
static bool clash(const struct step_artifact_entry *a, const struct step_artifact_entry *b)
{
    if (strlen(a->path) > strlen(b->path)) {
        return clash(b, a);
    }
    size_t length = strlen(a->path);
    if (strncmp(a->path, b->path, length) != 0 || (b->path[length] != '\0' && b->path[length] != '/')) {
        return false;
    }
    if (a->matches.many || b->matches.many) {
        return true;
    }
    size_t from = strlen(a->matches.paths[0]);
    return strncmp(a->matches.paths[0], b->matches.paths[0], from) != 0 ||
           strcmp(b->matches.paths[0] + from, b->path + length) != 0;
}

static const struct step_artifact_entry *find_clash(const struct step_artifact_plan *plan,
                                                    const struct step_artifact_entry *entry)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (clash(&plan->entries[i], entry)) {
            return &plan->entries[i];
        }
    }
    return NULL;
}

struct planning {
    const struct json *spawn;
    struct arena *arena;
    struct step_artifact_plan *plan;
    size_t room;
};

static int add_entry(struct planning *p, struct step_artifact_entry entry, struct err *err)
{
    if (find_clash(p->plan, &entry) != NULL && *entry.name != '\0') {
        entry.path = path_join(p->arena, entry.name, path_base(entry.path));
    }
    const struct step_artifact_entry *other = find_clash(p->plan, &entry);
    if (other != NULL) {
        return err_set(err, ERR_INPUT, "'%s' and '%s' would both be the artifact '%s': give them names",
                       other->matches.paths[0], entry.matches.paths[0], entry.path);
    }
    p->plan->entries = arena_grow(p->arena, p->plan->entries, p->plan->count, &p->room, sizeof entry);
    p->plan->entries[p->plan->count++] = entry;
    return 0;
}

static int plan_one(struct planning *p, const struct json *artifact, struct err *err)
{
    struct step_artifact_entry entry = {.name = json_get_text(artifact, "name", "")};
    if (step_artifacts_match(p->spawn, json_get_text(artifact, "glob", ""), p->arena, &entry.matches, err) < 0) {
        return err_add(err, *entry.name == '\0' ? "artifacts" : "artifact '%s'", entry.name);
    }
    if (*entry.name != '\0') {
        entry.path = entry.matches.many ? entry.name : place_of(p->spawn, entry.name, entry.matches.paths[0], p->arena);
        return add_entry(p, entry, err);
    }
    for (size_t i = 0; i < entry.matches.count; i++) {
        struct step_artifact_entry one = {.name = ""};
        one.matches = (struct step_matches){
            .paths = &entry.matches.paths[i], .relatives = &entry.matches.relatives[i], .count = 1};
        one.path = place_of(p->spawn, "", one.matches.paths[0], p->arena);
        if (add_entry(p, one, err) < 0) {
            return err_add(err, "artifacts");
        }
    }
    return 0;
}

int step_artifacts_plan(const struct json *spawn, struct arena *arena, struct step_artifact_plan *ret, struct err *err)
{
    const struct json *artifacts = json_get(json_get(spawn, "collect"), "artifacts");
    struct planning p = {.spawn = spawn, .arena = arena, .plan = ret};
    *ret = (struct step_artifact_plan){0};
    for (size_t i = 0; artifacts != NULL && artifacts->type == JSON_ARRAY && i < artifacts->u.array.count; i++) {
        if (plan_one(&p, &artifacts->u.array.items[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- publishing ---- */

static int copy_many(const struct step_matches *matches, const char *stage, struct arena *arena, struct err *err)
{
    if (fs_make_folders(stage, 0775, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < matches->count; i++) {
        const char *to = path_join(arena, stage, matches->relatives[i]);
        if (fs_make_folders(path_dir(arena, to), 0775, err) < 0 || fs_copy(matches->paths[i], to, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Beside all that will be published, not in its folder, which may be in the place of one that is published too. */
static const char *stage_one(const char *root, const struct step_artifact_entry *entry, struct arena *arena,
                             struct err *err)
{
    const char *stage = publish_stage(path_join(arena, root, "artifact"), arena, err);
    if (stage == NULL) {
        return NULL;
    }
    int result = entry->matches.many ? copy_many(&entry->matches, stage, arena, err)
                                     : fs_copy(entry->matches.paths[0], stage, err);
    if (result < 0) {
        (void)fs_remove(stage, NULL);
        return NULL;
    }
    return stage;
}

int step_artifacts_stage(const struct json *spawn, struct step_artifact_plan *plan, struct arena *arena,
                         struct err *err)
{
    plan->root = json_get_text(spawn, "artifact_dir", NULL);
    if (plan->count > 0 && plan->root == NULL) {
        return err_set(err, ERR_STATE, "this step has no folder for artifacts");
    }
    for (size_t i = 0; i < plan->count; i++) {
        plan->entries[i].stage = stage_one(plan->root, &plan->entries[i], arena, err);
        if (plan->entries[i].stage == NULL) {
            step_artifacts_drop(plan);
            return err_add(err, "artifact '%s'", plan->entries[i].path);
        }
    }
    return 0;
}

void step_artifacts_drop(struct step_artifact_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->entries[i].stage != NULL) {
            (void)fs_remove(plan->entries[i].stage, NULL);
            plan->entries[i].stage = NULL;
        }
    }
}

int step_files_report(const struct json *about, const struct published *published, const struct step_sink *sink,
                      struct arena *arena, struct err *err)
{
    const struct json *files = &published->files;
    size_t done = 0;
    do {
        struct json report = json_copy(arena, about);
        struct json piece = json_array();
        size_t bytes = 0;
        while (done < files->u.array.count && piece.u.array.count < FILES_PER_REPORT && bytes < PATH_BYTES_PER_REPORT) {
            bytes += strlen(json_get_text(&files->u.array.items[done], "path", ""));
            json_push(arena, &piece, files->u.array.items[done++]);
        }
        json_set(arena, &report, "files", piece);
        if (sink->report(sink->ctx, &report, err) < 0) {
            return -1;
        }
    } while (done < files->u.array.count);
    return 0;
}

int step_artifacts_report(const char *declared, const struct published *published, const struct step_sink *sink,
                          struct arena *arena, struct err *err)
{
    struct json about = json_object();
    json_set(arena, &about, "kind", json_cstring(arena, "artifact"));
    if (declared != NULL) {
        json_set(arena, &about, "declared", json_cstring(arena, declared));
    }
    json_set(arena, &about, "local", json_cstring(arena, published->local));
    json_set(arena, &about, "sha256", json_cstring(arena, published->digest.hex));
    json_set(arena, &about, "stamp", json_cstring(arena, stamp_take(published->local, arena)));
    return step_files_report(&about, published, sink, arena, err);
}

static int publish_one(const char *root, struct step_artifact_entry *entry, struct arena *arena, struct published *ret,
                       struct err *err)
{
    const char *target = path_join(arena, root, entry->path);
    const char *stage = entry->stage;
    if (fs_make_folders(path_dir(arena, target), 0775, err) < 0) {
        return -1;
    }
    entry->stage = NULL;
    return publish_move(stage, target, entry->path, arena, ret, err);
}

int step_artifacts_publish(struct step_artifact_plan *plan, const struct step_sink *sink, struct arena *arena,
                           struct err *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct step_artifact_entry *entry = &plan->entries[i];
        struct published published;
        if (publish_one(plan->root, entry, arena, &published, err) < 0 ||
            step_artifacts_report(*entry->name == '\0' ? NULL : entry->name, &published, sink, arena, err) < 0) {
            return err_add(err, "artifact '%s'", entry->path);
        }
    }
    return 0;
}
