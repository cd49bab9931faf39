/* SPDX-License-Identifier: Apache-2.0 */
#include "revision.h"

#include "git/local.h"

#include <string.h>

enum { LEAST_DIGITS = 7 };

static bool is_commit_name(const char *name)
{
    size_t n = strlen(name);
    return n >= LEAST_DIGITS && n <= GIT_OID_HEXSZ && strspn(name, "0123456789abcdefABCDEF") == n;
}

/* ---- what the remote has --------------------------------------------------------------------------- */

struct wanted {
    const char *ref;   /* NULL: a commit's own name */
    const char **refs; /* that are brought: this one, or all branches and tags */
    git_oid *oids;     /* what they are */
    size_t count;
};

static void want(struct wanted *wanted, struct scratch *scratch, const git_remote_head *head)
{
    wanted->refs[wanted->count] = scratch_copy(scratch, head->name, strlen(head->name));
    git_oid_cpy(&wanted->oids[wanted->count++], &head->oid);
}

static bool starts(const char *ref, const char *with)
{
    return strncmp(ref, with, strlen(with)) == 0;
}

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
    return head != NULL ? head : find_head(heads, count, "HEAD");
}

static const git_remote_head *find_named(struct scratch *scratch, const git_remote_head *const *heads, size_t count,
                                         const char *name)
{
    if (starts(name, "refs/")) {
        return find_head(heads, count, name);
    }
    const git_remote_head *head = find_head(heads, count, scratch_printf(scratch, "refs/heads/%s", name));
    return head != NULL ? head : find_head(heads, count, scratch_printf(scratch, "refs/tags/%s", name));
}

/* What a reference of the remote is called here. */
static const char *own_name(struct scratch *scratch, const char *ref)
{
    if (starts(ref, "refs/heads/")) {
        return scratch_printf(scratch, "refs/remotes/origin/%s", ref + strlen("refs/heads/"));
    }
    return starts(ref, "refs/tags/") ? ref : scratch_printf(scratch, "refs/sluice/%s", ref);
}

static int choose(git_remote *remote, const struct access *access, struct scratch *scratch, const char *name,
                  struct wanted *wanted, struct fault *fault)
{
    const git_remote_head **heads = NULL;
    size_t count = 0;
    if (git_remote_ls(&heads, &count, remote) < 0) {
        return access_fault(access, "the remote's branches and tags cannot be listed", fault);
    }
    wanted->refs = scratch_array(scratch, count + 1, sizeof *wanted->refs);
    wanted->oids = scratch_array(scratch, count + 1, sizeof *wanted->oids);
    const git_remote_head *head =
        name[0] == '\0' ? find_default(remote, heads, count) : find_named(scratch, heads, count, name);
    if (head != NULL) {
        want(wanted, scratch, head);
        wanted->ref = wanted->refs[0];
        return 0;
    }
    if (name[0] == '\0') {
        return fault_set(fault, "the repository is empty: there is no branch");
    }
    if (!is_commit_name(name)) {
        return fault_set(
            fault, "ref: there is no branch or tag '%.100s': expected one, or a commit of 7 to 40 hex digits", name);
    }
    for (size_t i = 0; i < count; i++) {
        bool peeled = strchr(heads[i]->name, '^') != NULL; /* "refs/tags/v1^{}": what a tag leads to */
        if (!peeled && (starts(heads[i]->name, "refs/heads/") || starts(heads[i]->name, "refs/tags/"))) {
            want(wanted, scratch, heads[i]);
        }
    }
    return 0;
}

/* ---- bringing it ----------------------------------------------------------------------------------- */

static int on_local(void *ctx, int64_t bytes, int64_t objects, struct err *err)
{
    struct access *access = ctx;
    char text[64];
    (void)snprintf(text, sizeof text, "%lld objects, %.1f MB", (long long)objects, (double)bytes / 1e6);
    return access_came(access, 0, text) == 0 ? 0 : err_set(err, ERR_STATE, "%s", access->why.text);
}

static int download_local(git_repository *repository, const char *path, struct access *access, struct scratch *scratch,
                          const struct wanted *wanted, struct fault *fault)
{
    const struct local_watch watch = {.ctx = access, .max_bytes = INT64_MAX, .came = on_local};
    struct err err = {0};
    if (local_fetch(repository, path, wanted->oids, wanted->count, &watch, &err) < 0) {
        return access->why.text[0] != '\0' ? access_fault(access, "", fault) : fault_set(fault, "%.500s", err.message);
    }
    for (size_t i = 0; i < wanted->count; i++) {
        git_reference *reference = NULL;
        if (git_reference_create(&reference, repository, own_name(scratch, wanted->refs[i]), &wanted->oids[i], 1,
                                 "sluice: fetch") < 0) {
            return access_fault(access, "the fetch failed", fault);
        }
        git_reference_free(reference);
    }
    return 0;
}

