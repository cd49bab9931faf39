/* SPDX-License-Identifier: Apache-2.0
 * One attempt under the runner's eyes, from its spawn message to the engine's ack.
 *
 *     held ──> waiting ──> running ──> draining ──> ended
 *     an heir:    the journal  ^  the process   │    EXIT is written
 *     heirs.c     has SPAWNING └── collecting ──┘    and kept until the ack
 *
 * A command is one process that prepares its inputs and becomes the program; if it succeeds and something is to be
 * published, a second one collects. Lua and plugin steps are one process that does all of it.
 *
 * When a process has ended, what it left running has 200 ms to finish; then it is killed. So a step is over when it is
 * said to be over.
 */
#ifndef SLUICE_RUNNER_SUPERVISE_H
#define SLUICE_RUNNER_SUPERVISE_H

#include "base/vec.h"
#include "runner/capture.h"
#include "runner/channel.h"
#include "runner/exit_record.h"
#include "runner/run_journal.h"
#include "runner/sweep.h"

#include <sys/resource.h>
#include <sys/types.h>

struct runner;
struct supervised;

enum watch_kind { WATCH_SIGNALS, WATCH_LISTENER, WATCH_LINK, WATCH_SYNC, WATCH_OUTPUT, WATCH_ERROR, WATCH_CHANNEL };

/* What an epoll event carries. */
struct watch {
    enum watch_kind kind;
    void *owner;     /* the struct supervised or engine_link; NULL for the runner's own */
    uint32_t events; /* what epoll looks for; 0: the descriptor is not registered */
};

enum supervised_phase { ATTEMPT_HELD, ATTEMPT_WAITING, ATTEMPT_RUNNING, ATTEMPT_DRAINING, ATTEMPT_ENDED };

enum { SYNC_ALL = -1 };

struct supervised {
    struct runner *runner;
    int64_t id;
    const char *run_id;
    struct arena *arena; /* holds the spawn message, secrets included: overwritten before it is freed */
    struct json spawn;
    struct mask *mask;
    struct run_journal *journal;
    enum supervised_phase phase;
    int64_t after;  /* of an heir: the attempt in whose place it begins; 0: none */
    bool withdrawn; /* of an heir: it is not to begin */
    int64_t sync_to; /* so much of the journal must be on the disk before it begins; 0: none of it; SYNC_ALL: also what
                        waits for room */
    bool placed;    /* of an heir: its places have been made, before its turn */
    bool ready;     /* and its process waits to be released */
    bool asked;     /* which the fork server makes: it has not said yet who that is */
    bool collecting;
    bool acked;

    pid_t pid; /* leads the group; 0 when there is no process */
    int64_t start_ticks; /* at which that began */
    int output[2];
    struct capture captures[2];
    struct watch output_watches[2];
    struct channel channel;
    struct watch channel_watch;
    struct {
        VEC_OF(int64_t)
    } calls; /* questions without an answer */
    int64_t journaled_call; /* of these, the STEP_CALL_JOURNALED that waits for the journal; 0: none */
    int64_t log_bytes;
    int64_t log_limit_bytes;
    bool log_dropped;
    int64_t memory_limit_bytes; /* of all its processes; 0: none */
    const char *group;          /* the folder of its control group; NULL: it has none */

    /* monotonic milliseconds; 0: none */
    int64_t started_at_ms;
    int64_t deadline_ms; /* of spawn.timeout_ms */
    int64_t kill_at_ms;  /* the ladder's next rung */
    int64_t drain_until_ms;
    int64_t look_at_ms;  /* at what is left running */
    int64_t memory_look_ms;
    bool sweeping;
    int status;          /* of the process that has ended, as wait4 gives it */

    bool begun;          /* a step's own code may have run */
    bool resulted;       /* JOURNAL_RESULT has come */
    bool failed;         /* and said "failed" or "refused" */
    bool left;           /* something besides lines of its log is in the journal */
    bool waits;          /* and said "wait": the attempt will go on, perhaps in another runner */
    bool swept;          /* none of its processes is left */
    bool untidy;         /* ended, and supervise_tidy is to come */
    struct exit_facts facts;
};

/* Takes `take_arena`, which holds `spawn`, and the journal that came along (-1: none). NULL with `err` when the message
 * cannot be worked with: then the arena is the caller's still. */
struct supervised *supervise_new(struct runner *runner, struct arena *take_arena, const struct json *spawn,
                                 int take_journal, struct err *err);
/* The journal says that it is about to begin. */
void supervise_announce(struct supervised *attempt, int64_t now_ms);
void supervise_free(struct supervised *attempt);
/* After the engine was told of its end, which waits for nothing else: leaves its folders and forgets its secrets. */
void supervise_tidy(struct supervised *attempt);
/* Ended and acknowledged: to be freed. The same id may come again, when a step that waited goes on. */
bool supervise_is_done(const struct supervised *attempt);
/* Overwrites what this process knows of the attempt's secrets. Only for a child, which leaves it at that. */
void supervise_forget(struct supervised *attempt);

