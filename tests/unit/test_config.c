/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"
#include "config/config.h"
#include "config/secret_command.h"
#include "config/supply.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct arena *arena;
    const char *folder;
    struct diags diags;
    struct config config;
    struct err err;
    struct str value;
};

static void put(const struct fixture *f, const char *name, const char *text)
{
    assert_int_equal(fs_write(arena_printf(f->arena, "%s/%s", f->folder, name), str_from(text), 0600, false, NULL), 0);
}

static int load(struct fixture *f, const char *text)
{
    char folder[] = "/tmp/sluice-config-XXXXXX";
    *f = (struct fixture){.arena = arena_new()};
    assert_non_null(mkdtemp(folder));
    f->folder = arena_strdup(f->arena, folder);
    if (text != NULL) {
        put(f, "config.yaml", text);
    }
    const char *path = arena_printf(f->arena, "%s/config.yaml", f->folder);
    diags_init(&f->diags, f->arena, path);
    return config_load(path, &f->diags, &f->config);
}

static void done(struct fixture *f)
{
    assert_int_equal(fs_remove(f->folder, NULL), 0);
    arena_free(f->arena);
}

static int secret(struct fixture *f, const char *name, const char *pipeline)
{
    const struct config_secret *found = config_secret_find(&f->config, str_from(name));
    struct secret_command *command = NULL;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int result = 1;
    err_clear(&f->err);
    assert_non_null(found);
    for (;;) {
        result = config_secret_read(&f->config, found, pipeline, &command, epoll_fd, f->arena, &f->value, &f->err);
        if (result != 1) {
            break;
        }
        struct epoll_event event;
        assert_int_equal(epoll_wait(epoll_fd, &event, 1, 40000), 1); /* it comes by itself */
    }
    if (command != NULL) { /* and says the same to whoever asks again */
        struct str value = f->value;
        struct err wrong = {0};
        assert_int_equal(
            config_secret_read(&f->config, found, pipeline, &command, epoll_fd, f->arena, &value, &wrong), result);
        assert_true(str_eq(value, f->value) && strcmp(wrong.message, f->err.message) == 0);
    }
    secret_command_end(command);
    (void)close(epoll_fd);
    return result;
}

/* One wrong file, one message. */
static void assert_refused(const char *text, int line, int column, const char *message, const char *hint)
{
    struct fixture f;
    assert_int_equal(load(&f, text), -1);
    assert_int_equal(f.diags.errors, 1);
    const struct diag *diag = f.diags.items;
    diag += diag->level == DIAG_WARNING ? 1 : 0;
    assert_string_equal(diag->message, message);
    assert_int_equal(diag->pos.line, line);
    assert_int_equal(diag->pos.column, column);
    if (hint != NULL) {
        assert_non_null(diag->hint);
        assert_string_equal(diag->hint, hint);
    }
    done(&f);
}

TEST(an_absent_or_empty_file_configures_nothing)
{
    static const char *const texts[] = {NULL, "", "\n", "# environments:\n#   prod: {}\n"};
    for (size_t i = 0; i < 4; i++) {
        struct fixture f;
        struct json vars;
        assert_int_equal(load(&f, texts[i]), 0);
        assert_int_equal(f.diags.count, 0);
        assert_int_equal(f.config.secret_count, 0);
        assert_int_equal(config_vars(&f.config, NULL, &vars, &f.err), 0);
        assert_int_equal(vars.u.object.count, 0);
        assert_null(config_secret_find(&f.config, STR("TOKEN")));
        done(&f);
    }
}

