/* SPDX-License-Identifier: Apache-2.0
 * Setting and removing sealed secrets: a transaction with its row in the activity log, in this process when the home is
 * free, through the door of whoever holds it otherwise. Values are sealed before that: only what is sealed passes.
 */
#ifndef SLUICE_CLI_SECRET_CHANGE_H
#define SLUICE_CLI_SECRET_CHANGE_H

#include "base/json.h"
#include "store/secrets.h"

/* Puts `row`; set_by is `actor`, set_ms is now. `*ret_replaced` says whether there was one of this name. */
int secret_change_set(struct store *store, struct secret_row *row, const char *actor, bool *ret_replaced,
                      struct err *err);
/* Removes all of them or, when one is not there, none: ERR_NOT_FOUND with the nearest name. */
int secret_change_remove(struct store *store, const char *const *names, size_t count, const char *actor,
                         struct err *err);

/* "nightly, weekly": the pipelines of a row for people; NULL for all. */
const char *secret_pipelines_words(struct arena *arena, const char *pipelines);

/* The same as words to the holder of the home (cli/door.h), and how he obeys them: {"do": "set", "name", "sealed" in
 * base64, "key_id", "pipelines"} -> {"replaced"}, {"do": "remove", "names": [...]} -> {}. */
struct json secret_change_ask_set(struct arena *arena, const struct secret_row *row);
struct json secret_change_ask_remove(struct arena *arena, const char *const *names, size_t count);
int secret_change_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                       struct json *ret_outcome, struct err *err);

#endif
