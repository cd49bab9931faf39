/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "base/cgroup.h"
#include "base/file_limit.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/git_head.h"
#include "cli/lua_compiler.h"
#include "cli/session_internal.h"
#include "config/supply.h"

#include "store/first_sync.h"
#include "store/guards.h"
#include "wire/keeper.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* How long steps go on with no sluice in their home. */
enum { LINGER_S = 600, LINGER_FOR_EVER = -1 };
/* How long a command that ends waits for what webhooks are being told. */
enum { FAREWELL_MS = 3000 };

/* What steps see of our environment, before step_env: of config.yaml adds to it. */
static const char *const passed_names[] = {
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CUDA_*",
    "NVIDIA_*",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "CONDA_*",
    "PYTHONPATH",
    "PIP_*",
};

void installation_find(const struct cli *cli, struct installation *ret)
{
    struct arena *arena = cli->arena;
    const char *folder = path_dir(arena, cli->program);
    const char *prefix = path_dir(arena, folder);
    bool built = fs_exists(path_join(arena, folder, "sluice-runner"));
    const char *libexec = built ? folder : path_join(arena, prefix, "libexec/sluice");
    ret->runner = path_join(arena, libexec, "sluice-runner");
    ret->fetch = path_join(arena, libexec, "sluice-fetch");
    ret->git = path_join(arena, libexec, "sluice-git");
    ret->python_env = path_join(arena, libexec, "sluice-python-env");
    ret->plugins = built ? path_join(arena, folder, "plugins") : path_join(arena, prefix, "lib/sluice/plugins");
    ret->share = built ? folder : path_join(arena, prefix, "share/sluice");
    ret->lua = path_join(arena, ret->share, "lua");
    ret->step_header = path_join(arena, built ? folder : prefix, "include/sluice/step.h");
}

const char *const *session_plugin_folders(const struct cli *cli)
{
    struct installation installation;
    installation_find(cli, &installation);
    const char **folders = arena_array(cli->arena, 3, sizeof *folders);
    const char *own = getenv("SLUICE_PLUGINS");
    size_t count = 0;
    if (own != NULL && *own != '\0') {
        folders[count++] = own;
    }
    folders[count] = installation.plugins;
    return folders;
}

void session_catalogue(const struct cli *cli, struct catalogue *ret_catalogue)
{
    const char *const *folders = session_plugin_folders(cli);
    catalogue_init(ret_catalogue, cli->arena);
    for (size_t i = 0; folders[i] != NULL; i++) {
        catalogue_add_folder(ret_catalogue, folders[i]);
    }
}

static bool is_passed(const char *pattern, struct str name)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*') {
        return name.n >= length - 1 && memcmp(name.p, pattern, length - 1) == 0;
    }
    return str_is(name, pattern);
}

static struct json step_environment(const struct session *session)
{
    struct arena *arena = session->cli->arena;
    struct json result = json_object();
    for (char **entry = environ; *entry != NULL; entry++) {
        struct str rest = str_from(*entry);
        struct str name = {0};
        (void)str_cut(&rest, '=', &name);
        bool passed = false;
        for (size_t i = 0; !passed && i < sizeof passed_names / sizeof passed_names[0]; i++) {
            passed = is_passed(passed_names[i], name);
        }
        for (size_t i = 0; !passed && i < session->config.step_env_count; i++) {
            passed = is_passed(session->config.step_env[i].p, name);
        }
        if (passed && rest.p != NULL) {
            json_set(arena, &result, arena_str(arena, name).p, json_string(arena, rest));
        }
    }
    return result;
}

/* ---- who asks ---------------------------------------------------------------------------------------- */

static bool lists_actor(const struct json *list, const char *actor)
{
    for (size_t i = 0; list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        if (list->u.array.items[i].type == JSON_STRING && str_is(list->u.array.items[i].u.string, actor)) {
            return true;
        }
    }
    return false;
}

static void add_system_groups(const struct session *session, const gid_t *gids, size_t count, struct json *groups)
{
    for (size_t i = 0; i < count; i++) {
        const struct group *group = getgrgid(gids[i]);
        bool configured = group != NULL && json_get(&session->config.groups, group->gr_name) != NULL;
        if (group != NULL && !configured) {
            json_push(session->cli->arena, groups, json_cstring(session->cli->arena, group->gr_name));
        }
    }
}

