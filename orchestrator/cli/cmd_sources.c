/* SPDX-License-Identifier: Apache-2.0
 * sources list, show, sync: repositories whose pipelines are in force, and where each stands.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/table.h"
#include "cli/trigger_change.h"
#include "store/in_force.h"
#include "store/sources.h"
#include "trigger/source_spec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JOBS_SHOWN = 10, LOOK_MS = 100, SHORT_DIGITS = 12 };

/* ---- one source as values --------------------------------------------------------------------------------------- */

static struct json read_json(const struct cli *cli, const char *text, enum json_type type)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, cli->arena, &value, NULL) == 0 && value.type == type;
    return good ? value : type == JSON_ARRAY ? json_array() : json_object();
}

static const char *state_of(const struct source_row *row)
{
    return *row->error != '\0'                    ? "failing"
           : strcmp(row->problems, "[]") != 0 ? (*row->in_force == '\0' ? "refused" : "in force, newer refused")
           : *row->in_force != '\0'           ? "in force"
                                              : "not fetched yet";
}

static const char *branch_of(const struct source_row *row)
{
    return *row->at_branch != '\0' ? row->at_branch : row->branch;
}

static const char *problem_words(const struct cli *cli, const struct source_row *row)
{
    struct json problems = read_json(cli, row->problems, JSON_ARRAY);
    if (*row->error != '\0' || problems.u.array.count == 0) {
        return row->error;
    }
    const struct json *first = &problems.u.array.items[0];
    const char *file = json_get_text(first, "file", "");
    int64_t line = json_get_int(first, "line", 0);
    const char *words = arena_printf(cli->arena, "%s%s%s%s", file,
                                     line > 0 ? arena_printf(cli->arena, ":%lld", (long long)line) : "",
                                     *file == '\0' ? "" : ": ", json_get_text(first, "message", ""));
    return problems.u.array.count == 1
               ? words
               : arena_printf(cli->arena, "%s (and %zu more)", words, problems.u.array.count - 1);
}

static const char *page_of(const struct cli *cli, const struct source_row *row, const char *commit)
{
    const char *page = source_commit_page(row->url, row->page, commit, cli->arena);
    return page == NULL ? "" : page;
}