TEST(a_whole_file_is_read)
{
    struct fixture f;
    assert_int_equal(load(&f, "environment: dev\n"
                              "environments:\n"
                              "  dev: {vars: {host: a.example, port: 80, tags: [x, y]}}\n"
                              "  prod: {vars: {host: b.example}, triggers: none}\n"
                              "step_env: [CUDA_*, MY_VAR]\n"
                              "groups: {ml-leads: [ada, grace]}\n"
                              "secrets:\n"
                              "  TOKEN: {file: token.txt, for: [nightly]}\n"
                              "  KEY: {exec: [./key, --show], ttl: 5m}\n"),
                     0);
    struct json vars;
    assert_int_equal(f.diags.count, 0);
    assert_int_equal(f.config.step_env_count, 2);
    assert_string_equal(f.config.step_env[0].p, "CUDA_*");
    assert_int_equal(json_get(&f.config.groups, "ml-leads")->u.array.count, 2);
    assert_int_equal(f.config.secrets[1].ttl_ms, 300000);
    assert_string_equal(f.config.secrets[1].exec[0].p, arena_printf(f.arena, "%s/./key", f.folder));
    assert_int_equal(config_vars(&f.config, NULL, &vars, &f.err), 0);
    assert_string_equal(json_get_text(&vars, "host", ""), "a.example");
    assert_int_equal(json_get_int(&vars, "port", 0), 80);
    assert_int_equal(config_vars(&f.config, "prod", &vars, &f.err), 0);
    assert_string_equal(json_get_text(&vars, "host", ""), "b.example");
    assert_int_equal(config_vars(&f.config, "pord", &vars, &f.err), -1);
    assert_string_equal(f.err.message, "there is no environment 'pord': did you mean 'prod'?");
    assert_int_equal(f.err.code, ERR_INPUT);
    done(&f);
}

TEST(what_is_wrong_is_named_with_its_place)
{
    assert_refused("enviroment: dev\n", 1, 1, "config.yaml has no key 'enviroment'", "did you mean 'environment'?");
    assert_refused("environment: dev\n", 1, 14, "there is no environment 'dev'", "config.yaml has no 'environments'");
    assert_refused("groups: {a: ada}\n", 1, 13, "group 'a': expected a list, found a string", NULL);
    assert_refused("groups: {a: [12]}\n", 1, 14, "group 'a': expected the name of a person", "write it in quotes");
    assert_refused("step_env: PATH\n", 1, 11, "'step_env' of config.yaml: expected a list, found a string", NULL);
    assert_refused("step_env: ['*']\n", 1, 12, "'*' is no name of an environment variable",
                   "write NAME, or PREFIX_* for all that begin so");
    assert_refused("environments: {p: {vars: {a-b: 1}}}\n", 1, 27,
                   "'vars': 'a-b' is no name: expected letters, digits and '_'", NULL);
    assert_refused("environments: {p: {vars: {a: [\"${{ params.x }}\"]}}}\n", 1, 31, "config.yaml takes no expressions",
                   NULL);
    assert_refused("environments: {p: {triggers: some}}\n", 1, 30, "unknown value 'some'", "expected one of all, none");
    assert_refused("pools: {licence: many}\n", 1, 18, "expected an integer from 0 to 1000000, found 'many'", NULL);
    assert_refused("pools: {gpu: 2}\n", 1, 9,
                   "'gpu' is no name of a pool: it is a resource of its own", "write it in 'resources'");
    assert_refused("pools: {slot: 2}\n", 1, 9,
                   "'slot' is no name of a pool: it is a resource of its own",
                   "--jobs says how many steps run at once");
    assert_refused("resources: {gpus: 2}\n", 1, 13, "'resources' has no key 'gpus'", "did you mean 'gpu'?");
    assert_refused("resources: {gpu: 1.5}\n", 1, 18,
                   "resource 'gpu': expected a whole number from 0 to 1000000, found 1.5", NULL);
    assert_refused("resources: {gpu: 5000}\n", 1, 18, "'gpu': expected at most 1024, found 5000", NULL);
    assert_refused("resources: {gpu: [1, 1]}\n", 1, 22, "'gpu': device 1 stands there twice", NULL);
    assert_refused("resources: {gpu: ['0,1']}\n", 1, 19, "'gpu': '0,1' is no device", "write a list");
    assert_refused("resources: {cpu: -1}\n", 1, 18,
                   "resource 'cpu': expected a number from 0 to 1000000 with at most three decimals, found -1", NULL);
    assert_refused("resources: {memory: lots}\n", 1, 21,
                   "resource 'memory': expected a size like 512M, 8G or 1024, found 'lots'", NULL);
    assert_refused("- a\n", 1, 1, "config.yaml: expected a map, found a list", NULL);
    assert_refused("groups: &x {a: [b]}\n", 1, 9, "anchors ('&x') are not accepted", NULL);
}

