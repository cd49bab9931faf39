/* SPDX-License-Identifier: Apache-2.0
 * What people do in a scenario, a line each:
 *
 *   in-force FILE, out-of-force NAME the pipeline of the file is, or is not any more
 *   pause PIPELINE SCHEDULE, resume PIPELINE SCHEDULE
 *   backfill PIPELINE SCHEDULE FROM_MS TO_MS REPROCESS MOST [reverse]    event KEY [again], a delivery for w
 *   fired N                          turns until so many triggers have their outcome
 *   submit FILE RUN [KEY=VALUE ...]  starts the pipeline; RUN is a name of the line's own. Keys: as, until, fresh,
 *                                    no_cache, priority, environment, git, retry, rerun, again (STEP,...), only,
 *                                    env (JSON), p.NAME (a param). In values @HOME, @RUN_NAME, @LONG (a
 *                                    text) and @LIST_N (of so many numbers)
 *   foresee FILE [KEY=VALUE ...]     which results it would use
 *   retry RUN NEW [step=STEP] [only=yes]   as the command of that name: NEW is a name of the line's own
 *   vote RUN STEP ACTOR yes|no [GROUP,...] [REASON] [wait=ID]   "-" is no step
 *   look-at-votes                    others have recorded votes in the store
 *   reconfigure                      the engine goes on with what the home has by now (supply)
 *   stop-steps ACTOR REASON          runs whose steps have a process are cancelled
 *   cancel RUN ACTOR [REASON]        kill RUN
 *   go NAME                          steps that hold for the name go on
 *   write PATH TEXT                  remove PATH
 *   later MS                         time passes
 *   clock MS                         somebody sets the clock, so much later (or earlier)
 *   restart, kill-engine, kill-runners; boot: all of them, and the machine starts anew
 *   cut RUN BYTES                    its journal has only so many when the machine starts anew; trim: it goes on
 *   slots N, supply NAME AMOUNT      from the next engine on
 *   fail-runners N, dying-runners N, mute-runners N  the next so many do not start, die before they greet, or never
 *                                    listen
 *   stop-runners, wake-runners       as SIGSTOP and SIGCONT
 *   cut-links, break-links N         connections end, and their runners live on; the next N end as they begin
 *   fail-connects N                  the next N connections cannot be made, for want of descriptors
 *   babble                           runners send what is no message
 *   crash N                          the engine is killed at the Nth crash point from now
 *   doze N MS                        the engine stands still there for so long, as a process that is stopped
 *   say TYPE RUN                     the runner of the run sends such a message
 *   absent MS                        the engine is killed, and the next begins so much later
 *   starts-nothing, starts-again     the next engines begin no steps, or do
 *   forget-plugins                   they are gone from the next engine on
 *   spoil GLOB TEXT, unlink GLOB     changes files of the home
 *   change-runners                   they are of another version, as the next engine finds
 *   other-runners N                  the next so many that are started are
 *   deafen-runners, hang-runners     as stop-runners, and SIGCONT is of no use, or no signal is
 *   in MS ACT                        what happens to the world (runners, clock, files) in so long, whatever goes on
 *   turns N                          the engine has so many turns, and is not waited for any longer
 *   until-held N, until-begun N, until-rows N   the same, until runners hold so many attempts, or have begun so many
 *                                    in all, or the store knows of so many
 *   quiet                            nothing
 *   fail N TEXT                      the Nth statement from now that holds the text fails; told in the log
 *   busy N TEXT                      it and the next two fail, and the engine need not leave: what it gave up cannot
 *                                    be loaded again at once
 *   secret NAME VALUE                it is set, or known at last
 *   held                             how many attempts runners hold for later
 *   sql TEXT                         another process changes the store
 *   states RUN                       in which state it and its steps are, and why
 *   ask RUN                          is it blocked, is the engine idle, how far is it?
 */
#include "scenario.h"

#include "base/fs.h"
#include "connections.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/again.h"
#include "machine.h"
#include "pipeline/diag.h"
#include "script.h"

#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct words split(struct arena *arena, struct str line)
{
    struct words words = {0};
    struct str word;
    while (words.count < WORDS_MAX && str_cut(&line, ' ', &word)) {
        words.items[words.count++] = arena_str(arena, word).p;
    }
    return words;
}

