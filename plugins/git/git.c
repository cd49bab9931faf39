/* SPDX-License-Identifier: Apache-2.0
 * Brings the files of a repository at one commit into a folder: a new clone, or a fetch into one that is there. A new
 * clone appears under its name when it is whole. */
#include "step.h"

#include "git/contents.h"
#include "git/memory.h"
#include "folder.h"
#include "revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARAMS(P)                                                                                                      \
    P(STRING, url, "required; minlen=1", "https://, http://, ssh://, USER@HOST:PATH, file:// or a path.")              \
    P(STRING, ref, "", "A branch, a tag or a commit; by default the remote's default branch.")                         \
    P(STRING, path, "", "The folder; by default repository, in the step's own folder.")                                \
    P(BOOL, force, "default=false", "Whether changes in a clone that is there may be overwritten.")                    \
    P(STRING, username, "", "By default the URL's, else git.")                                                         \
    P(STRING, password, "secret", "Of http and https: a password or token.")                                           \
    P(STRING, ssh_key, "secret", "Of ssh: the private key's text; by default the keys of an agent.")                   \
    P(STRING, passphrase, "secret", "Of the SSH key.")                                                                 \
    P(STRING, known_hosts, "", "Of ssh: lines of ssh-keyscan; by default ~/.ssh/known_hosts.")

#define OUTPUTS(O)                                                                                                     \
    O(STRING, commit, "The commit's 40 hex digits.")                                                                   \
    O(STRING, ref, "The full name that led to it, such as refs/heads/main; null for a commit.")                        \
    O(STRING, path, "The folder.")                                                                                     \
    O(BOOL, changed, "False when the folder was at that commit already.")

STEP_PARAMS_STRUCT(git_params, PARAMS);

struct cloning {
    const struct step_host *host;
    const struct git_params *params;
    struct scratch scratch;
    struct location location;
    struct access access;
    const char *path;   /* where the files shall be */
    const char *staged; /* of a new clone: where it is made; NULL when there is one already */
    git_repository *repository;
    struct revision revision;
    bool changed;
};

/* ---- before ------------------------------------------------------------------------------------- */

static int prepare(struct cloning *cloning, struct fault *fault)
{
    const struct git_params *p = cloning->params;
    bool named = p->path != NULL && p->path[0] != '\0';
    if (location_parse(cloning->host, &cloning->scratch, p->url, &cloning->location, fault) < 0) {
        return -1;
    }
    if (cloning->location.kind == LOCATION_HTTP && p->password != NULL && p->password[0] != '\0') {
        step_log(cloning->host, STEP_LOG_WARN,
                 "the password goes over http:// and can be read on its way: expected https://");
    }
    char *path = named ? scratch_printf(&cloning->scratch, "%s",
                                        folder_of_workspace(cloning->host, &cloning->scratch, p->path))
                       : scratch_printf(&cloning->scratch, "%s/repository", cloning->host->context->step_dir);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) {
        path[n - 1] = '\0';
    }
    cloning->path = path;
    cloning->access = (struct access){.host = cloning->host,
                                      .location = &cloning->location,
                                      .username = p->username,
                                      .password = p->password,
                                      .ssh_key = p->ssh_key,
                                      .passphrase = p->passphrase,
                                      .known_hosts = p->known_hosts};
    return 0;
}

/* ---- the local repository ------------------------------------------------------------------------ */

static int check_origin(const struct cloning *cloning, struct fault *fault)
{
    git_remote *remote = NULL;
    if (git_remote_lookup(&remote, cloning->repository, "origin") < 0) {
        return fault_set(fault, "'%.300s' is a repository without a remote 'origin': expected a clone", cloning->path);
    }
    const char *url = git_remote_url(remote);
    int result = 0;
    if (url == NULL || strcmp(url, cloning->location.url) != 0) {
        result = fault_set(fault, "'%.200s' is a clone of '%.120s': expected one of '%.120s', or nothing there",
                           cloning->path, url == NULL ? "" : url, cloning->location.url);
    }
    git_remote_free(remote);
    return result;
}