TEST(a_secret_needs_one_source)
{
    assert_refused("secrets:\n  A: hunter2hunter2\n", 2, 6, "secret 'A': a value stands in the file",
                   "write {env: NAME}, {file: PATH} or {exec: [COMMAND]}");
    assert_refused("secrets: {A: {}}\n", 1, 11, "secret 'A': expected exactly one of 'env', 'file' and 'exec'", NULL);
    assert_refused("secrets: {A: {env: X, file: y}}\n", 1, 11,
                   "secret 'A': expected exactly one of 'env', 'file' and 'exec'", NULL);
    assert_refused("secrets: {A: {exec: ls -l}}\n", 1, 21, "'exec' of secret 'A': expected a list, found a string",
                   NULL);
    assert_refused("secrets: {A: {exec: []}}\n", 1, 21, "'exec': expected at least one entry", NULL);
    assert_refused("secrets: {A: {env: X, ttl: 1m}}\n", 1, 28, "secret 'A': 'ttl' belongs to 'exec'", NULL);
    assert_refused("secrets: {A: {exec: [x], ttl: 60}}\n", 1, 31, "expected a duration with its unit, found '60'",
                   "did you mean '60s'?");
    assert_refused("secrets: {A: {file: ~/token}}\n", 1, 21,
                   "expected a path, absolute or from the folder of config.yaml, found '~/token'", NULL);
    assert_refused("secrets: {A-B: {env: X}}\n", 1, 11,
                   "'A-B' is no name of a secret: expected up to 100 letters, digits and '_', not beginning with a "
                   "digit",
                   NULL);
}

TEST(guards_are_kept_as_one_list_whatever_way_they_are_written)
{
    struct fixture f;
    assert_int_equal(load(&f, "guards:\n"
                              "  - {model: 'wine*', alias: champion, gate: green, not_by: author, branches: main,\n"
                              "     approvals: {'group:legal': 2}, rollback: free}\n"
                              "  - {model: beer, stage: Production, branches: [main, 'r/*']}\n"),
                     0);
    assert_string_equal(json_text(f.arena, &f.config.guards).p,
                        "[{\"model\":\"wine*\",\"alias\":\"champion\",\"gate\":\"green\",\"not_by\":[\"author\"],"
                        "\"branches\":[\"main\"],\"approvals\":{\"group:legal\":2},\"rollback\":\"free\"},"
                        "{\"model\":\"beer\",\"stage\":\"Production\",\"branches\":[\"main\",\"r/*\"]}]");
    done(&f);
    assert_refused("guards: [{model: m, stage: None, gate: green}]\n", 1, 28, "'None' is no stage to guard",
                   "a version that is in no stage serves nobody");
    assert_refused("guards: [{model: m, alias: a, approvals: {x: 1}, not_by: starter}]\n", 1, 58,
                   "'not_by': a guard is about a model, not about a run that somebody starts",
                   "write author: it means who started the run, too");
    assert_refused("guards: {model: m}\n", 1, 9, "'guards' of config.yaml: expected a list, found a map", NULL);
}

