/* SPDX-License-Identifier: Apache-2.0 */
#include "git/commit.h"

#include "base/utf8.h"
#include "git/access.h"
#include "git/contents.h"
#include "git/pipeline_path.h"

enum { FILES_PER_FETCH = 10 }; /* the files of a commit may be so much more than a fetch brings: packs are compressed */

/* ---- one commit ------------------------------------------------------------------------------------------------- */

/* Bytes of whole characters, at most so many: names and messages may be in any encoding. */
static struct json plain_text(const char *text, size_t most, struct arena *arena)
{
    struct str result = str_slice(str_from(text), 0, most);
    bool cut = result.n < strlen(text == NULL ? "" : text);
    for (int i = 0; cut && i < 3 && result.n > 0 && !utf8_valid(result); i++) {
        result.n--;
    }
    struct strbuf buf;
    strbuf_init(&buf, most * 8 + 16);
    json_write_string(&buf, str_trim(result));
    struct json value = json_null();
    (void)json_read(strbuf_str(&buf), (struct json_limits){0}, arena, &value, NULL);
    strbuf_clear(&buf);
    return value;
}

static int64_t time_of(const git_commit *commit)
{
    int64_t seconds = git_commit_time(commit);
    return seconds < 0 || seconds > (int64_t)4102444800 * 10 ? 0 : seconds * 1000;
}

static int look_up(git_repository *repository, const char *name, git_commit **ret, struct err *err)
{
    git_oid oid;
    return git_oid_fromstr(&oid, name) < 0 || git_commit_lookup(ret, repository, &oid) < 0
               ? access_fault(NULL, "the commit cannot be read", err)
               : 0;
}

/* ---- its pipelines ---------------------------------------------------------------------------------------------- */

struct listing {
    const char *path;
    struct arena *arena;
    struct json files;
    bool more;
};

static int list_file(const char *folder, const git_tree_entry *entry, void *payload)
{
    struct listing *list = payload;
    git_filemode_t mode = git_tree_entry_filemode(entry);
    bool plain = mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
    if (!plain) {
        return 0;
    }
    const char *name = arena_printf(list->arena, "%s%s", folder, git_tree_entry_name(entry));
    struct str text = str_from(name);
    if (utf8_valid(text) && is_pipeline_path(list->path, name)) {
        list->more = list->files.u.array.count == GIT_FILES_MAX;
        if (list->more) {
            return -1;
        }
        json_push(list->arena, &list->files, json_string(list->arena, text));
    }
    return 0;
}

int commit_tell(git_repository *repository, const char *commit, const struct git_request *request, struct arena *arena,
                struct json *ret, struct err *err)
{
    git_commit *found = NULL;
    git_tree *tree = NULL;
    char why[CONTENTS_WHY_BYTES] = "";
    struct listing list = {.path = request->path, .arena = arena, .files = json_array()};
    bool any = request->max_bytes > INT64_MAX / FILES_PER_FETCH;
    const struct contents_bounds bounds = {.max_bytes = any ? 0 : FILES_PER_FETCH * request->max_bytes};
    if (look_up(repository, commit, &found, err) < 0) {
        return -1;
    }
    if (git_commit_tree(&tree, found) < 0) {
        git_commit_free(found);
        return access_fault(NULL, "the commit's files cannot be read", err);
    }
    int whole = contents_check(repository, tree, &bounds, why);
    int listed = whole == 0 ? git_tree_walk(tree, GIT_TREEWALK_PRE, list_file, &list) : 0;
    const git_signature *author = git_commit_author(found);
    json_add(arena, ret, "author", plain_text(author == NULL ? "" : author->name, 200, arena));
    json_add(arena, ret, "message", plain_text(git_commit_message(found), GIT_MESSAGE_BYTES, arena));
    json_add(arena, ret, "at_ms", json_int(time_of(found)));
    json_add(arena, ret, "files", list.files);
    json_add(arena, ret, "refused", whole == 0 ? json_null() : plain_text(why, sizeof why, arena));
    git_tree_free(tree);
    git_commit_free(found);
    return listed == 0    ? 0
           : list.more ? err_set(err, ERR_LIMIT, "the commit has more than %d pipelines", GIT_FILES_MAX)
                          : access_fault(NULL, "the commit's files cannot be listed", err);
}

/* ---- what a push brought ---------------------------------------------------------------------------------------- */

struct changes {
    struct arena *arena;
    struct json paths;
    bool more;
};

