/* SPDX-License-Identifier: Apache-2.0
 * What engine and runner say to each other: JSON messages, each behind a u32 little-endian length,
 * over a Unix stream socket that the runner listens on (`<home>/runner/<id>.sock`, mode 0600).
 *
 * Facts about steps never travel here: they are in the journal. The socket carries commands one way
 * and doorbells the other.
 *
 * All words but spawn keep their meaning for ever, so that any engine can settle the steps of any runner: take what
 * they report from the journal, answer what they ask, stop them, forget them. `protocol` numbers the meaning of spawn
 * and of what a runner may write because of it. An engine speaks one protocol; a runner says with which it begins and
 * which is its newest, and writes no frame and no member that the engine it obeys is too old for. An engine gives new
 * steps only to a runner that speaks its protocol. Any other it tells to leave, and starts one of its own
 * beside it (docs/operations.md, "Upgrading").
 *
 * Engine to runner:
 *   {"type":"hello","protocol":2,"generation":N}    N grows with each engine of the home; the runner
 *                                                   drops an older engine's connection
 *   {"type":"spawn","attempt":ID,"run_id",...}      see spawn fields below; a known attempt is ignored
 *   {"type":"stop","attempt":ID,"why":"cancel"|"timeout"|...,"grace_ms":N}   the stop ladder; grace 0
 *                                                   is SIGKILL at once; repeated stops only get harder
 *   {"type":"reply","attempt":ID,"seq":N,"result":any} or {...,"error":{"code","message"}}
 *   {"type":"ack","attempt":ID}                     its EXIT is committed: forget the attempt
 *   {"type":"withdraw","attempt":ID}                an heir that has not begun is not to begin: "withdrawn" if so
 *   {"type":"list"}                                 ask for "attempts" again: also a question for a sign of life
 *   {"type":"leave"}                                no more work: exit when the last step has ended
 *
 * Runner to engine:
 *   {"type":"hello","protocol":2,"oldest":1,"id":TEXT,"pid":N,"boot_id":TEXT,"start_ticks":N,
 *    "tracking_port":N,"apart":true}
 *       with the listening socket of 127.0.0.1:tracking_port as a descriptor, unless it is 0 or absent: steps' MLflow
 *       clients connect there, whichever engine answers them
 *       `oldest` is the first protocol that it speaks; absent, it is `protocol`
 *       `apart`: a keeper started it (keeper.h), as another user than the engine's; absent: it is of the engine's
 *   {"type":"attempts","attempts":[{"attempt":ID,"run_id","state":"held"|"running"|"exited","calls":[SEQ,...],
 *                                     "after":ID,"order":{...},"secrets":{...}}]}
 *       after hello: what it knows; `calls` are questions still without a reply; `after` and `order` are of one that
 *       is held; `secrets` are those of spawn, of one that runs: what they were when it began is what it may tell
 *   {"type":"doorbell","run_id":TEXT,"size":N,"file":INODE} the journal has grown to N bytes
 *   {"type":"withdrawn","attempt":ID}               this heir has not begun and never will
 *   {"type":"full","run_id","message","file"}       the journal cannot be written now; steps are held
 *   {"type":"damaged","run_id","message","file"}    it can never be written again: somebody has cut it or
 *                                                   written to it; what its steps say is dropped
 *
 * Fields of spawn (all paths absolute; absent means none):
 *   attempt, run_id, journal            ids, and the journal's path
 *   after, order        an heir (protocol 2): it is held until attempt `after` has ended, and begins at once when that
 *                       has succeeded and left nothing but lines of its log. `order` goes into the exit record of
 *                       `after`, which is on the disk before the heir begins: so the journal alone says that it has
 *                       begun. If `after` ends otherwise it is held until "stop" (it ends before it began) or "ack" (it
 *                       is forgotten). With "free":true in the order nothing has to be on the disk: the engine's
 *                       store knows already that it may begin
 *   journal_anew                        true: the engine reads what stands at that path now, from its start
 *   journal_given                       true: the journal comes along, as a descriptor: the runner is of another user,
 *                                       and may not open it
 *   kind                "command" | "shell" | "lua" | "plugin"
 *   argv                ["python","train.py"]          of a command
 *   script, shell       text, and the argv it is given to with "{0}" for the script's file
 *                       (["bash","--noprofile","--norc","-eo","pipefail","{0}"])
 *   lua                 {"path" or "text", "chunk": name for messages, "folders": [where require looks]}
 *   plugin              {"path","name","sha256","stamp"}; the last two when the engine has a digest of the file: while
 *                       its stamp (digest/stamp.h) is this one the step need not digest it again to say what it loads
 *   params              the evaluated `with:` (plugin, lua)
 *   contexts            {"steps","matrix","run","inputs"} for Lua
 *   env                 {"NAME":"value"}: the whole environment
 *   secrets             {"NAME":"value"}: given to the step, masked in the log; never written to disk
 *   cwd, step_dir, state_dir, state_shared, output_file, artifact_dir
 *                       working directory; the attempt's own folder, the step's and whether other items share it (both
 *                       created by the runner); $SLUICE_OUTPUT; where the run's artifacts are published
 *   context             {"pipeline","run_id","run_number","step","item","attempt","step_run_id","home"}
 *   inputs              [{"name","path","kind":"path"|"model"|"run","dataset","context","uri",
 *                       "optional"}]: each is digested before the step starts and reported as "input"
 *   verify              [{"what","path","sha256","stamp"}]: what other steps published and this one is given; it
 *                       starts only when all of it is still there and the same
 *   collect             what success publishes: {"outputs":{NAME:TYPE}, "artifacts":[{"name","glob"}],
 *                       "metrics":[glob], "model":{"id","name","path","dir","model_type","flavor"}}
 *   resumed             the outcome of a wait, or absent
 *   timeout_ms          running time after which the ladder starts by itself; 0 none
 *   stop                {"signal":15,"grace_ms":10000}
 *   limits              {"log_bytes","tree_bytes","cpu_milli","memory_bytes","lua_memory_bytes"}; tree_bytes is
 *                       what all processes of the step may use: the limit of a control group, or looked at;
 *                       cpu_milli the group's share, in thousandths of cores; memory_bytes is RLIMIT_AS of Lua
 *                       and plugin steps only, where there is no group
 *   fetch               {"program", "policy": {...}}   for host->http
 *
 * JOURNAL_EXIT: {"how":"exited"|"signalled"|"not_started", "code":N, "signal":N, "core":bool,
 *   "stopped":null|"timeout"|"cancel"|"log_limit"|"memory"|"linger", "reason": text or null, "out_of_memory":bool,
 *   "wall_ms","user_ms","system_ms","max_rss_bytes", "memory_peak_bytes" when it had a control group, "heir" the order
 *   of the attempt that now begins in its place}. `reason` is in words: "killed by signal 9 after 3.2 GB".
 */
