/* SPDX-License-Identifier: Apache-2.0
 * logs: what the steps of a run printed, read from its journal, and from those of the runs that its steps have begun.
 */
#include "base/file_limit.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/family.h"
#include "cli/home.h"
#include "cli/log_line.h"
#include "cli/names.h"
#include "cli/session.h"
#include "wire/journal.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FOLLOW_PAUSE_MS = 200 };

/* A journal that is read beside others: its next frame is held until it is the oldest. */
struct source {
    struct family_member *member;
    struct journal_reader *reader; /* NULL until the file exists */
    struct journal_frame frame;
    bool has_frame;
};

struct logs {
    struct cli *cli;
    struct home home;
    struct catalogue catalogue;
    struct family family;
    struct source *sources; /* one for each member of the family, so far */
    size_t source_count;
    size_t source_room;
    ptrdiff_t step;   /* -1: all */
    int64_t item;     /* of the step's matrix; -1: all */
    int64_t attempt;  /* 0: all */
    bool terminal;    /* a dumb one, too */
    bool printed;     /* a line */
};

static const struct attempt_row *find_attempt(struct logs *logs, struct run_view *view, int64_t id)
{
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < view->attempt_count; i++) {
            if (view->attempts[i].id == id) {
                return &view->attempts[i];
            }
        }
        struct err ignored = {0};
        if (store_attempt_list(logs->home.store, view->row.run_id, view->arena, &view->attempts, &view->attempt_count,
                               &ignored) < 0) {
            return NULL;
        }
    }
    return NULL;
}

/* What a sub-pipeline prints is of the step that runs it. */
static bool is_wanted(const struct logs *logs, const struct source *source, const struct attempt_row *attempt)
{
    bool own = source->member == logs->family.items[0];
    int64_t step = own ? attempt->position : (int64_t)source->member->place.step;
    int64_t item = own ? attempt->item : (int64_t)source->member->place.item;
    return (logs->step < 0 || step == logs->step) && (logs->item < 0 || item == logs->item) &&
           (logs->attempt == 0 || attempt->number == logs->attempt);
}

/* "train", "train[2]", "prepare/load#2". */
static const char *name_of(const struct source *source, const struct attempt_row *attempt, struct arena *arena)
{
    const struct step *step = &source->member->view.pipeline->steps[attempt->position];
    const char *name = arena_printf(arena, "%s%.*s", source->member->prefix, STR_ARG(step->id));
    name = step->matrix != NULL ? arena_printf(arena, "%s[%lld]", name, (long long)attempt->item) : name;
    return attempt->number > 1 ? arena_printf(arena, "%s#%lld", name, (long long)attempt->number) : name;
}

static void print_json(const struct source *source, const struct attempt_row *attempt, const char *stream,
                       struct str line)
{
    struct arena *arena = arena_new();
    struct json object = json_object();
    const struct run_view *view = &source->member->view;
    const struct step *step = &view->pipeline->steps[attempt->position];
    char at[40];
    format_time(at, sizeof at, source->frame.time_ms);
    json_set(arena, &object, "time", json_cstring(arena, at));
    json_set(arena, &object, "run", json_cstring(arena, names_label(arena, &view->row)));
    json_set(arena, &object, "step",
             json_cstring(arena, arena_printf(arena, "%s%.*s", source->member->prefix, STR_ARG(step->id))));
    json_set(arena, &object, "item", json_int(attempt->item));
    json_set(arena, &object, "attempt", json_int(attempt->number));
    json_set(arena, &object, "stream", json_cstring(arena, stream));
    json_set(arena, &object, "line", json_string(arena, line));
    printf("%s\n", json_text(arena, &object).p);
    arena_free(arena);
}

static void print_frame(struct logs *logs, const struct source *source)
{
    static const char *const streams[] = {"?", "stdout", "stderr", "step"};
    const struct journal_frame *frame = &source->frame;
    const struct attempt_row *attempt = find_attempt(logs, &source->member->view, frame->attempt);
    if (attempt == NULL || !is_wanted(logs, source, attempt) || frame->payload.n == 0) {
        return;
    }
    unsigned stream = (unsigned char)frame->payload.p[0];
    struct str rest = str_slice(frame->payload, stream == JOURNAL_HOST ? 2 : 1, frame->payload.n);
    struct arena *arena = arena_new();
    const char *name = name_of(source, attempt, arena);
    struct str line = {0};
    logs->printed = true;
    while (str_cut(&rest, '\n', &line)) {
        if (logs->cli->json) {
            print_json(source, attempt, streams[stream <= JOURNAL_HOST ? stream : 0], line);
        } else {
            log_line_print(stdout, logs->terminal, name, line);
        }
    }
    arena_free(arena);
}

static bool has_ended(struct logs *logs)
{
    struct arena *arena = arena_new();
    struct pipeline_run row;
    struct err ignored = {0};
    bool ended = store_pipeline_run_get(logs->home.store, logs->family.items[0]->view.row.run_id, arena, &row,
                                        &ignored) < 0 ||
                 run_state_is_terminal(row.state);
    arena_free(arena);
    return ended;
}

/* ---- journals, side by side ------------------------------------------------------------------------------------ */

static void add_sources(struct logs *logs)
{
    while (logs->source_count < logs->family.count) {
        logs->sources = arena_grow(logs->cli->arena, logs->sources, logs->source_count, &logs->source_room,
                                   sizeof *logs->sources);
        logs->sources[logs->source_count] = (struct source){.member = logs->family.items[logs->source_count]};
        logs->source_count++;
    }
}

