/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_cli.h"

#include "base/fs.h"
#include "base/path.h"
#include "runner/lua_fake_host.h"
#include "runner/lua_host.h"
#include "runner/lua_test.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 6, HIDDEN_S = 2 };

static const char usage[] =
    "usage: sluice lua run FILE [--params JSON] [--inputs JSON] [--out FOLDER] [--json]\n"
    "       sluice lua test [FILE|FOLDER...]\n"
    "\n"
    "run   runs a script as a step would, and prints what it records\n"
    "      sluice lua run smooth.lua --params '{\"series\": [1, 5, 2], \"window\": 2}'\n"
    "      sluice lua run train.lua --inputs '{\"data\": \"data/wine.csv\"}' --json\n"
    "      --out FOLDER is sluice.step.dir, and stays; metrics.json in it gets the last value of each metric\n"
    "test  runs the functions of the tables that *_test.lua files return\n"
    "      sluice lua test tests\n"
    "\n"
    "--lua FOLDER  where the standard modules are, if not beside this program\n";

struct lua_arguments {
    const char *lua_folder;
    const char *params;
    const char *inputs;
    const char *out;
    bool json;
    bool help;
    int count;
    char **words; /* what is no option */
};

static int read_arguments(int argc, char **argv, struct lua_arguments *ret, struct err *err)
{
    static const struct option table[] = {
        {"lua", required_argument, NULL, 'l'}, {"params", required_argument, NULL, 'p'},
        {"inputs", required_argument, NULL, 'i'}, {"out", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},      {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        switch (option) {
        case 'l':
            ret->lua_folder = optarg;
            break;
        case 'p':
            ret->params = optarg;
            break;
        case 'i':
            ret->inputs = optarg;
            break;
        case 'o':
            ret->out = optarg;
            break;
        case 'j':
            ret->json = true;
            break;
        case 'h':
            ret->help = true;
            break;
        default:
            return err_set(err, ERR_INPUT, option == ':' ? "option '%s' needs a value" : "there is no option '%s'",
                           argv[optind - 1]);
        }
    }
    ret->count = argc - optind;
    ret->words = argv + optind;
    return 0;
}

static int usage_error(const struct err *err)
{
    (void)fprintf(stderr, "sluice: %s\n\n%s", err->message, usage);
    return EXIT_USAGE;
}

/* ---- run ---- */

static int read_map(const char *option, const char *text, struct arena *arena, struct json *ret, struct err *err)
{
    if (text == NULL) {
        *ret = json_object();
        return 0;
    }
    if (json_read(str_from(text), (struct json_limits){0}, arena, ret, err) < 0) {
        return err_add(err, "%s", option);
    }
    return ret->type == JSON_OBJECT ? 0
                                    : err_set(err, ERR_INPUT, "%s: expected a map like {\"name\": 1}, found %s", option,
                                              json_type_name(ret->type));
}

/* They lie beside the program where it was built, and below share/ where it was installed. */
static const char *standard_modules(struct arena *arena)
{
    char program[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size < 0 ? 0 : size] = '\0';
    const char *folder = path_dir(arena, program);
    const char *beside = path_join(arena, folder, "lua");
    return fs_is_folder(beside) ? beside : path_join(arena, folder, "../../share/sluice/lua");
}

/* As a step's `metrics:` reads it: JSON has no NaN, so what is not finite is a text. */
static int leave_metrics(const struct lua_fake_host *fake, const char *out, struct err *err)
{
    struct json last = json_object();
    for (size_t i = 0; i < fake->metrics.u.object.count; i++) {
        const struct json_member *metric = &fake->metrics.u.object.members[i];
        double value = json_get_number(&metric->value, "value", NAN);
        json_set(fake->arena, &last, metric->key.p,
                 isfinite(value) ? json_number(value)
                                 : json_cstring(fake->arena, isnan(value)   ? "NaN"
                                                             : value > 0 ? "Infinity"
                                                                         : "-Infinity"));
    }
    return fs_write(path_join(fake->arena, out, "metrics.json"), json_text(fake->arena, &last), 0644, false, err);
}

static int run_script(struct lua_fake_host *fake, const char *file, struct err *err)
{
    struct str text;
    struct lua_host *host = NULL;
    int result = fs_read(file, LUA_HOST_FILE_MAX_BYTES, fake->arena, &text, err);
    if (result == 0) {
        host = lua_host_new(&fake->spawn, &fake->sink, fake->arena, &fake->outcome, err);
        result = host == NULL ? -1 : 0;
    }
    if (result == 0) {
        lua_limit_catch(host, SIGINT, true);
        lua_limit_catch(host, SIGTERM, false); /* timeout(1) sends it twice */
        result = lua_host_run_text(host, text, arena_printf(fake->arena, "@%s", file), 0, err);
    }
    lua_host_free(host);
    return result;
}

static int tell_end(struct lua_fake_host *fake, bool as_json)
{
    struct json summary = lua_fake_host_summary(fake);
    if (as_json) {
        (void)printf("%s\n", json_text(fake->arena, &summary).p);
    } else {
        (void)fflush(stdout);
        (void)fprintf(stderr, "%s%s%s\n", json_get_text(&summary, "status", ""),
                      fake->outcome.reason[0] == '\0' ? "" : ": ", fake->outcome.reason);
    }
    return fake->outcome.result == STEP_FAILED ? EXIT_FAILED : fake->outcome.result == STEP_REFUSED ? EXIT_REFUSED : 0;
}

static int run(const struct lua_arguments *arguments, struct err *err)
{
    struct arena *arena = arena_new();
    struct lua_fake_host fake = {0};
    struct json params;
    struct json inputs;
    struct lua_fake_options options = {
        .lua_folder = arguments->lua_folder, .params = &params, .inputs = &inputs, .out = arguments->out};
    int code = -1;
    if (arguments->count != 1) {
        (void)err_set(err, ERR_INPUT, "lua run: expected one file, found %d", arguments->count);
    } else if (read_map("--params", arguments->params, arena, &params, err) == 0 &&
               read_map("--inputs", arguments->inputs, arena, &inputs, err) == 0) {
        struct err wrong = {0};
        options.file = arguments->words[0];
        int result = lua_fake_host_open(&fake, &options, &wrong);
        fake.print_to = arguments->json ? NULL : stdout;
        fake.log_to = stderr;
        (void)setvbuf(stdout, NULL, _IOLBF, 0); /* what an endless script has said is seen */
        if (result < 0 || run_script(&fake, options.file, &wrong) < 0 ||
            (options.out != NULL && leave_metrics(&fake, options.out, &wrong) < 0)) {
            fake.outcome.result = STEP_FAILED;
            step_outcome_reason(&fake.outcome, wrong.message);
        }
        code = tell_end(&fake, arguments->json);
        lua_fake_host_close(&fake);
    }
    arena_free(arena);
    return code;
}

/* ---- test ---- */

static int test(const struct lua_arguments *arguments, struct err *err)
{
    struct lua_test_counts counts = {0};
    char here[] = ".";
    char *const current[] = {here};
    char *const *paths = arguments->count == 0 ? current : arguments->words;
    if (arguments->params != NULL || arguments->inputs != NULL || arguments->json) {
        return err_set(err, ERR_INPUT, "lua test takes files and folders, and no options");
    }
    for (int i = 0; i < (arguments->count == 0 ? 1 : arguments->count); i++) {
        struct err wrong = {0};
        if (lua_test_path(paths[i], arguments->lua_folder, &counts, &wrong) < 0) {
            (void)fprintf(stderr, "sluice: %s\n", wrong.message);
            counts.failed++;
        }
    }
    if (counts.passed + counts.failed == 0) {
        (void)fprintf(stderr, "sluice: there are no files *_test.lua here\n");
        counts.failed++;
    }
    (void)printf("lua: %d passed, %d failed\n", counts.passed, counts.failed);
    return counts.failed == 0 ? 0 : EXIT_FAILED;
}

int lua_cli_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct lua_arguments *arguments, struct err *err);
    } verbs[] = {{"run", run}, {"test", test}};
    struct lua_arguments arguments = {0};
    struct err err = {0};
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) != 0) {
            continue;
        }
        if (read_arguments(argc - 1, argv + 1, &arguments, &err) < 0) {
            return usage_error(&err);
        }
        if (arguments.help) {
            (void)fputs(usage, stdout);
            return 0;
        }
        struct arena *arena = arena_new();
        arguments.lua_folder = arguments.lua_folder == NULL ? standard_modules(arena) : arguments.lua_folder;
        lua_limit_end_hidden(HIDDEN_S);
        int code = verbs[i].run(&arguments, &err);
        arena_free(arena);
        return code < 0 ? usage_error(&err) : code;
    }
    (void)err_set(&err, ERR_INPUT, "lua: expected 'run' or 'test', found '%s'", argc < 2 ? "" : argv[1]);
    return usage_error(&err);
}
