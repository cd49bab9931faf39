/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "base/fs.h"
#include "base/path.h"
#include "connections.h"
#include "disk.h"
#include "rows.h"
#include "script.h"

#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { QUIET_MS = 200000, TEXT_MAX = 4 << 20, SEED_BIT = 40, SCENARIO_BIT = 28, FAULT_BIT = 24 };

static struct {
    char *path, *text, *expected;
} scenarios[SCENARIOS_MAX];
static int scenario_total;

/* What a history of it has come to. */
struct telling {
    struct strbuf people, messages, rows;
    int first_statement, statements, points, writes;
    bool calm;
};

bool scenario_is(uint64_t seed)
{
    return seed >> SEED_BIT != 0;
}

uint64_t scenario_seed(int scenario, enum scenario_fault fault, int nth)
{
    return (uint64_t)1 << SEED_BIT | (uint64_t)scenario << SCENARIO_BIT | (uint64_t)fault << FAULT_BIT | (uint64_t)nth;
}

/* ---- files ----------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    struct arena *arena = arena_new();
    struct str text = {0};
    struct err err = {0};
    char *copy = mem_strdup(fs_read(path, TEXT_MAX, arena, &text, &err) < 0 ? "" : arena_str(arena, text).p);
    arena_free(arena);
    return copy;
}

int scenario_find(const char *folder)
{
    char pattern[300];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/*.scenario", folder);
    if (scenario_total > 0 || glob(pattern, 0, NULL, &found) != 0) {
        return scenario_total;
    }
    for (size_t i = 0; i < found.gl_pathc && scenario_total < SCENARIOS_MAX; i++) {
        char expected[300];
        size_t stem = strlen(found.gl_pathv[i]) - strlen(".scenario");
        (void)snprintf(expected, sizeof expected, "%.*s.expected", (int)stem, found.gl_pathv[i]);
        scenarios[scenario_total].path = mem_strdup(found.gl_pathv[i]);
        scenarios[scenario_total].text = read_text(found.gl_pathv[i]);
        scenarios[scenario_total++].expected = read_text(expected);
    }
    globfree(&found);
    return scenario_total;
}

const char *scenario_name(int scenario)
{
    const char *slash = strrchr(scenarios[scenario].path, '/');
    return slash == NULL ? scenarios[scenario].path : slash + 1;
}

/* ---- the home and its files ------------------------------------------------------------------ */

static struct json read_value(struct arena *arena, struct str text)
{
    struct json value = json_object();
    (void)json_read(arena_str(arena, text), (struct json_limits){0}, arena, &value, NULL);
    return value;
}

static void add_supply(struct history *h, struct str rest)
{
    struct arena *arena = h->world.arena;
    char name[32] = "";
    char devices[100] = "";
    long long amount = 0;
    (void)sscanf(arena_str(arena, rest).p, "%31s %lld %99s", name, &amount, devices);
    struct resource_supply supply = {.name = arena_str(arena, str_from(name)), .amount = amount};
    if (devices[0] != '\0') {
        struct str *list = arena_array(arena, (size_t)amount + 1, sizeof *list);
        struct str left = arena_str(arena, str_from(devices));
        for (int64_t i = 0; i < amount && str_cut(&left, ',', &list[i]); i++) {
        }
        supply.devices = list;
    }
    h->supply[h->setup.supply_count++] = supply;
}

static int secret_of(void *ctx, struct str name, const char *pipeline, struct arena *arena, struct str *ret,
                     struct err *err)
{
    const struct history *h = ctx;
    const struct json *value = json_get_str(&h->secrets, name);
    (void)pipeline;
    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no secret '%.*s'", STR_ARG(name));
    }
    *ret = arena_str(arena, value->u.string);
    return 0;
}

