/* SPDX-License-Identifier: Apache-2.0
 * Why a helper could not do what was asked: one line, for people.
 *
 * Functions of plugins/shared return 0, or -1 with a fault. A plugin hands the text to step_fail().
 */
#ifndef SLUICE_SHARED_FAULT_H
#define SLUICE_SHARED_FAULT_H

#include <stdarg.h>
#include <stdio.h>

struct fault {
    char text[512];
};

/* Sets the text and returns -1: `return fault_set(fault, "no column '%s'", name);` */
__attribute__((format(printf, 2, 3))) static inline int fault_set(struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return -1;
}

#endif
