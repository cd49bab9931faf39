/* SPDX-License-Identifier: Apache-2.0
 * POST /hooks/PIPELINE and /hooks/sources/SOURCE: deliveries of webhooks, from whoever reaches the server. Nobody has
 * to be a user for it: a delivery is believed by its signature (trigger/hooks.h).
 *
 * So that those who can sign nothing do no harm: bodies end at 2 MiB; an address that has sent many that were refused
 * is answered 429 before its body is read, but not as soon if genuine ones of that pipeline have come from there; and
 * few wait at once for a secret that a command has to tell.
 */
#ifndef SLUICE_API_HOOKS_H
#define SLUICE_API_HOOKS_H

#include "api/router.h"

struct hook_door;

struct hook_door *hook_door_new(struct hooks *hooks);
void hook_door_free(struct hook_door *door);
/* A request that has waited for a secret, which is told now; NULL: none. `door` may be NULL. */
struct api_job *hook_door_take(struct hook_door *door);

extern const struct api_plain hook_plains[];

#endif