static void set_home(struct history *h, struct str line)
{
    static const struct str let_through[] = {{"LET_*", 5}, {"EXACT", 5}};
    struct arena *arena = h->world.arena;
    struct str word = {0};
    struct str rest = line;
    if (!str_cut(&rest, ' ', &word)) {
        return;
    }
    if (str_is(word, "slots")) {
        h->world.plan.slots = (int)strtol(rest.p, NULL, 10);
    } else if (str_is(word, "supply")) {
        add_supply(h, rest);
    } else if (str_is(word, "secret")) {
        struct str name = {0};
        (void)str_cut(&rest, ' ', &name);
        json_set(arena, &h->secrets, arena_str(arena, name).p, json_string(arena, rest));
        h->setup.secret = secret_of;
        h->setup.secret_ctx = h;
    } else if (str_is(word, "groups")) {
        h->setup.groups = read_value(arena, rest);
    } else if (str_is(word, "vars")) {
        h->setup.vars = read_value(arena, rest);
    } else if (str_is(word, "env")) {
        h->setup.step_env = read_value(arena, rest);
        h->setup.step_env_names = let_through;
        h->setup.step_env_name_count = 2;
    } else if (str_is(word, "calm")) {
        h->calm = true;
    } else if (str_is(word, "single-user")) {
        h->setup.single_user = true;
    } else if (word.n > 0) {
        world_fail(&h->world, "the scenario's home has '%.*s', which is nothing", STR_ARG(line));
    }
}

static void write_file(struct history *h, struct str path, struct str text)
{
    struct err err = {0};
    struct arena *arena = h->world.arena;
    const char *whole = path_join(arena, h->world.workspace, arena_str(arena, path).p);
    const char *folder = path_dir(arena, whole);
    if (fs_make_folders(folder, 0700, &err) < 0 || fs_write(whole, text, 0600, false, &err) < 0) {
        world_fail(&h->world, "%s", err.message);
    }
}

/* A plugin and a gate that do what their input `acts` says. */
static void add_plugins(struct history *h)
{
    static const char act[] = "sluice-step\0001\0name\0act\0version\0001.0\0summary\0S.\0flags\0STEP_CACHEABLE\0"
                              "param\0acts\0ANY\0\0D.\0param\0model\0STRING\0\0D.\0param\0file\0PATH\0\0D."
                              "\0output\0o\0STRING\0D.\0end";
    static const char judge[] = "sluice-step\0001\0name\0judge\0version\0001.0\0summary\0S.\0flags\0STEP_GATE\0"
                                "param\0acts\0ANY\0\0D.\0end";
    const struct str manifests[] = {{act, sizeof act}, {judge, sizeof judge}};
    struct arena *arena = h->world.arena;
    for (size_t i = 0; i < sizeof manifests / sizeof manifests[0]; i++) {
        struct plugin plugin;
        struct err err = {0};
        if (plugin_parse_manifest(manifests[i], arena, &plugin, &err) < 0) {
            world_fail(&h->world, "%s", err.message);
            return;
        }
        const char *path = arena_printf(arena, "%s/%.*s.so", h->world.workspace, STR_ARG(plugin.name));
        (void)fs_write(path, plugin.name, 0600, false, &err);
        plugin.path = arena_str(arena, str_from(path));
        catalogue_add(&h->catalogue, &plugin);
    }
}

static void prepare(struct history *h, const char *text, struct str *ret_people)
{
    struct str rest = str_from(text);
    struct str section = {0};
    while (rest.n > 0) {
        ptrdiff_t next = str_find(rest, STR("\n--- "));
        section = next < 0 ? rest : str_slice(rest, 0, (size_t)next + 1);
        rest = next < 0 ? STR("") : str_slice(rest, (size_t)next + 1, rest.n);
        struct str head = {0};
        if (!str_starts(section, STR("--- ")) || !str_cut(&section, '\n', &head)) {
            continue;
        }
        head = str_slice(head, 4, head.n);
        if (str_is(head, "home")) {
            struct str line;
            while (str_cut(&section, '\n', &line)) {
                set_home(h, line);
            }
        } else if (str_starts(head, STR("file "))) {
            write_file(h, str_slice(head, 5, head.n), section);
        } else if (str_is(head, "people")) {
            *ret_people = section;
        } else {
            if (!str_is(head, "end"))
                world_fail(&h->world, "the scenario has a section '%.*s'", STR_ARG(head));
        }
    }
}

