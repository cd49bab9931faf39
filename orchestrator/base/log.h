/* SPDX-License-Identifier: Apache-2.0
 * Log lines for the operator: "level time component key=value ... message" on standard error.
 * Only edges log (main, engine, commands); once per failure. Level and sink are the program's
 * only mutable globals.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Lines below `level` are dropped. The default is LOG_LEVEL_WARN; SLUICE_LOG=debug|info|warn|error
 * in the environment is read by the two mains. */
void log_set_level(enum log_level level);
/* -1 for an unknown word, else the level. */
int log_level_parse(const char *word);
void log_line(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(component, ...) log_line(LOG_LEVEL_DEBUG, component, __VA_ARGS__)
#define log_info(component, ...) log_line(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_warn(component, ...) log_line(LOG_LEVEL_WARN, component, __VA_ARGS__)
#define log_error(component, ...) log_line(LOG_LEVEL_ERROR, component, __VA_ARGS__)

#endif
