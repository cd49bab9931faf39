/* SPDX-License-Identifier: Apache-2.0
 * gates, gates show, gates replay: what was judged, why it was refused, and what the same gate says of another version.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/gate_words.h"
#include "cli/git_head.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/session.h"
#include "cli/start.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "engine/replay.h"
#include "store/pages.h"

#include <stdio.h>

enum { LIMIT = 50, LIMIT_MAX = 10000, COLUMNS_SHOWN = 8 };

/* A gate with the run that it is of. */
struct judged {
    struct gate gate;
    struct pipeline_run run;
    const char *commit; /* of the run's workspace; NULL: not known */
};

static int load(struct store *store, int64_t id, struct arena *arena, struct judged *ret, struct err *err)
{
    struct json contexts;
    if (store_gate_get(store, id, arena, &ret->gate, err) < 0 ||
        store_pipeline_run_get(store, ret->gate.run_id, arena, &ret->run, err) < 0 ||
        json_read(str_from(ret->run.contexts), (struct json_limits){0}, arena, &contexts, err) < 0) {
        return -1;
    }
    const struct json *git = json_get(&contexts, "git");
    ret->commit = git == NULL ? NULL : json_get_text(git, "commit", NULL);
    return 0;
}

/* ---- gates ------------------------------------------------------------------------------------------------------- */

static int read_filter(struct cli *cli, struct store *store, struct gate_page *page, bool *passed, struct err *err)
{
    static const char *const verdicts[] = {"refused", "passed", NULL};
    const char *limit = option_value(cli, "limit");
    const char *verdict = option_value(cli, "verdict");
    const char *run = option_value(cli, "run");
    const char *model = option_value(cli, "model");
    int64_t count = LIMIT;
    struct pipeline_run row;
    if (limit != NULL && parse_int(str_from(limit), 1, LIMIT_MAX, &count, err) < 0) {
        return err_add(err, "--limit");
    }
    page->limit = (size_t)count;
    page->pipeline = option_value(cli, "pipeline");
    if (verdict != NULL) {
        int choice = names_choice("--verdict", verdict, verdicts, cli->arena, err);
        if (choice < 0) {
            return -1;
        }
        *passed = choice == 1;
        page->passed = passed;
    }
    if (run != NULL) {
        if (names_run(store, run, cli->arena, &row, err) < 0) {
            return -1;
        }
        page->run_id = arena_strdup(cli->arena, row.run_id);
    }
    if (model != NULL) {
        bool is_id = str_starts(str_from(model), STR("m-")) && strlen(model) == 34;
        *(is_id ? &page->model_id : strchr(model, '/') != NULL ? &page->version : &page->model) = model;
    }
    return 0;
}

static int list_gates(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"gate",        "judged_at", "step",     "version",     "verdict",
                                           "champion",    "replay_of", "refused_by", "run",       "pipeline",
                                           "model_id",    "run_id",    "step_run_id", "other_data", "evidence_sha256",
                                           NULL};
    struct gate_page page = {0};
    bool passed = false;
    int64_t *ids = NULL;
    size_t count = 0;
    struct table table;
    if (read_filter(cli, home->store, &page, &passed, err) < 0 ||
        store_gate_page(home->store, &page, cli->arena, &ids, &count, err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = COLUMNS_SHOWN;
    for (size_t i = 0; i < count; i++) {
        struct judged j;
        if (load(home->store, ids[i], cli->arena, &j, err) < 0) {
            return -1;
        }
        const struct gate *gate = &j.gate;
        const char *step = cli->json ? gate->step : arena_printf(cli->arena, "%s/%s", j.run.pipeline, gate->step);
        const char *version = gate->version != NULL || cli->json ? gate->version : gate->model_id;
        struct json cells[] = {
            json_int(gate->id),
            table_moment(cli, gate->at_ms),
            table_text(cli, step),
            table_text(cli, version),
            table_text(cli, gate->passed ? "passed" : "refused"),
            table_text(cli, gate->champion),
            gate->replay_of == 0 ? table_text(cli, NULL) : json_int(gate->replay_of),
            table_text(cli, gate->refused_by),
            table_text(cli, names_label(cli->arena, &j.run)),
            table_text(cli, j.run.pipeline),
            table_text(cli, gate->model_id),
            table_text(cli, gate->run_id),
            table_text(cli, gate->step_run_id),
            json_bool(gate->other_data),
            table_text(cli, gate->evidence_sha256),
        };
        table_row(&table, cells);
    }
    static const char *const filters[] = {"model", "pipeline", "verdict", "run", NULL};
    table_print_filtered(&table, filters, "no gate has judged anything", " here");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_gates);
}