/* The value of KEY=VALUE, or NULL. */
static const char *option(const struct words *words, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < words->count; i++) {
        if (strncmp(words->items[i], key, n) == 0 && words->items[i][n] == '=') {
            return words->items[i] + n + 1;
        }
    }
    return NULL;
}

const char *scenario_run_id(struct history *h, const char *name)
{
    for (size_t i = 0; i < h->run_count; i++) {
        if (strcmp(h->run_names[i], name) == 0) {
            return h->runs[i].run_id;
        }
    }
    if (h->run_count == RUNS_MAX) {
        world_fail(&h->world, "more than %d runs", RUNS_MAX);
        return h->runs[0].run_id;
    }
    (void)snprintf(h->runs[h->run_count].run_id, sizeof h->runs[0].run_id, "%032zx", h->run_count + 0xabc000);
    h->run_names[h->run_count] = arena_strdup(h->world.arena, name);
    return h->runs[h->run_count++].run_id;
}

const char *scenario_outcome(struct history *h, const char *call, int result, const struct err *err, const char *good)
{
    history_told(h, call, result, err);
    if (h->world.dead || (result < 0 && store_has_failed(err))) {
        h->restart = h->restart || (result < 0 && (err->code == ERR_IO || err->code == ERR_CORRUPT));
        return NULL;
    }
    return result < 0 ? arena_strdup(h->world.arena, err->message) : good;
}

/* What stands for a text that a scenario cannot write. */
static const char *value_of(struct history *h, const char *text)
{
    struct arena *arena = h->world.arena;
    const char *home = strstr(text, "@HOME");
    if (strcmp(text, "@LONG") == 0) {
        char *text_of_many = arena_array(arena, 140001, 1);
        memset(text_of_many, 'x', 140000);
        return text_of_many;
    }
    if (strncmp(text, "@LIST_", 6) == 0) {
        long count = strtol(text + 6, NULL, 10);
        struct json list = json_array();
        for (long i = 0; i < count; i++) {
            json_push(arena, &list, json_int(i));
        }
        return json_text(arena, &list).p;
    }
    if (strncmp(text, "@RUN_", 5) == 0) {
        return scenario_run_id(h, text + 5);
    }
    return home == NULL
               ? text
               : arena_printf(arena, "%.*s%s%s", (int)(home - text), text, h->world.home, home + strlen("@HOME"));
}

static struct json given_params(struct history *h, struct arena *arena, const struct words *words)
{
    struct json given = json_object();
    for (size_t i = 0; i < words->count; i++) {
        const char *equals = strchr(words->items[i], '=');
        if (strncmp(words->items[i], "p.", 2) == 0 && equals != NULL) {
            struct str name = {words->items[i] + 2, (size_t)(equals - words->items[i]) - 2};
            json_set(arena, &given, arena_str(arena, name).p, json_cstring(arena, value_of(h, equals + 1)));
        }
    }
    return given;
}

static const bool *again_of(struct arena *arena, const struct pipeline *pipeline, const char *names)
{
    struct str rest = str_from(names);
    struct str name;
    bool *again = arena_array(arena, pipeline->step_count, sizeof *again);
    while (str_cut(&rest, ',', &name)) {
        ptrdiff_t at = pipeline_find_step(pipeline, name);
        if (at >= 0) {
            again[at] = true;
        }
    }
    return again;
}

static struct json json_option(struct arena *arena, const struct words *words, const char *key)
{
    struct json value = json_null();
    const char *text = option(words, key);
    if (text != NULL) {
        (void)json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL);
    }
    return value;
}

/* NULL, and why not. */
static const struct pipeline *load(struct history *h, struct arena *arena, const char *file, const char **ret_problem)
{
    struct diags diags;
    struct pipeline_world loads = {
        .plugins = &h->catalogue, .folder = h->world.workspace, .root = h->world.workspace, .supply = NULL};
    diags_init(&diags, arena, path_join(arena, h->world.workspace, file));
    const struct pipeline *pipeline = pipeline_load_file(diags.file, &diags, &loads);
    if (pipeline == NULL) {
        *ret_problem = arena_printf(h->world.arena, "%d: %s", diags.count > 0 ? diags.items[0].pos.line : 0,
                                    diags.count > 0 ? diags.items[0].message : "?");
        world_fail(&h->world, "%s is no pipeline: %s", file, *ret_problem);
    }
    return pipeline;
}

