/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_config.h"

#include "base/log.h"
#include "store/activity.h"

static int note_refusal(struct session *session, const char *why, struct err *err)
{
    struct store *store = session->home.store;
    const struct activity refused = {.at_ms = clock_wall_ms(&clock_system),
                                     .actor = "sluice",
                                     .action = "config.refused",
                                     .object = "config.yaml",
                                     .object_id = "config.yaml",
                                     .reason = why};
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (store_activity_append(store, &refused, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

int serve_config_reload(struct session *session, const char **ret_words, struct err *err)
{
    struct err unnoted = {0};
    if (session_reconfigure(session, err) < 0) {
        if (note_refusal(session, err->message, &unnoted) < 0) {
            log_error("serve", "%s", unnoted.message);
        }
        return -1;
    }
    *ret_words = NULL;
    if (session_take_config(session, "sluice", ret_words, &unnoted) < 0) {
        log_error("serve", "the new configuration is in force, but could not be recorded: %s", unnoted.message);
    }
    return 0;
}
