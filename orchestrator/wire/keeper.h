/* SPDX-License-Identifier: Apache-2.0
 * What a sluice whose steps are of another user asks of the keeper: the service of that user that starts runners, and
 * does to their processes and files what only their user may.
 *
 * One question on a connection, one answer, as messages of message.h. The socket is made by the service manager, in a
 * folder where nobody but root and the asking user may write, and with a mode that lets only that user connect: so who
 * listens there was put there by them, however many processes of steps have the keeper's uid. These words keep their
 * meaning for ever: keepers are not restarted while steps run, and meet newer sluices.
 *
 *   {"type":"who"}                                   -> {"type":"is","uid","gid","home","pid"}
 *   {"type":"start","id","linger"} and a socket that listens, as a descriptor
 *       starts `sluice-runner serve`, as it is installed now, with that socket; linger: its seconds, -1: for ever
 *                                                    -> {"type":"started","pid"}
 *   {"type":"signal","id","signal":"CONT"|"KILL"}    -> {"type":"signalled","done":bool}  KILL: it is dead
 *   {"type":"hunt","mark","pid","start_ticks","session"}   base/process_hunt.h
 *                                                    -> {"type":"hunted","left":N,"pids":TEXT}
 *   {"type":"remove","path"}                         -> {"type":"removed"}
 *       what its user may remove below `path`, which is below the home's folders of files
 *   anything that cannot be                          -> {"type":"error","message"}
 */
#ifndef SLUICE_WIRE_KEEPER_H
#define SLUICE_WIRE_KEEPER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <sys/types.h>

/* Is the socket's place one where nobody could have put another, and nobody else can ask? In words: absent
 * (ERR_NOT_FOUND), or with wrong rights. */
int keeper_check(const char *socket, struct err *err);
/* Asks, `give_fd` (-1: none) along with it. The answer is in `arena`; what the keeper refuses is an err, in its
 * words. */
int keeper_ask(const char *socket, const struct json *question, int give_fd, struct arena *arena,
               struct json *ret_answer, struct err *err);

struct keeper_facts {
    uid_t uid; /* whose the steps are */
    gid_t gid;
    const char *home; /* in the arena */
};
int keeper_who(const char *socket, struct arena *arena, struct keeper_facts *ret, struct err *err);
/* Of a path below the home's folders of files: what the keeper's user may remove. */
int keeper_remove(const char *socket, const char *path, struct err *err);

#endif
