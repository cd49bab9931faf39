/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "base/fs.h"
#include "base/path.h"
#include "connections.h"
#include "disk.h"
#include "machine.h"
#include "rows.h"
#include "script.h"

#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { QUIET_MS = 200000, TEXT_MAX = 4 << 20, SEED_BIT = 40, SCENARIO_BIT = 28, FAULT_BIT = 24, WRITES_TRIED = 4 };

static struct {
    char *path, *text, *expected;
} scenarios[SCENARIOS_MAX];
static int scenario_total;

static struct origins crash_places;

/* What a history of it has come to. */
struct telling {
    struct history_options options;
    struct strbuf people, log, files, messages, rows;
    int first_statement, statements, first_call, calls, points, writes;
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

bool scenario_is_loose(int scenario)
{
    return strstr(scenarios[scenario].text, "\nloose\n") != NULL;
}

const char *scenario_name(int scenario)
{
    const char *slash = strrchr(scenarios[scenario].path, '/');
    return slash == NULL ? scenarios[scenario].path : slash + 1;
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
        if (!world->dead && !h->restart && failures == 0 && !engine_has_open_runs(h->engine)) {
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
        bool alone = str_starts(line, STR("- "));
        bool at_once = alone || str_starts(line, STR("+ "));
        line = at_once ? str_slice(line, 2, line.n) : line;
        if (alone && h->engine != NULL && (h->world.dead || h->restart)) {
            h->restart = false;
            history_engine_away(h);
        }
        for (int tries = 0; told == NULL && h->world.failure[0] == '\0'; tries++) {
            if (!alone && (!at_once || tries > 0 || h->engine == NULL || h->world.dead || h->restart)) {
                live(h);
            }
            if (tries > 20) {
                world_fail(&h->world, "'%.*s' cannot be done", STR_ARG(line));
            } else if (h->world.failure[0] == '\0') {
                world_trace(&h->world, "people: %.*s", STR_ARG(line));
                world_pass(&h->world, 1);
                h->unanswered = tries > 0;
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
    } else if (fault == SCENARIO_ROW) {
        connections_fail_row(nth, codes[nth % 3], 3);
    } else if (fault == SCENARIO_CRASH_POINT) {
        h->world.crash_after = nth;
    } else if (fault == SCENARIO_WRITE) {
        disk_fail(faults[nth % 5], nth, 1);
    } else if (fault == SCENARIO_MACHINE) {
        machine_fail(nth);
    }
}

/* What happens by chance depends on the name alone: a fault is all the difference, and so is a change of the engine. */
static uint64_t chance_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return hash >> 20;
}

/* Folders of runs and models, and journals that were put aside. */
static void write_files(struct history *h, int64_t ended_ms, struct strbuf *out)
{
    static const char *const patterns[] = {"runs/*", "artifacts/*/models/*", "runs/*/journal.*"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        glob_t found;
        if (glob(path_join(h->world.arena, h->world.home, patterns[i]), 0, NULL, &found) != 0) {
            continue;
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            rows_write_text(&h->judge, found.gl_pathv[k], out);
        }
        globfree(&found);
    }
    strbuf_printf(out, "after %lld.%lld s\n", (long long)ended_ms / 1000, (long long)ended_ms / 100 % 10);
}

static void write_log(struct history *h, const struct strbuf *log, struct strbuf *out)
{
    struct str rest = strbuf_str(log);
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        if (line.n > 0) {
            rows_write_text(&h->judge, arena_str(h->world.arena, line).p, out);
        }
    }
}

static void tell(const struct history_options *options, const char *name, const char *text, struct history *h,
                 struct telling *telling)
{
    struct strbuf log;
    struct str people = {0};
    enum scenario_fault fault = (enum scenario_fault)(options->seed >> FAULT_BIT & 15);
    int nth = (int)(options->seed & ((1 << FAULT_BIT) - 1));
    strbuf_init(&log, TEXT_MAX);
    strbuf_init(&telling->people, TEXT_MAX);
    strbuf_init(&telling->log, TEXT_MAX);
    strbuf_init(&telling->files, TEXT_MAX);
    strbuf_init(&telling->messages, TEXT_MAX);
    strbuf_init(&telling->rows, TEXT_MAX);
    telling->options = *options;
    telling->options.seed = chance_of(name);
    telling->options.traced = true; /* what is quiet has no trace */
    history_open(h, &telling->options);
    machine_log_into(&log);
    h->log = &log;
    h->world.points = crash_places.on ? &crash_places : NULL;
    h->world.scripted = true;
    h->world.began = began;
    h->world.acts = scenario_act_now;
    h->world.plan.slots = 2;
    h->setup.supply = h->supply;
    h->setup.step_env = h->setup.vars = h->setup.groups = h->secrets = json_object();
    scenario_prepare(h, text, &people);
    if (h->calm) { /* there are no faults in it: places that are new are new to the next */
        origins_begin(&crash_places, false);
        connections_note(false);
        machine_note(false);
    }
    int statements = connections_count();
    int64_t writes = disk_operations();
    telling->first_statement = statements;
    telling->first_call = machine_count();
    plan_fault(h, fault, nth);
    carry_out(h, people, telling);
    if (h->world.failure[0] == '\0' && h->engine != NULL) {
        telling->statements = connections_count() - statements;
        telling->calls = machine_count() - telling->first_call;
        telling->calm = h->calm;
        telling->points = h->world.points_passed;
        telling->writes = (int)(disk_operations() - writes);
        connections_fail(-1, 0);
        machine_fail(-1);
        disk_fail(DISK_FAULT_NONE, 0, 0);
        h->world.crash_after = -1;
        int64_t ended_ms = h->world.now_ms;
        world_pass(&h->world, 60000);
        judge_look(&h->judge);
        scenario_judge(h);
        rows_names(&h->judge);
        write_log(h, &log, &telling->log);
        write_files(h, ended_ms, &telling->files);
        write_messages(h, &telling->messages);
        rows_write(&h->judge, &telling->rows);
    }
    h->told_of_machine = h->told_of_machine || strstr(log.data, machine_words()) != NULL;
    h->log = NULL;
    machine_log_into(NULL);
    strbuf_clear(&log);
}

static void telling_clear(struct telling *telling)
{
    strbuf_clear(&telling->people);
    strbuf_clear(&telling->log);
    strbuf_clear(&telling->files);
    strbuf_clear(&telling->messages);
    strbuf_clear(&telling->rows);
}

static const char messages_head[] = "== messages\n";

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
    int head = strcspn(found + line, "\n") < 60 ? (int)strcspn(found + line, "\n") : 60;
    world_fail(&h->world, "another end than expected, in '%.*s': '%.*s', expected '%.*s'", head, found + line,
               (int)(strcspn(found + from, "\n") < 300 ? strcspn(found + from, "\n") : 300), found + from,
               (int)(strcspn(expected + from, "\n") < 300 ? strcspn(expected + from, "\n") : 300), expected + from);
}

