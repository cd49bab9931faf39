/* SPDX-License-Identifier: Apache-2.0
 * sluice-runner: starts the steps of a home, watches them, writes their journals, and outlives the engine.
 *
 * One thread, one epoll loop. It listens at <home>/runner/<id>.sock for the engine (wire/message.h) and logs to
 * <home>/runner/<id>.log. Started by a keeper (runner/keeper.h) it is of another user than the engine, and may use
 * neither: then the socket is given to it, and it logs to where the keeper does. An engine of a newer generation takes
 * the place of an older one. Without an engine it keeps its steps running for the linger time, then stops them. It ends
 * when there is nothing left to do: no steps and no engine for a second, or after "leave".
 */
#ifndef SLUICE_RUNNER_RUNNER_H
#define SLUICE_RUNNER_RUNNER_H

#include "base/vec.h"
#include "runner/engine_link.h"
#include "runner/step_folders.h"
#include "runner/step_group.h"
#include "runner/supervise.h"

#include <sys/resource.h>

enum { RUNNER_LINKS = 8, RUNNER_LINGER_NONE = -1 };

struct runner_options {
    const char *home; /* absolute */
    const char *id;
    int64_t linger_ms; /* RUNNER_LINGER_NONE: for ever */
    int listener;      /* where the engine connects, made by it; -1: we listen in the home ourselves */
    uid_t engine_uid;  /* whose connections are taken */
};

struct runner {
    struct runner_options options;
    int epoll;
    int folder; /* <home>/runner */
    int signals;
    int listener;
    int tracking; /* listens for the MLflow clients of steps; -1: there is none */
    int tracking_port;
    struct watch signals_watch;
    struct watch listener_watch;
    char boot_id[40];
    int64_t start_ticks;
    struct rlimit files; /* as they were given to us: for the steps */
    struct rlimit core;
    mode_t umask;
    struct step_folders folders;
    struct arena *arena; /* as long as the runner */
    struct group_base groups;
    int64_t oom_kills; /* of the group that the runner is in, when it was looked at last */
    struct sync_worker *syncs; /* NULL until it is needed */
    struct watch syncs_watch;
    bool no_syncs;             /* there can be none */
    struct {
        VEC_OF(int)
    } closing; /* descriptors that are done with, and still in `epoll` */
    struct fork_server *forks; /* NULL until it is needed */
    bool no_forks;             /* there can be none */
    struct engine_link links[RUNNER_LINKS];
    int64_t generation; /* the highest seen */
    int64_t listened_ms;    /* monotonic: what came before has been taken */
    int64_t engine_left_ms; /* monotonic, when the last engine went (or we began); 0 while there is one */
    bool had_engine;
    bool leaving;
    bool ending; /* told by a signal to stop everything */
    struct {
        VEC_OF(struct supervised *)
    } attempts;
    struct {
        VEC_OF(struct run_journal *)
    } journals;
};

/* The whole life of the process. 0, or -1 when it could not begin. */
int runner_serve(const struct runner_options *options, struct err *err);

/* ---- for the other files of this folder ---- */
struct supervised *runner_find(const struct runner *runner, int64_t attempt);
/* Which journal an attempt writes in, as its spawn message says. */
struct journal_order {
    const char *run_id;
    const char *path;
    bool anew;   /* one that was open before its file was put aside or removed is no more used */
    int take_fd; /* the file, opened by the engine; -1: none came */
};
/* The journal of a run, opened when no attempt has it open yet; the caller counts itself in journal->attempts. */
struct run_journal *runner_journal(struct runner *runner, const struct journal_order *order, int64_t now_ms);
/* 1 when so many bytes of the journal are on the disk, 0 when that is under way, -1 when it cannot be known. */
int runner_sync(struct runner *runner, struct run_journal *journal, int64_t size, struct err *err);
/* Registers `fd` for `events`, changes what it is registered for, or takes it out (0). */
void runner_watch(struct runner *runner, int fd, struct watch *watch, uint32_t events);
void runner_unwatch(struct runner *runner, int fd, struct watch *watch);
/* Takes a watched descriptor that is done with: it is closed once what waits has begun. */
void runner_close_later(struct runner *runner, int take_fd, struct watch *watch);
/* Before epoll is asked again, which would tell of watches that are gone. */
void runner_close_done(struct runner *runner);
/* In a child: forgets all secrets but those of `keep`. */
void runner_forget_others(struct runner *runner, const struct supervised *keep);
/* Field 22 of /proc/PID/stat: ticks since boot at which the process began; 0 when it is gone. */
int64_t runner_start_ticks(pid_t pid);

#endif
