/* SPDX-License-Identifier: Apache-2.0
 * What the result of a step follows from: part by part, so that it can be told which of them is another one.
 */
#ifndef SLUICE_ENGINE_CACHE_KEY_H
#define SLUICE_ENGINE_CACHE_KEY_H

#include "digest/digest.h"
#include "engine/engine_internal.h"

/* Parts, each a name and the canonical JSON of its value, or "sha256:..." where that is long or a file:
 *
 *   definition KEY      what the file says of the step, but for what changes no result (needs, if, retry, timeout, ...)
 *   param X, var X      those that its expressions name, evaluated; every param of a Lua script
 *   env X               `env` of pipeline and step, evaluated; environment X: what step_env of config.yaml lets through
 *   matrix X            the item's values
 *   output S.X, metric S.X, artifact S.X, git X, run X, steps.S.X    what else its expressions name
 *   input X             the file, folder or model
 *   file PATH           what its command or script names, `key: [file:...]`, a param of type path that it names
 *   files GLOB          more than 200 files in one
 *   plugin NAME, python FILE, shell
 *   key N               a text of `cache: {key}`
 *
 * Secrets have no part: where one would be evaluated, "***" is.
 */
struct cache_key {
    struct json parts; /* {part: text}, sorted by the canonical writer */
    struct json files; /* {absolute path: sha256} of what the step reads and others may change meanwhile */
    struct digest key;
};

/* Of an item that is about to start. -1 in words when a part cannot be told: ERR_INPUT, ERR_NOT_FOUND and the like are
 * the step's affair, the store's own errors the turn's. Everything in the arena. */
int cache_key_make(struct engine *engine, struct open_run *open, struct run_place place, struct arena *arena,
                   struct cache_key *ret, struct err *err);

#endif
