/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum log_level least = LOG_LEVEL_WARN;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_level_from_environment(void)
{
    const char *word = getenv("SLUICE_LOG");
    for (int i = 0; word != NULL && i < 4; i++) {
        if (strcmp(level_names[i], word) == 0) {
            least = (enum log_level)i;
        }
    }
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
    fprintf(stderr, "%s %s %s %s\n", level_names[level], at, component, text);
}