static struct engine_submission submission_of(struct history *h, struct arena *arena, const struct words *words,
                                              const struct pipeline *pipeline, int64_t *room)
{
    const char *retry = option(words, "retry");
    const char *rerun = option(words, "rerun");
    const char *again = option(words, "again");
    struct engine_submission submission = {
        .pipeline = pipeline,
        .workspace = h->world.workspace,
        .params = json_object(),
        .trigger = "cli",
        .actor = option(words, "as") == NULL ? "ann" : option(words, "as"),
        .until = option(words, "until"),
        .environment = option(words, "environment"),
        .vars = json_option(arena, words, "vars"),
        .git = json_option(arena, words, "git"),
        .step_env = json_option(arena, words, "env"),
        .seed = 7,
        .retry_of = retry != NULL   ? scenario_run_id(h, retry)
                    : rerun != NULL ? scenario_run_id(h, rerun)
                                    : NULL,
        .again = again == NULL ? NULL : again_of(arena, pipeline, again),
        .only = option(words, "only") != NULL,
        .no_cache = option(words, "no_cache") != NULL,
        .fresh = option(words, "fresh"),
        .new_number = rerun != NULL,
    };
    if (option(words, "priority") != NULL &&
        parse_int(str_from(option(words, "priority")), INT64_MIN, INT64_MAX, room, NULL) == 0) {
        submission.priority = room;
    }
    return submission;
}

static const char *submit(struct history *h, struct arena *arena, const struct words *words, bool foresee)
{
    struct err err = {0};
    char made[40];
    int64_t room = 0;
    const char *problem = NULL;
    const char *id = foresee ? NULL : scenario_run_id(h, word_at(words, 2));
    if (id != NULL && judge_run_state(&h->judge, id) != NULL) {
        return "ok"; /* it was not acknowledged, and happened */
    }
    const struct pipeline *pipeline = load(h, arena, word_at(words, 1), &problem);
    if (pipeline == NULL) {
        return problem;
    }
    struct engine_submission submission = submission_of(h, arena, words, pipeline, &room);
    struct json given = given_params(h, arena, words);
    if (pipeline_params(pipeline, &given, true, arena, &submission.params, &err) < 0) {
        return arena_strdup(h->world.arena, err.message);
    }
    if (foresee) {
        struct json reused = json_object();
        (void)machine_engine_calls(true);
        int result = engine_foresee(h->engine, &submission, arena, &reused, &err);
        const char *told = arena_strdup(h->world.arena, json_text(arena, &reused).p);
        return scenario_outcome(h, "a look ahead", result, &err, told);
    }
    submission.run_id = id;
    (void)machine_engine_calls(true);
    return scenario_outcome(h, "a submission", engine_submit(h->engine, &submission, made, &err), &err, "ok");
}

static int submit_again(struct history *h, struct arena *arena, const struct words *words, const char *id,
                        struct err *err)
{
    char made[40];
    struct pipeline_run row;
    const char *word = option(words, "step");
    struct engine_submission submission = {.trigger = "retry", .actor = "ann", .seed = 7, .run_id = id};
    if (store_pipeline_run_get(h->store, scenario_run_id(h, word_at(words, 1)), arena, &row, err) < 0 ||
        (submission.pipeline = again_definition(h->store, &h->catalogue, &row, arena, err)) == NULL) {
        return -1;
    }
    ptrdiff_t step = word == NULL ? -1 : pipeline_find_step(submission.pipeline, str_from(word));
    return again_retry(&row, step, option(words, "only") != NULL, arena, &submission, err) < 0
               ? -1
               : engine_submit(h->engine, &submission, made, err);
}

static const char *retry(struct history *h, struct arena *arena, const struct words *words)
{
    struct err err = {0};
    const char *id = scenario_run_id(h, word_at(words, 2));
    if (judge_run_state(&h->judge, id) != NULL) {
        return "ok"; /* it was not acknowledged, and happened */
    }
    (void)machine_engine_calls(true);
    return scenario_outcome(h, "a retry", submit_again(h, arena, words, id, &err), &err, "ok");
}

