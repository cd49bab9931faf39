/* SPDX-License-Identifier: Apache-2.0
 * One Lua script in one fresh state: the sandbox, its limits, and how an end becomes an outcome.
 *
 * A script has the base library without load, loadfile, dofile and collectgarbage (print writes to the step's log),
 * string without dump, table, math, utf8, require, and `sluice` (lua_api.h). No coroutines, no finalizers (`__gc`: they
 * would run where no hook does), no bytecode. Metatables of strings and of what the host hands out are locked.
 * math.random begins with a seed made from the ids of step and item: an attempt that runs again draws the same numbers.
 * The order of pairs() is Lua's own and differs from run to run.
 *
 * Limits. Memory: the allocator refuses what passes spawn.limits.lua_memory_bytes (512 MiB by default). Time: the
 * runner's stop ladder; at its first signal a hook raises an error at the next instruction, unless the script has asked
 * sluice.cancelled() before: such a script ends by itself within the grace period. Neither error can be caught: pcall
 * and xpcall pass them on. A script that stays inside one call of a library (a hopeless pattern) is killed when the
 * ladder ends.
 *
 * step_lua.h has the entry for real steps, lua_fake_host.h that for authors.
 */
#ifndef SLUICE_RUNNER_LUA_HOST_H
#define SLUICE_RUNNER_LUA_HOST_H

#include "runner/step_outcome.h"
#include "runner/step_sink.h"

#include <lua.h>

enum { LUA_HOST_FILE_MAX_BYTES = 16 << 20 }; /* of a script or module */

enum lua_end { LUA_END_NONE, LUA_END_MEMORY, LUA_END_STOP };

struct lua_host {
    lua_State *L;
    const struct json *spawn;
    const struct step_sink *sink;
    struct step_outcome *outcome;
    struct arena *arena;   /* the caller's: what the outcome holds */
    struct arena *scratch; /* of one call into the host: reset when the next begins, so that an error may jump out */
    size_t used_bytes;
    size_t limit_bytes;
    size_t refusals;       /* of the allocator */
    bool starved;          /* the last was the system's, which had no more, and not the limit's */
    enum lua_end end;      /* set: nothing may catch the error that is under way */
    char where[96];        /* "train.lua:12": where the script was when it met its limit */
    bool asks_cancelled;   /* the script looks out for its end itself */
    int64_t progress_at_ms;
};

/* ---- lua_host.c: life ---- */

/* A state with everything in it and nothing run. NULL with `err` when not even that fits the memory. `spawn` (which
 * need only hold what the script uses), `sink`, `arena` and `outcome` stay the caller's. */
struct lua_host *lua_host_new(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                              struct step_outcome *outcome, struct err *err);
/* NULL is allowed. */
void lua_host_free(struct lua_host *host);
/* What of a script's text is compiled: no byte order mark, and no first line "#!...", which is for shells; its line end
 * stays, so that lines keep their numbers. */
struct str lua_host_chunk(struct str text);
/* Runs `text` as the chunk `name` ("@train.lua" for a file, "=fit" for anything else). -1 with the error in one line;
 * the trace is in the step's log then. With `results` 1 its first result is left on the stack. */
int lua_host_run_text(struct lua_host *host, struct str text, const char *name, int results, struct err *err);
/* Calls the function below its `arguments` on top of the stack, as lua_host_run_text does. */
int lua_host_call(struct lua_host *host, int arguments, int results, struct err *err);
struct lua_host *lua_host_of(lua_State *L);
/* The arena of one call into the host, empty. What is in it lives until the next call into the host. */
struct arena *lua_host_scratch(struct lua_host *host);
/* Raises err->message with the position of the script in front. Does not return; int, so that a function can return
 * it. */
int lua_host_raise(lua_State *L, const struct err *err);

/* ---- lua_limit.c: memory, and the end from outside ---- */

void *lua_limit_allocate(void *ctx, void *block, size_t old_size, size_t new_size);
/* From now on this signal ends the script of this host; one host a process at a time. `once`: a second one has its
 * ordinary effect. */
void lua_limit_catch(struct lua_host *host, int signal_number, bool once);
/* A script that is deep in one C function, such as a match of patterns, does not notice a signal: where no runner
 * stands by, SIGALRM ends the process so long after it. */
void lua_limit_end_hidden(int seconds);
void lua_limit_release(struct lua_host *host);
/* Has a signal come? */
bool lua_limit_stopped(void);

/* ---- lua_sandbox.c ---- */

/* The libraries as said above; to be called in protected mode. */
void lua_sandbox_open(lua_State *L);
/* math.random's seed. */
void lua_sandbox_seed(lua_State *L, struct str step, struct str item);

/* ---- lua_require.c ---- */

/* Sets the global `require`, which finds NAME.lua (dots are folders) below the folders of spawn.lua.folders, nowhere
 * else, also not by links. A module is run once; what it returns (true for nil) is what every require gives. */
void lua_require_open(lua_State *L);

#endif
