/* SPDX-License-Identifier: Apache-2.0 */
#include "git/checkout.h"

#include "base/fs.h"
#include "base/path.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FTW_FDS = 32 };

static int write_files(struct mirror *mirror, const char *commit, const char *folder, struct err *err)
{
    git_checkout_options options;
    git_object *found = NULL;
    git_oid oid;
    (void)git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
    options.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX | GIT_CHECKOUT_DONT_WRITE_INDEX;
    options.target_directory = folder;
    options.disable_filters = 1;
    bool good = git_oid_fromstr(&oid, commit) == 0 &&
                git_object_lookup(&found, mirror->repository, &oid, GIT_OBJECT_COMMIT) == 0 &&
                git_checkout_tree(mirror->repository, found, &options) == 0;
    git_object_free(found);
    return good ? 0 : access_fault(NULL, "the commit's files cannot be written", err);
}

static int take_writing(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)place;
    return kind == FTW_F && S_ISREG(status->st_mode) ? chmod(path, (status->st_mode & 0111) != 0 ? 0555 : 0444) : 0;
}

int checkout_make(struct mirror *mirror, const char *folder, const char *commit, struct arena *arena, struct err *err)
{
    const char *commits = path_join(arena, folder, "commits");
    const char *path = path_join(arena, commits, commit);
    const char *staged = arena_printf(arena, "%s.new", path);
    if (fs_is_folder(path)) {
        return 0;
    }
    if (fs_make_folders(commits, REPOSITORY_MODE, err) < 0 || fs_remove(staged, err) < 0 ||
        fs_make_folders(staged, REPOSITORY_MODE, err) < 0 || write_files(mirror, commit, staged, err) < 0) {
        return -1;
    }
    if (nftw(staged, take_writing, FTW_FDS, FTW_PHYS) != 0) {
        return err_errno(err, "making the files of '%s' read-only", staged);
    }
    if (fs_sync(staged, err) < 0) {
        return -1;
    }
    return rename(staged, path) == 0 ? fs_sync_name(path, err) : err_errno(err, "making '%s'", path);
}