TEST(sources_are_checked_and_have_their_defaults)
{
    static const struct {
        const char *url, *name;
    } named[] = {
        {"https://git.example.org/team/Wine_2.git", "wine_2"}, {"git@github.com:a/b.git", "b"},
        {"ssh://git@h:22/x/y/", "y"}, {"/srv/r é.git", "r---"}, {"file:///srv/cellar", "cellar"},
    };
    struct fixture f;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "sources: [{url: '%s'}]\n", named[i].url);
        bool blank = strchr(named[i].url, ' ') != NULL;
        assert_int_equal(load(&f, text), blank ? -1 : 0);
        if (!blank) {
            const struct json *row = &f.config.sources.u.array.items[0];
            assert_string_equal(json_get_text(row, "name", ""), named[i].name);
            assert_int_equal(json_get_int(row, "every_ms", 0), 60000);
            assert_int_equal(json_get_int(row, "timeout_ms", 0), 600000);
        }
        done(&f);
    }
    assert_int_equal(load(&f, "sources:\n- name: wine\n  url: ssh://git@h/w.git\n  branch: main\n  path: flows/\n"
                              "  every: 5m\n  max_size: 2G\n  credentials: {ssh_key: '${{ secrets.KEY }}', "
                              "known_hosts: hosts}\n  webhook: {verify: gitea, secret: '${{ secrets.HOOK }}'}\n"),
                     0);
    const struct json *row = &f.config.sources.u.array.items[0];
    assert_string_equal(json_get_text(row, "ssh_key", ""), "KEY");
    assert_string_equal(json_get_text(row, "secret", ""), "HOOK");
    assert_string_equal(json_get_text(row, "path", ""), "flows");
    assert_int_equal(json_get_int(row, "max_bytes", 0), (int64_t)2 << 30);
    assert_int_equal(json_get_text(row, "known_hosts", "")[0], '/');
    done(&f);
    assert_refused("sources: {}\n", 1, 10, "'sources' of config.yaml: expected a list, found a map", NULL);
    assert_refused("sources: [{name: a}]\n", 1, 11, "source 1 has no 'url'", NULL);
    assert_refused("sources: [{url: http://h/r.git}]\n", 1, 17,
                   "'url': what comes by http can be changed on its way: expected https://", NULL);
    assert_refused("sources: [{url: https://me:pw@h/r.git}]\n", 1, 17,
                   "'url': it holds credentials: expected them in 'credentials', from a secret", NULL);
    assert_refused("sources: [{url: r.git}]\n", 1, 17,
                   "'url': expected https://, ssh://, USER@HOST:PATH, file:// or an absolute path", NULL);
    assert_refused("sources: [{url: /r, name: folder}]\n", 1, 27,
                   "'folder' is what 'sluice serve --pipelines' is called: expected another name of a source", NULL);
    assert_refused("sources: [{url: /r, branch: 'a..b'}]\n", 1, 29,
                   "'branch': 'a..b' is no name of a branch: expected one such as main", NULL);
    assert_refused("sources: [{url: /r, path: ../x}]\n", 1, 27,
                   "'path': '../x': expected a folder, a file or a glob below the root of the repository", NULL);
    assert_refused("sources: [{url: /r, every: 10ms}]\n", 1, 28, "'10ms': expected 1 s to 7d", NULL);
    assert_refused("sources: [{url: /r, credentials: {password: hunter22}}]\n", 1, 45,
                   "'password': a value stands in the file", "write ${{ secrets.NAME }}");
    assert_refused("sources: [{url: /r, webhook: {verify: github}}]\n", 1, 39,
                   "'webhook' has no 'secret': 'github' checks deliveries by one", "write secret: ${{ secrets.NAME }}");
    assert_refused("sources: [{url: /r, webhook: {verify: none}}]\n", 1, 39,
                   "'verify: none': whoever reaches the server could have it fetch",
                   "say who sends it, and give it a secret");
    assert_refused("sources: [{url: /a/r}, {url: /b/r}]\n", 1, 24, "two sources are called 'r'", "give each a 'name'");
    assert_refused("sources: [{url: /r, page: 'https://h/x'}]\n", 1, 27,
                   "'page': expected a URL with {commit} in it, such as https://git.example.org/x/commit/{commit}",
                   NULL);
}

static const struct resource_supply *supply_of(struct fixture *f, const char *root, const char *visible,
                                               const char *name)
{
    const struct resource_supply *supply = NULL;
    size_t count = 0;
    config_supply(&f->config, root, visible, &supply, &count);
    return resource_find(supply, count, str_from(name));
}

TEST(resources_and_pools_are_what_the_file_says)
{
    struct fixture f;
    assert_int_equal(load(&f, "resources: {cpu: 1.5, memory: 2G, gpu: [0, GPU-abc]}\npools: {warehouse: 3, none: 0}\n"),
                     0);
    assert_int_equal(f.diags.count, 0);
    assert_int_equal(supply_of(&f, "", NULL, "cpu")->amount, 1500);
    assert_int_equal(supply_of(&f, "", NULL, "memory")->amount, (int64_t)2 << 30);
    assert_int_equal(supply_of(&f, "", "7,8,9", "gpu")->amount, 2);
    assert_true(str_is(supply_of(&f, "", NULL, "gpu")->devices[1], "GPU-abc"));
    assert_int_equal(supply_of(&f, "", NULL, "warehouse")->amount, 3);
    assert_int_equal(supply_of(&f, "", NULL, "none")->amount, 0);
    assert_null(supply_of(&f, "", NULL, "other"));
    done(&f);
}

static void put_below(const char *folder, const char *name, const char *text)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, folder, name);
    assert_int_equal(fs_make_folders(path_dir(arena, path), 0700, NULL), 0);
    assert_int_equal(fs_write(path, str_from(text), 0600, false, NULL), 0);
    arena_free(arena);
}

