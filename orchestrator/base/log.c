/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum log_level least = LOG_LEVEL_WARN;
static bool as_json;
static bool to_journal;

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const journal_priorities[] = {"<7>", "<6>", "<4>", "<3>"};

/* The variable may have been inherited by one whose standard error is another file by now. */
static bool is_journal(int fd)
{
    const char *named = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat status;
    if (named == NULL || fstat(fd, &status) < 0) {
        return false;
    }
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(named, own) == 0;
}

void log_from_environment(void)
{
    const char *word = getenv("SLUICE_LOG");
    for (int i = 0; word != NULL && i < 4; i++) {
        if (strcmp(level_names[i], word) == 0) {
            least = (enum log_level)i;
        }
    }
    to_journal = is_journal(STDERR_FILENO);
}

void log_as_json(bool json)
{
    as_json = json;
}

static void write_json(const char *prefix, const char *level, const char *at, const char *component, const char *text)
{
    struct strbuf line;
    strbuf_init(&line, 16 << 10);
    strbuf_printf(&line, "%s{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", prefix, at, level,
                  component);
    json_write_string(&line, str_from(text));
    strbuf_add_text(&line, "}\n");
    (void)fwrite(line.data, 1, line.length, stderr);
    strbuf_clear(&line);
}

void log_line(enum log_level level, const char *component, const char *format, ...)
{
    if (level < least) {
        return;
    }
    char at[40];
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    format_time(at, sizeof at, clock_wall_ms(&clock_system));
    const char *prefix = to_journal ? journal_priorities[level] : "";
    if (as_json) {
        write_json(prefix, level_names[level], at, component, text);
    } else if (to_journal) {
        fprintf(stderr, "%s%s %s\n", prefix, component, text);
    } else {
        fprintf(stderr, "%s %s %s %s\n", level_names[level], at, component, text);
    }
}