/* The next lines of a journal, if there are some yet. */
static int fill(struct logs *logs, struct source *source, struct err *err)
{
    const char *run_id = source->member->view.row.run_id;
    if (source->reader == NULL) {
        struct arena *arena = arena_new();
        const char *path = arena_printf(arena, "%s/runs/%s/journal", logs->home.path, run_id);
        int opened = journal_reader_open(path, 0, 0, &source->reader, err);
        arena_free(arena);
        if (opened < 0 && err->code != ERR_NOT_FOUND) {
            return -1;
        }
        err_clear(err);
    }
    int got = 1;
    while (!source->has_frame && source->reader != NULL &&
           (got = journal_next(source->reader, &source->frame, err)) == 1) {
        source->has_frame = source->frame.type == JOURNAL_LOG;
    }
    return got < 0 ? -1 : 0;
}

/* All that stands in the journals now, in the order of its time. */
static int print_all(struct logs *logs, struct err *err)
{
    for (;;) {
        struct source *oldest = NULL;
        for (size_t i = 0; i < logs->source_count; i++) {
            struct source *source = &logs->sources[i];
            if (fill(logs, source, err) < 0) {
                return -1;
            }
            if (source->has_frame && (oldest == NULL || source->frame.time_ms < oldest->frame.time_ms)) {
                oldest = source;
            }
        }
        if (oldest == NULL) {
            return 0;
        }
        print_frame(logs, oldest);
        oldest->has_frame = false;
    }
}

static int print_journals(struct logs *logs, struct err *err)
{
    bool follow = option_given(logs->cli, "follow");
    file_limit_raise(); /* a matrix may have begun more runs than a process may have files open by default */
    for (bool last = false;; last = has_ended(logs)) {
        if (family_grow(&logs->family, err) < 0) {
            return -1;
        }
        add_sources(logs);
        int printed = print_all(logs, err);
        (void)fflush(stdout);
        if (printed < 0 || !follow || last || ferror(stdout) != 0) {
            return printed;
        }
        struct timespec pause = {.tv_nsec = FOLLOW_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

/* "train", or "train[2]" of a matrix. */
static int find_place(struct logs *logs, const char *words, struct err *err)
{
    struct arena *arena = logs->cli->arena;
    const struct pipeline *pipeline = logs->family.items[0]->view.pipeline;
    struct str name = str_from(words);
    ptrdiff_t bracket = str_find_byte(name, '[', 0);
    if (bracket > 0 && str_ends(name, STR("]"))) {
        struct str item = str_slice(name, (size_t)bracket + 1, name.n - 1);
        name = str_slice(name, 0, (size_t)bracket);
        if (parse_int(item, 0, INT32_MAX, &logs->item, err) < 0) {
            return err_add(err, "%s", words);
        }
    }
    logs->step = names_step(pipeline, NULL, arena_str(arena, name).p, arena, err);
    if (logs->step >= 0 && logs->item >= 0 && pipeline->steps[logs->step].matrix == NULL) {
        return err_set(err, ERR_INPUT, "'%s': step '%.*s' has no matrix", words, STR_ARG(name));
    }
    const struct run_step *step = logs->step < 0 ? NULL : &logs->family.items[0]->view.run->steps[logs->step];
    if (step != NULL && step->item_count > 0 && logs->item >= (int64_t)step->item_count) {
        return err_set(err, ERR_INPUT, "'%s': step '%.*s' has %zu item%s, from [0] to [%zu]", words, STR_ARG(name),
                       step->item_count, step->item_count == 1 ? "" : "s", step->item_count - 1);
    }
    return step == NULL ? -1 : 0;
}

static int load(struct logs *logs, struct err *err)
{
    struct cli *cli = logs->cli;
    const char *number = option_value(cli, "attempt");
    struct pipeline_run row;
    session_catalogue(cli, &logs->catalogue);
    const char *run = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    if (names_run(logs->home.store, run, cli->arena, &row, err) < 0 ||
        family_open(&logs->family, logs->home.store, &logs->catalogue, row.run_id, cli->arena, err) < 0) {
        return -1;
    }
    if (number != NULL && parse_int(str_from(number), 1, 1000000, &logs->attempt, err) < 0) {
        return err_add(err, "--attempt");
    }
    return cli->argument_count > 1 ? find_place(logs, cli->arguments[1], err) : 0;
}

/* Something was read from a journal that is there no more. */
static bool are_removed(const struct logs *logs)
{
    for (size_t i = 0; i < logs->source_count; i++) {
        if (logs->sources[i].reader == NULL && logs->sources[i].member->view.row.journal_offset > 0) {
            return true;
        }
    }
    return false;
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
    } else if (print_journals(&logs, &err) < 0) {
        code = cli_fail(cli, cli_exit_of(&err), &err);
    } else if (!logs.printed && !cli->quiet) {
        const char *of = cli->argument_count > 1 ? cli->arguments[1] : logs.family.items[0]->view.row.pipeline;
        fprintf(stderr, "%s: %s\n", of,
                are_removed(&logs) ? "its logs were removed ('sluice gc')" : "nothing was printed");
    }
    for (size_t i = 0; i < logs.source_count; i++) {
        journal_reader_close(logs.sources[i].reader);
    }
    family_close(&logs.family);
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
        "What a sub-pipeline's steps printed stands among them, as 'prepare/load' below the step 'prepare' that runs "
        "it.\n"
        "On a terminal, control characters other than tabs and colours are shown as '?'. With --json, one object a "
        "line.",
    .examples = "sluice logs\nsluice logs wine/12 train\nsluice logs wine/12 'train[2]' --attempt 1\n"
                "sluice logs latest --follow",
    .options = logs_options,
    .max_arguments = 2,
    .run = run_logs,
};