static const struct option_row list_options[] = {
    {"model", 0, "MODEL", false, "only of this registered model, of one version of it (wine/3), or of a model's id"},
    {"pipeline", 0, "NAME", false, "only of steps of this pipeline"},
    {"verdict", 0, "VERDICT", false, "only those that passed, or refused"},
    {"run", 0, "RUN", false, "only of this run"},
    {"limit", 0, "N", false, "at most so many (default: 50)"},
    {0},
};

const struct command command_gates = {
    .name = "gates",
    .group = "Look",
    .summary = "what gates have said, newest first",
    .details =
        "A gate is a step that judges: 'evaluate' with thresholds. Each verdict is a record, with every rule, its "
        "value and limit,\nthe data and the champion. 'gates show' prints one, 'gates replay' asks the same gate about "
        "another version.",
    .examples = "sluice gates\nsluice gates --model wine --verdict refused --json",
    .options = list_options,
    .run = run_list,
};

/* ---- gates show -------------------------------------------------------------------------------------------------- */

static void set(struct cli *cli, struct json *object, const char *key, const char *text)
{
    json_set(cli->arena, object, key, text == NULL ? json_null() : json_cstring(cli->arena, text));
}

static struct json gate_json(struct cli *cli, const struct judged *j)
{
    const struct gate *gate = &j->gate;
    char at[40];
    struct json object = json_object();
    json_set(cli->arena, &object, "gate", json_int(gate->id));
    format_time(at, sizeof at, gate->at_ms);
    set(cli, &object, "judged_at", at);
    json_set(cli->arena, &object, "passed", json_bool(gate->passed));
    set(cli, &object, "refused_by", gate->refused_by);
    set(cli, &object, "version", gate->version);
    set(cli, &object, "model_id", gate->model_id);
    set(cli, &object, "champion", gate->champion);
    set(cli, &object, "pipeline", j->run.pipeline);
    set(cli, &object, "run", names_label(cli->arena, &j->run));
    set(cli, &object, "run_id", gate->run_id);
    set(cli, &object, "step", gate->step);
    set(cli, &object, "step_run_id", gate->step_run_id);
    set(cli, &object, "definition", j->run.definition);
    set(cli, &object, "commit", j->commit);
    json_set(cli->arena, &object, "replay_of", gate->replay_of == 0 ? json_null() : json_int(gate->replay_of));
    json_set(cli->arena, &object, "other_data", json_bool(gate->other_data));
    set(cli, &object, "evidence_sha256", gate->evidence_sha256);
    json_set(cli->arena, &object, "record", gate->record);
    return object;
}

static void line(const char *name, const char *words)
{
    if (words != NULL && *words != '\0') {
        printf("  %-11s %s\n", name, words);
    }
}

static void print_gate(struct cli *cli, const struct judged *j)
{
    const struct gate *gate = &j->gate;
    struct arena *arena = cli->arena;
    enum step_state look = gate->passed ? STEP_STATE_SUCCEEDED : STEP_STATE_FAILED;
    const struct json *data = json_get(&gate->record, "dataset");
    char at[40];
    format_time(at, sizeof at, gate->at_ms);
    printf("Gate %lld %s%s%s\n", (long long)gate->id, summary_colour(cli, look), gate_verdict(arena, gate),
           summary_reset(cli));
    gate_print_rules(cli, gate, arena, stdout);
    line("replay", gate_replay_words(arena, gate));
    line("version", gate->version);
    line("model", gate->model_id);
    line("champion", gate->champion);
    line("data", data == NULL ? NULL
                              : arena_printf(arena, "%s sha256:%s", json_get_text(data, "name", ""),
                                             json_get_text(data, "digest", "")));
    line("run", arena_printf(arena, "%s, step %s", names_label(arena, &j->run), gate->step));
    line("judged by", gate->step_run_id);
    line("definition", j->run.definition);
    line("commit", j->commit);
    line("evidence", gate->evidence_sha256);
    line("at", at);
}

static int show_gate(struct cli *cli, struct home *home, struct err *err)
{
    int64_t id = 0;
    struct judged judged;
    if (names_number(cli, "gates", &id, err) < 0 || load(home->store, id, cli->arena, &judged, err) < 0) {
        return -1;
    }
    if (cli->json) {
        struct json object = gate_json(cli, &judged);
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        print_gate(cli, &judged);
    }
    return EXIT_OK;
}

static int run_show(struct cli *cli)
{
    return look(cli, show_gate);
}

