/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"

#include "git/known_hosts.h"
#include "moment.h"

#include <stdlib.h>
#include <string.h>

enum { TELL_EVERY_MS = 500 };

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- credentials ---------------------------------------------------------------------------------- */

static int offer_ssh(struct access *access, git_credential **out, const char *user)
{
    if (given(access->ssh_key)) {
        return git_credential_ssh_key_memory_new(out, user, NULL, access->ssh_key,
                                                 given(access->passphrase) ? access->passphrase : NULL);
    }
    if (given(getenv("SSH_AUTH_SOCK"))) {
        return git_credential_ssh_key_from_agent(out, user);
    }
    (void)fault_set(&access->why, "the server asks for an SSH key: expected 'ssh_key', or an agent in SSH_AUTH_SOCK");
    return GIT_EAUTH;
}

static int offer(git_credential **out, const char *url, const char *user_of_url, unsigned allowed, void *payload)
{
    struct access *access = payload;
    const char *user = given(access->username) ? access->username : given(user_of_url) ? user_of_url : "git";
    (void)url;
    if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) {
        return git_credential_username_new(out, user);
    }
    if (access->offered) {
        (void)fault_set(&access->why, "the server refused the credentials of '%.100s'", user);
        return GIT_EAUTH;
    }
    access->offered = true;
    if ((allowed & (GIT_CREDENTIAL_SSH_KEY | GIT_CREDENTIAL_SSH_MEMORY)) != 0) {
        return offer_ssh(access, out, user);
    }
    if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && given(access->password)) {
        return git_credential_userpass_plaintext_new(out, user, access->password);
    }
    (void)fault_set(&access->why,
                    "the server asks for credentials: expected 'password', a password or token from a secret");
    return GIT_EAUTH;
}

/* ---- the server ----------------------------------------------------------------------------------- */

static int refuse_server(struct access *access, const char *host, const char *what)
{
    (void)fault_set(&access->why, "the SSH key of '%.200s' %s", host, what);
    return GIT_ECERTIFICATE;
}

static int check_server(git_cert *certificate, int valid, const char *host, void *payload)
{
    struct access *access = payload;
    const git_cert_hostkey *key = (const git_cert_hostkey *)(const void *)certificate;
    if (certificate->cert_type != GIT_CERT_HOSTKEY_LIBSSH2) {
        if (valid != 0) {
            return 0;
        }
        (void)fault_set(&access->why, "the certificate of '%.200s' is not valid", host);
        return GIT_ECERTIFICATE;
    }
    if (!given(access->known_hosts)) {
        return valid != 0
                   ? 0
                   : refuse_server(access, host, "is not in ~/.ssh/known_hosts: expected it there or in 'known_hosts'");
    }
    if ((key->type & GIT_CERT_SSH_RAW) == 0) {
        return refuse_server(access, host, "cannot be compared");
    }
    switch (known_hosts_check(access->known_hosts, host, key->hostkey, key->hostkey_len)) {
    case KNOWN_HOSTS_KNOWN:
        return 0;
    case KNOWN_HOSTS_OTHER:
        return refuse_server(access, host, "is another than 'known_hosts' says: somebody may be in between");
    case KNOWN_HOSTS_UNKNOWN:
        break;
    }
    return refuse_server(access, host, "is not in 'known_hosts': expected a line of ssh-keyscan for it");
}

/* ---- the transfer ----------------------------------------------------------------------------------- */

static int go_on(struct access *access)
{
    if (!access->host->cancelled(access->host)) {
        return 0;
    }
    (void)fault_set(&access->why, "cancelled");
    return GIT_EUSER;
}

int access_came(struct access *access, double fraction, const char *words)
{
    int64_t now_ms = moment_now_ms();
    if (now_ms - access->told_ms >= TELL_EVERY_MS) {
        access->host->progress(access->host, fraction, words);
        access->told_ms = now_ms;
    }
    return go_on(access);
}

static int on_progress(const git_indexer_progress *progress, void *payload)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%u of %u objects, %.1f MB", progress->received_objects, progress->total_objects,
                   (double)progress->received_bytes / 1e6);
    return progress->total_objects == 0
               ? go_on(payload)
               : access_came(payload, (double)progress->received_objects / progress->total_objects, text);
}

static int on_words(const char *text, int size, void *payload)
{
    (void)text;
    (void)size;
    return go_on(payload);
}

git_remote_callbacks access_callbacks(struct access *access)
{
    return (git_remote_callbacks){.version = GIT_REMOTE_CALLBACKS_VERSION,
                                  .credentials = offer,
                                  .certificate_check = check_server,
                                  .transfer_progress = on_progress,
                                  .sideband_progress = on_words,
                                  .payload = access};
}

int access_fault(const struct access *access, const char *what, struct fault *fault)
{
    const git_error *error = git_error_last();
    if (access->why.text[0] != '\0') {
        return fault_set(fault, "%.450s", access->why.text);
    }
    return fault_set(fault, "%.300s: %.180s", what,
                     error == NULL || error->message == NULL ? "no reason is known" : error->message);
}
