/* SPDX-License-Identifier: Apache-2.0
 * logs: what the steps of a run printed, read from its journal.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/log_line.h"
#include "cli/names.h"
#include "cli/session.h"
#include "store/pipeline_runs.h"
#include "store/steps.h"
#include "wire/journal.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FOLLOW_PAUSE_MS = 200 };

struct logs {
    struct cli *cli;
    struct home home;
    struct pipeline_run row;
    const struct pipeline *pipeline;
    ptrdiff_t step;   /* -1: all */
    int64_t item;     /* of the step's matrix; -1: all */
    int64_t attempt;  /* 0: all */
    struct attempt_row *attempts;
    size_t attempt_count;
    bool terminal;    /* a dumb one, too */
    bool printed;     /* a line */
};

static int load_attempts(struct logs *logs, struct err *err)
{
    return store_attempt_list(logs->home.store, logs->row.run_id, logs->cli->arena, &logs->attempts,
                              &logs->attempt_count, err);
}

static const struct attempt_row *find_attempt(struct logs *logs, int64_t id)
{
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < logs->attempt_count; i++) {
            if (logs->attempts[i].id == id) {
                return &logs->attempts[i];
            }
        }
        struct err ignored = {0};
        if (load_attempts(logs, &ignored) < 0) {
            return NULL;
        }
    }
    return NULL;
}

static bool is_wanted(const struct logs *logs, const struct attempt_row *attempt)
{
    return (logs->step < 0 || attempt->position == logs->step) && (logs->item < 0 || attempt->item == logs->item) &&
           (logs->attempt == 0 || attempt->number == logs->attempt);
}

static const char *name_of(const struct logs *logs, const struct attempt_row *attempt)
{
    const struct step *step = &logs->pipeline->steps[attempt->position];
    const char *name = step->has_matrix
                           ? arena_printf(logs->cli->arena, "%.*s[%lld]", STR_ARG(step->id), (long long)attempt->item)
                           : arena_printf(logs->cli->arena, "%.*s", STR_ARG(step->id));
    return attempt->number > 1 ? arena_printf(logs->cli->arena, "%s#%lld", name, (long long)attempt->number) : name;
}

static void print_json(const struct logs *logs, const struct attempt_row *attempt, const struct journal_frame *frame,
                       const char *stream, struct str line)
{
    struct arena *arena = arena_new();
    struct json object = json_object();
    char at[40];
    format_time(at, sizeof at, frame->time_ms);
    json_set(arena, &object, "time", json_cstring(arena, at));
    json_set(arena, &object, "step", json_string(arena, logs->pipeline->steps[attempt->position].id));
    json_set(arena, &object, "item", json_int(attempt->item));
    json_set(arena, &object, "attempt", json_int(attempt->number));
    json_set(arena, &object, "stream", json_cstring(arena, stream));
    json_set(arena, &object, "line", json_string(arena, line));
    printf("%s\n", json_text(arena, &object).p);
    arena_free(arena);
}

static void print_frame(struct logs *logs, const struct journal_frame *frame)
{
    static const char *const streams[] = {"?", "stdout", "stderr", "step"};
    const struct attempt_row *attempt = find_attempt(logs, frame->attempt);
    if (attempt == NULL || !is_wanted(logs, attempt) || frame->payload.n == 0) {
        return;
    }
    unsigned stream = (unsigned char)frame->payload.p[0];
    struct str rest = str_slice(frame->payload, stream == JOURNAL_HOST ? 2 : 1, frame->payload.n);
    const char *name = name_of(logs, attempt);
    struct str line = {0};
    logs->printed = true;
    while (str_cut(&rest, '\n', &line)) {
        if (logs->cli->json) {
            print_json(logs, attempt, frame, streams[stream <= JOURNAL_HOST ? stream : 0], line);
        } else {
            log_line_print(stdout, logs->terminal, name, line);
        }
    }
}

static bool has_ended(struct logs *logs)
{
    struct arena *arena = arena_new();
    struct pipeline_run row;
    struct err ignored = {0};
    bool ended = store_pipeline_run_get(logs->home.store, logs->row.run_id, arena, &row, &ignored) < 0 ||
                 run_state_is_terminal(row.state);
    arena_free(arena);
    return ended;
}

