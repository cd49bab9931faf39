/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/folder.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "trigger/trigger_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 16 << 20,
    LOOK_EVERY_MS = 2000,
    AGAIN_FIRST_MS = 1000, /* what is refused may lack something that nobody tells of: a file elsewhere, a descriptor */
    AGAIN_MOST_MS = 60000,
};
enum { WATCHED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR };

/* A folder that inotify tells of. */
struct watched {
    int number;
    char *path;
};

struct folder_watch {
    char *path;
    int fd;
    struct {
        VEC_OF(struct watched)
    } watched;
    bool changed;
    int64_t looked_ms; /* monotonic */
    int64_t again_ms;  /* how long after that what is refused is looked at again; 0: nothing is */
    bool told;         /* that it cannot be read */
};

struct folder_watch *folder_watch_new(const char *path)
{
    struct folder_watch *watch = mem_alloc(sizeof *watch);
    *watch = (struct folder_watch){.path = strdup(path), .changed = true};
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->path == NULL) {
        mem_exhausted("the name of a folder");
    }
    if (watch->fd < 0) {
        log_warn("triggers", "no inotify (%s): '%s' is looked at every two seconds", strerror(errno), path);
    }
    return watch;
}

void folder_watch_free(struct folder_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->fd >= 0) {
        (void)close(watch->fd);
    }
    for (size_t i = 0; i < watch->watched.count; i++) {
        free(watch->watched.items[i].path);
    }
    vec_clear(&watch->watched);
    free(watch->path);
    free(watch);
}

int folder_watch_fd(const struct folder_watch *watch)
{
    return watch == NULL ? -1 : watch->fd;
}

int64_t folder_wait_ms(const struct folder_watch *watch)
{
    if (watch == NULL || watch->changed) {
        return watch == NULL ? INT64_MAX : 0;
    }
    int64_t after_ms = watch->again_ms != 0 ? watch->again_ms : INT64_MAX;
    after_ms = watch->fd < 0 && LOOK_EVERY_MS < after_ms ? LOOK_EVERY_MS : after_ms;
    int64_t passed_ms = clock_monotonic_ms(&clock_system) - watch->looked_ms;
    return after_ms == INT64_MAX ? INT64_MAX : after_ms > passed_ms ? after_ms - passed_ms : 0;
}

void folder_look_again(struct folder_watch *watch)
{
    if (watch != NULL) {
        watch->changed = true;
    }
}

static struct watched *find_watched(const struct folder_watch *watch, int number)
{
    for (size_t i = 0; i < watch->watched.count; i++) {
        if (watch->watched.items[i].number == number) {
            return &watch->watched.items[i];
        }
    }
    return NULL;
}

/* A file that has just been made is still empty: it counts when it is closed. A folder or a link is whole at once. */
static bool counts(const struct folder_watch *watch, const struct inotify_event *event)
{
    const struct watched *folder = find_watched(watch, event->wd);
    char path[4096];
    struct stat status;
    if ((event->mask & IN_CREATE) == 0 || (event->mask & IN_ISDIR) != 0 || folder == NULL || event->len == 0) {
        return true;
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, event->name);
    return lstat(path, &status) == 0 && (!S_ISREG(status.st_mode) || status.st_nlink > 1);
}

