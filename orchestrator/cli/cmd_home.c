/* SPDX-License-Identifier: Apache-2.0
 * init, config, doctor: making a home, its settings, and whether all is well.
 */
#include "base/cgroup.h"
#include "base/fs.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/diag_print.h"
#include "cli/git_head.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/session.h"
#include "config/supply.h"
#include "store/activity.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- init ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *doc;
} init_templates[] = {
    {"hello", "one step that says hello"},
    {"retraining", "train every night, judge against the champion, ask, deploy"},
    {"python", "a Python script, a gate and a registered model"},
};
enum { TEMPLATE_COUNT = sizeof init_templates / sizeof init_templates[0], GITIGNORE_MAX = 1 << 20 };

static int find_template(const struct cli *cli, const char *name, struct err *err)
{
    const char *names[TEMPLATE_COUNT + 1] = {NULL};
    for (int i = 0; i < TEMPLATE_COUNT; i++) {
        names[i] = init_templates[i].name;
    }
    return names_choice("--from", name, names, cli->arena, err);
}

/* Copies every file of the template that is not there yet; a file that is there is never touched. */
static int copy_template(struct cli *cli, const char *from, struct err *err)
{
    struct fs_list list;
    if (fs_walk(from, 1000, cli->arena, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (fs_exists(list.entries[i].path)) {
            return err_set(err, ERR_EXISTS,
                           "'%s' is there already: init leaves files alone; remove it, or go to an empty folder",
                           list.entries[i].path);
        }
    }
    for (size_t i = 0; i < list.count; i++) {
        const char *path = list.entries[i].path;
        if (fs_make_folders(path_dir(cli->arena, path), 0755, err) < 0 ||
            fs_copy(path_join(cli->arena, from, path), path, err) < 0) {
            return -1;
        }
        if (!cli->quiet) {
            fprintf(stderr, "wrote %s\n", path);
        }
    }
    return 0;
}

/* Adds .sluice/ to .gitignore, unless a line says so already. */
static int ignore_home(struct cli *cli, struct err *err)
{
    struct str text = {0};
    struct str line = {0};
    if (fs_exists(".gitignore") && fs_read(".gitignore", GITIGNORE_MAX, cli->arena, &text, err) < 0) {
        return -1;
    }
    for (struct str rest = text; str_cut(&rest, '\n', &line);) {
        line = str_trim(line);
        if (str_is(line, ".sluice/") || str_is(line, ".sluice") || str_is(line, "/.sluice/") ||
            str_is(line, "/.sluice")) {
            return 0;
        }
    }
    const char *newline = text.n > 0 && text.p[text.n - 1] != '\n' ? "\n" : "";
    const char *whole =
        arena_printf(cli->arena, "%.*s%s.sluice/\n", (int)text.n, text.p == NULL ? "" : text.p, newline);
    return fs_write(".gitignore", str_from(whole), 0644, false, err);
}

/* Below the root of a checkout steps would run at that root, where what was written here is not found. */
static const char *next_command(struct cli *cli)
{
    char here[4096];
    const char *root = getcwd(here, sizeof here) == NULL ? NULL : git_root(here, cli->arena);
    return root == NULL || strcmp(root, here) == 0 ? "sluice run" : "sluice run --workspace .";
}

static int run_init(struct cli *cli)
{
    struct err err = {0};
    struct installation installation;
    struct home home;
    const char *name = option_value(cli, "from");
    int template = find_template(cli, name == NULL ? "hello" : name, &err);
    if (template < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    installation_find(cli, &installation);
    const char *from =
        path_join(cli->arena, path_join(cli->arena, installation.share, "templates"), init_templates[template].name);
    if (!fs_is_folder(from)) {
        (void)err_set(&err, ERR_NOT_FOUND, "the template '%s' is not installed: expected it in '%s'",
                      init_templates[template].name, from);
        return cli_fail(cli, EXIT_HOME, &err);
    }
    if (copy_template(cli, from, &err) < 0) {
        return cli_fail(cli, err.code == ERR_EXISTS ? EXIT_USAGE : EXIT_HOME, &err);
    }
    /* Here, even when there is a home further up; --home and SLUICE_HOME are obeyed as everywhere. */
    const char *given = option_value(cli, "home");
    const char *named = getenv("SLUICE_HOME");
    given = given == NULL && (named == NULL || *named == '\0') ? ".sluice" : given;
    if (ignore_home(cli, &err) < 0 || home_open(given, HOME_WRITE, "init", cli->arena, &home, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "home", json_cstring(cli->arena, home.path));
        json_set(cli->arena, &object, "template", json_cstring(cli->arena, init_templates[template].name));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        printf("home: %s\nnext: %s\n", home.path, next_command(cli));
    }
    home_close(&home);
    return EXIT_OK;
}

static const struct option_row init_options[] = {
    {"from", 0, "TEMPLATE", false, "hello (default), retraining or python"},
    {0},
};

const struct command command_init = {
    .name = "init",
    .group = "Start",
    .summary = "write a first pipeline here, and make a home",
    .details =
        "Writes sluice.yaml and what it needs into the current folder, makes ./.sluice, and adds it to .gitignore. "
        "Files that are there are "
        "never overwritten.\n"
        "\n"
        "Templates: hello, one step that says hello; retraining, train every night, judge against the champion, ask, "
        "deploy; python, a "
        "Python script, a gate and a registered model.",
    .examples = "sluice init\nsluice init --from retraining",
    .options = init_options,
    .run = run_init,
};

/* ---- config ---------------------------------------------------------------------------------------------------- */

static void print_keys(void)
{
    size_t widest = 0;
    for (size_t i = 0; i < config_key_count; i++) {
        size_t columns = strlen(config_keys[i].key);
        widest = columns > widest ? columns : widest;
    }
    printf("keys of config.yaml:\n");
    for (size_t i = 0; i < config_key_count; i++) {
        printf("  %-*s  %-18s  %s\n", (int)widest, config_keys[i].key, config_keys[i].type, config_keys[i].doc);
    }
}

/* {cpu: 2, memory: 8589934592, gpu: 1, warehouse: 3}: cores and bytes. */
static struct json supply_json(struct cli *cli, const struct config *config)
{
    const struct resource_supply *supply = NULL;
    size_t count = 0;
    struct json object = json_object();
    config_supply(config, cgroup_root(), getenv("CUDA_VISIBLE_DEVICES"), &supply, &count);
    for (size_t i = 0; i < count; i++) {
        bool cores = str_is(supply[i].name, RESOURCE_CPU);
        json_set(cli->arena, &object, supply[i].name.p,
                 cores ? json_number((double)supply[i].amount / 1000) : json_int(supply[i].amount));
    }
    return object;
}

static void print_config_json(struct cli *cli, const char *home, const char *file, const struct config *config)
{
    struct json object = json_object();
    struct json secrets = json_array();
    for (size_t i = 0; i < config->secret_count; i++) {
        json_push(cli->arena, &secrets, json_string(cli->arena, config->secrets[i].name));
    }
    json_set(cli->arena, &object, "home", json_cstring(cli->arena, home));
    json_set(cli->arena, &object, "file", fs_exists(file) ? json_cstring(cli->arena, file) : json_null());
    json_set(cli->arena, &object, "environment", json_string(cli->arena, config->environment));
    json_set(cli->arena, &object, "environments", config->environments);
    json_set(cli->arena, &object, "resources", supply_json(cli, config));
    json_set(cli->arena, &object, "groups", config->groups);
    json_set(cli->arena, &object, "secrets", secrets);
    printf("%s\n", json_text(cli->arena, &object).p);
}

/* It looks at the file alone: there may be no store yet. */
static int run_config(struct cli *cli)
{
    const char *home = home_find(option_value(cli, "home"), cli->arena);
    const char *file = path_join(cli->arena, home, "config.yaml");
    struct config config = {.arena = cli->arena};
    struct diags diags;
    struct err err = {0};
    const struct resource_supply *supply = NULL;
    size_t count = 0;
    if (home_demand(option_value(cli, "home"), cli->arena, &err) < 0) {
        return cli_fail(cli, EXIT_HOME, &err);
    }
    diags_init(&diags, cli->arena, file);
    if (fs_exists(file) && config_load(file, &diags, &config) < 0) {
        diag_print(cli->json ? DIAG_FORMAT_JSON : DIAG_FORMAT_TEXT, &diags, 1, cli->colour_messages,
                   cli->json ? stdout : stderr);
        return EXIT_USAGE;
    }
    if (cli->json) {
        print_config_json(cli, home, file, &config);
        return EXIT_OK;
    }
    config_supply(&config, "", getenv("CUDA_VISIBLE_DEVICES"), &supply, &count);
    printf("home: %s\nfile: %s%s\n", home, file, fs_exists(file) ? "" : " (not there: all defaults)");
    for (size_t i = 0; i < config.secret_count; i++) {
        printf("secret %.*s\n", STR_ARG(config.secrets[i].name));
    }
    for (size_t i = 0; i < count; i++) {
        printf("resource %.*s: %s\n", STR_ARG(supply[i].name),
               resource_words(supply[i].name, supply[i].amount, cli->arena));
    }
    print_keys();
    return EXIT_OK;
}

const struct command command_config = {
    .name = "config",
    .group = "Home",
    .summary = "check config.yaml of the home, and list the keys it may have",
    .details = "Secrets are named, never shown.",
    .examples = "sluice config\nsluice config --json",
    .run = run_config,
};

/* ---- doctor ---------------------------------------------------------------------------------------------------- */

struct checkup {
    struct cli *cli;
    struct json results;
    bool ill;
};

static void report(struct checkup *checkup, const char *what, bool well, const char *words)
{
    struct arena *arena = checkup->cli->arena;
    struct json result = json_object();
    json_set(arena, &result, "check", json_cstring(arena, what));
    json_set(arena, &result, "well", json_bool(well));
    char *line = arena_strdup(arena, words);
    for (char *p = line; *p != '\0'; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    json_set(arena, &result, "words", json_cstring(arena, line));
    json_push(arena, &checkup->results, result);
    checkup->ill = checkup->ill || !well;
    if (!checkup->cli->json) {
        printf("%s %-17s %s\n", well ? "ok  " : "BAD ", what, line);
    }
}

static void check_installation(struct checkup *checkup)
{
    struct arena *arena = checkup->cli->arena;
    struct installation installation;
    struct catalogue catalogue;
    installation_find(checkup->cli, &installation);
    const char *programs[] = {installation.runner, installation.fetch, installation.python_env};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        bool there = access(programs[i], X_OK) == 0;
        report(checkup, path_base(programs[i]), there,
               there ? programs[i] : arena_printf(arena, "not at %s: install it again", programs[i]));
    }
    const char *const *folders = session_plugin_folders(checkup->cli);
    for (size_t i = 0; folders[i] != NULL; i++) {
        catalogue_init(&catalogue, arena);
        catalogue_add_folder(&catalogue, folders[i]);
        report(checkup, "plugins", catalogue.count > 0, arena_printf(arena, "%zu in %s", catalogue.count, folders[i]));
    }
    session_catalogue(checkup->cli, &catalogue);
    for (size_t i = 0; i < catalogue.problem_count; i++) {
        report(checkup, "plugin", false, catalogue.problems[i].message.p);
    }
    bool zones = fs_is_folder("/usr/share/zoneinfo");
    report(checkup, "time zones", zones,
           zones ? "/usr/share/zoneinfo" : "no /usr/share/zoneinfo: only UTC is known; install tzdata");
}

/* Which limit holds a step to the memory that it asks for. */
static void check_memory(struct checkup *checkup)
{
    struct arena *arena = checkup->cli->arena;
    pid_t own = getpid();
    struct cgroup group;
    cgroup_find(cgroup_root(), geteuid(), &own, 1, arena, &group);
    if (group.why_not == NULL) {
        report(checkup, "memory limit", true, arena_printf(arena, "by the kernel, in groups of '%s'", group.folder));
        return;
    }
    /* What all processes of a step share can be told apart or not. */
    bool exact = access("/proc/self/smaps_rollup", R_OK) == 0;
    report(checkup, "memory limit", true,
           arena_printf(arena, "looked at every 250 ms, what processes share counted %s; not by the kernel: %s",
                        exact ? "once" : "for each of them", group.why_not));
}

/* Whose the steps are, and what follows from it. */
static void check_steps(struct checkup *checkup, const char *home, const struct config *config)
{
    struct arena *arena = checkup->cli->arena;
    struct engine_apart apart;
    struct err err = {0};
    if (session_apart(config, home, arena, &apart, &err) < 0) {
        report(checkup, "steps", false, arena_strdup(arena, err.message));
        return;
    }
    if (apart.socket == NULL) {
        report(checkup, "steps", true,
               "trusted: they run as the user that runs sluice, and may read the home and its key");
        return;
    }
    const char *fault = engine_apart_fault(home, &apart, arena);
    const struct passwd *user = getpwuid(apart.uid);
    report(checkup, "steps", fault == NULL,
           fault != NULL ? fault
                         : arena_printf(arena,
                                        "apart: they run as %s (uid %u), which can open neither key, store nor sockets",
                                        user == NULL ? "a user of their own" : user->pw_name, (unsigned)apart.uid));
}

static void check_disk(struct checkup *checkup, const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) == 0) {
        double gigabytes = (double)disk.f_bavail * (double)disk.f_frsize / (1024.0 * 1024 * 1024);
        report(checkup, "disk", gigabytes >= 0.1, arena_printf(checkup->cli->arena, "%.1f GB free", gigabytes));
    }
}

