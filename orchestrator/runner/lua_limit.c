/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_host.h"

#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- memory ---- */

/* For the message: memory errors run no handler that could make a trace. */
static void note_place(struct lua_host *host)
{
    lua_Debug at;
    for (int level = 0; host->L != NULL && lua_getstack(host->L, level, &at) != 0; level++) {
        if (lua_getinfo(host->L, "Sl", &at) != 0 && at.currentline > 0) {
            (void)snprintf(host->where, sizeof host->where, "%s:%d", at.short_src, at.currentline);
            return;
        }
    }
}

void *lua_limit_allocate(void *ctx, void *block, size_t old_size, size_t new_size)
{
    struct lua_host *host = ctx;
    size_t old = block == NULL ? 0 : old_size; /* of a new block Lua tells the kind here */
    if (new_size == 0) {
        free(block);
        host->used_bytes -= old;
        return NULL;
    }
    bool allowed = new_size <= old || new_size - old <= host->limit_bytes - host->used_bytes;
    void *fresh = allowed ? realloc(block, new_size) : NULL;
    if (fresh == NULL) {
        /* Lua collects its garbage and asks once more before it gives up. */
        host->refusals++;
        host->starved = allowed;
        note_place(host);
        return NULL;
    }
    host->used_bytes = host->used_bytes - old + new_size;
    return fresh;
}

/* ---- the end from outside ---- */

/* A signal handler has nowhere else to look. */
static volatile sig_atomic_t stop_has_come;
static lua_State *volatile stopping;
static pthread_t script_thread;
static volatile sig_atomic_t hidden_s; /* 0: somebody else ends a script that hides */

/* Raises at each instruction from now on: what catches one error meets the next. */
static void stop_hook(lua_State *L, lua_Debug *at)
{
    struct lua_host *host = lua_host_of(L);
    (void)at;
    if (host->asks_cancelled) {
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    if (host->end == LUA_END_NONE) {
        host->end = LUA_END_STOP;
        note_place(host);
    }
    (void)luaL_error(L, "stopped");
}

/* lua_sethook is one of the few functions of Lua that may be called at any moment, but not from beside the script: the
 * link to the runner has a thread of its own, which may be the one that is interrupted. */
static void note_stop(int number)
{
    stop_has_come = 1;
    (void)alarm((unsigned)hidden_s);
    if (pthread_equal(pthread_self(), script_thread) == 0) {
        (void)pthread_kill(script_thread, number);
        return;
    }
    if (stopping != NULL) {
        lua_sethook(stopping, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    }
}

void lua_limit_catch(struct lua_host *host, int signal_number, bool once)
{
    struct sigaction noting = {.sa_handler = note_stop, .sa_flags = SA_RESTART | (once ? (int)SA_RESETHAND : 0)};
    (void)sigemptyset(&noting.sa_mask);
    script_thread = pthread_self();
    stopping = host->L;
    (void)sigaction(signal_number, &noting, NULL);
}

void lua_limit_end_hidden(int seconds)
{
    hidden_s = seconds;
}

void lua_limit_release(struct lua_host *host)
{
    if (stopping == host->L) {
        stopping = NULL;
    }
}

bool lua_limit_stopped(void)
{
    return stop_has_come != 0;
}
