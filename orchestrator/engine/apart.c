/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/apart.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process_hunt.h"
#include "engine/engine_internal.h"
#include "wire/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

/* ---- the world --------------------------------------------------------------------------------------------------- */

/* Bound through the descriptor of its folder, since a socket's address holds less than many a path. */
static int listen_in(const char *folder, const char *id, struct err *err)
{
    int place = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s.sock", place, id);
    mode_t old = umask(0177);
    bool good = place >= 0 && fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(fd, BACKLOG) == 0;
    (void)umask(old);
    if (!good) {
        (void)err_errno(err, "making the socket '%s/%s.sock'", folder, id);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    if (place >= 0) {
        (void)close(place);
    }
    return good ? fd : -1;
}

static int ask_to_start(const struct engine_apart *apart, const char *id, int linger_s, int listener, struct err *err)
{
    struct arena *arena = arena_new();
    struct json question = json_object();
    struct json answer;
    json_set(arena, &question, "type", json_cstring(arena, "start"));
    json_set(arena, &question, "id", json_cstring(arena, id));
    json_set(arena, &question, "linger", json_int(linger_s));
    int result = keeper_ask(apart->socket, &question, listener, arena, &answer, err);
    arena_free(arena);
    return result < 0 ? err_add(err, "the runner of the steps cannot be started") : 0;
}

static int apart_runner_start(void *ctx, const struct engine_options *options, const char *folder, const char *id,
                              int *ret_pidfd, struct err *err)
{
    const struct engine_apart *apart = ctx;
    *ret_pidfd = -1;
    int listener = fs_make_folders(folder, 0700, err) < 0 ? -1 : listen_in(folder, id, err);
    if (listener < 0) {
        return -1;
    }
    int result = ask_to_start(apart, id, options->linger_s, listener, err);
    (void)close(listener);
    if (result < 0) {
        engine_world_system.runner_forget(NULL, folder, id);
    }
    return result;
}

static int apart_sweep(void *ctx, const struct attempt_row *row, struct strbuf *pids)
{
    const struct engine_apart *apart = ctx;
    const struct process_prey prey = attempt_prey(row);
    struct arena *arena = arena_new();
    struct json question = json_object();
    struct json answer;
    struct err err = {0};
    json_set(arena, &question, "type", json_cstring(arena, "hunt"));
    json_set(arena, &question, "mark", json_cstring(arena, prey.mark));
    json_set(arena, &question, "pid", json_int(prey.pid));
    json_set(arena, &question, "start_ticks", json_int(prey.start_ticks));
    json_set(arena, &question, "session", json_int(prey.session));
    int left = 1;
    strbuf_reset(pids);
    if (keeper_ask(apart->socket, &question, -1, arena, &answer, &err) < 0) {
        log_error("engine", "what attempt %lld left running cannot be looked for: %s", (long long)row->id, err.message);
        strbuf_printf(pids, "unknown, since %s", err.message);
    } else {
        left = (int)json_get_int(&answer, "left", 1);
        strbuf_add_text(pids, json_get_text(&answer, "pids", ""));
    }
    arena_free(arena);
    return left;
}

struct engine_world engine_world_apart(const struct engine_apart *apart)
{
    struct engine_world world = engine_world_system;
    world.ctx = (void *)(uintptr_t)apart; /* the others of that world look at none */
    world.runner_start = apart_runner_start;
    world.sweep = apart_sweep;
    return world;
}

/* ---- within the engine ------------------------------------------------------------------------------------------- */

int apart_run_folder(const struct engine *engine, const char *run_id, struct err *err)
{
    static const char *const places[] = {"steps", "state"};
    if (engine->options.apart == NULL) {
        return 0;
    }
    const char *folder = arena_printf(engine->turn, "%s/runs/%s", engine->options.home, run_id);
    int result = fs_make_folders(folder, 0750, err);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && result == 0; i++) {
        result = fs_make_folders(path_join(engine->turn, folder, places[i]), 0770, err);
    }
    return result;
}

void apart_environment(const struct engine *engine, struct arena *arena, struct json *env)
{
    const struct engine_apart *apart = engine->options.apart;
    if (apart == NULL || apart->user == NULL) {
        return;
    }
    const char *const told[][2] = {{"HOME", apart->folder}, {"USER", apart->user}, {"LOGNAME", apart->user}};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        json_set(arena, env, told[i][0], json_cstring(arena, told[i][1]));
    }
}

int apart_journal(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? err_errno(err, "cannot open the journal '%s'", path) : fd;
}

bool apart_signal(const struct engine *engine, const struct runner_link *link, const char *name)
{
    struct json question = json_object();
    struct json answer;
    struct err err = {0};
    json_set(engine->turn, &question, "type", json_cstring(engine->turn, "signal"));
    json_set(engine->turn, &question, "id", json_cstring(engine->turn, link->id));
    json_set(engine->turn, &question, "signal", json_cstring(engine->turn, name));
    if (engine->options.apart == NULL) { /* it is from when steps were apart, and whose it was is not known any more */
        return false;
    }
    if (keeper_ask(engine->options.apart->socket, &question, -1, engine->turn, &answer, &err) < 0) {
        log_error("engine", "runner=%s no signal reaches it: %s", link->id, err.message);
        return false;
    }
    return json_get_bool(&answer, "done", false);
}
