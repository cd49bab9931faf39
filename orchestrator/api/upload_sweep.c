/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload_sweep.h"

#include "api/mlflow/removal.h"
#include "api/parts.h"
#include "base/clock.h"
#include "base/log.h"

enum { PASS_MS = 3600 * 1000, STEP_MS = 200 };

int upload_sweep_wait_ms(const struct upload_sweep *sweep)
{
    int64_t left_ms = sweep->due_ms - clock_monotonic_ms(&clock_system);
    return left_ms > 0 ? (int)left_ms : 0;
}

/* Whether all have been looked at. */
static bool remove_old(struct upload_sweep *sweep, struct api_call *call)
{
    int left = PARTS_SWEEP;
    struct err wrong = {0};
    for (;;) {
        struct id name = removal_name(call);
        int taken = parts_take_old(call->files, &sweep->folder, call->now_ms, name.text, &left, &wrong);
        if (taken < 0) {
            log_error("api", "old uploads: %s", wrong.message);
        }
        if (taken <= 0) {
            return taken < 0 || left > 0;
        }
        removal_begin(call, &name);
    }
}

void upload_sweep_look(struct upload_sweep *sweep, struct api_call *call)
{
    if (upload_sweep_wait_ms(sweep) == 0) {
        sweep->due_ms = clock_monotonic_ms(&clock_system) + (remove_old(sweep, call) ? PASS_MS : STEP_MS);
    }
}

void upload_sweep_end(struct upload_sweep *sweep)
{
    if (sweep->folder != NULL) {
        (void)closedir(sweep->folder);
        sweep->folder = NULL;
    }
}