void session_actor_of(const struct session *session, uid_t uid, const gid_t *gids, size_t count,
                      const char **ret_actor, struct json *ret_groups)
{
    struct arena *arena = session->cli->arena;
    const struct passwd *user = getpwuid(uid);
    const char *actor =
        user != NULL ? arena_strdup(arena, user->pw_name) : arena_printf(arena, "uid-%u", (unsigned)uid);
    const struct json *configured = &session->config.groups;
    struct json groups = json_array();
    for (size_t i = 0; configured->type == JSON_OBJECT && i < configured->u.object.count; i++) {
        if (lists_actor(&configured->u.object.members[i].value, actor)) {
            json_push(arena, &groups, json_string(arena, configured->u.object.members[i].key));
        }
    }
    add_system_groups(session, gids, count, &groups);
    *ret_actor = actor;
    *ret_groups = groups;
}

void session_actor(struct session *session)
{
    gid_t gids[256];
    int count = getgroups(256, gids);
    session_actor_of(session, getuid(), gids, count < 0 ? 0 : (size_t)count, &session->actor, &session->groups);
}

static bool lists_others(const struct json *list, const char *actor)
{
    for (size_t i = 0; list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        if (list->u.array.items[i].type != JSON_STRING || !str_is(list->u.array.items[i].u.string, actor)) {
            return true;
        }
    }
    return false;
}