static int check_clean(const struct cloning *cloning, struct fault *fault)
{
    git_status_options options;
    git_status_list *changes = NULL;
    (void)git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
    options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
    options.flags = 0; /* files that git does not know are nobody's concern */
    if (git_status_list_new(&changes, cloning->repository, &options) < 0) {
        return access_fault(&cloning->access, "the clone's changes cannot be listed", fault);
    }
    size_t count = git_status_list_entrycount(changes);
    int result = 0;
    if (count > 0) {
        const git_status_entry *entry = git_status_byindex(changes, 0);
        const git_diff_delta *delta = entry->index_to_workdir != NULL ? entry->index_to_workdir : entry->head_to_index;
        result = fault_set(fault, "'%.200s' has %zu changed files, such as '%.150s': expected none, or 'force: true'",
                           cloning->path, count, delta->new_file.path);
    }
    git_status_list_free(changes);
    return result;
}

static int begin_clone(struct cloning *cloning, struct fault *fault)
{
    git_remote *remote = NULL;
    char *parent = scratch_copy(&cloning->scratch, cloning->path, strlen(cloning->path));
    char *slash = strrchr(parent, '/');
    cloning->staged = scratch_printf(&cloning->scratch, "%s.cloning", cloning->path);
    *slash = '\0';
    if ((parent[0] != '\0' && folder_make(parent, fault) < 0) || folder_remove(cloning->staged, fault) < 0) {
        return -1;
    }
    if (git_repository_init(&cloning->repository, cloning->staged, 0) < 0 ||
        git_remote_create(&remote, cloning->repository, "origin", cloning->location.url) < 0) {
        return access_fault(&cloning->access, "the clone cannot be made", fault);
    }
    git_remote_free(remote);
    return 0;
}