static void check_key(struct checkup *checkup, const char *home)
{
    unsigned char key[HOME_KEY_BYTES];
    struct err err = {0};
    bool good = home_read_key(home, true, key, &err) == 0;
    explicit_bzero(key, sizeof key);
    report(checkup, "key", good, good ? "yours alone" : arena_strdup(checkup->cli->arena, err.message));
}

/* Those that are sealed: how many, and which of them cannot be opened. */
static const char *check_sealed(struct secret_source *source, struct arena *arena, size_t *ret_bad, struct err *err)
{
    struct secret_row *rows = NULL;
    size_t count = 0;
    const char *names = "";
    struct err first = {0};
    if (store_secret_list(source->store, arena, &rows, &count, err) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct err wrong = {0};
        if (secret_source_check(source, &rows[i], &wrong) < 0) {
            first = *ret_bad == 0 ? wrong : first;
            names = arena_printf(arena, "%s%s%s", names, *ret_bad == 0 ? "" : ", ", rows[i].name);
            ++*ret_bad;
        }
    }
    return *ret_bad == 0 ? arena_printf(arena, "%zu sealed, %zu in config.yaml", count, source->config->secret_count)
                         : arena_printf(arena, "%zu of %zu cannot be opened (%s): %s", *ret_bad, count, names,
                                        first.message);
}

