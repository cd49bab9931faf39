/* SPDX-License-Identifier: Apache-2.0
 * sluice-git: one request from standard input, its answer on standard output (git/request.h).
 *
 * The only program of sluice's own that links libgit2: started for one fetch, gone after it, or when its time is over.
 */
#include "base/fd.h"
#include "git/checkout.h"
#include "git/commit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- bounds ----------------------------------------------------------------------------------------------------- */

static char late_words[160];

/* A server that says nothing is waited for in a system call of libgit2's. */
static void end_late(int signal)
{
    (void)signal;
    (void)!write(STDOUT_FILENO, late_words, strlen(late_words));
    _exit(1);
}

static void bound(const struct git_request *request)
{
    struct itimerval end = {.it_value = {request->timeout_ms / 1000, (request->timeout_ms % 1000) * 1000}};
    (void)snprintf(late_words, sizeof late_words,
                   "{\"error\":\"it took longer than %lld s: what had come is lost, and the next try begins again\"}\n",
                   (long long)((request->timeout_ms + 999) / 1000));
    (void)signal(SIGALRM, end_late);
    (void)setitimer(ITIMER_REAL, &end, NULL);
#ifndef __SANITIZE_ADDRESS__
    /* Of the program's own memory; what it maps of packs does not count. A commit may hold one file that is large. */
    const rlim_t most_bytes = (rlim_t)2 << 30;
    const struct rlimit memory = {most_bytes, most_bytes};
    (void)setrlimit(RLIMIT_DATA, &memory);
#endif
}

/* Nobody would read the answer. */
static void end_with_parent(const struct git_request *request)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (request->parent != 0 && getppid() != (pid_t)request->parent) {
        _exit(1);
    }
}

/* ---- the work --------------------------------------------------------------------------------------------------- */

struct work {
    const struct git_request *request;
    struct mirror mirror;
    struct arena *arena;
    struct json answer;
};

static int look_at(struct work *w, const struct mirror_tip *tip, struct json *fetch, struct err *err)
{
    const struct git_request *request = w->request;
    struct arena *arena = w->arena;
    git_repository *repository = w->mirror.repository;
    struct json push = json_null();
    if (commit_tell(repository, tip->commit, request, arena, fetch, err) < 0) {
        return -1;
    }
    bool refused = json_get_text(fetch, "refused", NULL) != NULL; /* then nothing is fired, and nothing compared */
    if (!refused && *request->since != '\0' && strcmp(request->since, tip->commit) != 0 &&
        commit_push(repository, request->since, tip->commit, arena, &push, err) < 0) {
        return -1;
    }
    json_add(arena, fetch, "push", push);
    return refused ? 0 : checkout_make(&w->mirror, request->folder, tip->commit, arena, err);
}

static int fetch(struct work *w, struct err *err)
{
    struct arena *arena = w->arena;
    struct mirror_tip tip;
    struct json told = json_object();
    if (mirror_fetch(&w->mirror, w->request, arena, &tip, err) < 0) {
        return -1;
    }
    bool looked = tip.moved || w->request->again;
    json_add(arena, &told, "commit", json_cstring(arena, tip.commit));
    json_add(arena, &told, "branch", json_cstring(arena, tip.branch));
    json_add(arena, &told, "bytes", json_int(tip.bytes));
    json_add(arena, &told, "objects", json_int(tip.objects));
    json_add(arena, &told, "looked", json_bool(looked));
    if (looked && look_at(w, &tip, &told, err) < 0) {
        return -1;
    }
    json_add(arena, &w->answer, "fetch", told);
    return 0;
}

/* What could not be kept or pinned is told by its absence: the commit may be gone from everywhere. */
static int keep(struct work *w, struct err *err)
{
    const struct git_request *request = w->request;
    struct json kept = json_array();
    struct json pinned = json_array();
    bool *flags = arena_array(w->arena, request->pin_count + 1, sizeof *flags);
    for (size_t i = 0; i < request->keep_count; i++) {
        if (mirror_has(&w->mirror, request->keep[i])) {
            if (checkout_make(&w->mirror, request->folder, request->keep[i], w->arena, err) < 0) {
                return -1;
            }
            json_push(w->arena, &kept, json_cstring(w->arena, request->keep[i]));
        }
    }
    if (mirror_pin(&w->mirror, request, flags, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < request->pin_count; i++) {
        if (flags[i]) {
            json_push(w->arena, &pinned, json_cstring(w->arena, request->pins[i].run));
        }
    }
    json_add(w->arena, &w->answer, "kept", kept);
    json_add(w->arena, &w->answer, "pinned", pinned);
    return 0;
}

/* Pins also when the remote cannot be reached: they need none. */
static int obey(struct work *w, struct err *err)
{
    struct err unkept = {0};
    bool open =
        access_prepare(w->request, err) == 0 && mirror_open(w->request, w->arena, &w->mirror, err) == 0;
    int result = open ? 0 : -1;
    if (result == 0) {
        int fetched = w->request->fetches ? fetch(w, err) : 0;
        int kept = keep(w, &unkept);
        result = fetched < 0 ? -1 : kept < 0 ? err_set(err, unkept.code, "%s", unkept.message) : 0;
    }
    mirror_close(&w->mirror);
    return result;
}

static void add_error(struct work *w, const struct err *wrong)
{
    char *words = arena_strdup(w->arena, wrong->message);
    for (char *p = words; *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x20 || *p == 0x7F ? ' ' : *p;
    }
    json_add(w->arena, &w->answer, "error", json_cstring(w->arena, words));
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct git_request request = {0};
    struct work work = {.request = &request, .mirror.lock_fd = -1, .arena = arena, .answer = json_object()};
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, GIT_REQUEST_MAX_BYTES);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1) {
        (void)err_set(&err, ERR_INPUT, "%.100s: expected no arguments: the request comes on standard input", argv[1]);
    } else if (fd_read_all(STDIN_FILENO, "the request", &text, &err) == 0 &&
               git_request_read(strbuf_str(&text), arena, &request, &err) == 0) {
        end_with_parent(&request);
        bound(&request);
        if (git_libgit2_init() < 0) {
            (void)err_set(&err, ERR_INTERNAL, "libgit2 cannot be started");
        } else {
            (void)obey(&work, &err);
            (void)git_libgit2_shutdown();
        }
    }
    if (err.code != ERR_NONE) {
        add_error(&work, &err);
    }
    (void)signal(SIGALRM, SIG_IGN); /* from here on there is an answer */
    int written = fd_write_all(STDOUT_FILENO, json_text(arena, &work.answer)) < 0 ||
                  fd_write_all(STDOUT_FILENO, STR("\n")) < 0;
    explicit_bzero(text.data, text.room);
    strbuf_clear(&text);
    arena_free(arena);
    return err.code != ERR_NONE || written ? 1 : 0;
}