static int open_or_begin(struct cloning *cloning, struct fault *fault)
{
    /* An empty folder is as good as none: rmdir fails for any other. */
    if (rmdir(cloning->path) == 0 || errno == ENOENT) {
        return begin_clone(cloning, fault);
    }
    if (git_repository_open_ext(&cloning->repository, cloning->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0) {
        const git_error *error = git_error_last();
        return fault_set(fault, "'%.200s' is there and cannot be opened as a clone: %.200s", cloning->path,
                         error == NULL ? "" : error->message);
    }
    if (git_repository_is_bare(cloning->repository) != 0) {
        return fault_set(fault, "'%.300s' is a bare repository: expected a clone with files", cloning->path);
    }
    if (check_origin(cloning, fault) < 0) {
        return -1;
    }
    return cloning->params->force ? 0 : check_clean(cloning, fault);
}

/* ---- the files ------------------------------------------------------------------------------------ */

static int on_file(git_checkout_notify_t why, const char *path, const git_diff_file *baseline,
                   const git_diff_file *target, const git_diff_file *workdir, void *payload)
{
    const struct step_host *host = payload;
    (void)why;
    (void)path;
    (void)baseline;
    (void)target;
    (void)workdir;
    return host->cancelled(host) ? GIT_EUSER : 0;
}

_Static_assert(sizeof ((struct fault *)0)->text == CONTENTS_WHY_BYTES, "what a commit must not hold is a fault");

static bool is_cancelled(void *ctx)
{
    const struct step_host *host = ctx;
    return host->cancelled(host);
}

static bool is_at(git_repository *repository, const git_oid *oid)
{
    git_oid head;
    return git_reference_name_to_id(&head, repository, "HEAD") == 0 && git_oid_equal(&head, oid) != 0;
}

static int check_out(struct cloning *cloning, struct fault *fault)
{
    git_checkout_options options;
    git_tree *tree = NULL;
    const git_oid *oid = git_commit_id(cloning->revision.commit);
    (void)git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
    bool fresh = cloning->staged != NULL || cloning->params->force;
    options.checkout_strategy = fresh ? GIT_CHECKOUT_FORCE : GIT_CHECKOUT_SAFE | GIT_CHECKOUT_RECREATE_MISSING;
    options.notify_flags = GIT_CHECKOUT_NOTIFY_UPDATED;
    options.notify_cb = on_file;
    options.notify_payload = (void *)(uintptr_t)cloning->host;
    if (git_commit_tree(&tree, cloning->revision.commit) < 0) {
        return access_fault(&cloning->access, "the commit's files cannot be read", fault);
    }
    const struct contents_bounds bounds = {.is_cancelled = is_cancelled, .ctx = (void *)(uintptr_t)cloning->host};
    int result = contents_check(cloning->repository, tree, &bounds, fault->text);
    git_tree_free(tree);
    if (result < 0) {
        return -1;
    }
    cloning->changed = cloning->staged != NULL || !is_at(cloning->repository, oid);
    if (git_checkout_tree(cloning->repository, (const git_object *)cloning->revision.commit, &options) < 0) {
        return cloning->host->cancelled(cloning->host)
                   ? fault_set(fault, "cancelled")
                   : access_fault(&cloning->access, "the files cannot be written", fault);
    }
    return git_repository_set_head_detached(cloning->repository, oid) < 0
               ? access_fault(&cloning->access, "HEAD cannot be set", fault)
               : 0;
}

static int finish_clone(struct cloning *cloning, struct fault *fault)
{
    if (cloning->staged == NULL) {
        return 0;
    }
    return rename(cloning->staged, cloning->path) == 0
               ? 0
               : fault_set(fault, "cannot move the clone to '%.300s': %s", cloning->path, strerror(errno));
}

static int bring(struct cloning *cloning, struct fault *fault)
{
    const char *ref = cloning->params->ref == NULL ? "" : cloning->params->ref;
    return open_or_begin(cloning, fault) < 0 ||
                   revision_fetch(cloning->repository, &cloning->access, &cloning->scratch, ref, &cloning->revision,
                                  fault) < 0 ||
                   check_out(cloning, fault) < 0 || finish_clone(cloning, fault) < 0
               ? -1
               : 0;
}

/* ---- after ------------------------------------------------------------------------------------------ */

static enum step_result conclude(const struct cloning *cloning)
{
    const struct step_host *host = cloning->host;
    const struct revision *revision = &cloning->revision;
    int result = step_output_string(host, "commit", revision->hex);
    result |= revision->ref == NULL ? host->output(host, "ref", "null")
                                    : step_output_string(host, "ref", revision->ref);
    result |= step_output_string(host, "path", cloning->path);
    result |= step_output_bool(host, "changed", cloning->changed);
    step_log(host, STEP_LOG_INFO, "'%s' is at %s%s%s%s", cloning->path, revision->hex,
             revision->ref == NULL ? "" : ", ", revision->ref == NULL ? "" : revision->ref,
             cloning->changed ? "" : ", as before");
    return result == 0 ? STEP_OK : step_fail(host, "the outputs were not accepted");
}

/* Authorities of one's own, named as for all that a step runs. libgit2 does not look there by itself. */
static int trust_own_authorities(struct fault *fault)
{
    const char *file = getenv("SSL_CERT_FILE");
    const char *folder = getenv("SSL_CERT_DIR");
    file = file == NULL || file[0] == '\0' ? NULL : file;
    folder = folder == NULL || folder[0] == '\0' ? NULL : folder;
    if ((file == NULL && folder == NULL) || git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, folder) == 0) {
        return 0;
    }
    return fault_set(fault, "the certificates in '%.300s' cannot be read: expected PEM, as SSL_CERT_FILE and "
                            "SSL_CERT_DIR name it", file != NULL ? file : folder);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct cloning cloning = {.host = host, .params = params};
    struct fault fault;
    struct fault ignored;
    if (git_libgit2_init() < 0) {
        return step_fail(host, "libgit2 cannot be started");
    }
    git_memory_bound();
    bool good = prepare(&cloning, &fault) == 0 &&
                (cloning.location.kind != LOCATION_HTTPS || trust_own_authorities(&fault) == 0) &&
                bring(&cloning, &fault) == 0;
    enum step_result result = good ? conclude(&cloning) : step_fail(host, "%s", fault.text);
    git_commit_free(cloning.revision.commit);
    git_repository_free(cloning.repository);
    if (!good && cloning.staged != NULL) {
        (void)folder_remove(cloning.staged, &ignored);
    }
    scratch_free(&cloning.scratch);
    (void)git_libgit2_shutdown();
    return result;
}

STEP_PLUGIN(git, "1.0", "Brings the files of a repository at one commit.", STEP_REPEATABLE, git_params, PARAMS, OUTPUTS,
            run)
