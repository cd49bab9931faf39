/* SPDX-License-Identifier: Apache-2.0
 * Log lines for the operator: "level time component key=value ... message" on standard error.
 * Only edges log (main, engine, commands); once per failure. Level and sink are the program's
 * only mutable globals.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* What the environment says of them; the mains of sluice and of the runner begin with it. Lines below a level are
 * dropped: that of SLUICE_LOG=debug|info|warn|error, else LOG_LEVEL_WARN; also for a word that is none of these. When
 * standard error is the journal of systemd (JOURNAL_STREAM), a line begins with its priority, <3> to <7>, and has no
 * time: sd-daemon(3). */
void log_from_environment(void);
/* Lines are JSON objects from now on: {"time", "level", "component", "message"}. */
void log_as_json(bool json);
void log_line(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(component, ...) log_line(LOG_LEVEL_DEBUG, component, __VA_ARGS__)
#define log_info(component, ...) log_line(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_warn(component, ...) log_line(LOG_LEVEL_WARN, component, __VA_ARGS__)
#define log_error(component, ...) log_line(LOG_LEVEL_ERROR, component, __VA_ARGS__)

#endif