static int print_journal(struct logs *logs, struct err *err)
{
    bool follow = option_given(logs->cli, "follow");
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    const char *path = arena_printf(logs->cli->arena, "%s/runs/%s/journal", logs->home.path, logs->row.run_id);
    for (bool last = false;; last = has_ended(logs)) {
        if (reader == NULL && journal_reader_open(path, 0, 0, &reader, err) < 0) {
            if (err->code != ERR_NOT_FOUND) {
                return -1;
            }
            err_clear(err);
        }
        int got = 0;
        while (reader != NULL && (got = journal_next(reader, &frame, err)) == 1) {
            if (frame.type == JOURNAL_LOG) {
                print_frame(logs, &frame);
            }
        }
        (void)fflush(stdout);
        if (got < 0 || !follow || last || ferror(stdout) != 0) {
            journal_reader_close(reader);
            return got;
        }
        struct timespec pause = {.tv_nsec = FOLLOW_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

/* "train", or "train[2]" of a matrix. */
static int find_place(struct logs *logs, const char *words, struct err *err)
{
    struct arena *arena = logs->cli->arena;
    struct str name = str_from(words);
    ptrdiff_t bracket = str_find_byte(name, '[', 0);
    if (bracket > 0 && str_ends(name, STR("]"))) {
        struct str item = str_slice(name, (size_t)bracket + 1, name.n - 1);
        name = str_slice(name, 0, (size_t)bracket);
        if (parse_int(item, 0, INT32_MAX, &logs->item, err) < 0) {
            return err_add(err, "%s", words);
        }
    }
    logs->step = names_step(logs->pipeline, NULL, arena_str(arena, name).p, arena, err);
    if (logs->step >= 0 && logs->item >= 0 && !logs->pipeline->steps[logs->step].has_matrix) {
        return err_set(err, ERR_INPUT, "'%s': step '%.*s' has no matrix", words, STR_ARG(name));
    }
    return logs->step < 0 ? -1 : 0;
}

static int load(struct logs *logs, struct err *err)
{
    struct cli *cli = logs->cli;
    struct catalogue catalogue;
    struct diags diags;
    const char *number = option_value(cli, "attempt");
    session_catalogue(cli, &catalogue);
    const char *run = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    if (names_run(logs->home.store, run, cli->arena, &logs->row, err) < 0) {
        return -1;
    }
    diags_init(&diags, cli->arena, logs->row.file);
    struct pipeline_world world = {
        .plugins = &catalogue, .folder = logs->row.folder, .root = logs->row.workspace, .accepted = true};
    if (store_definition_get(logs->home.store, logs->row.definition, cli->arena, &diags.text, err) < 0) {
        return -1;
    }
    logs->pipeline = pipeline_load(&diags, &world);
    if (logs->pipeline == NULL) {
        return err_set(err, ERR_STATE, "the definition of this run cannot be read by this version");
    }
    if (number != NULL && parse_int(str_from(number), 1, 1000000, &logs->attempt, err) < 0) {
        return err_add(err, "--attempt");
    }
    return cli->argument_count > 1 ? find_place(logs, cli->arguments[1], err) : 0;
}

static int run_logs(struct cli *cli)
{
    struct err err = {0};
    struct logs logs = {.cli = cli, .step = -1, .item = -1, .terminal = isatty(STDOUT_FILENO) == 1};
    if (home_open(option_value(cli, "home"), HOME_READ, "logs", cli->arena, &logs.home, &err) < 0) {
        return cli_fail(cli, EXIT_HOME, &err);
    }
    int code = EXIT_OK;
    if (load(&logs, &err) < 0) {
        code = cli_fail(cli, EXIT_USAGE, &err);
    } else if (load_attempts(&logs, &err) < 0 || print_journal(&logs, &err) < 0) {
        code = cli_fail(cli, cli_exit_of(&err), &err);
    } else if (!logs.printed && !cli->quiet) {
        fprintf(stderr, "%s: nothing was printed\n", cli->argument_count > 1 ? cli->arguments[1] : logs.row.pipeline);
    }
    home_close(&logs.home);
    return code;
}

static const struct option_row logs_options[] = {
    {"follow", 'f', NULL, false, "go on until the run has ended"},
    {"attempt", 0, "N", false, "only this attempt of each step"},
    {0},
};

const struct command command_logs = {
    .name = "logs",
    .group = "Look",
    .summary = "what the steps of a run printed",
    .arguments = "[RUN [STEP]]",
    .details =
        "Lines stand in the order in which they were printed, each with its step; secrets are masked. STEP may be one "
        "item of a matrix: train[2].\n"
        "On a terminal, control characters other than tabs and colours are shown as '?'. With --json, one object a "
        "line.",
    .examples = "sluice logs\nsluice logs wine/12 train\nsluice logs wine/12 'train[2]' --attempt 1\n"
                "sluice logs latest --follow",
    .options = logs_options,
    .max_arguments = 2,
    .run = run_logs,
};
