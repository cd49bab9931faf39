/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup_note.h"

#include "base/clock.h"
#include "base/parse.h"
#include "base/path.h"
#include "store/activity.h"
#include "store/snapshot.h"

#include <string.h>

int backup_note_obey(struct store *store, const struct json *document, const char *actor, struct arena *arena,
                     struct err *err)
{
    char size[40];
    const char *path = json_get_text(document, "path", "");
    const char *sha256 = json_get_text(document, "sha256", "");
    if (*path != '/' || strlen(sha256) != 64) {
        return err_set(err, ERR_INPUT, "expected the path of a backup and the digest of its manifest");
    }
    format_size(size, sizeof size, json_get_int(document, "bytes", 0));
    struct activity activity = {
        .at_ms = clock_wall_ms(&clock_system),
        .actor = actor,
        .action = "home.backed_up",
        .object = arena_printf(arena, "backup %s", path_base(path)),
        .object_id = sha256,
        .reason = arena_printf(arena, "%lld files, %s, '%s'", (long long)json_get_int(document, "files", 0), size,
                               path),
        .evidence_sha256 = sha256,
    };
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (store_activity_append(store, &activity, err) < 0) {
        store_rollback(store);
        return -1;
    }
    if (store_commit(store, err) < 0) {
        return -1;
    }
    store_shorten_log(store);
    return 0;
}
