/* SPDX-License-Identifier: Apache-2.0
 * Between the engine and the system: the linker turns calls to machine.c (--wrap), which hands them on. One of them can
 * fail as told, with EIO: that of a file which cannot be read, of a folder which cannot be made, of an event
 * loop which watches no more. Calls that the simulator itself makes do not fail. And the engine's log is kept.
 */
#ifndef SLUICE_SIM_MACHINE_H
#define SLUICE_SIM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* Who calls from now on: the engine, or not. Returns who did. */
bool machine_engine_calls(bool engine);
/* After `calls` more of the engine's the next fails, and a wait for events each one behind it. Negative: none will. */
void machine_fail(int calls);
/* What fails from then on does so no more. */
void machine_process_ends(void);
/* How many there were so far. */
int machine_count(void);
/* As connections_note and connections_new_places. */
void machine_note(bool on);
const int *machine_new_places(size_t *ret_count);
/* The name of the call that has failed since machine_fail; NULL: none has. */
const char *machine_failed(void);
/* A call of the engine that is no system call, but comes to one in the real world: does it fail? */
bool machine_fails(const char *call);
/* What the system says of such a failure. */
const char *machine_words(void);

/* As the system tells it, the file was made long ago, until it changes. (All else that a history writes is new: its
 * times are those of the real clock.) Calls with NULL forget them all. */
void machine_settle(const char *path);

/* Warnings and errors of the log are added to `lines`, a line each, and not written; NULL: they are written. */
struct strbuf;
void machine_log_into(struct strbuf *lines);

#endif
