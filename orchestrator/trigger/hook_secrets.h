/* SPDX-License-Identifier: Apache-2.0
 * The secrets of hooks. What a command tells is kept for ten seconds, also that it failed: who may ask here is anybody,
 * and each delivery would start it anew. Others are read each time, so that a new one counts at once.
 */
#ifndef SLUICE_TRIGGER_HOOK_SECRETS_H
#define SLUICE_TRIGGER_HOOK_SECRETS_H

#include "base/vec.h"
#include "trigger/hooks.h"

enum { HOOK_SECRET_KEPT_MS = 10000 };

/* What a command tells of a hook's secret. */
struct hook_question {
    char *pipeline, *name;
    int64_t asker; /* below zero */
    bool is_open;  /* it goes on */
    char *value;   /* NULL: none */
    size_t size;
    struct err wrong; /* it has failed */
    int64_t until_ms; /* monotonic: what it told counts until then */
};

struct hook_secrets {
    const struct hooks_options *options;
    struct {
        VEC_OF(struct hook_question *)
    } questions;
    int64_t askers;
};

void hook_secrets_clear(struct hook_secrets *secrets);
/* 0 with the value, in the arena: the caller overwrites it. 1: a command is asked. -1 in words. */
int hook_secret_read(struct hook_secrets *secrets, const char *pipeline, struct str name, struct arena *arena,
                     struct str *ret, struct err *err);
/* Does nothing go on for that pipeline? */
bool hook_secrets_are_told(struct hook_secrets *secrets, const char *pipeline);

#endif
