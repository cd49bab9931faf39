/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/removal.h"

#include "base/mem.h"

#include <stdlib.h>

struct removal {
    struct api_job job;
    const struct files *files;
    struct id name;
};

static int remove_tree(void *ctx, struct err *err)
{
    const struct removal *removal = ctx;
    return files_discard(removal->files, removal->name.text, err);
}

static void drop_removal(struct api_job *job)
{
    free(job);
}

struct id removal_name(struct api_call *call)
{
    return id_run(call->rng, call->now_ms);
}

void removal_begin(struct api_call *call, const struct id *name)
{
    struct removal *removal = mem_alloc(sizeof *removal);
    *removal = (struct removal){.files = call->files, .name = *name};
    removal->job = (struct api_job){.file = {.work = remove_tree, .ctx = removal}, .drop = drop_removal};
    api_give_job(call, &removal->job);
}