static void take_events(struct folder_watch *watch)
{
    union {
        struct inotify_event first; /* aligned as they are */
        char bytes[16384];
    } room;
    ssize_t got = 0;
    while (watch->fd >= 0 && (got = read(watch->fd, room.bytes, sizeof room.bytes)) > 0) {
        for (ssize_t at = 0; at < got;) {
            struct inotify_event *event = (struct inotify_event *)(void *)(room.bytes + at);
            watch->changed = watch->changed || counts(watch, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

/* ---- which files ------------------------------------------------------------------------------------------------ */

struct found_file {
    const char *path; /* within the folder */
    const char *full;
    const char *stamp;
    /* of one that was read */
    bool read;
    struct arena *arena;
    struct source_file file;
    struct checked_file checked;
    bool refused;
};

struct found_files {
    VEC_OF(struct found_file)
};

static bool is_yaml(const char *name)
{
    struct str text = str_from(name);
    return name[0] != '.' && (str_ends(text, STR(".yaml")) || str_ends(text, STR(".yml")));
}

static void add_file(struct found_files *files, const char *folder, const char *path, struct arena *arena)
{
    struct found_file file = {.path = path, .full = path_join(arena, folder, path)};
    struct stat status;
    if (stat(file.full, &status) == 0 && S_ISREG(status.st_mode)) {
        file.stamp = arena_printf(arena, "%s %lld %lld.%09ld %llu", SLUICE_VERSION, (long long)status.st_size,
                                  (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                                  (unsigned long long)status.st_ino);
        vec_push(files, file);
    }
}

static void watch_folder(struct folder_watch *watch, const char *path)
{
    int number = watch->fd < 0 ? -1 : inotify_add_watch(watch->fd, path, WATCHED);
    if (number < 0) {
        if (watch->fd >= 0 && errno != ENOTDIR) {
            log_warn("triggers", "'%s' is not watched: %s", path, strerror(errno));
        }
        return;
    }
    struct watched *known = find_watched(watch, number);
    if (known != NULL) {
        free(known->path);
        known->path = strdup(path);
    } else {
        struct watched watched = {.number = number, .path = strdup(path)};
        vec_push(&watch->watched, watched);
    }
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct found_file *)a)->path, ((const struct found_file *)b)->path);
}

/* False when the folder cannot be read. */
static bool list_files(struct folder_watch *watch, struct arena *arena, struct found_files *files)
{
    static const char *const names[] = {"sluice.yaml", "sluice.yml"};
    DIR *dir = opendir(watch->path);
    struct dirent *entry;
    if (dir == NULL) {
        return false;
    }
    watch_folder(watch, watch->path);
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        const char *full = path_join(arena, watch->path, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (is_yaml(entry->d_name)) {
            add_file(files, watch->path, arena_strdup(arena, entry->d_name), arena);
        } else if (is_folder(full)) {
            watch_folder(watch, full);
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                add_file(files, watch->path, path_join(arena, entry->d_name, names[i]), arena);
            }
        }
        errno = 0;
    }
    bool good = errno == 0;
    (void)closedir(dir);
    if (files->count > 0) {
        qsort(files->items, files->count, sizeof *files->items, by_path);
    }
    return good;
}

/* ---- reading them ----------------------------------------------------------------------------------------------- */

static const char *one_problem(const char *message, struct arena *arena)
{
    struct json list = json_array();
    struct json one = json_object();
    json_add(arena, &one, "line", json_int(0));
    json_add(arena, &one, "column", json_int(0));
    json_add(arena, &one, "code", json_cstring(arena, ""));
    json_add(arena, &one, "message", json_cstring(arena, message));
    json_add(arena, &one, "hint", json_null());
    json_push(arena, &list, one);
    return json_text(arena, &list).p;
}

static void read_file(struct triggers *t, struct found_file *found)
{
    struct arena *arena = arena_new();
    struct err wrong = {0};
    const char *folder = path_dir(arena, found->full);
    const char *workspace = t->options.workspace == NULL ? NULL : t->options.workspace(folder, arena);
    found->arena = arena;
    found->read = true;
    found->checked.name = "";
    found->file = (struct source_file){
        .source = FOLDER_SOURCE,
        .path = found->path,
        .file = found->full,
        .folder = folder,
        .workspace = workspace == NULL ? folder : workspace,
        .git = "{}",
        .stamp = found->stamp,
    };
    if (fs_read_file(found->full, FILE_MAX_BYTES, arena, &found->file.text, &wrong) < 0) {
        found->checked.problems = one_problem(wrong.message, arena);
        return;
    }
    found->checked = in_force_check(t, &found->file, arena);
}

/* ---- what was there before -------------------------------------------------------------------------------------- */

struct before {
    struct pipeline_in_force *in_force;
    size_t in_force_count;
    struct refused_file *refused;
    size_t refused_count;
};

static const struct pipeline_in_force *in_force_of(const struct before *before, const char *path)
{
    for (size_t i = 0; i < before->in_force_count; i++) {
        if (strcmp(before->in_force[i].path, path) == 0) {
            return &before->in_force[i];
        }
    }
    return NULL;
}

static const struct refused_file *refused_of(const struct before *before, const char *path)
{
    for (size_t i = 0; i < before->refused_count; i++) {
        if (strcmp(before->refused[i].path, path) == 0) {
            return &before->refused[i];
        }
    }
    return NULL;
}

static bool is_found(const struct found_files *files, const char *path)
{
    struct found_file wanted = {.path = path};
    return files->count > 0 && bsearch(&wanted, files->items, files->count, sizeof wanted, by_path) != NULL;
}

/* Files that are gone take their pipelines along; and names that files had before are free for others. */
static int take_out(struct triggers *t, struct engine *engine, const struct before *before,
                    const struct found_files *files, struct err *err)
{
    for (size_t i = 0; i < before->in_force_count; i++) {
        const struct pipeline_in_force *row = &before->in_force[i];
        struct found_file wanted = {.path = row->path};
        const struct found_file *now =
            files->count == 0 ? NULL : bsearch(&wanted, files->items, files->count, sizeof wanted, by_path);
        bool renamed = now != NULL && now->checked.pipeline != NULL && strcmp(now->checked.name, row->name) != 0;
        if ((now == NULL || renamed) && in_force_end(t, engine, row, "sluice", err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < before->refused_count; i++) {
        const struct refused_file *row = &before->refused[i];
        if (!is_found(files, row->path) &&
            (engine_write(engine, err) < 0 ||
             store_refused_remove(t->options.store, FOLDER_SOURCE, row->path, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int refuse(struct triggers *t, struct engine *engine, const struct before *before, struct found_file *found,
                  struct err *err)
{
    const struct refused_file *earlier = refused_of(before, found->path);
    found->refused = true;
    const struct checked_file *checked = &found->checked;
    bool known = earlier != NULL && strcmp(earlier->problems, checked->problems) == 0;
    return known ? 0
                 : in_force_refuse(t, engine, &found->file, checked->name, checked->problems, "sluice", err);
}

static int put(struct triggers *t, struct engine *engine, const struct before *before, struct found_file *found,
               struct err *err)
{
    struct err wrong = {0};
    if (found->checked.pipeline == NULL) {
        return refuse(t, engine, before, found, err);
    }
    if (in_force_put(t, engine, &found->file, found->checked.pipeline, "sluice", &wrong) == 0) {
        return 0;
    }
    if (wrong.code != ERR_EXISTS) {
        *err = wrong;
        return -1;
    }
    found->checked.problems = one_problem(wrong.message, found->arena);
    return refuse(t, engine, before, found, err);
}

static int follow(struct triggers *t, struct engine *engine, struct found_files *files, struct err *err)
{
    struct before before = {0};
    struct store *store = t->options.store;
    struct arena *arena = engine_arena(engine);
    if (store_in_force_list(store, FOLDER_SOURCE, arena, &before.in_force, &before.in_force_count, err) < 0 ||
        store_refused_list(store, FOLDER_SOURCE, arena, &before.refused, &before.refused_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < files->count; i++) {
        const struct pipeline_in_force *row = in_force_of(&before, files->items[i].path);
        bool same = row != NULL && strcmp(row->stamp, files->items[i].stamp) == 0 &&
                    strcmp(row->file, files->items[i].full) == 0;
        if (!same) {
            read_file(t, &files->items[i]);
        }
    }
    if (take_out(t, engine, &before, files, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].read && put(t, engine, &before, &files->items[i], err) < 0) {
            return -1;
        }
    }
    engine_crash_point(engine, "in_folder");
    return 0;
}

/* At once after a change, then later each time. */
static void look_again_later(struct folder_watch *watch, bool changed)
{
    int64_t later_ms = changed || watch->again_ms == 0 ? AGAIN_FIRST_MS : 2 * watch->again_ms;
    watch->again_ms = later_ms < AGAIN_MOST_MS ? later_ms : AGAIN_MOST_MS;
}

static bool has_refused(const struct found_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].refused) {
            return true;
        }
    }
    return false;
}

int folder_follow(struct triggers *triggers, struct engine *engine, struct err *err)
{
    struct folder_watch *watch = triggers->folder;
    struct found_files files = {0};
    if (watch == NULL) {
        return 0;
    }
    take_events(watch);
    if (folder_wait_ms(watch) > 0) {
        return 0;
    }
    bool changed = watch->changed;
    watch->looked_ms = clock_monotonic_ms(&clock_system);
    bool good = list_files(watch, engine_arena(engine), &files);
    if (!good && !watch->told) {
        log_error("triggers", "the folder '%s' cannot be read: what is in force stays: %s", watch->path,
                  strerror(errno));
    }
    watch->told = !good;
    int result = good ? follow(triggers, engine, &files, err) : 0;
    if (!good || has_refused(&files)) {
        look_again_later(watch, changed);
    } else {
        watch->again_ms = 0;
    }
    for (size_t i = 0; i < files.count; i++) {
        arena_free(files.items[i].arena);
    }
    vec_clear(&files);
    watch->changed = result < 0; /* what could not be written is looked at again */
    return result;
}
