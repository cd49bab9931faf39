/* SPDX-License-Identifier: Apache-2.0
 * What sluice-git is asked: one JSON map on standard input, read and checked whole before anything is done.
 *
 *   folder        absolute: what it keeps of one source. mirror.git is a bare clone, commits/COMMIT the files of one
 *                 commit, which are there whole or not at all
 *   parent        the process that asks: when that ends, so does this one
 *   timeout_ms    of everything; default 10 minutes
 *   keep          [COMMIT]: their files are to be there
 *   pins          [{run, commit}]: kept under refs/sluice/runs/RUN, so that a branch that is pushed by force loses none
 *   fetch         none: nothing is fetched
 *     url         https://, ssh://, USER@HOST:PATH, file:// or an absolute path
 *     branch      "": the remote's default branch
 *     path        which files are pipelines (git/pipeline_path.h); "": the usual ones
 *     since       the commit that is in force: what has changed is told from there; "": none is
 *     seen        the commit that was looked at last; "": none
 *     again       it is looked at again, though it was
 *     max_bytes   that one fetch may bring; default 1 GiB
 *     username, password, ssh_key (a private key's text), passphrase, known_hosts (lines of ssh-keyscan), ca (a file of
 *                 PEM: authorities that are trusted instead of the machine's)
 *
 * It answers on standard output with one line of JSON:
 *
 *   {"fetch": {"commit", "branch", "looked": bool, "refused": text or null, "files": [PATH], "author", "message",
 *              "at_ms", "bytes", "objects", "push": null or {"before", "forced", "paths": [PATH], "more_paths": bool,
 *              "commits": [{"id", "author", "email", "at_ms", "message"}], "more_commits": bool}},
 *    "kept": [COMMIT], "pinned": [RUN]}
 *
 * `looked` is false when the branch is where it was, and nothing more is told. `refused` is a commit that cannot be
 * used, whatever its pipelines say: it has submodules, or files in Git LFS. What could not be done is {"error": text},
 * one line in words without credentials. The exit status is 0 when there is none, else 1.
 */
#ifndef SLUICE_GIT_REQUEST_H
#define SLUICE_GIT_REQUEST_H

#include "base/json.h"

enum {
    GIT_REQUEST_MAX_BYTES = 4 << 20,
    GIT_FILES_MAX = 1000,   /* pipelines of a commit */
    GIT_PATHS_MAX = 1000,   /* changed files that are told */
    GIT_COMMITS_MAX = 100,
    GIT_MESSAGE_BYTES = 1000,
};

struct git_pin {
    const char *run;    /* 32 hex digits */
    const char *commit;
};

struct git_request {
    const char *folder;
    int64_t parent; /* 0: not said */
    int64_t timeout_ms;
    const char *const *keep;
    size_t keep_count;
    const struct git_pin *pins;
    size_t pin_count;
    bool fetches;
    const char *url, *branch, *path, *since, *seen;
    bool again;
    int64_t max_bytes;
    const char *username, *password, *ssh_key, *passphrase, *known_hosts, *ca; /* "" for none */
};

/* Reads and checks it; everything lies in `arena`. -1 in words that hold no value. */
int git_request_read(struct str text, struct arena *arena, struct git_request *ret, struct err *err);
/* 40 hex digits in lower case. */
bool git_is_commit(const char *text);

#endif