static const char *vote(struct history *h, struct arena *arena, const struct words *words)
{
    struct err err = {0};
    struct json told = json_object();
    struct str groups = str_from(word_at(words, 5));
    struct str group;
    struct engine_vote vote = {
        .run_id = scenario_run_id(h, word_at(words, 1)),
        .step = strcmp(word_at(words, 2), "-") == 0 ? NULL : word_at(words, 2),
        .actor = word_at(words, 3),
        .groups = json_array(),
        .approve = strcmp(word_at(words, 4), "yes") == 0,
        .reason = words->count > 6                        ? words->items[6]
                  : strcmp(word_at(words, 4), "yes") != 0 ? "no"
                                                          : NULL,
    };
    if (option(words, "wait") != NULL) {
        (void)parse_int(str_from(option(words, "wait")), 1, INT64_MAX, &vote.wait, NULL);
    }
    while (str_cut(&groups, ',', &group)) {
        if (group.n > 0) {
            json_push(arena, &vote.groups, json_string(arena, group));
        }
    }
    (void)machine_engine_calls(true);
    int result = engine_vote(h->engine, &vote, &told, arena, &err);
    return scenario_outcome(h, "a vote", result, &err,
                   result < 0 ? "" : arena_strdup(h->world.arena, json_text(arena, &told).p));
}

/* Who was not answered looks before saying it again: it may have been heard, and then nobody need repeat it. */
static bool cancel_was_heard(struct history *h, const struct words *words)
{
    struct sqlite3_stmt *s = judge_ask(&h->judge,
                                       "SELECT 1 FROM activity WHERE action = 'run.cancelled' AND object_id = ? "
                                       "AND actor = ? AND reason = ?",
                                       "ttt", scenario_run_id(h, word_at(words, 1)), word_at(words, 2),
                                       word_at(words, 3));
    bool heard = false;
    while (judge_row(s)) {
        heard = true;
    }
    return heard;
}

static const char *cancel(struct history *h, const struct words *words)
{
    struct err err = {0};
    if (h->unanswered && cancel_was_heard(h, words)) {
        return "ok";
    }
    (void)machine_engine_calls(true);
    int result = engine_cancel(h->engine, scenario_run_id(h, word_at(words, 1)), word_at(words, 2),
                               words->count > 3 ? words->items[3] : NULL, &err);
    return scenario_outcome(h, "a cancel", result, &err, "ok");
}

static const char *reconfigure(struct history *h)
{
    struct err err = {0};
    (void)machine_engine_calls(true);
    return scenario_outcome(h, "another configuration", engine_reconfigure(h->engine, &h->setup, &err), &err, "ok");
}

static const char *stop_steps(struct history *h, const struct words *words)
{
    struct err err = {0};
    (void)machine_engine_calls(true);
    int result = engine_stop_steps(h->engine, word_at(words, 1), word_at(words, 2), &err);
    return scenario_outcome(h, "a stop of steps", result, &err, "ok");
}

static const char *ask(struct history *h, const char *name)
{
    const char *id = scenario_run_id(h, name);
    const struct run *run = engine_find_run(h->engine, id);
    const char *text = "";
    double progress = run == NULL ? -1 : engine_progress(h->engine, id, (struct run_place){0, 0}, &text);
    const char *told =
        arena_printf(h->world.arena, "open=%d blocked=%d idle=%d progress=%g %s", run != NULL,
                     engine_is_blocked(h->engine, id), engine_is_idle(h->engine), progress, text == NULL ? "" : text);
    const char *last;
    h->store_failures = connections_failures(&last); /* an answer is as good as can be */
    return told;
}

/* "waiting: ...; step/item=state: reason, ..." */
static const char *states(struct history *h, const char *name)
{
    static const char sql[] =
        "SELECT replace(r.state || ': ' || coalesce(r.reason, '-') || '; ' || (SELECT group_concat(x, ', ') FROM "
        "(SELECT step || '/' || item || '=' || state || coalesce(': ' || reason, '') AS x FROM steps s "
        "WHERE s.run_id = r.run_id ORDER BY position, item)), ?, 'HOME') FROM pipeline_runs r WHERE r.run_id = ?";
    struct sqlite3_stmt *s = judge_ask(&h->judge, sql, "tt", h->world.home, scenario_run_id(h, name));
    const char *told = "no such run";
    while (judge_row(s)) {
        told = arena_strdup(h->world.arena, judge_text(s, 0));
    }
    return told;
}

