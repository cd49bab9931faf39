/* SPDX-License-Identifier: Apache-2.0 */
#include "git/mirror.h"

#include "base/fs.h"
#include "base/path.h"
#include "git/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- mending ---------------------------------------------------------------------------------------------------- */

static bool is_half(struct str name)
{
    return str_find(name, STR("_git2_")) >= 0 || str_ends(name, STR(".lock"));
}

/* What libgit2 writes beside before it renames: locks of references, packs and objects in the making. */
static void mend(const char *folder, bool below, struct arena *arena)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const char *path = path_join(arena, folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (entry->d_type == DT_DIR && below) {
            mend(path, true, arena);
        } else if (entry->d_type == DT_REG && is_half(str_from(entry->d_name))) {
            (void)unlink(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static int make(const char *path, struct arena *arena, struct err *err)
{
    git_repository *repository = NULL;
    const char *staged = arena_printf(arena, "%s.new", path);
    if (fs_remove(staged, err) < 0) {
        return -1;
    }
    if (git_repository_init(&repository, staged, 1) < 0) {
        return access_fault(NULL, "the clone cannot be made", err);
    }
    git_repository_free(repository);
    return rename(staged, path) == 0 ? 0 : err_errno(err, "making '%s'", path);
}

int mirror_open(const struct git_request *request, struct arena *arena, struct mirror *ret, struct err *err)
{
    const char *path = path_join(arena, request->folder, "mirror.git");
    const char *lock = path_join(arena, request->folder, "lock");
    *ret = (struct mirror){.lock_fd = -1};
    if (fs_make_folders(request->folder, REPOSITORY_MODE, err) < 0) {
        return -1;
    }
    ret->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ret->lock_fd < 0) {
        return err_errno(err, "opening '%s'", lock);
    }
    if (flock(ret->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? err_set(err, ERR_BUSY, "another sluice-git is at work in '%s'", request->folder)
                                    : err_errno(err, "locking '%s'", lock);
    }
    if (!fs_is_folder(path) && make(path, arena, err) < 0) {
        return -1;
    }
    mend(path, false, arena);
    mend(path_join(arena, path, "objects"), true, arena);
    mend(path_join(arena, path, "refs"), true, arena);
    return git_repository_open_ext(&ret->repository, path, GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE,
                                   NULL) < 0
               ? access_fault(NULL, "the clone cannot be opened", err)
               : 0;
}

void mirror_close(struct mirror *mirror)
{
    git_repository_free(mirror->repository);
    if (mirror->lock_fd >= 0) {
        (void)close(mirror->lock_fd);
    }
}

/* ---- fetching --------------------------------------------------------------------------------------------------- */

static const char branches[] = "refs/heads/";

static const git_remote_head *find_head(const git_remote_head *const *heads, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(heads[i]->name, name) == 0) {
            return heads[i];
        }
    }
    return NULL;
}

static const git_remote_head *find_default(git_remote *remote, const git_remote_head *const *heads, size_t count)
{
    git_buf name = {0};
    const git_remote_head *head = git_remote_default_branch(&name, remote) == 0 ? find_head(heads, count, name.ptr)
                                                                                : NULL;
    git_buf_dispose(&name);
    return head;
}

static int choose(git_remote *remote, const struct access *access, struct arena *arena, const git_remote_head **ret,
                  struct err *err)
{
    const char *branch = access->request->branch;
    const git_remote_head **heads = NULL;
    size_t count = 0;
    if (git_remote_ls(&heads, &count, remote) < 0) {
        return access_fault(access, "the branches cannot be listed", err);
    }
    *ret = *branch == '\0' ? find_default(remote, heads, count)
                           : find_head(heads, count, arena_printf(arena, "%s%s", branches, branch));
    if (*ret != NULL) {
        return 0;
    }
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        others += strncmp(heads[i]->name, branches, strlen(branches)) == 0;
    }
    return others == 0 ? err_set(err, ERR_NOT_FOUND, "the repository is empty: there is no branch yet")
           : *branch == '\0'
               ? err_set(err, ERR_NOT_FOUND, "the repository does not say which branch is meant: expected 'branch'")
               : err_set(err, ERR_NOT_FOUND, "there is no branch '%.100s'", branch);
}

static int on_local(void *ctx, int64_t bytes, int64_t objects, struct err *err)
{
    struct access *access = ctx;
    if (access_came(access, bytes, objects) == 0) {
        return 0;
    }
    *err = access->why;
    return -1;
}