TEST(what_the_file_does_not_say_is_found_on_the_machine)
{
    struct fixture f;
    char root[] = "/tmp/sluice-supply-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(load(&f, "{}\n"), 0);
    assert_int_equal(supply_of(&f, root, NULL, "gpu")->amount, 0);
    assert_int_equal(supply_of(&f, root, NULL, "memory")->amount, 0);
    assert_true(supply_of(&f, root, NULL, "cpu")->amount >= 1000);
    put_below(root, "proc/meminfo", "MemFree: 1 kB\nMemTotal:        4096 kB\n");
    put_below(root, "dev/nvidia0", "");
    put_below(root, "dev/nvidia1", "");
    put_below(root, "dev/nvidiactl", "");
    put_below(root, "dev/nvidia-uvm", "");
    assert_int_equal(supply_of(&f, root, NULL, "memory")->amount, 4096 * 1024);
    assert_int_equal(supply_of(&f, root, NULL, "gpu")->amount, 2);
    put_below(root, "proc/driver/nvidia/gpus/0000:01:00.0/information", "");
    const struct resource_supply *listed = supply_of(&f, root, NULL, "gpu");
    assert_int_equal(listed->amount, 1);
    assert_true(str_is(listed->devices[0], "0"));
    const struct resource_supply *given = supply_of(&f, root, "3, GPU-1,,5", "gpu");
    assert_int_equal(given->amount, 2);
    assert_true(str_is(given->devices[1], "GPU-1"));
    assert_int_equal(supply_of(&f, root, "0,1, 0,2", "gpu")->amount, 2); /* one device is not two */
    assert_int_equal(supply_of(&f, root, "", "gpu")->amount, 0);
    assert_int_equal(supply_of(&f, root, "-1", "gpu")->amount, 0);
    assert_int_equal(fs_remove(root, NULL), 0);
    done(&f);
}

TEST(all_problems_of_a_file_are_reported)
{
    struct fixture f;
    assert_int_equal(load(&f, "foo: 1\ngroups: []\nsecrets: {A: {}, B: {env: '1'}}\n"), -1);
    assert_int_equal(f.diags.errors, 4);
    assert_int_equal(f.diags.items[1].pos.line, 2);
    done(&f);
}

TEST(a_secret_comes_from_the_environment_or_a_file)
{
    struct fixture f;
    assert_int_equal(load(&f, "secrets:\n  E: {env: SLUICE_TEST_SECRET}\n  N: {env: SLUICE_TEST_NONE}\n  F: {file: f}\n"
                              "  S: {file: s}\n  L: {file: l}\n  G: {file: gone}\n  B: {file: b}\n"),
                     0);
    put(&f, "f", "from a file\n\n");
    put(&f, "b", "no text: \xff\xfe\n");
    put(&f, "s", "seven77\n");
    char *large = arena_alloc(f.arena, (64 << 10) + 2);
    memset(large, 'x', (64 << 10) + 1);
    put(&f, "l", large);
    (void)setenv("SLUICE_TEST_SECRET", "from the environment\n", 1);
    assert_int_equal(secret(&f, "E", NULL), 0);
    assert_true(str_is(f.value, "from the environment\n"));
    assert_int_equal(secret(&f, "F", "any"), 0);
    assert_true(str_is(f.value, "from a file\n"));
    assert_int_equal(secret(&f, "S", "any"), -1);
    assert_string_equal(f.err.message,
                        "secret 'S': its value has 7 bytes: expected at least 8, so that it can be masked in logs");
    assert_int_equal(secret(&f, "L", "any"), -1);
    assert_int_equal(f.err.code, ERR_LIMIT);
    assert_int_equal(secret(&f, "B", "any"), -1);
    assert_string_equal(
        f.err.message, "secret 'B': its value is no UTF-8 text: give it in base64, and decode it in the step");
    assert_int_equal(secret(&f, "G", "any"), -1);
    assert_int_equal(f.err.code, ERR_NOT_FOUND);
    assert_int_equal(secret(&f, "N", "any"), -1);
    assert_string_equal(f.err.message, "secret 'N': the environment variable 'SLUICE_TEST_NONE' is not set");
    done(&f);
}

