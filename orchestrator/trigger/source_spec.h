/* SPDX-License-Identifier: Apache-2.0
 * A repository that is followed, as config.yaml says (config/sources.h), and the pages of its commits. Pure.
 */
#ifndef SLUICE_TRIGGER_SOURCE_SPEC_H
#define SLUICE_TRIGGER_SOURCE_SPEC_H

#include "base/json.h"

struct source_spec {
    const char *name, *url;
    const char *branch; /* "": the remote's default */
    const char *path;   /* "": the usual */
    const char *page;   /* "": as its url lets one tell */
    int64_t every_ms, timeout_ms, max_bytes;
    const char *username, *ca, *known_hosts, *ssh_key_file; /* "" */
    const char *password, *ssh_key, *passphrase;            /* names of secrets, "" */
    const char *verify, *secret; /* of its webhook: the sender, and the name of a secret; "" */
};

/* All texts are copied. */
struct source_spec source_spec_read(const struct json *row, struct arena *arena);
/* The page of a commit: by `page` (NULL: not said), else by what hosts of git have: github.com, bitbucket.org,
 * codeberg.org, and GitLab, Gitea and Forgejo by the names of their hosts. NULL: that cannot be told. */
const char *source_commit_page(const char *url, const char *page, const char *commit, struct arena *arena);
/* What `repo` of a run says: the url without a user. */
const char *source_repo(const char *url, struct arena *arena);

#endif