const struct command command_gates_show = {
    .name = "gates show",
    .group = "Look",
    .summary = "a verdict: each rule with its value, limit and by how much it was missed",
    .arguments = "GATE",
    .details =
        "With the data and its digest, the champion it was compared with, the version and model, the run, the step, "
        "the definition\nand commit that it was a step of. --json has the whole record.",
    .examples = "sluice gates show 7\nsluice gates show 7 --json",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_show,
};

/* ---- gates replay ------------------------------------------------------------------------------------------------ */

static int read_wish(struct cli *cli, struct replay_wish *ret, struct err *err)
{
    static const char *const champions[] = {"then", "now", NULL};
    const char *champion = option_value(cli, "champion");
    int choice = champion == NULL ? 0 : names_choice("--champion", champion, champions, cli->arena, err);
    *ret = (struct replay_wish){
        .target = cli->arguments[1],
        .champion_now = choice == 1,
        .other_data = option_given(cli, "other-data"),
    };
    return choice < 0 ? -1 : names_number(cli, "gates", &ret->gate, err);
}

static void tell_root(const struct replay_wish *wish, const struct replay_asked *asked)
{
    if (asked->gate.id != wish->gate) {
        fprintf(stderr, "sluice: gate %lld is itself a replay: what is replayed is gate %lld\n", (long long)wish->gate,
                (long long)asked->gate.id);
    }
}

/* The exit code says what the gate said, also where its refusal fails no run. */
static int verdict_of(struct session *session, const char *run_id, int code)
{
    struct gate *gates = NULL;
    size_t count = 0;
    struct err err = {0};
    if (store_gate_list(session->home.store, run_id, session->cli->arena, &gates, &count, &err) < 0) {
        return cli_fail(session->cli, cli_exit_of(&err), &err);
    }
    if (code == EXIT_OK && count == 0) {
        (void)err_set(&err, ERR_STATE, "the gate has not judged: its step was not run ('sluice show %s' says why)",
                      run_id);
        return cli_fail(session->cli, EXIT_RUN_FAILED, &err);
    }
    return code == EXIT_OK && !gates[count - 1].passed ? EXIT_REFUSED : code;
}

static int replay(struct session *session, struct err *err)
{
    struct cli *cli = session->cli;
    struct engine_submission submission = {0};
    struct replay_wish wish;
    struct replay_asked asked;
    char run_id[40];
    if (read_wish(cli, &wish, err) < 0 ||
        start_priority(cli, &submission.priority, err) < 0 || start_seed(cli, &submission.seed, err) < 0 ||
        replay_prepare(session->home.store, &session->catalogue, &wish, cli->arena, &submission, &asked, err) < 0) {
        return -1;
    }
    if (submission.git.type != JSON_OBJECT) {
        submission.git = git_head(git_root(submission.workspace, cli->arena), cli->arena);
    }
    tell_root(&wish, &asked);
    follow_hold_signals();
    if (session_submit(session, &submission, run_id, err) < 0) {
        return -1;
    }
    struct follow_options options = {.logs = option_given(cli, "logs")};
    int code = follow_run(session, run_id, &options);
    return verdict_of(session, run_id, code);
}

static int run_replay(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    if (session_join(cli, &(struct session_options){.doing = "gates replay"}, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int code = replay(&session, &err);
    if (code < 0) {
        code = cli_fail(cli, err.code == ERR_STATE || err.code == ERR_NOT_FOUND ? EXIT_USAGE : cli_exit_of(&err), &err);
    }
    session_close(&session);
    return code;
}

static const struct option_row replay_options[] = {
    {"champion", 0, "WHICH", false, "whom rules that name the champion compare with: then (the default), or now"},
    {"other-data", 0, NULL, false, "judge also on data that is not the gate's; no guard counts such a verdict"},
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
    {"priority", 0, "N", false,
     "its steps start before those of runs with a lower one (default: that of the pipeline)"},
    {"seed", 0, "N", false, "the seed of retry delays"},
    {"logs", 'l', NULL, false, "print what the steps print, too"},
    {0},
};

const struct command command_gates_replay = {
    .name = "gates replay",
    .group = "Run",
    .summary = "judge another version by a gate: the same step, data, rules and champion",
    .arguments = "GATE MODEL/VERSION",
    .details =
        "A run of its own: what the gate reads of the model is that of the other version, all else what the gate's run "
        "left. Its\nverdict is a record that says 'replay of', and the newest of that gate about that version. "
        "MODEL@ALIAS works, too.\nExit code 0 when it passed, 6 when it refused.",
    .examples = "sluice gates replay 7 wine/1\nsluice gates replay 7 wine@champion --champion now",
    .options = replay_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_replay,
};
