/* SPDX-License-Identifier: Apache-2.0
 * What somebody may do with a pipeline: what he may with the experiment that its runs are in.
 *
 * Where that is, is found apart from the loop, since a definition must be read for it; whether he may is said there of
 * reading, and on the loop of all else. Of a pipeline that he may not read he is told that there is none.
 */
#ifndef SLUICE_API_SLUICE_PIPELINE_RIGHTS_H
#define SLUICE_API_SLUICE_PIPELINE_RIGHTS_H

#include "api/api.h"

struct pipeline_place {
    const char *pipeline;
    const char *definition; /* digest of the one in force; "": none is */
    const char *experiment; /* by its name, which there may not be yet; NULL: by its id */
    int64_t experiment_id;
};

/* Apart from the loop. Where a run of the definition in force would be, else where the newest run is. ERR_NOT_FOUND. */
int pipeline_place_find(struct api_call *call, const char *name, struct pipeline_place *ret, struct err *err);
/* Apart from the loop: may the reader know of it? 1, 0 (also when there is none any more), -1. */
int pipeline_place_is_seen(struct api_call *call, const char *name, struct err *err);
/* The same in words: ERR_NOT_FOUND. */
int pipeline_place_need(struct api_call *call, const char *name, struct err *err);
/* On the loop: may he start, or stop, its runs? ERR_NOT_FOUND, ERR_DENIED. Where there is no such experiment yet, the
 * role alone says so, and he makes it. */
int pipeline_place_check_start(struct api_call *call, const struct pipeline_place *place, bool *ret_makes,
                               struct err *err);
/* The same of what is started later, by the definition that is in force then: ERR_EXISTS when another than that of the
 * place has come in force already. */
int pipeline_place_check(struct api_call *call, const struct pipeline_place *place, struct err *err);

/* "no pipeline 'x' has run in this home, or is in force there" */
int pipeline_is_unknown(const char *name, struct err *err);

#endif