static struct json short_commit(const struct cli *cli, const char *commit)
{
    return json_string(cli->arena, cli->json ? str_from(commit) : str_slice(str_from(commit), 0, SHORT_DIGITS));
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int list_sources(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"source",  "state",   "commit",   "branch", "fetched_at", "problem",
                                           "page",    "url",     "in_force", "since_at", "seen", "failures",
                                           "failing_at", "tried_at", "problems", NULL};
    struct source_row *rows = NULL;
    size_t count = 0;
    struct table table;
    if (store_source_list(home->store, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 7;
    for (size_t i = 0; i < count; i++) {
        const struct source_row *row = &rows[i];
        const char *looked_at = *row->seen != '\0' ? row->seen : row->in_force;
        struct json cells[] = {
            table_text(cli, row->name),
            table_text(cli, state_of(row)),
            short_commit(cli, looked_at),
            table_text(cli, branch_of(row)),
            table_moment(cli, row->fetched_ms),
            table_text(cli, problem_words(cli, row)),
            table_text(cli, page_of(cli, row, looked_at)),
            table_text(cli, row->url),
            short_commit(cli, row->in_force),
            table_moment(cli, row->since_ms),
            short_commit(cli, row->seen),
            json_int(row->failures),
            table_moment(cli, row->failing_ms),
            table_moment(cli, row->tried_ms),
            read_json(cli, row->problems, JSON_ARRAY),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no sources: 'sources' of config.yaml names them, and 'sluice serve' follows them");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_sources);
}

const struct command command_sources_list = {
    .name = "sources list",
    .group = "By itself",
    .summary = "the repositories whose pipelines are in force, and where each stands",
    .details = "in force: the commit that is shown; in force, newer refused: it does not validate, and what was in\n"
               "force before stays; failing: it cannot be fetched. --json has every problem, with its place.",
    .examples = "sluice sources list\nsluice sources list --json",
    .run = run_list,
};

/* ---- show ------------------------------------------------------------------------------------------------------- */

static struct json time_cell(const struct cli *cli, int64_t at_ms)
{
    char at[40];
    format_time(at, sizeof at, at_ms);
    return at_ms == 0 ? json_null() : json_cstring(cli->arena, at);
}

static struct json job_json(const struct cli *cli, const struct job_row *job)
{
    struct json one = json_object();
    json_set(cli->arena, &one, "job", json_int(job->id));
    json_set(cli->arena, &one, "source", json_cstring(cli->arena, job->source));
    json_set(cli->arena, &one, "why", json_cstring(cli->arena, job->why));
    json_set(cli->arena, &one, "actor", json_cstring(cli->arena, job->actor));
    json_set(cli->arena, &one, "state", json_cstring(cli->arena, job->state));
    json_set(cli->arena, &one, "words", json_cstring(cli->arena, job->words));
    json_set(cli->arena, &one, "commit", json_cstring(cli->arena, job->commit_id));
    json_set(cli->arena, &one, "created_at", time_cell(cli, job->created_ms));
    json_set(cli->arena, &one, "started_at", time_cell(cli, job->started_ms));
    json_set(cli->arena, &one, "ended_at", time_cell(cli, job->ended_ms));
    return one;
}

/* What is shown of a source. */
struct shown {
    struct source_row row;
    struct pipeline_in_force *pipelines;
    size_t pipeline_count;
    struct job_row *jobs;
    size_t job_count;
};

static void print_json(const struct cli *cli, const struct shown *shown)
{
    const struct source_row *row = &shown->row;
    struct json object = json_object();
    struct json pipelines = json_array();
    struct json jobs = json_array();
    const char *const texts[][2] = {
        {"source", row->name}, {"url", row->url}, {"branch", branch_of(row)}, {"path", row->path},
        {"state", state_of(row)}, {"in_force", row->in_force}, {"seen", row->seen}, {"error", row->error},
        {"page", page_of(cli, row, row->seen)},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_set(cli->arena, &object, texts[i][0], json_cstring(cli->arena, texts[i][1]));
    }
    json_set(cli->arena, &object, "every_ms", json_int(row->every_ms));
    json_set(cli->arena, &object, "since_at", time_cell(cli, row->since_ms));
    json_set(cli->arena, &object, "fetched_at", time_cell(cli, row->fetched_ms));
    json_set(cli->arena, &object, "tried_at", time_cell(cli, row->tried_ms));
    json_set(cli->arena, &object, "failing_at", time_cell(cli, row->failing_ms));
    json_set(cli->arena, &object, "failures", json_int(row->failures));
    json_set(cli->arena, &object, "commit", read_json(cli, row->about, JSON_OBJECT));
    json_set(cli->arena, &object, "problems", read_json(cli, row->problems, JSON_ARRAY));
    for (size_t i = 0; i < shown->pipeline_count; i++) {
        json_push(cli->arena, &pipelines, json_cstring(cli->arena, shown->pipelines[i].name));
    }
    for (size_t i = 0; i < shown->job_count; i++) {
        json_push(cli->arena, &jobs, job_json(cli, &shown->jobs[i]));
    }
    json_set(cli->arena, &object, "pipelines", pipelines);
    json_set(cli->arena, &object, "jobs", jobs);
    printf("%s\n", json_text(cli->arena, &object).p);
}

static void print_line(const char *name, const char *value)
{
    if (*value != '\0') {
        printf("%-10s %s\n", name, value);
    }
}

static void print_problems(const struct cli *cli, const struct source_row *row)
{
    struct json problems = read_json(cli, row->problems, JSON_ARRAY);
    for (size_t i = 0; i < problems.u.array.count; i++) {
        const struct json *one = &problems.u.array.items[i];
        const char *hint = json_get_text(one, "hint", "");
        printf("%-10s %s:%lld:%lld: %s%s%s\n", i == 0 ? "refused" : "", json_get_text(one, "file", ""),
               (long long)json_get_int(one, "line", 0), (long long)json_get_int(one, "column", 0),
               json_get_text(one, "message", ""), *hint == '\0' ? "" : ": ", hint);
    }
}

static void print_text(const struct cli *cli, const struct shown *shown)
{
    const struct source_row *row = &shown->row;
    struct json about = read_json(cli, row->about, JSON_OBJECT);
    struct str message = str_from(json_get_text(&about, "message", ""));
    struct str first = {0};
    (void)str_cut(&message, '\n', &first);
    print_line("source", row->name);
    print_line("url", row->url);
    print_line("branch", branch_of(row));
    print_line("state", state_of(row));
    print_line("in force", row->in_force);
    print_line("seen", row->seen);
    print_line("by", json_get_text(&about, "author", ""));
    print_line("message", arena_str(cli->arena, first).p);
    print_line("page", page_of(cli, row, row->seen));
    print_line("failing", row->error);
    print_problems(cli, row);
    for (size_t i = 0; i < shown->pipeline_count; i++) {
        printf("%-10s %s (%s)\n", i == 0 ? "pipelines" : "", shown->pipelines[i].name, shown->pipelines[i].path);
    }
    for (size_t i = 0; i < shown->job_count; i++) {
        const struct job_row *job = &shown->jobs[i];
        char at[40];
        format_time_s(at, sizeof at, job->started_ms != 0 ? job->started_ms : job->created_ms);
        printf("%-10s %lld  %s  %s for %s  %s%s%s\n", i == 0 ? "jobs" : "", (long long)job->id, at, job->why,
               job->actor, job->state, *job->words == '\0' ? "" : ": ", job->words);
    }
}

static int find_source(struct cli *cli, struct home *home, const char *name, struct source_row *ret, struct err *err)
{
    int found = store_source_find(home->store, name, cli->arena, ret, err);
    return found == 0 ? err_set(err, ERR_NOT_FOUND, "no source '%s': 'sluice sources list' shows those that there are",
                                name)
                      : found;
}

static int show_source(struct cli *cli, struct home *home, struct err *err)
{
    struct shown shown = {0};
    const char *name = cli->arguments[0];
    if (find_source(cli, home, name, &shown.row, err) < 0 ||
        store_in_force_list(home->store, name, cli->arena, &shown.pipelines, &shown.pipeline_count, err) < 0 ||
        store_job_list(home->store, name, JOBS_SHOWN, cli->arena, &shown.jobs, &shown.job_count, err) < 0) {
        return -1;
    }
    if (cli->json) {
        print_json(cli, &shown);
    } else {
        print_text(cli, &shown);
    }
    return EXIT_OK;
}

static int run_show(struct cli *cli)
{
    return look(cli, show_source);
}

const struct command command_sources_show = {
    .name = "sources show",
    .group = "By itself",
    .summary = "one repository: its commit, what is wrong with it, its pipelines, the last fetches",
    .arguments = "SOURCE",
    .examples = "sluice sources show wine\nsluice sources show wine --json",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_show,
};

/* ---- sync ------------------------------------------------------------------------------------------------------- */

static int wait_for(struct cli *cli, struct home *home, int64_t id, struct job_row *ret, struct err *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (;;) {
        struct arena *arena = arena_new();
        struct job_row row;
        int found = store_job_find(home->store, id, arena, &row, err);
        bool ended = found == 1 && row.ended_ms != 0;
        if (ended) {
            found = store_job_find(home->store, id, cli->arena, ret, err);
        }
        arena_free(arena);
        if (found <= 0) {
            return found < 0 ? -1 : err_set(err, ERR_STATE, "job %lld is not known any more", (long long)id);
        }
        if (ended) {
            return 0;
        }
        (void)nanosleep(&pause, NULL);
    }
}

static int ask(struct cli *cli, const char *name, int64_t *ret_job)
{
    struct json document = json_object();
    struct json outcome;
    json_set(cli->arena, &document, "what", json_cstring(cli->arena, "sync"));
    json_set(cli->arena, &document, "source", json_cstring(cli->arena, name));
    int code = trigger_change_ask(cli, "sources sync", &document, &outcome);
    *ret_job = code == EXIT_OK ? json_get_int(&outcome, "job", 0) : 0;
    return code;
}

static int wait_and_print(struct cli *cli, struct home *home, const int64_t *jobs, size_t count, struct err *err)
{
    int code = EXIT_OK;
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct job_row row;
        if (wait_for(cli, home, jobs[i], &row, err) < 0) {
            return -1;
        }
        bool refused = str_starts(str_from(row.words), STR("refused"));
        code = strcmp(row.state, "done") != 0 || refused ? EXIT_RUN_FAILED : code;
        json_push(cli->arena, &list, job_json(cli, &row));
        if (!cli->json && !cli->quiet) {
            printf("%s: %s%s%.*s%s%s\n", row.source, strcmp(row.state, "done") == 0 ? "" : "failed: ",
                   *row.commit_id == '\0' ? "" : "commit ", SHORT_DIGITS, row.commit_id,
                   *row.commit_id == '\0' ? "" : ": ", row.words);
        }
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &list).p);
    }
    return code;
}

static int names_of(struct cli *cli, struct home *home, const char ***ret, size_t *ret_count, struct err *err)
{
    struct source_row *rows = NULL;
    size_t count = 0;
    if (cli->argument_count > 0) {
        *ret = (const char **)(uintptr_t)cli->arguments;
        *ret_count = (size_t)cli->argument_count;
        return 0;
    }
    if (store_source_list(home->store, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    *ret = arena_array(cli->arena, count, sizeof **ret);
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        (*ret)[i] = rows[i].name;
    }
    return count > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "no sources: 'sources' of config.yaml names them");
}

static int sync_sources(struct cli *cli, struct home *home, struct err *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (names_of(cli, home, &names, &count, err) < 0) {
        return -1;
    }
    int64_t *jobs = arena_array(cli->arena, count, sizeof *jobs);
    for (size_t i = 0; i < count; i++) {
        int code = ask(cli, names[i], &jobs[i]);
        if (code != EXIT_OK) {
            return code;
        }
    }
    if (option_given(cli, "no-wait")) {
        return EXIT_OK;
    }
    return wait_and_print(cli, home, jobs, count, err);
}

static int run_sync(struct cli *cli)
{
    return look(cli, sync_sources);
}

static const struct option_row sync_options[] = {
    {"no-wait", 0, NULL, false, "say it, and do not wait until it is fetched"},
    {0},
};

const struct command command_sources_sync = {
    .name = "sources sync",
    .group = "By itself",
    .summary = "have repositories fetched now, and their pipelines looked at again",
    .arguments = "[SOURCE...]",
    .details = "The sluice that serves the home does it; of all sources when none is named. It waits until that is\n"
               "done: the exit code is 1 when one cannot be fetched, or its commit is refused.",
    .examples = "sluice sources sync\nsluice sources sync wine --no-wait",
    .options = sync_options,
    .max_arguments = -1,
    .run = run_sync,
};
