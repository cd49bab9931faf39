/* SPDX-License-Identifier: Apache-2.0
 * Which build of a plugin there is: looked at once in a turn, for all that begins in it. So the tag of an attempt and
 * its message name the same one.
 */
#include "engine/engine_internal.h"
#include "engine/file_digest.h"

#include <string.h>

struct plugin_digest {
    const char *path;
    struct digest digest;
    char stamp[STAMP_BYTES];
    bool unreadable;
    struct plugin_digest *next;
};

static struct plugin_digest *find(const struct engine *engine, const char *path)
{
    struct plugin_digest *seen = engine->plugin_digests;
    while (seen != NULL && strcmp(seen->path, path) != 0) {
        seen = seen->next;
    }
    return seen;
}

int plugin_digest(struct engine *engine, const struct plugin *plugin, struct str *ret_hex, struct str *ret_stamp,
                  struct err *err)
{
    struct plugin_digest *seen = find(engine, plugin->path.p);
    if (seen == NULL) {
        struct err wrong = {0};
        seen = arena_one(engine->turn, struct plugin_digest);
        seen->path = arena_str(engine->turn, plugin->path).p;
        seen->unreadable = file_digest_stamped(engine->options.store, seen->path, engine_now(engine), &seen->digest,
                                               seen->stamp, &wrong) < 0;
        if (seen->unreadable && store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        seen->next = engine->plugin_digests;
        engine->plugin_digests = seen;
    }
    *ret_hex = str_from(seen->digest.hex);
    *ret_stamp = str_from(seen->stamp);
    return seen->unreadable ? 0 : 1;
}