TEST(a_secret_is_given_to_its_pipelines_only)
{
    struct fixture f;
    (void)setenv("SLUICE_TEST_SECRET", "12345678", 1);
    assert_int_equal(load(&f, "secrets: {TOKEN: {env: SLUICE_TEST_SECRET, for: [nightly, weekly]}}\n"), 0);
    assert_int_equal(secret(&f, "TOKEN", "weekly"), 0);
    assert_int_equal(secret(&f, "TOKEN", "week"), -1);
    assert_string_equal(f.err.message, "secret 'TOKEN' is not for pipeline 'week': config.yaml lists those in 'for'");
    assert_int_equal(f.err.code, ERR_DENIED);
    assert_int_equal(secret(&f, "TOKEN", NULL), -1);
    assert_null(config_secret_find(&f.config, STR("TOKE")));
    done(&f);
}

static int exec_secret(struct fixture *f, const char *script)
{
    assert_int_equal(load(f, "secrets: {X: {exec: [./command, 'an argument']}}\n"), 0);
    if (script != NULL) {
        put(f, "command", script);
        assert_int_equal(chmod(arena_printf(f->arena, "%s/command", f->folder), 0700), 0);
    }
    return secret(f, "X", "p");
}

TEST(a_command_prints_a_secret)
{
    struct fixture f;
    assert_int_equal(exec_secret(&f, "#!/bin/sh\necho noise >&2; cat; echo \"secret of $1\"\n"), 0);
    assert_true(str_is(f.value, "secret of an argument"));
    done(&f);
    int64_t start_ms = clock_monotonic_ms(&clock_system);
    assert_int_equal(exec_secret(&f, "#!/bin/sh\nsleep 60 & echo 'does not wait'\n"), 0);
    assert_true(clock_monotonic_ms(&clock_system) - start_ms < 50000);
    assert_true(str_is(f.value, "does not wait"));
    done(&f);
}

TEST(a_command_that_nobody_wants_any_more_is_ended_with_all_that_it_started)
{
    struct fixture f;
    struct secret_command *command = NULL;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(load(&f, "secrets: {X: {exec: [./command]}}\n"), 0);
    put(&f, "command", "#!/bin/sh\nsh -c 'echo $$ > pid; mv pid child; sleep 300' &\nwait\n");
    assert_int_equal(chmod(arena_printf(f.arena, "%s/command", f.folder), 0700), 0);
    assert_int_equal(chdir(f.folder), 0);
    assert_int_equal(config_secret_read(&f.config, config_secret_find(&f.config, STR("X")), NULL, &command, epoll_fd,
                                        f.arena, &f.value, &f.err),
                     1);
    struct str text = {0};
    for (int i = 0; i < 12000 && !fs_exists("child"); i++) {
        (void)usleep(5000);
    }
    int64_t pid = 0;
    assert_int_equal(fs_read("child", 64, f.arena, &text, &f.err), 0);
    assert_int_equal(parse_int(str_trim(text), 1, INT64_MAX, &pid, &f.err), 0);
    secret_command_end(command);
    const char *place = arena_printf(f.arena, "/proc/%lld/stat", (long long)pid);
    bool gone = false;
    for (int i = 0; i < 60000 && !gone; i++) {
        gone = fs_read(place, 1000, f.arena, &text, NULL) < 0 || str_find(text, STR(") Z")) >= 0;
        (void)usleep(1000);
    }
    assert_true(gone);
    assert_int_equal(chdir("/"), 0);
    (void)close(epoll_fd);
    done(&f);
}

TEST(a_command_that_fails_says_why_without_the_value)
{
    struct fixture f;
    assert_int_equal(exec_secret(&f, "#!/bin/sh\necho topsecret; printf 'no login:\\n try again\\n' >&2; exit 3\n"),
                     -1);
    assert_string_equal(
        f.err.message,
        arena_printf(f.arena, "secret 'X': '%s/./command' exited with 3: no login:  try again", f.folder));
    done(&f);
    assert_int_equal(exec_secret(&f, "#!/bin/sh\nkill -9 $$\n"), -1);
    assert_string_equal(f.err.message,
                        arena_printf(f.arena, "secret 'X': '%s/./command' was ended by signal 9", f.folder));
    done(&f);
    assert_int_equal(exec_secret(&f, "#!/bin/sh\nexec yes\n"), -1);
    assert_string_equal(f.err.message,
                        arena_printf(f.arena, "secret 'X': '%s/./command' printed more than 64 KiB", f.folder));
    done(&f);
    assert_int_equal(exec_secret(&f, NULL), -1);
    assert_string_equal(
        f.err.message,
        arena_printf(f.arena, "secret 'X': cannot start '%s/./command': No such file or directory", f.folder));
    done(&f);
    assert_int_equal(exec_secret(&f, "#!/bin/sh\nprintf 'abcdefgh\\000ij'\n"), -1);
    assert_int_equal(f.err.code, ERR_INPUT);
    done(&f);
}