static int download(git_remote *remote, struct access *access, struct scratch *scratch, const struct wanted *wanted,
                    struct fault *fault)
{
    static char heads[] = "+refs/heads/*:refs/remotes/origin/*";
    static char tags[] = "+refs/tags/*:refs/tags/*";
    git_fetch_options options;
    char *specs[2] = {heads, tags};
    git_strarray list = {specs, 2};
    if (wanted->ref != NULL) {
        specs[0] = scratch_printf(scratch, "+%s:%s", wanted->ref, own_name(scratch, wanted->ref));
        list.count = 1;
    }
    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = access_callbacks(access);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    if (git_remote_download(remote, &list, &options) < 0 ||
        git_remote_update_tips(remote, &options.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_NONE, "sluice: fetch") < 0) {
        return access_fault(access, "the fetch failed", fault);
    }
    return 0;
}

static int fetch(git_repository *repository, struct access *access, struct scratch *scratch, const char *name,
                 struct wanted *wanted, struct fault *fault)
{
    git_remote *remote = NULL;
    git_remote_callbacks callbacks = access_callbacks(access);
    git_proxy_options proxy;
    (void)git_proxy_options_init(&proxy, GIT_PROXY_OPTIONS_VERSION);
    proxy.type = GIT_PROXY_AUTO;
    if (git_remote_lookup(&remote, repository, "origin") < 0) {
        return access_fault(access, "there is no remote 'origin'", fault);
    }
    struct arena *arena = arena_new();
    const char *path = local_path(access->location->url, arena);
    int result = 0;
    if (git_remote_connect(remote, GIT_DIRECTION_FETCH, &callbacks, &proxy, NULL) < 0) {
        const char *what = scratch_printf(scratch, "'%.200s' cannot be reached", access->location->url);
        result = access_fault(access, what, fault);
    } else if (choose(remote, access, scratch, name, wanted, fault) < 0) {
        result = -1;
    } else {
        result = path != NULL ? download_local(repository, path, access, scratch, wanted, fault)
                              : download(remote, access, scratch, wanted, fault);
    }
    arena_free(arena);
    (void)git_remote_disconnect(remote);
    git_remote_free(remote);
    return result;
}

/* ---- the commit --------------------------------------------------------------------------------------- */

static int keep(git_object *object, struct revision *revision, const char *name, struct fault *fault)
{
    git_object *commit = NULL;
    int result = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
    git_object_free(object);
    if (result < 0) {
        return fault_set(fault, "ref: '%.100s' is no commit", name);
    }
    revision->commit = (git_commit *)commit;
    (void)git_oid_tostr(revision->hex, sizeof revision->hex, git_object_id(commit));
    return 0;
}

static int find_commit(git_repository *repository, const char *name, git_object **ret_object)
{
    git_oid oid;
    return git_oid_fromstrn(&oid, name, strlen(name)) < 0
               ? -1
               : git_object_lookup_prefix(ret_object, repository, &oid, strlen(name), GIT_OBJECT_ANY);
}

int revision_fetch(git_repository *repository, struct access *access, struct scratch *scratch, const char *name,
                   struct revision *ret_revision, struct fault *fault)
{
    struct wanted wanted = {0};
    git_object *object = NULL;
    *ret_revision = (struct revision){0};
    if (strlen(name) == GIT_OID_HEXSZ && is_commit_name(name) && find_commit(repository, name, &object) == 0) {
        return keep(object, ret_revision, name, fault);
    }
    if (fetch(repository, access, scratch, name, &wanted, fault) < 0) {
        return -1;
    }
    ret_revision->ref = wanted.ref;
    int found = wanted.ref != NULL ? git_object_lookup(&object, repository, &wanted.oids[0], GIT_OBJECT_ANY)
                                   : find_commit(repository, name, &object);
    if (found == GIT_EAMBIGUOUS) {
        return fault_set(fault, "ref: several commits begin with '%.60s': expected more digits", name);
    }
    return found == 0 ? keep(object, ret_revision, name, fault)
                      : fault_set(fault, "ref: no branch or tag leads to a commit '%.60s'", name);
}
