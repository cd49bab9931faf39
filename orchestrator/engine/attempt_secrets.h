/* SPDX-License-Identifier: Apache-2.0
 * The secrets of an attempt: what its step is given, and what is hidden in what its MLflow client records.
 *
 * The runner hides them in what the step prints or reports. What its client says comes by HTTP, past the runner: so
 * they are kept here for as long as the attempt runs. After a restart the runner says what it was given, so that it is
 * hidden though the secret may have another value by then, or none can be had. An older runner does not say it: then
 * they are looked up again when the client comes.
 */
#ifndef SLUICE_ENGINE_ATTEMPT_SECRETS_H
#define SLUICE_ENGINE_ATTEMPT_SECRETS_H

#include "engine/engine_internal.h"

/* {name: value} of the secrets that the step names, and no others, looked up side by side. 1: not all are known yet.
 * `ahead`: of an heir, which may name none. */
int attempt_secrets_read(struct engine *engine, const struct live_attempt *attempt, bool ahead, struct arena *arena,
                         struct json *ret, struct err *err);
/* That is what the step has been given. */
void attempt_secrets_keep(struct live_attempt *attempt, const struct json *secrets);
/* The same, as its runner says (NULL: it does not), unless it is known. */
void attempt_secrets_told(struct live_attempt *attempt, const struct json *secrets);
void attempt_secrets_wipe(struct live_attempt *attempt);
/* What hides them, until the attempt is dropped; NULL: the step names none. ERR_BUSY when they are not known, or cannot
 * be looked up: who asked may come again. */
int attempt_secrets_mask(struct engine *engine, struct live_attempt *attempt, const struct mask **ret,
                         struct err *err);
/* Looks again for those that a client waits for. */
void attempt_secrets_look(struct engine *engine, struct live_attempt *attempt);

#endif