static const char *change_file(struct history *h, const struct words *words, struct str line)
{
    struct err err = {0};
    const char *path = path_join(h->world.arena, h->world.workspace, word_at(words, 1));
    if (strcmp(words->items[0], "remove") == 0) {
        return fs_remove(path, &err) < 0 ? "not removed" : "ok";
    }
    size_t skip = strlen(words->items[0]) + strlen(word_at(words, 1)) + 2;
    struct str text = skip > line.n ? STR("") : str_slice(line, skip, line.n);
    return fs_write(path, text, 0600, false, &err) < 0 ? "not written" : "ok";
}

/* Files of the home that match: written anew, or taken away. */
static const char *change_kept(struct history *h, const struct words *words)
{
    glob_t found;
    struct err err = {0};
    const char *pattern = arena_printf(h->world.arena, "%s/%s", h->world.home, word_at(words, 1));
    if (glob(pattern, 0, NULL, &found) != 0) {
        return "none";
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (strcmp(words->items[0], "unlink") == 0) {
            (void)fs_remove(found.gl_pathv[i], &err);
        } else {
            (void)fs_write(found.gl_pathv[i], str_from(word_at(words, 2)), 0600, false, &err);
        }
    }
    globfree(&found);
    return "ok";
}

static const char *change_store(struct history *h, struct str line)
{
    sqlite3 *db = NULL;
    const char *path = arena_printf(h->world.arena, "%s/sluice.db", h->world.home);
    const char *sql = arena_str(h->world.arena, str_slice(line, strlen("sql "), line.n)).p;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    code = code == SQLITE_OK ? sqlite3_exec(db, sql, NULL, NULL, NULL) : code;
    if (code == SQLITE_ERROR) {
        world_fail(&h->world, "%s: %s", sql, sqlite3_errmsg(db));
    }
    (void)sqlite3_close(db);
    return code == SQLITE_OK ? "ok" : NULL;
}

static const char *do_line(struct history *h, struct str line)
{
    struct arena *arena = arena_new();
    struct words words = split(arena, line);
    struct err err = {0};
    const char *verb = word_at(&words, 0);
    const char *told = "ok";
    if (words.count > 0 && scenario_triggers_do(h, &words, &told)) {
        verb = "";
    } else if (strcmp(verb, "submit") == 0 || strcmp(verb, "foresee") == 0) {
        told = submit(h, arena, &words, verb[0] == 'f');
    } else if (strcmp(verb, "retry") == 0) {
        told = retry(h, arena, &words);
    } else if (strcmp(verb, "reconfigure") == 0) {
        told = reconfigure(h);
    } else if (strcmp(verb, "stop-steps") == 0) {
        told = stop_steps(h, &words);
    } else if (strcmp(verb, "look-at-votes") == 0) {
        engine_look_at_votes(h->engine);
    } else if (strcmp(verb, "vote") == 0) {
        told = vote(h, arena, &words);
    } else if (strcmp(verb, "cancel") == 0) {
        told = cancel(h, &words);
    } else if (strcmp(verb, "kill") == 0) {
        (void)machine_engine_calls(true);
        int result = engine_kill(h->engine, scenario_run_id(h, word_at(&words, 1)), &err);
        told = scenario_outcome(h, "a kill", result, &err, "ok");
    } else if (strcmp(verb, "spoil") == 0 || strcmp(verb, "unlink") == 0) {
        told = change_kept(h, &words);
    } else if (strcmp(verb, "turns") == 0 || strncmp(verb, "until-", 6) == 0) {
        told = scenario_turns(h, verb, strtol(word_at(&words, 1), NULL, 10));
    } else if (strcmp(verb, "held") == 0) {
        told = arena_printf(h->world.arena, "%ld", scenario_held(&h->world));
    } else if (strcmp(verb, "sql") == 0) {
        told = change_store(h, line);
    } else if (strcmp(verb, "states") == 0) {
        told = states(h, word_at(&words, 1));
    } else if (strcmp(verb, "ask") == 0) {
        told = ask(h, word_at(&words, 1));
    } else if (strcmp(verb, "write") == 0 || strcmp(verb, "remove") == 0) {
        told = change_file(h, &words, line);
    } else {
        scenario_world_does(h, &words);
    }
    arena_free(arena);
    return told;
}

const char *scenario_do(struct history *h, struct str line)
{
    const char *told = do_line(h, line);
    (void)machine_engine_calls(false);
    return told;
}
