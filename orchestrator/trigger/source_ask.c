/* SPDX-License-Identifier: Apache-2.0
 * What sluice-git is asked. Secrets are in it, and in a file in memory: never in an argument, the environment, a row.
 */
#include "base/fs.h"
#include "trigger/sources_internal.h"

#include <unistd.h>

enum { KEY_MAX_BYTES = 64 << 10, HOSTS_MAX_BYTES = 1 << 20 };

/* `for:` of a secret of config.yaml may name it so, and no pipeline is called so. */
static const char *asks_as(const struct source *source, struct arena *arena)
{
    return arena_printf(arena, "sources/%s", source->spec.name);
}

static int add_secret(struct sources *sources, struct source *source, const char *key, const char *name,
                      struct arena *arena, struct json *fetch, struct err *err)
{
    const struct triggers_options *options = &sources->triggers->options;
    struct str value = {0};
    if (*name == '\0') {
        return 0;
    }
    if (options->secret == NULL) {
        return err_set(err, ERR_STATE, "'%s': there are no secrets here", key);
    }
    int got = options->secret(options->secret_ctx, source->asker, str_from(name), asks_as(source, arena), arena, &value,
                              err);
    if (got == 0) {
        json_set(arena, fetch, key, json_string(arena, value));
    }
    return got < 0 ? err_add(err, "'%s'", key) : got;
}

static int add_file(const char *key, const char *path, size_t most, struct arena *arena, struct json *fetch,
                    struct err *err)
{
    struct str text = {0};
    if (*path == '\0') {
        return 0;
    }
    if (fs_read_file(path, most, arena, &text, err) < 0) {
        return err_add(err, "'%s'", key);
    }
    json_set(arena, fetch, key, json_string(arena, text));
    return 0;
}

static int add_credentials(struct sources *sources, struct source *source, struct arena *arena, struct json *fetch,
                           struct err *err)
{
    const struct source_spec *spec = &source->spec;
    const char *const secrets[][2] = {
        {"password", spec->password}, {"ssh_key", spec->ssh_key}, {"passphrase", spec->passphrase}};
    int waits = 0;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        int got = add_secret(sources, source, secrets[i][0], secrets[i][1], arena, fetch, err);
        if (got < 0) {
            return -1;
        }
        waits = waits == 1 ? 1 : got;
    }
    if (waits == 1) {
        return 1;
    }
    json_set(arena, fetch, "username", json_cstring(arena, spec->username));
    json_set(arena, fetch, "ca", json_cstring(arena, spec->ca));
    return add_file("ssh_key", spec->ssh_key_file, KEY_MAX_BYTES, arena, fetch, err) < 0
               ? -1
               : add_file("known_hosts", spec->known_hosts, HOSTS_MAX_BYTES, arena, fetch, err);
}

static struct json fetch_of(const struct source *source, const struct source_row *row, struct arena *arena)
{
    const struct source_spec *spec = &source->spec;
    struct json fetch = json_object();
    json_set(arena, &fetch, "url", json_cstring(arena, spec->url));
    json_set(arena, &fetch, "branch", json_cstring(arena, spec->branch));
    json_set(arena, &fetch, "path", json_cstring(arena, spec->path));
    json_set(arena, &fetch, "seen", json_cstring(arena, row->seen));
    /* Of another repository than before, nothing was pushed. */
    json_set(arena, &fetch, "since", json_cstring(arena, *row->seen == '\0' ? "" : row->in_force));
    json_set(arena, &fetch, "again", json_bool(source->again));
    json_set(arena, &fetch, "max_bytes", json_int(spec->max_bytes));
    return fetch;
}

static struct json pins_of(const struct source_run *runs, size_t count, struct arena *arena)
{
    struct json pins = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json pin = json_object();
        json_set(arena, &pin, "run", json_cstring(arena, runs[i].run_id));
        json_set(arena, &pin, "commit", json_cstring(arena, runs[i].commit_id));
        json_push(arena, &pins, pin);
    }
    return pins;
}

int source_ask(struct sources *sources, struct source *source, const struct source_wish *wish, struct arena *arena,
               struct json *ret, struct err *err)
{
    struct json request = json_object();
    struct json keep = json_array();
    const struct source_row *row = &wish->row;
    struct json fetch = fetch_of(source, row, arena);
    int got = source->fetches ? add_credentials(sources, source, arena, &fetch, err) : 0;
    if (got != 0) {
        return got;
    }
    if (*row->in_force != '\0') {
        json_push(arena, &keep, json_cstring(arena, row->in_force));
    }
    const char *folder = source_folder(sources->triggers->options.home, source->spec.name, arena);
    json_set(arena, &request, "folder", json_cstring(arena, folder));
    json_set(arena, &request, "parent", json_int(getpid()));
    json_set(arena, &request, "timeout_ms", json_int(source->spec.timeout_ms));
    json_set(arena, &request, "keep", keep);
    json_set(arena, &request, "pins", pins_of(wish->runs, wish->run_count, arena));
    if (source->fetches) {
        json_set(arena, &request, "fetch", fetch);
    }
    *ret = request;
    return 0;
}
