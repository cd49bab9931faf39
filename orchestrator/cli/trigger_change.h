/* SPDX-License-Identifier: Apache-2.0
 * What people ask of schedules, backfills, sources and deployment jobs, as documents, for whoever holds the home:
 *
 *   {"what": "pause", "pipeline", "schedule", "reason" or null} -> {}
 *   {"what": "resume", "pipeline", "schedule"} -> {}
 *   {"what": "backfill", "pipeline", "schedule", "from_ms", "to_ms", "reprocess", "most", "reverse"} -> {"id"}
 *   {"what": "cancel_backfill", "id"} -> {}
 *   {"what": "deploy", "model", "version", "pipeline" or null, "params"} -> {"run_id", "run", "pipeline"}
 *   {"what": "connect", "model", "pipeline" or null} -> {}
 *   {"what": "sync", "source"} -> {"job"}
 */
#ifndef SLUICE_CLI_TRIGGER_CHANGE_H
#define SLUICE_CLI_TRIGGER_CHANGE_H

#include "cli/session.h"

/* Does it in the home that is ours. `actor` is who asks. */
int trigger_change_obey(struct session *session, const struct json *document, const char *actor, struct arena *arena,
                        struct json *ret_outcome, struct err *err);
/* Has it done, here or by the sluice that holds the home; an exit code. */
int trigger_change_ask(struct cli *cli, const char *doing, const struct json *document, struct json *ret_outcome);

#endif