#ifndef SLUICE_WIRE_MESSAGE_H
#define SLUICE_WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdbool.h>

enum { WIRE_PROTOCOL = 2, WIRE_PROTOCOL_OLDEST = 1, MESSAGE_MAX_BYTES = 64 << 20 };

/* Descriptors that have come and wait to be taken. No more is read while there are so many; whoever sends more without
 * a message that takes them is cut off. */
enum { MESSAGE_FDS_MAX = 64 };

/* One end of a connection: a non-blocking socket with its buffers. */
struct message_stream {
    int fd; /* -1 when closed */
    struct strbuf in;
    size_t in_used;
    struct strbuf out;
    size_t out_used;
    struct {
        VEC_OF(struct message_fd {
            int fd;
            size_t at; /* in `out`: it goes with the byte there */
        })
    } give;
    struct {
        VEC_OF(int)
    } given; /* have come, and nobody has taken them: the oldest first */
};

/* Takes `take_fd` over and makes it non-blocking. */
void message_stream_init(struct message_stream *stream, int take_fd);
void message_stream_clear(struct message_stream *stream);
/* Whether it is no larger than MESSAGE_MAX_BYTES when it is sent, else how large: one that is breaks the stream, so who
 * may have such a one asks first. */
bool message_fits(const struct json *message, size_t *ret_bytes);
/* A copy of a descriptor of ours is given to the other side, with the message that is sent next: one for a message.
 * False when there can be no copy. */
bool message_give_fd(struct message_stream *stream, int fd);
/* The next descriptor that has come (close-on-exec), which the caller owns from now on; -1: none. It comes with its
 * message or before: who meets a message that has one takes it, or the next would get it. */
int message_take_fd(struct message_stream *stream);
/* Queues a message; message_flush sends. */
void message_send(struct message_stream *stream, const struct json *message);
/* Writes what the socket takes: 1 when all is out, 0 when some remains (wait for EPOLLOUT), -1 with
 * errno when the other side is gone, or is to be taken for it. */
int message_flush(struct message_stream *stream);
/* Reads what has come, without blocking: 0, or -1 when the other side is gone (messages that had
 * come whole can still be taken). */
int message_fill(struct message_stream *stream);
/* 1 with the next message (in `arena`), 0 when none is whole, -1 with `err` for a malformed or too
 * large one: close the stream. */
int message_next(struct message_stream *stream, struct arena *arena, struct json *ret_message, struct err *err);

#endif
