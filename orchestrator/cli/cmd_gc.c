/* SPDX-License-Identifier: Apache-2.0
 * gc: removes what the rules of config.yaml say is old, and what killed processes left.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/gc_visit.h"
#include "cli/session.h"
#include "cli/table.h"
#include "engine/world.h"
#include "gc/collect.h"
#include "wire/keeper.h"

#include <stdio.h>

struct gc_command {
    struct cli *cli;
    struct session session; /* of it: the home, the configuration, who asks */
    struct retention rules[RETENTION_KINDS];
    struct gc_survey survey;
    struct gc_outcome outcome;
    bool dry;
    struct visit *visit; /* of who holds the home; NULL: it is ours, or we only look */
    struct json items; /* [{"kind", "what", "why", "files", "bytes"}] */
    struct json held;  /* [{"kind", "what", "by"}] */
};

/* ---- the rules -------------------------------------------------------------------------------------------------- */

static int read_rules(struct gc_command *gc, struct err *err)
{
    for (int kind = 0; kind < RETENTION_KINDS; kind++) {
        const char *given = option_value(gc->cli, retention_rows[kind].name);
        gc->rules[kind] = gc->session.config.retention[kind];
        if (given != NULL &&
            retention_parse((enum retention_kind)kind, str_from(given), &gc->rules[kind], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* "runs: older than 90d, keep the last 50; logs: older than 30d" */
static const char *rules_words(const struct gc_command *gc)
{
    const char *words = "";
    for (int kind = 0; kind < RETENTION_KINDS; kind++) {
        if (gc->rules[kind].given) {
            words = arena_printf(gc->cli->arena, "%s%s%s: %s", words, *words == '\0' ? "" : "; ",
                                 retention_rows[kind].name, retention_words(&gc->rules[kind], gc->cli->arena));
        }
    }
    return *words == '\0' ? "leftovers only" : words;
}

/* ---- the survey as lists ---------------------------------------------------------------------------------------- */

static void add_item(struct gc_command *gc, const char *kind, const char *what, const char *why,
                     struct gc_weight weight)
{
    struct arena *arena = gc->cli->arena;
    struct json item = json_object();
    json_add(arena, &item, "kind", json_cstring(arena, kind));
    json_add(arena, &item, "what", json_cstring(arena, what));
    json_add(arena, &item, "why", json_cstring(arena, why));
    json_add(arena, &item, "files", json_int(weight.files));
    json_add(arena, &item, "bytes", json_int(weight.bytes));
    json_push(arena, &gc->items, item);
}

static void add_held(struct gc_command *gc, const char *kind, const char *what, const char *by)
{
    struct arena *arena = gc->cli->arena;
    struct json item = json_object();
    json_add(arena, &item, "kind", json_cstring(arena, kind));
    json_add(arena, &item, "what", json_cstring(arena, what));
    json_add(arena, &item, "by", json_cstring(arena, by));
    json_push(arena, &gc->held, item);
}

static void list_runs(struct gc_command *gc, enum retention_kind kind)
{
    const char *name = retention_rows[kind].name;
    for (size_t i = 0; i < gc->survey.run_count; i++) {
        const struct gc_run *run = &gc->survey.runs[i];
        const struct gc_members *members = &gc->survey.members[i];
        if (run->verdicts[kind].fate == GC_GOES) {
            add_item(gc, name, run->label, run->verdicts[kind].why, run->weights[kind]);
        } else if (run->verdicts[kind].fate == GC_HELD) {
            add_held(gc, name, run->label, run->verdicts[kind].why);
        }
        for (size_t k = 0; kind == RETENTION_ARTIFACTS && k < members->owner_count; k++) {
            if (members->owners[k].goes) {
                add_item(gc, name, arena_printf(gc->cli->arena, "%s of %s", members->owners[k].id, run->label),
                         "a model that nobody holds", members->owners[k].weight);
            }
        }
    }
}

static void list_deleted(struct gc_command *gc)
{
    const char *name = retention_rows[RETENTION_DELETED].name;
    for (size_t i = 0; i < gc->survey.deleted_count; i++) {
        const struct gc_deleted *item = &gc->survey.deleted[i];
        if (item->verdict.fate == GC_GOES) {
            add_item(gc, name, item->label, item->verdict.why, item->weight);
        } else if (item->verdict.fate == GC_HELD) {
            add_held(gc, name, item->label, item->verdict.why);
        }
    }
}

static void list_rest(struct gc_command *gc)
{
    const struct gc_survey *survey = &gc->survey;
    struct gc_weight nothing = {0};
    for (size_t i = 0; i < survey->entry_count; i++) {
        if (survey->entries[i].verdict.fate == GC_GOES) {
            add_item(gc, retention_rows[RETENTION_CACHE].name, survey->entries[i].step,
                     survey->entries[i].verdict.why, nothing);
        }
    }
    for (size_t i = 0; i < survey->leftover_count; i++) {
        const char *path = survey->leftovers[i].path;
        bool inside = str_starts(str_from(path), str_from(survey->home));
        add_item(gc, "leftover", inside ? path + strlen(survey->home) + 1 : path, survey->leftovers[i].why,
                 survey->leftovers[i].weight);
    }
    if (survey->digest_count > 0) {
        add_item(gc, "rows", arena_printf(gc->cli->arena, "%zu digests of files", survey->digest_count),
                 "the file is gone or another", nothing);
    }
    for (size_t i = 0; i < STORE_LOOSE_KINDS; i++) {
        if (survey->loose[i] > 0) {
            add_item(gc, "rows",
                     arena_printf(gc->cli->arena, "%lld %s", (long long)survey->loose[i], store_loose_names[i]),
                     "nothing refers to them", nothing);
        }
    }
}

static void list_triggers(struct gc_command *gc)
{
    const struct {
        int64_t count;
        const char *what, *why;
    } rows[] = {
        {gc->survey.old.triggers, "triggers", "settled longer ago, and no run is left of them"},
        {gc->survey.old.backfills, "backfills", "ended longer ago"},
        {gc->survey.old.schedules, "schedules", "nothing has them in force"},
    };
    struct gc_weight nothing = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].count > 0) {
            add_item(gc, retention_rows[RETENTION_TRIGGERS].name,
                     arena_printf(gc->cli->arena, "%lld %s", (long long)rows[i].count, rows[i].what), rows[i].why,
                     nothing);
        }
    }
}

static void list_all(struct gc_command *gc)
{
    gc->items = json_array();
    gc->held = json_array();
    list_runs(gc, RETENTION_RUNS);
    list_runs(gc, RETENTION_LOGS);
    list_runs(gc, RETENTION_ARTIFACTS);
    list_deleted(gc);
    list_rest(gc);
    list_triggers(gc);
}

/* ---- what is printed -------------------------------------------------------------------------------------------- */

static int64_t sum(const struct json *list, const char *kind, const char *key)
{
    int64_t total = 0;
    for (size_t i = 0; i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        if (kind == NULL || strcmp(json_get_text(item, "kind", ""), kind) == 0) {
            total += key == NULL ? 1 : json_get_int(item, key, 0);
        }
    }
    return total;
}

static const char *const kinds[] = {"runs", "logs", "artifacts", "cache", "deleted", "triggers", "leftover", "rows"};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static void print_json(struct gc_command *gc)
{
    struct arena *arena = gc->cli->arena;
    struct json object = json_object();
    struct json totals = json_object();
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct json total = json_object();
        json_add(arena, &total, "count", json_int(sum(&gc->items, kinds[i], NULL)));
        json_add(arena, &total, "files", json_int(sum(&gc->items, kinds[i], "files")));
        json_add(arena, &total, "bytes", json_int(sum(&gc->items, kinds[i], "bytes")));
        json_add(arena, &totals, kinds[i], total);
    }
    json_add(arena, &object, "dry_run", json_bool(gc->dry));
    json_add(arena, &object, "rules", json_cstring(arena, rules_words(gc)));
    json_add(arena, &object, "removed", gc->items);
    json_add(arena, &object, "totals", totals);
    json_add(arena, &object, "held", gc->held);
    if (!gc->dry) {
        struct json database = json_object();
        json_add(arena, &database, "bytes_before", json_int(gc->outcome.bytes_before));
        json_add(arena, &database, "bytes_after", json_int(gc->outcome.bytes_after));
        json_add(arena, &object, "database", database);
        json_add(arena, &object, "failures", json_int((int64_t)gc->outcome.failures));
    }
    printf("%s\n", json_text(arena, &object).p);
}

