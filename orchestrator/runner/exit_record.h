/* SPDX-License-Identifier: Apache-2.0
 * How an attempt ended, as the JSON of its JOURNAL_EXIT frame (wire/message.h), the reason in words included.
 */
#ifndef SLUICE_RUNNER_EXIT_RECORD_H
#define SLUICE_RUNNER_EXIT_RECORD_H

#include "base/json.h"

enum exit_how { EXIT_EXITED, EXIT_SIGNALLED, EXIT_NOT_STARTED };

struct exit_facts {
    enum exit_how how;
    int code;            /* as the shell counts: 128 + signal, 125 could not start, 126 not executable, 127 not found */
    int signal;          /* 0: none */
    bool core;
    const char *stopped; /* "timeout", "cancel", "log_limit", "memory", "linger" or another word of a stop message;
                          * NULL: none */
    const char *why;     /* what is known better than the exit code tells, or NULL */
    int stop_signal;     /* that the ladder began with; 0 when it began with SIGKILL */
    bool killed;         /* the ladder came to SIGKILL */
    int64_t limit_ms;    /* of the timeout or the linger */
    int64_t grace_ms;
    int64_t log_limit_bytes;
    int64_t memory_limit_bytes; /* RLIMIT_AS of the process; 0: none */
    int64_t memory_used_bytes;  /* of all processes when it was stopped for that, and what it had asked for */
    int64_t memory_asked_bytes;
    int64_t kernel_limit_bytes; /* the limit of its group at which the kernel ended it; 0: it did not */
    bool kernel_ended;          /* for want of memory, at a limit that is not its own */
    int64_t memory_peak_bytes;  /* the most that its group held, files in memory included; 0: it had none */
    int64_t wall_ms;
    int64_t user_ms;
    int64_t system_ms;
    int64_t max_rss_bytes;
};

struct json exit_record(struct arena *arena, const struct exit_facts *facts);
/* The reason alone; NULL for a success. */
char *exit_reason(struct arena *arena, const struct exit_facts *facts);

#endif
