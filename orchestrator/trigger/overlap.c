/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/overlap.h"

enum overlap_verdict overlap_decide(enum overlap overlap, size_t open, size_t waiting)
{
    bool free = open == 0 && waiting == 0;
    switch (overlap) {
    case OVERLAP_SKIP:
        return open == 0 ? OVERLAP_STARTS : OVERLAP_IS_SKIPPED;
    case OVERLAP_QUEUE:
        return free ? OVERLAP_STARTS : OVERLAP_WAITS;
    case OVERLAP_QUEUE_ONE:
        return free ? OVERLAP_STARTS : waiting > 0 ? OVERLAP_REPLACES : OVERLAP_WAITS;
    case OVERLAP_CANCEL_RUNNING:
        return open == 0 ? OVERLAP_STARTS : OVERLAP_CANCELS;
    case OVERLAP_ALLOW:
        break;
    }
    return OVERLAP_STARTS;
}
