/* SPDX-License-Identifier: Apache-2.0
 * What an attempt left running, where its steps are of our own user.
 */
#include "base/process_hunt.h"
#include "engine/engine_internal.h"

struct process_prey attempt_prey(const struct attempt_row *row)
{
    return (struct process_prey){
        .mark = row->mark, .pid = row->pid, .start_ticks = row->start_ticks, .session = row->session};
}

int attempt_sweep(void *ctx, const struct attempt_row *row, struct strbuf *pids)
{
    struct process_prey prey = attempt_prey(row);
    (void)ctx;
    return process_hunt(&prey, pids);
}
