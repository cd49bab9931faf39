/* SPDX-License-Identifier: Apache-2.0
 * Time that passes, for steps that poll: it never jumps when somebody sets the clock.
 */
#ifndef SLUICE_SHARED_MOMENT_H
#define SLUICE_SHARED_MOMENT_H

#include "step.h"

/* Milliseconds since some moment in the past. */
int64_t moment_now_ms(void);
/* Milliseconds since 1970, by the clock on the wall. */
int64_t moment_wall_ms(void);
/* Sleeps. -1 as soon as the step is cancelled. */
int moment_sleep(const struct step_host *host, int64_t ms);

#endif