/* Epoll says that output 0 or 1 has something, or the channel has. */
void supervise_output_ready(struct supervised *attempt, int which);
void supervise_channel_ready(struct supervised *attempt, int64_t now_ms);
/* Its process has ended. */
void supervise_exited(struct supervised *attempt, int status, const struct rusage *usage, int64_t now_ms);
/* An answer to a question of the step. */
void supervise_answer(struct supervised *attempt, const struct json *reply);
/* Counts a payload of JOURNAL_LOG as it will be written: cleaning trebles a NUL, and each frame has a head. Shortens
 * what goes over the limit (supervise_tick begins the ladder); false when nothing is left to write. */
bool supervise_count_log(struct supervised *attempt, struct str *payload);
/* A line of the host in the step's log. */
void supervise_warn(struct supervised *attempt, const char *text, int64_t now_ms);
/* Does what is due. Returns when it wants to be called again at the latest, or INT64_MAX. */
int64_t supervise_tick(struct supervised *attempt, int64_t now_ms);
/* May it begin? What must be on the disk before is there. */
bool supervise_has_turn(const struct supervised *attempt);
/* Starts it, if it may begin. Returns as supervise_tick. */
int64_t supervise_begin(struct supervised *attempt, int64_t now_ms);

/* Its EXIT goes to the journal, and what begins in its place begins. */
void supervise_end(struct supervised *attempt, int64_t now_ms);
/* Epoll looks for what it can take of it now. */
void supervise_watch(struct supervised *attempt);
void supervise_journal(struct supervised *attempt, enum journal_type type, const struct json *value, int64_t now_ms);

/* ---- launch.c ---- */
/* Starts its process, or the one that collects, or releases the one that is ready. When it cannot be started the
 * attempt has ended. */
void launch(struct supervised *attempt, int64_t now_ms);
/* Of an heir, beforehand: its process, which is held, where that is code of ours; and its places. */
void launch_hold(struct supervised *heir);
void launch_place(struct supervised *heir);
/* Who the processes are that the fork server has been asked for: before anything goes by the pids of heirs. */
void launch_learn(struct runner *runner);
/* The journal says of an heir that it begins, if it is ready. */
void launch_announce(struct supervised *heir);
/* The process that was held ends without having begun. */
void launch_undo(struct supervised *heir);

/* ---- ladder.c ---- */
/* Begins to stop the step, or makes a stop that has begun harder, never softer: the stop signal to its group, after
 * `grace_ms` SIGKILL. `why` is the word for the exit record; it must live as long as the attempt. */
void ladder_stop(struct supervised *attempt, const char *why, int64_t grace_ms, int64_t now_ms);
/* Kills at once, for a step that broke the rules of its host; `reason` goes to the exit record. */
void ladder_fault(struct supervised *attempt, const char *reason);
/* The next rung, if it is time. Returns when the next is due, or INT64_MAX. */
int64_t ladder_tick(struct supervised *attempt, int64_t now_ms);

/* ---- leftovers.c ---- */
/* How its processes are known. */
struct sweep_target supervise_target(const struct supervised *attempt);
/* Finds what is left of them, and sends it signal `number`; 0: none. */
struct sweep_found supervise_sweep(struct supervised *attempt, int number);
/* Says in the step's log what could not be killed. */
void supervise_tell_survivors(struct supervised *attempt, const struct sweep_found *found, int64_t now_ms);

/* ---- heirs.c ---- */
/* The attempt has ended: the heir that begins in its place, or NULL. */
struct supervised *heir_of(const struct supervised *attempt);
/* One is held behind it, and enough in all for the engine not to be waited for. */
bool heir_has_line(const struct supervised *heir);
/* It begins with the next tick: `attempt`, whose heir it is, has its EXIT in the journal. */
void heir_begin(struct supervised *heir, int64_t now_ms);
/* While one step runs alone, makes what will begin in its place ready: its process, if it has one that is held, then
 * its places. Between the two others can be tidied up: making a process takes a while. */
void heirs_hold(struct runner *runner);
void heirs_place(struct runner *runner);

/* ---- supervise_group.c ---- */
/* Makes the group of a step that asks for memory or cores. Without one, its memory is looked at. */
void supervise_group_make(struct supervised *attempt, int64_t now_ms);
/* Its processes are gone: what the kernel counted, whether it ended them for their memory; and the group goes. */
void supervise_group_settle(struct supervised *attempt);

/* ---- step_frames.c ---- */
/* Takes what has come over the channel: checks it, masks it, journals it. */
void step_frames_take(struct supervised *attempt, int64_t now_ms);

#endif