TEST(a_command_is_asked_again_when_its_ttl_is_over)
{
    struct fixture f;
    assert_int_equal(load(&f, "secrets:\n  KEPT: {exec: [cat, DATA], ttl: 1h}\n  SHORT: {exec: [cat, DATA], ttl: 1ms}\n"
                              "  ASKED: {exec: [cat, DATA]}\n"),
                     0);
    static const char *const names[] = {"KEPT", "SHORT", "ASKED"};
    struct config_secret *secrets = arena_array(f.arena, 3, sizeof *secrets);
    struct str argv[] = {STR("cat"), str_from(arena_printf(f.arena, "%s/data", f.folder))};
    memcpy(secrets, f.config.secrets, 3 * sizeof *secrets);
    for (size_t i = 0; i < 3; i++) {
        secrets[i].exec = argv;
    }
    f.config.secrets = secrets;
    put(&f, "data", "first value");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(secret(&f, names[i], NULL), 0);
        assert_true(str_is(f.value, "first value"));
    }
    put(&f, "data", "second, longer value");
    (void)usleep(3000);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(secret(&f, names[i], NULL), 0);
        assert_true(str_is(f.value, i == 0 ? "first value" : "second, longer value"));
    }
    done(&f);
}

TEST(every_key_is_documented)
{
    assert_true(config_key_count >= 13);
    for (size_t i = 0; i < config_key_count; i++) {
        assert_true(strlen(config_keys[i].key) > 0 && strlen(config_keys[i].type) > 0 &&
                    strlen(config_keys[i].doc) > 0);
    }
}

TEST(config_says_where_steps_of_another_user_are_asked_for)
{
    static const struct {
        const char *text;
        const char *words; /* NULL: it is good */
    } cases[] = {
        {"runner: {socket: /run/sluice-runner.sock}\n", NULL},
        {"runner: {}\n", "expected 'socket'"},
        {"runner: {socket: run/sluice.sock}\n", "expected an absolute path"},
        {"runner: {socket: ''}\n", "expected an absolute path"},
        {"runner: {socket: \"/a\\0b\"}\n", ""},
        {"runner: {socket: /0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789}\n",
         "at most 107 bytes"},
        {"runner: {socket: [a]}\n", ""},
        {"runner: {user: sluice-run}\n", ""},
        {"runner: sluice-run\n", ""},
    };
    struct fixture f;
    assert_int_equal(load(&f, NULL), 0);
    assert_null(f.config.runner_socket);
    done(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(load(&f, cases[i].text), cases[i].words == NULL ? 0 : -1);
        if (cases[i].words == NULL) {
            assert_string_equal(f.config.runner_socket, "/run/sluice-runner.sock");
        } else {
            assert_non_null(strstr(f.diags.items[0].message, cases[i].words));
        }
        done(&f);
    }
}

TESTS(RUN(config_says_where_steps_of_another_user_are_asked_for),
      RUN(an_absent_or_empty_file_configures_nothing), RUN(a_whole_file_is_read),
      RUN(what_is_wrong_is_named_with_its_place), RUN(a_secret_needs_one_source),
      RUN(guards_are_kept_as_one_list_whatever_way_they_are_written),
      RUN(sources_are_checked_and_have_their_defaults),
      RUN(resources_and_pools_are_what_the_file_says),
      RUN(what_the_file_does_not_say_is_found_on_the_machine), RUN(all_problems_of_a_file_are_reported),
      RUN(a_secret_comes_from_the_environment_or_a_file), RUN(a_secret_is_given_to_its_pipelines_only),
      RUN(a_command_prints_a_secret), RUN(a_command_that_nobody_wants_any_more_is_ended_with_all_that_it_started),
      RUN(a_command_that_fails_says_why_without_the_value),
      RUN(a_command_is_asked_again_when_its_ttl_is_over), RUN(every_key_is_documented))