static void print_lists(struct gc_command *gc)
{
    static const char *const item_headings[] = {"kind", "what", "files", "size_bytes", "why", NULL};
    static const char *const held_headings[] = {"kept", "what", "held_by", NULL};
    struct cli *cli = gc->cli;
    struct table items;
    struct table held;
    table_init(&items, cli, item_headings);
    table_init(&held, cli, held_headings);
    for (size_t i = 0; i < gc->items.u.array.count; i++) {
        const struct json *item = &gc->items.u.array.items[i];
        struct json cells[] = {
            *json_get(item, "kind"),         *json_get(item, "what"), *json_get(item, "files"),
            table_size(cli, json_get_int(item, "bytes", 0)), *json_get(item, "why"),
        };
        table_row(&items, cells);
    }
    for (size_t i = 0; i < gc->held.u.array.count; i++) {
        const struct json *item = &gc->held.u.array.items[i];
        struct json cells[] = {*json_get(item, "kind"), *json_get(item, "what"), *json_get(item, "by")};
        table_row(&held, cells);
    }
    table_print(&items, "nothing to remove");
    if (gc->held.u.array.count > 0) {
        printf("\n");
        table_print(&held, "");
    }
}

static void print_people(struct gc_command *gc)
{
    char size[40];
    char before[40];
    char after[40];
    format_size(size, sizeof size, sum(&gc->items, NULL, "bytes"));
    print_lists(gc);
    long long files = (long long)sum(&gc->items, NULL, "files");
    printf("\n%s: %lld file%s, %s (%s)\n", gc->dry ? "would remove" : "removed", files, files == 1 ? "" : "s", size,
           rules_words(gc));
    format_size(before, sizeof before, gc->outcome.bytes_before);
    format_size(after, sizeof after, gc->outcome.bytes_after);
    if (gc->outcome.bytes_after < gc->outcome.bytes_before) {
        printf("database: %s, was %s\n", after, before);
    }
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* Who holds it may come and go: one that has no door does neither for long. */
static int take_home(struct gc_command *gc, const char *given, struct err *err)
{
    struct arena *arena = gc->cli->arena;
    struct err busy = {0};
    if (home_open(given, HOME_WRITE, "gc", arena, &gc->session.home, &busy) == 0) {
        return 0;
    }
    gc->visit = busy.code == ERR_BUSY ? visit_begin(home_find(given, arena)) : NULL;
    if (gc->visit == NULL) {
        *err = busy;
        return -1;
    }
    return home_open(given, HOME_READ, "gc", arena, &gc->session.home, err);
}

static int open_home(struct gc_command *gc, struct err *err)
{
    struct cli *cli = gc->cli;
    const char *given = option_value(cli, "home");
    const char *path = home_find(given, cli->arena);
    gc->session = (struct session){.cli = cli, .home.lock_fd = -1};
    if (!fs_is_folder(path)) {
        return err_set(err, ERR_NOT_FOUND, "there is no home at '%s': there is nothing to remove", path);
    }
    if (config_load_home(path, cli->arena, &gc->session.config_diags, &gc->session.config, err) < 0 ||
        read_rules(gc, err) < 0 ||
        (gc->dry ? home_open(given, HOME_READ, "gc", cli->arena, &gc->session.home, err) : take_home(gc, given, err)) <
            0) {
        return -1;
    }
    session_actor(&gc->session);
    if (!gc->dry && home_pin(&gc->session.home, true, err) < 0) {
        return -1;
    }
    return gc->visit == NULL ? 0 : gc_visit_begin(gc->visit, rules_words(gc), cli->arena, err);
}

static int remove_theirs(void *theirs, const char *path, struct err *err)
{
    return keeper_remove(theirs, path, err);
}

static int collect(struct gc_command *gc, struct err *err)
{
    struct cli *cli = gc->cli;
    struct store *store = gc->session.home.store;
    int64_t now_ms = clock_wall_ms(&clock_system);
    if (gc_survey(store, gc->session.home.path, gc->rules, now_ms, cli->arena, &gc->survey, err) < 0) {
        return -1;
    }
    if (gc->visit != NULL) {
        gc_visit_narrow(&gc->survey, now_ms);
    }
    struct gc_options options = {
        .store = store,
        .actor = gc->session.actor,
        .policy = rules_words(gc),
        .now_ms = now_ms,
        .arena = cli->arena,
        .crash_point = engine_world_system.crash_point,
        .remove_theirs = gc->session.config.runner_socket == NULL ? NULL : remove_theirs,
        .theirs = (void *)(uintptr_t)gc->session.config.runner_socket,
    };
    int result = gc->dry              ? 0
                 : gc->visit != NULL ? gc_visit_collect(gc->visit, &options, &gc->survey, &gc->outcome, err)
                                     : gc_collect(&options, &gc->survey, &gc->outcome, err);
    list_all(gc); /* a home that is in use may have begun to use something of it */
    return result;
}

static int run_gc(struct cli *cli)
{
    struct err err = {0};
    struct gc_command gc = {.cli = cli, .dry = option_given(cli, "dry-run")};
    if (open_home(&gc, &err) < 0) {
        home_close(&gc.session.home);
        visit_end(gc.visit);
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    int result = collect(&gc, &err);
    home_close(&gc.session.home);
    visit_end(gc.visit);
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        print_json(&gc);
    } else if (!cli->quiet) {
        print_people(&gc);
    }
    if (gc.outcome.failures > 0) {
        fprintf(stderr, "sluice: %zu of these could not be removed; the next 'sluice gc' tries again: %s\n",
                gc.outcome.failures, gc.outcome.failure);
        return EXIT_RUN_FAILED;
    }
    return EXIT_OK;
}

static const struct option_row gc_options[] = {
    {"dry-run", 'n', NULL, false, "change nothing: print what would go, and why the rest stays"},
    {"runs", 0, "RULE", false, "ended runs, with their logs and artifacts"},
    {"logs", 0, "RULE", false, "logs and working folders of ended runs; their records stay"},
    {"artifacts", 0, "RULE", false, "artifacts and models of ended runs; their records stay"},
    {"cache", 0, "RULE", false, "kept results"},
    {"deleted", 0, "RULE", false, "runs, models and experiments that a client of MLflow deleted: older_than alone"},
    {"triggers", 0, "RULE", false, "what was to start runs, where no run is left of it: older_than alone"},
    {0},
};

const struct command command_gc = {
    .name = "gc",
    .group = "Home",
    .summary = "remove what is old by the rules of config.yaml, and what killed processes left",
    .details =
        "A RULE is older_than=90d, keep_last=50 (of each pipeline), max_size=50G, or several of them with commas: what "
        "is older goes, and the oldest while all of it is larger, but never one of the last; 'none' keeps everything. "
        "An option stands in the place of what config.yaml says of that kind in 'gc'. Without any rule only leftovers "
        "go.\n"
        "\n"
        "Never goes: what is open; what a model version, its gate or its approval is of; what a kept result or a run "
        "that stays uses; the last run of a pipeline that succeeded. What a client of MLflow deleted is only marked, "
        "and can be restored, until a rule for 'deleted' removes it.\n"
        "While another sluice holds the home, 'sluice serve' or a run, that one removes the rows, a few at a time "
        "between its turns, and keeps what has come to be used meanwhile. With 'gc.every' in config.yaml 'sluice "
        "serve' does so by itself.",
    .examples = "sluice gc --dry-run\nsluice gc --runs older_than=90d,keep_last=50\nsluice gc --artifacts max_size=50G",
    .options = gc_options,
    .run = run_gc,
};