static int list_change(const git_diff_delta *delta, float progress, void *payload)
{
    struct changes *changes = payload;
    const char *path = delta->new_file.path != NULL ? delta->new_file.path : delta->old_file.path;
    (void)progress;
    changes->more = changes->paths.u.array.count == GIT_PATHS_MAX;
    if (changes->more) {
        return -1;
    }
    json_push(changes->arena, &changes->paths, plain_text(path, 4096, changes->arena));
    return 0;
}

static int tell_paths(git_repository *repository, const git_commit *before, const git_commit *after,
                      struct arena *arena, struct json *ret, struct err *err)
{
    struct changes changes = {.arena = arena, .paths = json_array()};
    git_tree *old = NULL;
    git_tree *new = NULL;
    git_diff *diff = NULL;
    git_diff_options options;
    (void)git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_SKIP_BINARY_CHECK;
    bool good = git_commit_tree(&old, before) == 0 && git_commit_tree(&new, after) == 0 &&
                git_diff_tree_to_tree(&diff, repository, old, new, &options) == 0 &&
                (git_diff_foreach(diff, list_change, NULL, NULL, NULL, &changes) == 0 || changes.more);
    git_diff_free(diff);
    git_tree_free(new);
    git_tree_free(old);
    json_add(arena, ret, "paths", changes.paths);
    json_add(arena, ret, "more_paths", json_bool(changes.more));
    return good ? 0 : access_fault(NULL, "what has changed cannot be told", err);
}

static struct json commit_json(git_commit *commit, struct arena *arena)
{
    char id[41];
    struct json one = json_object();
    const git_signature *author = git_commit_author(commit);
    (void)git_oid_tostr(id, sizeof id, git_commit_id(commit));
    json_add(arena, &one, "id", json_cstring(arena, id));
    json_add(arena, &one, "author", plain_text(author == NULL ? "" : author->name, 200, arena));
    json_add(arena, &one, "email", plain_text(author == NULL ? "" : author->email, 200, arena));
    json_add(arena, &one, "at_ms", json_int(time_of(commit)));
    json_add(arena, &one, "message", plain_text(git_commit_message(commit), GIT_MESSAGE_BYTES, arena));
    return one;
}

/* Newest first. */
static int tell_commits(git_repository *repository, const git_commit *before, const git_commit *after,
                        struct arena *arena, struct json *ret, struct err *err)
{
    struct json commits = json_array();
    git_revwalk *walk = NULL;
    git_oid oid;
    bool more = false;
    bool good = git_revwalk_new(&walk, repository) == 0 && git_revwalk_push(walk, git_commit_id(after)) == 0 &&
                git_revwalk_hide(walk, git_commit_id(before)) == 0;
    while (good && !more && git_revwalk_next(&oid, walk) == 0) {
        git_commit *commit = NULL;
        more = commits.u.array.count == GIT_COMMITS_MAX;
        if (!more && git_commit_lookup(&commit, repository, &oid) == 0) {
            json_push(arena, &commits, commit_json(commit, arena));
        }
        git_commit_free(commit);
    }
    git_revwalk_free(walk);
    json_add(arena, ret, "commits", commits);
    json_add(arena, ret, "more_commits", json_bool(more));
    return good ? 0 : access_fault(NULL, "the commits cannot be listed", err);
}

int commit_push(git_repository *repository, const char *before, const char *after, struct arena *arena,
                struct json *ret, struct err *err)
{
    git_commit *old = NULL;
    git_commit *new = NULL;
    struct err gone = {0};
    *ret = json_object();
    json_add(arena, ret, "before", json_cstring(arena, before));
    if (look_up(repository, after, &new, err) < 0) {
        return -1;
    }
    if (look_up(repository, before, &old, &gone) < 0) {
        json_add(arena, ret, "forced", json_bool(true));
        json_add(arena, ret, "paths", json_array());
        json_add(arena, ret, "more_paths", json_bool(true));
        json_add(arena, ret, "commits", json_array());
        json_add(arena, ret, "more_commits", json_bool(true));
        git_commit_free(new);
        return 0;
    }
    bool forced = git_graph_descendant_of(repository, git_commit_id(new), git_commit_id(old)) != 1;
    json_add(arena, ret, "forced", json_bool(forced));
    int result = tell_paths(repository, old, new, arena, ret, err) < 0 ||
                         tell_commits(repository, old, new, arena, ret, err) < 0
                     ? -1
                     : 0;
    git_commit_free(old);
    git_commit_free(new);
    return result;
}
