/* SPDX-License-Identifier: Apache-2.0
 * Where ${{ secrets.NAME }} comes from: config.yaml, or else what `sluice secrets set` has sealed in the store.
 *
 * A name that stands in config.yaml is config.yaml's: a sealed one of this name is not looked at. What is sealed is
 * sealed under a key derived from SLUICE_KEY when that is set, else from <home>/key, and bound to the home, its name
 * and the pipelines that may read it. While values are read the process leaves no core file, and other processes of
 * its user cannot look into it (PR_SET_DUMPABLE).
 */
#ifndef SLUICE_CLI_SECRET_SOURCE_H
#define SLUICE_CLI_SECRET_SOURCE_H

#include "base/vec.h"
#include "cli/cli.h"
#include "config/config.h"
#include "crypto/seal.h"
#include "store/hook_deliveries.h"
#include "store/secrets.h"
#include "store/webhooks.h"

/* A command that runs for attempts, or has just run: for one, or if its answer is kept (`ttl`) for all that ask. */
struct secret_question {
    const struct config_secret *secret;
    struct secret_command *command;
    struct {
        VEC_OF(int64_t)
    } attempts;
};

struct secret_source {
    const struct config *config;
    struct store *store; /* NULL: nothing is sealed */
    const char *home;    /* absolute folder */
    bool has_key;
    bool key_is_given; /* by SLUICE_KEY */
    bool hidden;       /* nobody may look into this process */
    struct seal_key key;
    int epoll_fd; /* readable when a command has something to say */
    struct {
        VEC_OF(struct secret_question)
    } questions;
};

/* Borrows all of it. Takes SLUICE_KEY out of the environment, so that what is started from now on does not see it, into
 * cli->given_key, where later sources of this process find it; one that is no key is ERR_INPUT. <home>/key is read when
 * it is needed first. */
int secret_source_open(struct secret_source *source, struct cli *cli, const char *home, struct store *store,
                       const struct config *config, struct err *err);
/* Overwrites the key. A zeroed source is allowed. */
void secret_source_close(struct secret_source *source);

/* engine_options.secret; `ctx` is the source. Unknown is ERR_INPUT with the nearest name, not for this pipeline
 * ERR_DENIED, sealed under another key ERR_STATE, changed ERR_CORRUPT. 1: a command was asked, which answers later. */
int secret_source_read(void *ctx, int64_t attempt, struct str name, const char *pipeline, struct arena *arena,
                       struct str *ret, struct err *err);
/* engine_options.secret_forget: ends what only this attempt has asked for. */
void secret_source_forget(void *ctx, int64_t attempt);
/* Would it be read? As far as can be told without running a command or reading a file, and without the value. */
int secret_source_look(struct secret_source *source, struct str name, const char *pipeline, struct arena *arena,
                       struct err *err);

/* The row of a value that was checked by config_secret_check; who sets it and when is the caller's to add. `pipelines`
 * is a JSON list, or null for all. */
int secret_source_seal(struct secret_source *source, const char *name, const struct json *pipelines, struct str value,
                       struct arena *arena, struct secret_row *ret_row, struct err *err);
/* Can it be opened? Forgets the value. */
int secret_source_check(struct secret_source *source, const struct secret_row *row, struct err *err);

/* The secret of a webhook, sealed for it under the same key, and opened. */
int secret_source_seal_webhook(void *source, const char *webhook_id, struct str secret, struct arena *arena,
                               struct str *ret_sealed, const char **ret_key_id, struct err *err);
int secret_source_open_webhook(void *source, const struct webhook *webhook, struct arena *arena, struct str *ret,
                               struct err *err);
/* The same for the body of a delivery that came in. */
int secret_source_seal_delivery(void *source, const struct hook_delivery *delivery, struct str body,
                                struct arena *arena, struct str *ret_sealed, const char **ret_key_id,
                                struct err *err);
int secret_source_open_delivery(void *source, const struct hook_delivery *delivery, struct arena *arena,
                                struct str *ret_body, struct err *err);

#endif
