/* SPDX-License-Identifier: Apache-2.0
 * The inside of cache_key.h, shared by its files: a key in the making.
 */
#ifndef SLUICE_ENGINE_KEYING_H
#define SLUICE_ENGINE_KEYING_H

#include "engine/cache_key.h"
#include "engine/code_files.h"

struct keying {
    struct engine *engine;
    struct open_run *open;
    struct run_place place;
    const struct step *step;
    const struct run_item *item;
    struct arena *arena;
    struct json env;
    struct json inputs;  /* {name: "sha256:..."} */
    struct json secrets; /* {name: "***"} */
    struct json step_info;
    struct code_files code;
    struct json parts;
    struct json files;
    struct err *err;
    bool failed;
};

/* ---- keying.c: parts --------------------------------------------------------------------------------------------- */
const char *keying_digest_text(struct arena *arena, const char *hex);
struct digest keying_digest(const struct json *value);
/* Two values under one name (indexes that are expressions) are one part together. */
void keying_add(struct keying *k, const char *name, const char *text);
/* Short values are kept as they are, for words; others as their digest. What stands for an artifact is one already. */
void keying_add_value(struct keying *k, const char *name, const struct json *value);
/* The digest of a file or folder, which is noted: it must still be so when the step has ended. */
const char *keying_noted_digest(struct keying *k, const char *path);
/* Files of the workspace by their path in it: another checkout is as good. */
const char *keying_short_name(const struct keying *k, const char *path);
void keying_add_file(struct keying *k, const char *path);
/* A text that is the path of something in the workspace: what lies there counts. */
void keying_add_path(struct keying *k, const struct json *value);

/* ---- key_names.c: what expressions name, and what they see ------------------------------------------------------- */
struct key_env {
    struct run_context context; /* first: the callbacks of run_context_env take its address */
    const struct json *(*original)(void *ctx, struct str root, struct str member);
    struct keying *keying;
};
/* Artifacts and inputs are their digests in it, secrets "***". `env` must outlive it. */
struct expr_env key_env_make(struct keying *k, struct key_env *env);
/* Is it a variable of our own environment, not of the pipeline's or the step's `env`? */
bool key_env_is_ours(const struct keying *k, struct str name);
void key_names_mask_secrets(struct keying *k);
void key_names_add(struct keying *k);

/* ---- key_program.c: the command, plugin or script, and its files ------------------------------------------------- */
int key_program_add(struct keying *k);

#endif
