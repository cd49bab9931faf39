/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_config.h"

#include "base/log.h"
#include "config/difference.h"
#include "crypto/digest.h"
#include "pipeline/yaml_doc.h"
#include "store/activity.h"

#include <string.h>

static const char object[] = "config.yaml";

static struct digest digest_of(const struct session *session)
{
    return digest_bytes(session->config_diags.text);
}

/* What it says, as far as it can be read at all. */
static struct json tree_of(const struct session *session)
{
    struct diags diags;
    diags_init(&diags, session->cli->arena, object);
    diags.text = session->config_diags.text;
    const struct yaml_node *root = diags.text.n == 0 ? NULL : yaml_doc_parse(&diags);
    return root == NULL ? json_object() : yaml_to_json(session->cli->arena, root);
}

static int note(struct session *session, struct activity activity, struct err *err)
{
    struct store *store = session->home.store;
    activity.at_ms = clock_wall_ms(&clock_system);
    activity.actor = "sluice";
    activity.object = activity.object_id = object;
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (store_activity_append(store, &activity, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* The digest in force by the log's last word; "" when it has none. */
static int last_digest(struct session *session, const char **ret, struct err *err)
{
    struct activity *rows = NULL;
    size_t count = 0;
    if (store_activity_list(session->home.store, object, true, 0, 100, session->cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    *ret = "";
    for (size_t i = 0; i < count && **ret == '\0'; i++) {
        *ret = strcmp(rows[i].action, "config.loaded") == 0 ? rows[i].evidence_sha256 : "";
    }
    return 0;
}

int serve_config_note(struct session *session, struct err *err)
{
    const char *before = "";
    struct digest digest = digest_of(session);
    bool is_there = session->config_diags.text.n > 0;
    if (last_digest(session, &before, err) < 0) {
        return -1;
    }
    if (strcmp(before, digest.hex) == 0 || (*before == '\0' && !is_there)) {
        return 0;
    }
    return note(session,
                (struct activity){.action = "config.loaded",
                                  .from_state = before,
                                  .to_state = digest.hex,
                                  .reason = "at the start",
                                  .evidence_sha256 = digest.hex},
                err);
}

int serve_config_reload(struct session *session, const char **ret_words, struct err *err)
{
    struct err wrong = {0};
    struct err ignored = {0};
    struct digest before = digest_of(session);
    struct json old = tree_of(session);
    if (session_reconfigure(session, &wrong) < 0) {
        struct activity refused = {.action = "config.refused", .from_state = before.hex, .reason = wrong.message};
        if (note(session, refused, &ignored) < 0) {
            log_error("serve", "%s", ignored.message);
        }
        return err_set(err, wrong.code, "%s", wrong.message);
    }
    struct digest after = digest_of(session);
    struct json new = tree_of(session);
    *ret_words = config_difference(&old, &new, session->cli->arena);
    struct activity loaded = {.action = "config.loaded",
                              .from_state = before.hex,
                              .to_state = after.hex,
                              .reason = *ret_words,
                              .evidence_sha256 = after.hex};
    if (note(session, loaded, &ignored) < 0) {
        log_error("serve", "the new configuration is in force, but could not be recorded: %s", ignored.message);
    }
    return 0;
}