static int download_local(struct mirror *mirror, const char *path, const git_oid *tip, struct access *access,
                          const char *branch, struct arena *arena, struct err *err)
{
    git_reference *reference = NULL;
    const char *name = arena_printf(arena, "refs/remotes/origin/%s", branch);
    const struct local_watch watch = {.ctx = access, .max_bytes = access->request->max_bytes, .came = on_local};
    if (local_fetch(mirror->repository, path, tip, 1, &watch, err) < 0) {
        return -1;
    }
    if (git_reference_create(&reference, mirror->repository, name, tip, 1, "sluice") < 0) {
        return access_fault(access, "the fetch failed", err);
    }
    git_reference_free(reference);
    return 0;
}

static int download(git_remote *remote, struct access *access, const char *ref, struct arena *arena, struct err *err)
{
    git_fetch_options options;
    char *spec = arena_printf(arena, "+%s:refs/remotes/origin/%s", ref, ref + strlen(branches));
    const git_strarray list = {&spec, 1};
    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = access_callbacks(access);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    if (git_remote_download(remote, &list, &options) < 0 ||
        git_remote_update_tips(remote, &options.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_NONE, "sluice") < 0) {
        return access_fault(access, "the fetch failed", err);
    }
    return 0;
}

bool mirror_has(struct mirror *mirror, const char *commit)
{
    git_oid oid;
    git_commit *found = NULL;
    bool has = git_oid_fromstr(&oid, commit) == 0 && git_commit_lookup(&found, mirror->repository, &oid) == 0;
    git_commit_free(found);
    return has;
}

static int take(struct mirror *mirror, git_remote *remote, struct access *access, struct arena *arena,
                struct mirror_tip *ret, struct err *err)
{
    const git_remote_head *head = NULL;
    if (choose(remote, access, arena, &head, err) < 0) {
        return -1;
    }
    const char *ref = arena_strdup(arena, head->name);
    const char *path = local_path(access->request->url, arena);
    const git_oid tip = head->oid;
    (void)git_oid_tostr(ret->commit, sizeof ret->commit, &head->oid);
    ret->branch = ref + strlen(branches);
    ret->moved = strcmp(ret->commit, access->request->seen) != 0;
    /* Also when its commit is here: what came before it may not be. */
    if (!ret->moved && mirror_has(mirror, ret->commit)) {
        return 0;
    }
    return path != NULL ? download_local(mirror, path, &tip, access, ret->branch, arena, err)
                        : download(remote, access, ref, arena, err);
}

/* Of a path where no repository is, libgit2 would say that its protocol is not supported. */
static int check_local(const char *path, struct err *err)
{
    struct stat status;
    if (path == NULL) {
        return 0;
    }
    if (stat(path, &status) < 0) {
        return err_errno(err, "it cannot be reached: '%s'", path);
    }
    return S_ISDIR(status.st_mode) && git_repository_open_ext(NULL, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0
               ? 0
               : err_set(err, ERR_IO, "it cannot be reached: '%s' is no repository of git", path);
}

int mirror_fetch(struct mirror *mirror, const struct git_request *request, struct arena *arena, struct mirror_tip *ret,
                 struct err *err)
{
    struct access access = {.request = request};
    git_remote *remote = NULL;
    git_remote_connect_options options;
    *ret = (struct mirror_tip){.branch = ""};
    (void)git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    options.callbacks = access_callbacks(&access);
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.proxy_opts.type = GIT_PROXY_AUTO;
    if (git_remote_create_anonymous(&remote, mirror->repository, request->url) < 0) {
        return access_fault(&access, "the url cannot be used", err);
    }
    int result = check_local(local_path(request->url, arena), err) < 0 ? -1
                 : git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options) < 0
                     ? access_fault(&access, "it cannot be reached", err)
                     : take(mirror, remote, &access, arena, ret, err);
    ret->bytes = access.bytes;
    ret->objects = access.objects;
    (void)git_remote_disconnect(remote);
    git_remote_free(remote);
    return result;
}

/* ---- pins ------------------------------------------------------------------------------------------------------- */

int mirror_pin(struct mirror *mirror, const struct git_request *request, bool *pinned, struct err *err)
{
    for (size_t i = 0; i < request->pin_count; i++) {
        const struct git_pin *pin = &request->pins[i];
        git_reference *reference = NULL;
        git_oid oid;
        char name[80];
        (void)snprintf(name, sizeof name, "refs/sluice/runs/%s", pin->run);
        if (!mirror_has(mirror, pin->commit) || git_oid_fromstr(&oid, pin->commit) < 0) {
            continue;
        }
        if (git_reference_create(&reference, mirror->repository, name, &oid, 1, NULL) < 0) {
            return access_fault(NULL, "a commit cannot be pinned", err);
        }
        git_reference_free(reference);
        pinned[i] = true;
    }
    return 0;
}