/* ---- living it ------------------------------------------------------------------------------- */

/* Until nothing goes on by itself. */
static void live(struct history *h)
{
    struct world *world = &h->world;
    int failures = 0;
    int turns = 0;
    uint64_t before = world->trace;
    int64_t since_ms = world->now_ms;
    while (world->failure[0] == '\0') {
        if (world->trace != before) {
            before = world->trace;
            since_ms = world->now_ms;
        } else if (world->now_ms - since_ms > QUIET_MS) {
            return; /* the engine only looks, again and again */
        }
        if (++turns > 3000 || h->engines > ENGINES_MAX) {
            world_fail(world, "the scenario does not end");
            return;
        }
        if (h->engine == NULL) {
            world_pass(world, 50);
            world_engine_gone(world);
            history_engine_begin(h);
            continue;
        }
        if (!world->dead && !h->restart && failures == 0 && engine_open_runs(h->engine) == 0) {
            return;
        }
        if (!world->dead && !h->restart) {
            history_turn(h, &failures);
        }
        if (world->dead || h->restart) {
            h->restart = false;
            failures = 0;
            history_engine_away(h);
        } else if (world->stuck) {
            world->stuck = false;
            return;
        }
    }
}

static void carry_out(struct history *h, struct str people, struct telling *telling)
{
    struct str line;
    while (h->world.failure[0] == '\0' && str_cut(&people, '\n', &line)) {
        if (line.n == 0 || line.p[0] == '#') {
            continue;
        }
        const char *told = NULL;
        for (int tries = 0; told == NULL && h->world.failure[0] == '\0'; tries++) {
            live(h);
            if (tries > 20) {
                world_fail(&h->world, "'%.*s' cannot be done", STR_ARG(line));
            } else if (h->world.failure[0] == '\0') {
                world_trace(&h->world, "people: %.*s", STR_ARG(line));
                world_pass(&h->world, 1);
                told = scenario_do(h, line);
            }
        }
        strbuf_printf(&telling->people, "%.*s: %s\n", STR_ARG(line), told == NULL ? "" : told);
    }
    live(h);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void began(struct world *world, struct execution *execution, const struct json *spawn)
{
    struct history *h = (struct history *)(void *)world;
    static const char *const members[] = {"kind",    "argv",   "script", "shell",   "plugin",     "lua",
                                          "params",  "env",    "inputs", "resumed", "contexts",   "collect",
                                          "secrets", "verify", "limits", "stop",    "timeout_ms", "context"};
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    const struct json *context = json_get(spawn, "context");
    strbuf_printf(&text, "begin %s %s[%s] #%lld leg %d:", json_get_text(context, "run_id", ""),
                  json_get_text(context, "step", ""), json_get_text(context, "item", ""), (long long)execution->number,
                  execution->leg);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *value = json_get(spawn, members[i]);
        if (value != NULL) {
            strbuf_printf(&text, " %s=%s", members[i], json_text(world->arena, value).p);
        }
    }
    vec_push(&h->messages, mem_strdup(text.data));
    strbuf_clear(&text);
    world_trace(world, "attempt %lld begins: %s", (long long)execution->attempt, json_get_text(context, "step", ""));
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        if (other->attempt == execution->attempt && !other->waited) {
            world_fail(world, "attempt %lld was started twice", (long long)other->attempt);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_messages(struct history *h, struct strbuf *out)
{
    struct {
        VEC_OF(char *)
    } lines = {0};
    for (size_t i = 0; i < h->messages.count; i++) {
        struct strbuf line;
        strbuf_init(&line, 1 << 20);
        rows_write_text(&h->judge, h->messages.items[i], &line);
        vec_push(&lines, mem_strdup(line.data));
        strbuf_clear(&line);
        free(h->messages.items[i]);
    }
    if (lines.count > 0) {
        qsort(lines.items, lines.count, sizeof *lines.items, by_text);
    }
    for (size_t i = 0; i < lines.count; i++) {
        strbuf_add_text(out, lines.items[i]);
        free(lines.items[i]);
    }
    vec_clear(&lines);
    vec_clear(&h->messages);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void plan_fault(struct history *h, enum scenario_fault fault, int nth)
{
    static const int codes[] = {SQLITE_IOERR_READ, SQLITE_FULL, SQLITE_BUSY};
    static const enum disk_fault faults[] = {DISK_FAULT_DIE, DISK_FAULT_IOERR, DISK_FAULT_FULL, DISK_FAULT_SYNC,
                                             DISK_FAULT_AFTER_SYNC};
    if (fault == SCENARIO_STATEMENT) {
        connections_fail(nth, codes[nth % 3]);
    } else if (fault == SCENARIO_CRASH_POINT) {
        h->world.crash_after = nth;
    } else if (fault == SCENARIO_WRITE) {
        disk_fail(faults[nth % 5], nth, 1);
    }
}

static void tell(const struct history_options *options, const char *text, struct history *h, struct telling *telling)
{
    struct str people = {0};
    enum scenario_fault fault = (enum scenario_fault)(options->seed >> FAULT_BIT & 15);
    int nth = (int)(options->seed & ((1 << FAULT_BIT) - 1));
    strbuf_init(&telling->people, TEXT_MAX);
    strbuf_init(&telling->messages, TEXT_MAX);
    strbuf_init(&telling->rows, TEXT_MAX);
    history_open(h, options);
    h->world.scripted = true;
    h->world.began = began;
    h->world.plan.slots = 2;
    h->setup.supply = h->supply;
    h->setup.step_env = h->setup.vars = h->setup.groups = h->secrets = json_object();
    add_plugins(h);
    prepare(h, text, &people);
    int statements = connections_count();
    int64_t writes = disk_operations();
    telling->first_statement = statements;
    plan_fault(h, fault, nth);
    carry_out(h, people, telling);
    if (h->world.failure[0] == '\0' && h->engine != NULL) {
        telling->statements = connections_count() - statements;
        telling->calm = h->calm;
        telling->points = h->world.points_passed;
        telling->writes = (int)(disk_operations() - writes);
        connections_fail(-1, 0);
        disk_fail(DISK_FAULT_NONE, 0, 0);
        h->world.crash_after = -1;
        world_pass(&h->world, 60000);
        judge_look(&h->judge);
        rows_names(&h->judge);
        write_messages(h, &telling->messages);
        rows_write(&h->judge, &telling->rows);
    }
}

static void telling_clear(struct telling *telling)
{
    strbuf_clear(&telling->people);
    strbuf_clear(&telling->messages);
    strbuf_clear(&telling->rows);
}

static const char whole_head[] = "== people\n";
static const char messages_head[] = "== messages\n";
static const char rows_head[] = "== rows\n";

static void compare_line(struct history *h, const char *expected, const char *found)
{
    size_t from = 0;
    size_t line = 0;
    size_t i = 0;
    for (; expected[i] != '\0' && expected[i] == found[i]; i++) {
        line = expected[i] == '\n' ? i + 1 : line;
    }
    if (expected[i] == found[i]) {
        return;
    }
    from = i - line > 40 ? i - 40 : line;
    world_fail(&h->world, "another end than expected, in '%.60s': '%.*s', expected '%.*s'", found + line,
               (int)(strcspn(found + from, "\n") < 300 ? strcspn(found + from, "\n") : 300), found + from,
               (int)(strcspn(expected + from, "\n") < 300 ? strcspn(expected + from, "\n") : 300), expected + from);
}

static char *whole_text(const struct telling *telling)
{
    struct strbuf whole;
    strbuf_init(&whole, 3 * TEXT_MAX);
    strbuf_printf(&whole, "%s%s%s%s%s%s", whole_head, telling->people.data, messages_head, telling->messages.data,
                  rows_head, telling->rows.data);
    char *text = mem_strdup(whole.data);
    strbuf_clear(&whole);
    return text;
}

/* What people were told is another thing with a fault: what was not acknowledged may have happened. */
static void compare(struct history *h, int scenario, enum scenario_fault fault, const struct telling *telling)
{
    const char *expected = scenarios[scenario].expected;
    char *found = whole_text(telling);
    if (fault != SCENARIO_NO_FAULT) {
        const char *at = strstr(expected, messages_head);
        compare_line(h, at == NULL ? "" : at, strstr(found, messages_head));
    } else {
        compare_line(h, expected, found);
    }
    free(found);
}

static void close_history(struct history *h)
{
    world_engine_dies(&h->world);
    history_engine_away(h);
    for (size_t i = 0; i < h->messages.count; i++) {
        free(h->messages.items[i]);
    }
    vec_clear(&h->messages);
    history_close(h);
}

void scenario_run(const struct history_options *options, struct history_result *ret)
{
    struct history h = {.options = options};
    struct telling telling = {0};
    int scenario = (int)(options->seed >> SCENARIO_BIT & 0xff);
    enum scenario_fault fault = (enum scenario_fault)(options->seed >> FAULT_BIT & 15);
    tell(options, scenarios[scenario].text, &h, &telling);
    if (h.world.failure[0] == '\0') {
        compare(&h, scenario, fault, &telling);
    }
    *ret = (struct history_result){
        .failed = h.world.failure[0] != '\0',
        .trace = h.world.trace,
        .faults = fault == SCENARIO_NO_FAULT ? 0 : 1,
        .executions = (int)h.world.executions.count,
        .engines = h.engines,
        .simulated_ms = h.world.now_ms,
    };
    if (ret->failed) {
        (void)snprintf(ret->failure, sizeof ret->failure, "%.40s: %.1100s", scenario_name(scenario), h.world.failure);
    }
    if (options->verbose) {
        char *text = whole_text(&telling);
        (void)printf("%s", text);
        free(text);
    }
    telling_clear(&telling);
    close_history(&h);
}

void scenario_count(const struct history_options *options, int scenario, int ret_counts[SCENARIO_FAULTS],
                    int **ret_statements, size_t *ret_statement_count)
{
    struct history h = {.options = options};
    struct history_options plain = *options;
    struct telling telling = {0};
    plain.seed = scenario_seed(scenario, SCENARIO_NO_FAULT, 0);
    h.options = &plain;
    connections_note(true);
    tell(&plain, scenarios[scenario].text, &h, &telling);
    const int *numbers = connections_new_places(ret_statement_count);
    *ret_statements = mem_array(*ret_statement_count + 1, sizeof **ret_statements);
    for (size_t i = 0; i < *ret_statement_count; i++) {
        (*ret_statements)[i] = numbers[i] - telling.first_statement - 1;
    }
    *ret_statement_count = telling.calm ? 0 : *ret_statement_count;
    connections_note(false);
    ret_counts[SCENARIO_NO_FAULT] = 1;
    ret_counts[SCENARIO_STATEMENT] = telling.calm ? 0 : telling.statements;
    ret_counts[SCENARIO_CRASH_POINT] = telling.calm ? 0 : telling.points;
    ret_counts[SCENARIO_WRITE] = telling.calm ? 0 : telling.writes;
    telling_clear(&telling);
    close_history(&h);
}

int scenario_accept(const struct history_options *options, int scenario)
{
    struct history_options plain = *options;
    struct history h = {.options = &plain};
    struct telling telling = {0};
    char path[300];
    struct err err = {0};
    plain.seed = scenario_seed(scenario, SCENARIO_NO_FAULT, 0);
    tell(&plain, scenarios[scenario].text, &h, &telling);
    (void)snprintf(path, sizeof path, "%.*s.expected", (int)(strlen(scenarios[scenario].path) - strlen(".scenario")),
                   scenarios[scenario].path);
    char *text = whole_text(&telling);
    bool failed = h.world.failure[0] != '\0';
    if (failed) {
        (void)printf("%s: %s\n", scenario_name(scenario), h.world.failure);
    } else if (fs_write(path, str_from(text), 0644, false, &err) < 0) {
        (void)printf("%s\n", err.message);
        failed = true;
    }
    free(text);
    telling_clear(&telling);
    close_history(&h);
    return failed ? -1 : 0;
}
