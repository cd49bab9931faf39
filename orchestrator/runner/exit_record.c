/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/exit_record.h"

#include "base/parse.h"

#include <signal.h>
#include <string.h>

static const char *signal_name(struct arena *arena, int number)
{
    const char *short_name = sigabbrev_np(number);
    return short_name == NULL ? arena_printf(arena, "signal %d", number) : arena_printf(arena, "SIG%s", short_name);
}

static const char *duration(struct arena *arena, int64_t ms)
{
    char room[64];
    format_duration(room, sizeof room, ms);
    return arena_strdup(arena, room);
}

static const char *size(struct arena *arena, int64_t bytes)
{
    char room[64];
    format_size(room, sizeof room, bytes);
    return arena_strdup(arena, room);
}

/* How it ended once the ladder had begun. */
static const char *ending(struct arena *arena, const struct exit_facts *facts)
{
    if (facts->how == EXIT_NOT_STARTED) {
        return "before it started";
    }
    if (facts->stop_signal == 0) {
        return facts->killed ? "ended by SIGKILL" : arena_printf(arena, "ended with code %d", facts->code);
    }
    const char *first = signal_name(arena, facts->stop_signal);
    if (facts->killed && facts->signal == SIGKILL) {
        const char *grace = duration(arena, facts->grace_ms);
        return arena_printf(arena, "still alive %s after %s, ended by SIGKILL", grace, first);
    }
    if (facts->how == EXIT_SIGNALLED) {
        return arena_printf(arena, "ended by %s", signal_name(arena, facts->signal));
    }
    return arena_printf(arena, "ended with code %d after %s", facts->code, first);
}

static const char *stop_words(struct arena *arena, const struct exit_facts *facts)
{
    if (strcmp(facts->stopped, "timeout") == 0) {
        return facts->limit_ms > 0 ? arena_printf(arena, "timed out after %s", duration(arena, facts->limit_ms))
                                   : "timed out";
    }
    if (strcmp(facts->stopped, "cancel") == 0) {
        return "cancelled";
    }
    if (strcmp(facts->stopped, "log_limit") == 0) {
        return arena_printf(arena, "the log grew over its limit of %s", size(arena, facts->log_limit_bytes));
    }
    if (strcmp(facts->stopped, "memory") == 0) {
        return arena_printf(arena, "out of memory: it used %s, and had asked for %s",
                            size(arena, facts->memory_used_bytes), size(arena, facts->memory_asked_bytes));
    }
    if (strcmp(facts->stopped, "linger") == 0) {
        return facts->limit_ms > 0 ? arena_printf(arena, "no engine for %s", duration(arena, facts->limit_ms))
                                   : "the runner was told to end";
    }
    return arena_printf(arena, "stopped (%s)", facts->stopped);
}

static char *signal_reason(struct arena *arena, const struct exit_facts *facts)
{
    const char *name = sigabbrev_np(facts->signal);
    /* What code does that did not expect to be refused memory. */
    bool refused = facts->signal == SIGSEGV || facts->signal == SIGABRT || facts->signal == SIGBUS;
    const char *limit = "";
    if (refused && facts->memory_limit_bytes > 0) {
        limit = arena_printf(arena, ", under a memory limit of %s", size(arena, facts->memory_limit_bytes));
    }
    return arena_printf(arena, "killed by signal %d%s%s%s after %s%s%s", facts->signal, name == NULL ? "" : " (SIG",
                        name == NULL ? "" : name, name == NULL ? "" : ")", size(arena, facts->max_rss_bytes), limit,
                        facts->core ? ", core dumped" : "");
}

static char *code_reason(struct arena *arena, int code)
{
    if (code == 126) {
        return arena_strdup(arena, "exited with code 126 (a program may not be executed)");
    }
    if (code == 127) {
        return arena_strdup(arena, "exited with code 127 (a program was not found)");
    }
    if (code > 128 && sigabbrev_np(code - 128) != NULL) {
        return arena_printf(arena, "exited with code %d (128 + signal %d, %s)", code, code - 128,
                            signal_name(arena, code - 128));
    }
    return arena_printf(arena, "exited with code %d", code);
}

char *exit_reason(struct arena *arena, const struct exit_facts *facts)
{
    if (facts->stopped != NULL) {
        return arena_printf(arena, "%s: %s", stop_words(arena, facts), ending(arena, facts));
    }
    if (facts->kernel_limit_bytes > 0) {
        return arena_printf(arena, "out of memory: the kernel ended it at its limit of %s",
                            size(arena, facts->kernel_limit_bytes));
    }
    if (facts->kernel_ended) {
        return arena_strdup(arena, "out of memory: the kernel ended it, at a limit of the machine or of a group around "
                                   "it");
    }
    if (facts->why != NULL) {
        return arena_strdup(arena, facts->why);
    }
    if (facts->how == EXIT_SIGNALLED) {
        return signal_reason(arena, facts);
    }
    if (facts->how == EXIT_NOT_STARTED) {
        return arena_strdup(arena, "could not be started");
    }
    return facts->code == 0 ? NULL : code_reason(arena, facts->code);
}

struct json exit_record(struct arena *arena, const struct exit_facts *facts)
{
    static const char *const how[] = {"exited", "signalled", "not_started"};
    const char *reason = exit_reason(arena, facts);
    struct json record = json_object();
    json_set(arena, &record, "how", json_cstring(arena, how[facts->how]));
    json_set(arena, &record, "code", json_int(facts->code));
    json_set(arena, &record, "signal", json_int(facts->signal));
    json_set(arena, &record, "core", json_bool(facts->core));
    json_set(arena, &record, "stopped", facts->stopped == NULL ? json_null() : json_cstring(arena, facts->stopped));
    json_set(arena, &record, "reason", reason == NULL ? json_null() : json_cstring(arena, reason));
    json_set(arena, &record, "out_of_memory",
             json_bool(facts->stopped != NULL ? strcmp(facts->stopped, "memory") == 0
                                              : facts->kernel_limit_bytes > 0 || facts->kernel_ended));
    json_set(arena, &record, "wall_ms", json_int(facts->wall_ms));
    json_set(arena, &record, "user_ms", json_int(facts->user_ms));
    json_set(arena, &record, "system_ms", json_int(facts->system_ms));
    json_set(arena, &record, "max_rss_bytes", json_int(facts->max_rss_bytes));
    if (facts->memory_peak_bytes > 0) {
        json_set(arena, &record, "memory_peak_bytes", json_int(facts->memory_peak_bytes));
    }
    return record;
}
