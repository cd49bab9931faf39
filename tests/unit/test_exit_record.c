/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runner/exit_record.h"

#include <signal.h>

TEST(exit_reason_says_in_words_how_an_attempt_ended)
{
    static const struct {
        struct exit_facts facts;
        const char *reason;
    } rows[] = {
        {{.how = EXIT_EXITED}, NULL},
        {{.how = EXIT_EXITED, .code = 3}, "exited with code 3"},
        {{.how = EXIT_EXITED, .code = 127}, "exited with code 127 (a program was not found)"},
        {{.how = EXIT_EXITED, .code = 137}, "exited with code 137 (128 + signal 9, SIGKILL)"},
        {{.how = EXIT_EXITED, .code = 1, .why = "accuracy 0.8 is below 0.9"}, "accuracy 0.8 is below 0.9"},
        {{.how = EXIT_SIGNALLED, .signal = SIGKILL, .max_rss_bytes = 3435973837},
         "killed by signal 9 (SIGKILL) after 3.2 GB"},
        {{.how = EXIT_SIGNALLED, .signal = SIGSEGV, .core = true, .max_rss_bytes = 524288},
         "killed by signal 11 (SIGSEGV) after 512 KB, core dumped"},
        {{.how = EXIT_SIGNALLED, .signal = SIGSEGV, .max_rss_bytes = 524288, .memory_limit_bytes = (int64_t)2 << 30},
         "killed by signal 11 (SIGSEGV) after 512 KB, under a memory limit of 2.0 GB"},
        {{.how = EXIT_NOT_STARTED, .code = 127, .why = "the program 'foo' was not found on PATH"},
         "the program 'foo' was not found on PATH"},
        {{.how = EXIT_SIGNALLED, .signal = SIGTERM, .stopped = "timeout", .stop_signal = SIGTERM, .limit_ms = 30000},
         "timed out after 30 s: ended by SIGTERM"},
        {{.how = EXIT_EXITED, .stopped = "timeout", .stop_signal = SIGTERM, .limit_ms = 30000},
         "timed out after 30 s: ended with code 0 after SIGTERM"},
        {{.how = EXIT_SIGNALLED, .signal = SIGKILL, .killed = true, .stopped = "cancel", .stop_signal = SIGINT,
          .grace_ms = 10000},
         "cancelled: still alive 10 s after SIGINT, ended by SIGKILL"},
        {{.how = EXIT_SIGNALLED, .signal = SIGKILL, .killed = true, .stopped = "cancel"},
         "cancelled: ended by SIGKILL"},
        {{.how = EXIT_NOT_STARTED, .stopped = "cancel"}, "cancelled: before it started"},
        {{.how = EXIT_SIGNALLED, .signal = SIGTERM, .stopped = "log_limit", .stop_signal = SIGTERM,
          .log_limit_bytes = 1 << 30},
         "the log grew over its limit of 1.0 GB: ended by SIGTERM"},
        {{.how = EXIT_SIGNALLED, .signal = SIGTERM, .stopped = "memory", .stop_signal = SIGTERM,
          .memory_used_bytes = 300 << 20, .memory_asked_bytes = 256 << 20},
         "out of memory: it used 300 MB, and had asked for 256 MB: ended by SIGTERM"},
        {{.how = EXIT_SIGNALLED, .signal = SIGKILL, .kernel_limit_bytes = (int64_t)2 << 30, .why = "it said nothing"},
         "out of memory: the kernel ended it at its limit of 2.0 GB"},
        {{.how = EXIT_EXITED, .code = 137, .kernel_ended = true},
         "out of memory: the kernel ended it, at a limit of the machine or of a group around it"},
        {{.how = EXIT_SIGNALLED, .signal = SIGKILL, .killed = true, .stopped = "cancel", .kernel_limit_bytes = 1 << 30},
         "cancelled: ended by SIGKILL"},
        {{.how = EXIT_SIGNALLED, .signal = SIGTERM, .stopped = "linger", .stop_signal = SIGTERM, .limit_ms = 2000},
         "no engine for 2 s: ended by SIGTERM"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *reason = exit_reason(arena, &rows[i].facts);
        if (rows[i].reason == NULL) {
            assert_null(reason);
        } else {
            assert_string_equal(reason, rows[i].reason);
        }
    }
    arena_free(arena);
}

TEST(exit_record_has_every_field)
{
    struct exit_facts facts = {
        .how = EXIT_EXITED, .code = 2, .wall_ms = 5, .user_ms = 3, .system_ms = 1, .max_rss_bytes = 4096};
    struct arena *arena = arena_new();
    struct json record = exit_record(arena, &facts);
    assert_string_equal(json_text(arena, &record).p,
                        "{\"how\":\"exited\",\"code\":2,\"signal\":0,\"core\":false,\"stopped\":null,"
                        "\"reason\":\"exited with code 2\",\"out_of_memory\":false,"
                        "\"wall_ms\":5,\"user_ms\":3,\"system_ms\":1,"
                        "\"max_rss_bytes\":4096}");
    arena_free(arena);
}

TESTS(RUN(exit_reason_says_in_words_how_an_attempt_ended), RUN(exit_record_has_every_field))
