/* SPDX-License-Identifier: Apache-2.0 */
#include "repository.h"

#include "base/fs.h"
#include "base/path.h"
#include "store/sources.h"

#include <string.h>

/* As config.yaml lists them: the later one has the lesser name. */
static const struct {
    const char *name, *url;
} made_up[REPOSITORIES_MAX] = {{"cellar", "/made/up"}, {"attic", "/made/up/too"}};

static struct json sources_of(const struct repository *repository)
{
    struct arena *arena = repository->arena;
    struct json sources = json_array();
    for (size_t i = 0; i < repository->count; i++) {
        struct json source = json_object();
        json_set(arena, &source, "name", json_cstring(arena, made_up[i].name));
        json_set(arena, &source, "url", json_cstring(arena, made_up[i].url));
        json_set(arena, &source, "every_ms", json_int(60000));
        json_push(arena, &sources, source);
    }
    return sources;
}

static int add_file(struct repository *repository, size_t which, const char *file, struct err *err)
{
    struct arena *arena = repository->arena;
    struct str text = {0};
    const char *folder = source_checkout(repository->home, made_up[which].name, repository->commit, arena);
    if (fs_read(path_join(arena, repository->workspace, file), 1 << 20, arena, &text, err) < 0 ||
        fs_make_folders(folder, 0700, err) < 0 ||
        fs_write(path_join(arena, folder, file), text, 0600, false, err) < 0) {
        return -1;
    }
    json_push(arena, &repository->files[which], json_cstring(arena, file));
    return 0;
}

int repository_commit(struct repository *repository, const char *digit, const char *const *files, struct err *err)
{
    size_t which = 0;
    memset(repository->commit, digit[0], 40);
    for (size_t i = 0; i < REPOSITORIES_MAX; i++) {
        repository->files[i] = json_array();
    }
    for (size_t i = 0; files[i] != NULL && *files[i] != '\0'; i++) {
        if (strcmp(files[i], "/") == 0) {
            which++;
        } else if (add_file(repository, which, files[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the answers ------------------------------------------------------------------------------------------------ */

static struct json push_of(const struct json *files, const char *since, struct arena *arena)
{
    struct json push = json_object();
    json_set(arena, &push, "before", json_cstring(arena, since));
    json_set(arena, &push, "forced", json_bool(false));
    json_set(arena, &push, "paths", json_copy(arena, files));
    json_set(arena, &push, "more_paths", json_bool(false));
    json_set(arena, &push, "commits", json_array());
    json_set(arena, &push, "more_commits", json_bool(false));
    return push;
}

static struct json fetch_of(const struct repository *repository, const struct json *asked, struct arena *arena)
{
    struct json fetch = json_object();
    const char *url = json_get_text(asked, "url", "");
    const struct json *files = &repository->files[strcmp(url, made_up[0].url) == 0 ? 0 : 1];
    const char *since = json_get_text(asked, "since", "");
    bool moved = strcmp(json_get_text(asked, "seen", ""), repository->commit) != 0;
    bool pushed = *since != '\0' && strcmp(since, repository->commit) != 0;
    json_set(arena, &fetch, "commit", json_cstring(arena, repository->commit));
    json_set(arena, &fetch, "branch", json_cstring(arena, "main"));
    json_set(arena, &fetch, "looked", json_bool(moved || json_get_bool(asked, "again", false)));
    json_set(arena, &fetch, "refused", json_null());
    json_set(arena, &fetch, "files", json_copy(arena, files));
    json_set(arena, &fetch, "author", json_cstring(arena, "ann"));
    json_set(arena, &fetch, "push", pushed ? push_of(files, since, arena) : json_null());
    return fetch;
}

static struct json answer_to(const struct repository *repository, const struct json *request, struct arena *arena)
{
    struct json answer = json_object();
    struct json pinned = json_array();
    const struct json *pins = json_get(request, "pins");
    const struct json *fetch = json_get(request, "fetch");
    for (size_t i = 0; pins != NULL && i < pins->u.array.count; i++) {
        const char *run = json_get_text(&pins->u.array.items[i], "run", "");
        json_push(arena, &pinned, json_cstring(arena, run));
    }
    json_set(arena, &answer, "pinned", pinned);
    if (fetch != NULL && (repository->away || repository->commit[0] == '\0')) {
        const char *words = repository->away ? "it cannot be reached" : "it is empty";
        json_set(arena, &answer, "error", json_cstring(arena, words));
    } else if (fetch != NULL) {
        json_set(arena, &answer, "fetch", fetch_of(repository, fetch, arena));
    }
    return answer;
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static bool start(void *ctx, const struct json *request, struct arena *arena, struct fetch_child *ret)
{
    struct repository *repository = ctx;
    (void)arena;
    *ret = (struct fetch_child){.pid = (pid_t)repository->asked.count, .out_fd = -1};
    vec_push(&repository->asked, json_text(repository->arena, request).p);
    return true;
}

static bool ended(void *ctx, struct fetch_child *child)
{
    (void)ctx;
    (void)child;
    return true;
}

static struct json take(void *ctx, struct fetch_child *child, struct arena *arena)
{
    struct repository *repository = ctx;
    struct json request = json_null();
    (void)json_read(str_from(repository->asked.items[child->pid]), (struct json_limits){0}, arena, &request, NULL);
    return answer_to(repository, &request, arena);
}

static void forget(void *ctx, struct fetch_child *child)
{
    (void)ctx;
    (void)child;
}

static int watch(void *ctx, const struct fetch_child *child)
{
    (void)ctx;
    (void)child;
    return -1;
}

void repository_join(struct repository *repository, struct triggers_options *options)
{
    if (repository->count > 0) {
        options->home = repository->home;
        options->sources = sources_of(repository);
        options->git_world = (struct source_world){
            .ctx = repository, .start = start, .ended = ended, .take = take, .kill = forget, .watch = watch};
    }
}
