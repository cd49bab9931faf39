/* SPDX-License-Identifier: Apache-2.0 */
#include "git/access.h"

#include "git/known_hosts.h"
#include "git/memory.h"

#include <stdlib.h>

static bool given(const char *text)
{
    return text != NULL && *text != '\0';
}

/* What somebody has configured for himself (insteadOf, proxies, filters) is none of ours. */
static void forget_settings(void)
{
    for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++) {
        (void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    }
}

int access_prepare(const struct git_request *request, struct err *err)
{
    const char *file = given(request->ca) ? request->ca : getenv("SSL_CERT_FILE");
    const char *folder = given(request->ca) ? NULL : getenv("SSL_CERT_DIR");
    git_memory_bound();
    (void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    forget_settings();
    if ((!given(file) && !given(folder)) ||
        git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, given(file) ? file : NULL, given(folder) ? folder : NULL) ==
            0) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "'ca': the certificates in '%.300s' cannot be read: expected PEM",
                   given(file) ? file : folder);
}

/* ---- credentials ------------------------------------------------------------------------------------------------ */

static int offer(git_credential **out, const char *url, const char *user_of_url, unsigned allowed, void *payload)
{
    struct access *access = payload;
    const struct git_request *request = access->request;
    const char *user = given(request->username) ? request->username : given(user_of_url) ? user_of_url : "git";
    (void)url;
    if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) {
        return git_credential_username_new(out, user);
    }
    if (access->offered) {
        (void)err_set(&access->why, ERR_DENIED, "the server refused the credentials of '%.100s'", user);
        return GIT_EAUTH;
    }
    access->offered = true;
    if ((allowed & (GIT_CREDENTIAL_SSH_KEY | GIT_CREDENTIAL_SSH_MEMORY)) != 0) {
        if (given(request->ssh_key)) {
            return git_credential_ssh_key_memory_new(out, user, NULL, request->ssh_key,
                                                     given(request->passphrase) ? request->passphrase : NULL);
        }
        (void)err_set(&access->why, ERR_DENIED, "the server asks for an SSH key: expected 'ssh_key' or 'ssh_key_file' "
                                                "in 'credentials'");
        return GIT_EAUTH;
    }
    if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && given(request->password)) {
        return git_credential_userpass_plaintext_new(out, user, request->password);
    }
    (void)err_set(&access->why, ERR_DENIED,
                  "the server asks for credentials: expected 'password', a password or token, in 'credentials'");
    return GIT_EAUTH;
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static int refuse_server(struct access *access, const char *host, const char *what)
{
    (void)err_set(&access->why, ERR_DENIED, "the SSH key of '%.200s' %s", host, what);
    return GIT_ECERTIFICATE;
}

static int check_host_key(struct access *access, const git_cert_hostkey *key, int valid, const char *host)
{
    if (!given(access->request->known_hosts)) {
        return valid != 0 ? 0
                          : refuse_server(access, host, "is not in ~/.ssh/known_hosts: expected 'known_hosts' in "
                                                        "'credentials', a file of lines of ssh-keyscan");
    }
    if ((key->type & GIT_CERT_SSH_RAW) == 0) {
        return refuse_server(access, host, "cannot be compared");
    }
    switch (known_hosts_check(access->request->known_hosts, host, key->hostkey, key->hostkey_len)) {
    case KNOWN_HOSTS_KNOWN:
        return 0;
    case KNOWN_HOSTS_OTHER:
        return refuse_server(access, host, "is another than 'known_hosts' says: somebody may be in between");
    case KNOWN_HOSTS_UNKNOWN:
        break;
    }
    return refuse_server(access, host, "is not in 'known_hosts': expected a line of ssh-keyscan for it");
}

static int check_server(git_cert *certificate, int valid, const char *host, void *payload)
{
    struct access *access = payload;
    if (certificate->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
        return check_host_key(access, (const git_cert_hostkey *)(const void *)certificate, valid, host);
    }
    if (valid != 0) {
        return 0;
    }
    (void)err_set(&access->why, ERR_DENIED,
                  "the certificate of '%.200s' is not valid: expected one of an authority that is trusted, or 'ca'",
                  host);
    return GIT_ECERTIFICATE;
}

/* ---- the transfer ----------------------------------------------------------------------------------------------- */

int access_came(struct access *access, int64_t bytes, int64_t objects)
{
    access->bytes = bytes;
    access->objects = objects;
    if (bytes <= access->request->max_bytes) {
        return 0;
    }
    (void)err_set(&access->why, ERR_LIMIT, "a fetch brings more than %lld MiB: expected less, or a larger 'max_size'",
                  (long long)(access->request->max_bytes >> 20));
    return GIT_EUSER;
}

static int on_progress(const git_indexer_progress *progress, void *payload)
{
    return access_came(payload, (int64_t)progress->received_bytes, progress->received_objects);
}

git_remote_callbacks access_callbacks(struct access *access)
{
    return (git_remote_callbacks){.version = GIT_REMOTE_CALLBACKS_VERSION,
                                  .credentials = offer,
                                  .certificate_check = check_server,
                                  .transfer_progress = on_progress,
                                  .payload = access};
}

/* A server may say anything, also what it was told. */
static const char *without(const char *text, const char *secret, struct arena *arena)
{
    const char *at = NULL;
    while (given(secret) && (at = strstr(text, secret)) != NULL) {
        text = arena_printf(arena, "%.*s***%s", (int)(at - text), text, at + strlen(secret));
    }
    return text;
}

int access_fault(const struct access *access, const char *what, struct err *err)
{
    const git_error *error = git_error_last();
    struct arena *arena = arena_new();
    const char *words = error == NULL || error->message == NULL ? "no reason is known" : error->message;
    int result = -1;
    if (access != NULL && access->why.code != ERR_NONE) {
        result = err_set(err, access->why.code, "%s: %s", what, access->why.message);
    } else {
        words = access == NULL ? words : without(words, access->request->password, arena);
        result = err_set(err, ERR_IO, "%.400s: %.400s", what, words);
    }
    arena_free(arena);
    return result;
}