/* A home has one user unless its configuration names somebody else, or its folder lets others write. */
static bool is_single_user(const struct session *session)
{
    const struct json *groups = &session->config.groups;
    struct stat folder;
    if (stat(session->home.path, &folder) < 0 || (folder.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return false;
    }
    for (size_t i = 0; groups->type == JSON_OBJECT && i < groups->u.object.count; i++) {
        if (lists_others(&groups->u.object.members[i].value, session->actor)) {
            return false;
        }
    }
    return true;
}

int session_take_config(struct session *session, const char *actor, const char **ret_words, struct err *err)
{
    return home_take_config(&session->home, &session->config, is_single_user(session), session->actor, actor,
                            session->cli->arena, ret_words, err);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static int read_slots(const struct cli *cli, int *ret_slots, struct err *err)
{
    const char *text = option_value(cli, "jobs");
    int64_t slots = 0;
    if (text != NULL && parse_int(str_from(text), 1, 10000, &slots, err) < 0) {
        return err_add(err, "--jobs");
    }
    *ret_slots = (int)slots;
    return 0;
}

int session_prepare(struct session *session, struct err *err)
{
    session_catalogue(session->cli, &session->catalogue);
    const char *home = session->home.path;
    if (config_load_home(home, session->cli->arena, &session->config_diags, &session->config, err) < 0 ||
        secret_source_open(&session->secrets, session->cli, home, session->home.store, &session->config, err) < 0 ||
        config_vars(&session->config, session->options.environment, &session->vars, err) < 0) {
        return -1;
    }
    session_actor(session);
    session->step_env = step_environment(session);
    return 0;
}

struct webhook_rules session_webhook_rules(const struct session *session)
{
    const struct telling *telling = &session->config.telling;
    return (struct webhook_rules){
        .allow_http = telling->allow_http,
        .allow = telling->allow,
        .allow_count = telling->allow_count,
        .retry_first_ms = telling->retry_first_ms,
        .retry_for_ms = telling->retry_for_ms,
    };
}

static void join_compiler(void *ctx, struct pipeline_world *world)
{
    struct session *session = ctx;
    lua_compiler_join(session->cli, world);
    world->channels = session->config.channels.names;
    world->channel_count = session->config.channels.channel_count;
}

/* What git says of a workspace now. */
static struct json git_of(const char *workspace, struct arena *arena)
{
    return git_head(git_root(workspace, arena), arena);
}

static const char *why_triggers_are_off(const struct session *session)
{
    return config_fires(&session->config, session->options.environment)
               ? NULL
               : "config.yaml: triggers start nothing in this environment";
}

static int64_t keep_triggers_ms(const struct session *session)
{
    const struct retention *rule = &session->config.retention[RETENTION_TRIGGERS];
    return rule->given ? rule->older_than_ms : 0;
}

static void start_triggers(struct session *session)
{
    struct triggers_options options = {
        .store = session->home.store,
        .plugins = &session->catalogue,
        .vars = session->vars,
        .fires = session->options.fires,
        .off = why_triggers_are_off(session),
        .keep_ms = keep_triggers_ms(session),
        .folder = session->options.pipelines,
        .workspace = git_root,
        .git = git_of,
        .join = join_compiler,
        .join_ctx = session,
        .home = session->home.path,
        .sources = session->config.sources,
        .git_world = source_world_of(session->installation.git),
        .secret = secret_source_read,
        .secret_forget = secret_source_forget,
        .secret_ctx = &session->secrets,
    };
    session->triggers = triggers_new(&options);
}

void session_take_hooks(struct session *session)
{
    struct hooks_options options = {
        .store = session->home.store,
        .triggers = session->triggers,
        .clock = &clock_system,
        .secret = secret_source_read,
        .secret_forget = secret_source_forget,
        .seal = secret_source_seal_delivery,
        .open = secret_source_open_delivery,
        .ctx = &session->secrets,
    };
    session->hooks = hooks_new(&options);
}

/* The descriptors of others that end the engine's wait. */
static int watch_others(struct session *session, struct err *err)
{
    int folder = triggers_fd(session->triggers);
    return engine_watch(session->engine, session->secrets.epoll_fd, err) < 0 ||
                   (folder >= 0 && engine_watch(session->engine, folder, err) < 0)
               ? -1
               : 0;
}

/* What the configuration says of the engine. */
static void configure(const struct session *session, struct engine_options *options)
{
    const struct config *config = &session->config;
    options->step_env = session->step_env;
    options->step_env_names = config->step_env;
    options->step_env_name_count = config->step_env_count;
    options->vars = session->vars;
    options->reap_after_ms = session->options.stays ? config->reap_after_ms : 0;
    options->webhooks = session_webhook_rules(session);
    options->telling = config->channels;
    options->groups = config->groups;
    options->single_user = is_single_user(session);
    config_supply(config, cgroup_root(), getenv("CUDA_VISIBLE_DEVICES"), &options->supply, &options->supply_count);
}

int session_reconfigure(struct session *session, struct err *err)
{
    struct session next = *session;
    struct engine_options options = {0};
    if (config_load_home(session->home.path, session->cli->arena, &next.config_diags, &next.config, err) < 0 ||
        config_vars(&next.config, session->options.environment, &next.vars, err) < 0) {
        return -1;
    }
    config_answers_forget(&session->config);
    session->config = next.config; /* the sources of secrets look at it here */
    session->config_diags = next.config_diags;
    session->vars = next.vars;
    session->step_env = step_environment(session);
    configure(session, &options);
    tracking_reconfigure(session->tracking);
    triggers_reconfigure(session->triggers, session->vars, why_triggers_are_off(session), session->config.sources,
                         keep_triggers_ms(session));
    return engine_reconfigure(session->engine, &options, err);
}

int session_apart(const struct config *config, const char *home, struct arena *arena, struct engine_apart *ret,
                  struct err *err)
{
    struct keeper_facts facts;
    *ret = (struct engine_apart){0};
    if (config->runner_socket == NULL) {
        return 0;
    }
    if (keeper_who(config->runner_socket, arena, &facts, err) < 0) {
        return err_add(err, "config.yaml says that steps are of another user ('runner'), and they cannot be");
    }
    if (strcmp(path_normal(arena, facts.home), path_normal(arena, home)) != 0) {
        return err_set(err, ERR_STATE, "the service at '%s' is for the home '%s', and not for '%s'",
                       config->runner_socket, facts.home, home);
    }
    const struct passwd *user = getpwuid(facts.uid);
    *ret = (struct engine_apart){
        .socket = config->runner_socket,
        .uid = facts.uid,
        .gid = facts.gid,
        .user = user == NULL ? NULL : arena_strdup(arena, user->pw_name),
        .folder = user == NULL ? NULL : arena_strdup(arena, user->pw_dir),
    };
    return 0;
}

/* Before anything is made in the home that steps share. */
static int set_apart(struct session *session, struct err *err)
{
    struct engine_apart *apart = &session->apart;
    const char *home = session->home.path;
    struct err wrong = {0};
    int result = session_apart(&session->config, home, session->cli->arena, apart, &wrong);
    if (result == 0 && apart->socket != NULL) {
        session->world = engine_world_apart(apart);
        result = engine_apart_prepare(home, apart, &wrong);
    }
    /* Whatever it is: nothing can be run in this home. */
    return result < 0 ? err_set(err, ERR_IO, "%s", wrong.message) : 0;
}

static int start_engine(struct session *session, struct err *err)
{
    if (set_apart(session, err) < 0) {
        return -1;
    }
    bool apart = session->apart.socket != NULL;
    start_triggers(session);
    struct engine_options options = {
        .home = session->home.path,
        .store = session->home.store,
        .runner = session->installation.runner,
        .fetch = session->installation.fetch,
        .python_env = session->installation.python_env,
        .lua_folder = session->installation.lua,
        .plugins = &session->catalogue,
        .clock = &clock_system,
        .world = apart ? &session->world : NULL,
        .apart = apart ? &session->apart : NULL,
        .linger_s = session->options.stays ? LINGER_FOR_EVER : LINGER_S,
        .secret = secret_source_read,
        .secret_forget = secret_source_forget,
        .secret_ctx = &session->secrets,
        .webhook_secret = secret_source_open_webhook,
        .starts_nothing = session->options.starts_nothing,
        .firing = triggers_firing(session->triggers),
    };
    configure(session, &options);
    if (!session->options.starts_nothing) {
        file_limit_raise(); /* clients may be many */
        session->tracking = tracking_new(session);
        options.tracking = tracking_take;
        options.tracking_gone = tracking_drop;
        options.tracking_ctx = session->tracking;
    }
    return read_slots(session->cli, &options.slots, err) < 0 || engine_open(&options, &session->engine, err) < 0
               ? -1
               : watch_others(session, err);
}

void session_begin(struct session *session, struct cli *cli, const struct session_options *options)
{
    *session = (struct session){.cli = cli, .options = *options, .home.lock_fd = -1};
    session->opened_ms = clock_wall_ms(&clock_system);
    if (session->options.home == NULL) {
        session->options.home = option_value(cli, "home");
    }
    installation_find(cli, &session->installation);
}

/* Recovery may end some of them: their last steps had ended, and nobody had read it. */
static int note_open(struct session *session, struct err *err)
{
    struct pipeline_run_filter filter = {.open = true};
    return store_pipeline_run_list(session->home.store, &filter, session->cli->arena, &session->found,
                                   &session->found_count, err);
}

/* What the engine writes down as it begins it writes again as long as the home has nothing else. */
static int start_new(struct session *session, struct err *err)
{
    struct store *store = session->home.store;
    return store_sync_later(store, true, err) < 0 || start_engine(session, err) < 0
               ? -1
               : store_sync_later(store, false, err);
}

int session_open(struct cli *cli, const struct session_options *options, struct session *ret_session, struct err *err)
{
    struct session *session = ret_session;
    const char *difference = NULL;
    session_begin(session, cli, options);
    if (home_open(session->options.home, HOME_WRITE_LATER, options->doing, cli->arena, &session->home, err) < 0 ||
        session_prepare(session, err) < 0 || session_take_config(session, session->actor, &difference, err) < 0 ||
        note_open(session, err) < 0 ||
        start_new(session, err) < 0) {
        session_close(session);
        return -1;
    }
    return 0;
}

void session_close(struct session *session)
{
    bool delivers = session->engine != NULL && !session->options.starts_nothing && !session->options.stays;
    tracking_free(session->tracking);
    session->tracking = NULL;
    if (delivers) {
        engine_deliver(session->engine, FAREWELL_MS);
    }
    engine_close(session->engine);
    session->engine = NULL;
    hooks_free(session->hooks);
    session->hooks = NULL;
    triggers_free(session->triggers);
    session->triggers = NULL;
    secret_source_close(&session->secrets);
    visit_end(session->visit);
    session->visit = NULL;
    home_close(&session->home);
}