static void check_secrets(struct checkup *checkup, struct home *home)
{
    struct arena *arena = checkup->cli->arena;
    struct secret_source source = {0};
    struct config config;
    struct diags diags;
    struct err err = {0};
    size_t bad = 0;
    const char *words = NULL;
    if (config_load_home(home->path, arena, &diags, &config, &err) == 0 &&
        secret_source_open(&source, checkup->cli, home->path, home->store, &config, &err) == 0) {
        words = check_sealed(&source, arena, &bad, &err);
    }
    report(checkup, "secrets", words != NULL && bad == 0, words == NULL ? arena_strdup(arena, err.message) : words);
    if (words != NULL) { /* else config.yaml may not say */
        check_steps(checkup, home->path, &config);
    }
    secret_source_close(&source);
}

static void check_home(struct checkup *checkup)
{
    struct arena *arena = checkup->cli->arena;
    struct err err = {0};
    struct home home;
    const char *path = home_find(option_value(checkup->cli, "home"), arena);
    if (!fs_is_folder(path)) {
        report(checkup, "home", true, arena_printf(arena, "none yet: 'sluice init' or 'sluice run' makes %s", path));
        return;
    }
    check_disk(checkup, path);
    if (home_open(option_value(checkup->cli, "home"), HOME_READ, "doctor", arena, &home, &err) < 0) {
        report(checkup, "home", false, arena_strdup(arena, err.message));
        return;
    }
    report(checkup, "home", true, path);
    bool sound = store_check(home.store, &err) == 0;
    report(checkup, "store", sound,
           sound ? arena_printf(arena, "sound, schema %d, SQLite %s", store_schema_version(), store_sqlite_version())
                 : arena_strdup(arena, err.message));
    int64_t rows = 0;
    char head[96] = "";
    struct err broken = {0};
    bool holds = store_activity_verify(home.store, NULL, &rows, head, &broken) == 0;
    report(checkup, "activity", holds,
           holds ? arena_printf(arena, "chain of %lld rows holds", (long long)rows)
                 : arena_strdup(arena, broken.message));
    check_key(checkup, path);
    check_secrets(checkup, &home);
    home_close(&home);
}

static int run_doctor(struct cli *cli)
{
    struct checkup checkup = {.cli = cli, .results = json_array()};
    check_installation(&checkup);
    check_memory(&checkup);
    check_home(&checkup);
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &checkup.results).p);
    }
    return checkup.ill ? EXIT_HOME : EXIT_OK;
}

const struct command command_doctor = {
    .name = "doctor",
    .group = "Home",
    .summary = "is the installation whole, the store sound, the activity log intact?",
    .details = "Also: is the key yours alone, does each sealed secret open, whose are the steps? Exit code 4 when "
               "something is not well.",
    .examples = "sluice doctor\nsluice doctor --json",
    .run = run_doctor,
};