static char *whole_text(const struct telling *telling)
{
    struct strbuf whole;
    strbuf_init(&whole, 3 * TEXT_MAX);
    strbuf_printf(&whole, "== people\n%s== log\n%s== files\n%s%s%s== rows\n%s", telling->people.data, telling->log.data,
                  telling->files.data, messages_head, telling->messages.data, telling->rows.data);
    char *text = mem_strdup(whole.data);
    strbuf_clear(&whole);
    return text;
}

static const char files_head[] = "== files\n";

/* The folders of models, a line each. */
static char *models_in(const char *text)
{
    const char *files = strstr(text, files_head);
    struct str rest = str_from(files == NULL ? "" : files);
    struct str line;
    struct strbuf models;
    strbuf_init(&models, TEXT_MAX);
    while (str_cut(&rest, '\n', &line) && str_find(line, STR("after ")) != 0) {
        if (str_find(line, STR("/models/")) >= 0) {
            strbuf_printf(&models, "%.*s\n", STR_ARG(line));
        }
    }
    char *copy = mem_strdup(models.data);
    strbuf_clear(&models);
    return copy;
}

/* A call has failed, and nobody was told: then no model lies in the home that would not be there without. */
static void compare_models(struct history *h, const char *expected, const char *found)
{
    char *texts[2] = {models_in(expected), models_in(found)};
    compare_line(h, texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

/* A journal that cannot be read now is not damaged: it is not put aside. */
static void compare_journals(struct history *h, const char *expected, const char *found)
{
    static const char aside[] = "/journal.damaged";
    if (count_of(found, aside) > count_of(expected, aside)) {
        world_fail(&h->world, "a call of the system has failed, and a journal was put aside");
    }
}

/* What people were told is another thing with a fault: what was not acknowledged may have happened. */
static void compare(struct history *h, int scenario, enum scenario_fault fault, const struct telling *telling)
{
    const char *expected = scenarios[scenario].expected;
    char *found = whole_text(telling);
    if (fault == SCENARIO_MACHINE && !h->loose) {
        compare_journals(h, expected, found);
    }
    if (fault == SCENARIO_MACHINE && (h->told_of_machine || strstr(found, machine_words()) != NULL)) {
        free(found);
        return;
    }
    if (fault != SCENARIO_NO_FAULT && h->loose) {
        free(found);
        return;
    }
    if (fault == SCENARIO_MACHINE && strstr(found, " stays: ") == NULL) { /* which is told in the log */
        compare_models(h, expected, found);
    }
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
    tell(options, scenario_name(scenario), scenarios[scenario].text, &h, &telling);
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
        const char *call = machine_failed();
        (void)snprintf(ret->failure, sizeof ret->failure, "%.40s: %s%s%.1100s", scenario_name(scenario),
                       call == NULL ? "" : call, call == NULL ? "" : " has failed: ", h.world.failure);
    }
    if (options->verbose) {
        char *text = whole_text(&telling);
        (void)printf("%s", text);
        free(text);
    }
    telling_clear(&telling);
    close_history(&h);
}

static void add_seeds(uint64_t **seeds, size_t *count, int scenario, enum scenario_fault fault, const int *numbers,
                      size_t number_count, int first)
{
    *seeds = mem_resize(*seeds, *count + number_count + 1, sizeof **seeds);
    for (size_t i = 0; i < number_count; i++) {
        (*seeds)[(*count)++] = scenario_seed(scenario, fault, numbers[i] - first);
    }
}

void scenario_count(const struct history_options *options, int scenario, int ret_counts[SCENARIO_FAULTS],
                    uint64_t **ret_seeds, size_t *ret_seed_count)
{
    struct history h = {.options = options};
    struct history_options plain = *options;
    struct telling telling = {0};
    plain.seed = scenario_seed(scenario, SCENARIO_NO_FAULT, 0);
    h.options = &plain;
    connections_note(true);
    machine_note(true);
    origins_begin(&crash_places, true);
    tell(&plain, scenario_name(scenario), scenarios[scenario].text, &h, &telling);
    crash_places.on = false;
    *ret_seeds = NULL;
    *ret_seed_count = 0;
    if (!telling.calm) {
        size_t count = 0;
        const int *numbers = connections_new_places(&count);
        add_seeds(ret_seeds, ret_seed_count, scenario, SCENARIO_STATEMENT, numbers, count, telling.first_statement + 1);
        for (size_t i = (size_t)scenario % 9; i < count; i += 9) {
            add_seeds(ret_seeds, ret_seed_count, scenario, SCENARIO_ROW, numbers + i, 1, telling.first_statement + 1);
        }
        numbers = machine_new_places(&count);
        add_seeds(ret_seeds, ret_seed_count, scenario, SCENARIO_MACHINE, numbers, count, telling.first_call);
        numbers = origins_kept(&crash_places, 1, &count);
        add_seeds(ret_seeds, ret_seed_count, scenario, SCENARIO_CRASH_POINT, numbers, count, 0);
    }
    for (int i = 0; !telling.calm && i < WRITES_TRIED; i++) {
        int nth = (int)((int64_t)telling.writes * i / WRITES_TRIED);
        add_seeds(ret_seeds, ret_seed_count, scenario, SCENARIO_WRITE, &nth, 1, 0);
    }
    connections_note(false);
    machine_note(false);
    ret_counts[SCENARIO_NO_FAULT] = 1;
    ret_counts[SCENARIO_STATEMENT] = telling.calm ? 0 : telling.statements;
    ret_counts[SCENARIO_ROW] = telling.calm ? 0 : telling.statements;
    ret_counts[SCENARIO_CRASH_POINT] = telling.calm ? 0 : telling.points;
    ret_counts[SCENARIO_WRITE] = telling.calm ? 0 : telling.writes;
    ret_counts[SCENARIO_MACHINE] = telling.calm ? 0 : telling.calls;
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
    tell(&plain, scenario_name(scenario), scenarios[scenario].text, &h, &telling);
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
