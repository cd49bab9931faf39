/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/beside.h"

void engine_set_beside(struct engine *engine, struct engine_beside beside)
{
    engine->beside = beside;
}

int record_beside(struct engine *engine, struct err *err)
{
    return engine->beside.record == NULL ? 0 : engine->beside.record(engine->beside.ctx, err);
}
