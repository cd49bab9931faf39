/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include "base/mem.h"
#include "base/parse.h"
#include "cli/live_graph.h"
#include "cli/log_line.h"
#include "cli/summary.h"
#include "view/reason_words.h"
#include "view/wait_words.h"
#include "wire/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_AT_ALL_MS = 400 };
enum { DRAW_INTERVAL_MS = 100, DRAW_PAUSE_MS = 60, LINE_INTERVAL_MS = 500, TAIL_COLUMNS = 512 };

/* What was last said about an item. */
struct said {
    enum step_state state;
    int attempts;
    bool waits; /* that it waits for what others hold */
};

struct live {
    struct session *session;
    const char *run_id;
    FILE *out;
    bool silent;
    bool draws; /* a terminal: draw in place */
    bool terminal; /* a dumb one, too */
    bool logs;
    struct said **said; /* by step, by item */
    size_t *said_count;
    size_t step_count;
    struct canvas *canvas; /* of a terminal */
    int64_t drawn_ms;
    struct journal_reader *journal;
    struct strbuf tail[LIVE_TAIL_LINES];
    size_t tail_next;
    int64_t named_attempt; /* whose name stands in `name` */
    char name[128];
    struct arena *words; /* of one update */
    int64_t since_ms;    /* what ended before was told by the command that saw it */
    bool told;           /* the first round is over */
    uint64_t revision;   /* of the source's changes: those before it were said */
    int64_t all_ms;      /* when all steps were last looked at */
    bool queued;         /* that the run is queued was said */
};

struct live *live_new(struct session *session, const char *run_id, bool logs)
{
    struct live *live = mem_alloc(sizeof *live);
    const struct cli *cli = session->cli;
    live->session = session;
    live->run_id = run_id;
    live->out = cli->json ? stderr : stdout;
    live->silent = cli->quiet;
    live->draws = !cli->json && cli->terminal && !cli->quiet;
    live->terminal = isatty(fileno(live->out)) == 1;
    live->logs = logs;
    live->words = arena_new();
    live->since_ms = session->opened_ms; /* a step may have ended before the first look */
    live->canvas = live->draws ? canvas_new(live->out) : NULL;
    for (size_t i = 0; i < LIVE_TAIL_LINES; i++) {
        strbuf_init(&live->tail[i], TAIL_COLUMNS);
    }
    return live;
}

void live_free(struct live *live)
{
    for (size_t i = 0; i < live->step_count; i++) {
        free(live->said[i]);
    }
    for (size_t i = 0; i < LIVE_TAIL_LINES; i++) {
        strbuf_clear(&live->tail[i]);
    }
    free(live->said);
    free(live->said_count);
    arena_free(live->words);
    journal_reader_close(live->journal);
    canvas_free(live->canvas);
    free(live);
}

int live_interval_ms(const struct live *live)
{
    return live->draws ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS;
}

/* ---- lines -------------------------------------------------------------------------------------------- */

static struct said *said_about(struct live *live, const struct run *run, struct run_place place)
{
    if (live->said == NULL) {
        live->step_count = run->pipeline->step_count;
        live->said = mem_array(live->step_count, sizeof *live->said);
        live->said_count = mem_array(live->step_count, sizeof *live->said_count);
    }
    if (place.item >= live->said_count[place.step]) {
        size_t count =
            run->steps[place.step].item_count > place.item + 1 ? run->steps[place.step].item_count : place.item + 1;
        struct said *wider = mem_array(count, sizeof *wider);
        if (live->said_count[place.step] > 0) {
            memcpy(wider, live->said[place.step], live->said_count[place.step] * sizeof *wider);
        }
        free(live->said[place.step]);
        live->said[place.step] = wider;
        live->said_count[place.step] = count;
    }
    return &live->said[place.step][place.item];
}

static void name_of(const struct run *run, struct run_place place, char *room, size_t size)
{
    const struct step *step = &run->pipeline->steps[place.step];
    if (step->matrix != NULL && run->steps[place.step].item_count > 0) {
        (void)snprintf(room, size, "%.*s[%zu]", STR_ARG(step->id), place.item);
    } else {
        (void)snprintf(room, size, "%.*s", STR_ARG(step->id));
    }
}

/* What `say` tells of: an item, or a step without items. */
struct news {
    struct run_place place;
    enum step_state state;
    int attempts;
    int64_t started_ms, ended_ms;
    int64_t due_ms; /* of a retry */
};

static void print_news(struct live *live, const struct run *run, const struct news *news)
{
    char name[128];
    char time[40];
    char took[64] = "";
    char again[64] = "";
    const char *words = reason_words(live->words, run, news->place);
    const char *state = news->state == STEP_STATE_ACTIVE    ? "started"
                        : news->state == STEP_STATE_DELAYED ? "will be tried again"
                                                            : step_state_name(news->state);
    name_of(run, news->place, name, sizeof name);
    summary_duration(time, sizeof time, news->started_ms, news->ended_ms);
    const struct run_step *step = &run->steps[news->place.step];
    bool reused = news->place.item < step->item_count && step->items[news->place.item].reused;
    if (step_state_is_terminal(news->state) && *time != '\0' && !reused) {
        (void)snprintf(took, sizeof took, " in %s", time);
    }
    if (news->state == STEP_STATE_ACTIVE && news->attempts > 1) {
        (void)snprintf(again, sizeof again, ", attempt %d", news->attempts);
    }
    int64_t wait_ms = news->due_ms - clock_wall_ms(&clock_system);
    if (news->state == STEP_STATE_DELAYED && wait_ms > 0) {
        format_duration(time, sizeof time, wait_ms);
        (void)snprintf(again, sizeof again, " in %s", time);
    }
    const struct cli *cli = live->session->cli;
    bool colour = cli->colour && (!cli->json || cli->colour_messages);
    fprintf(live->out, "%s%s%s %s %s%s%s%s%s\n", colour ? summary_colour(cli, news->state) : "",
            summary_mark(news->state), colour ? summary_reset(cli) : "", name, state, again, took,
            *words == '\0' ? "" : ": ", words);
}

/* Once, of a step that asks for more than a slot: "· train waits for gpu: 1 of 1 held by wine/12 train". */
static void say_waits(struct live *live, const struct run *run, const struct news *news)
{
    struct said *said = said_about(live, run, news->place);
    const struct step *step = run_step_at(run, news->place);
    if (said->waits || live->silent || live->draws || step->ask_count == 0 || step->matrix != NULL) {
        return;
    }
    const char *words = wait_words(live->session->home.store, run, news->place, live->words);
    if (*words != '\0') {
        said->waits = true;
        fprintf(live->out, "%s %.*s %s\n", summary_mark(news->state), STR_ARG(step->id), words);
    }
}

static void say(struct live *live, const struct run *run, const struct news *news, bool known)
{
    struct said *said = said_about(live, run, news->place);
    if (news->state == STEP_STATE_READY) {
        say_waits(live, run, news);
    }
    if (said->state == news->state && said->attempts == news->attempts) {
        return;
    }
    bool quiet = news->state == STEP_STATE_PENDING || news->state == STEP_STATE_READY;
    *said = (struct said){.state = news->state, .attempts = news->attempts,
                          .waits = said->waits && news->state == STEP_STATE_READY};
    if (!quiet && !known && !live->silent && !live->draws) {
        print_news(live, run, news);
    }
}

/* Each time it comes into the queue: "⏸ queued: waits for a place in group 'wine': 1 of 1 held by wine/12". */
static void say_queued(struct live *live, const struct run *run)
{
    bool queued = run->state == RUN_STATE_QUEUED && run->reason != NULL;
    if (queued && !live->queued && !live->silent && !live->draws) {
        fprintf(live->out, "%s queued: %s\n", summary_mark(STEP_STATE_WAITING), run->reason);
    }
    live->queued = queued;
}

/* A run that is taken up again: what ended before this command began is no news. */
static bool is_known(const struct live *live, const struct news *news)
{
    return !live->told && step_state_is_terminal(news->state) && news->ended_ms != 0 &&
           news->ended_ms < live->since_ms;
}

/* True when something of the step is no news: the run was taken up again. */
static bool say_step(struct live *live, const struct run *run, size_t index, bool resumed)
{
    const struct run_step *step = &run->steps[index];
    for (size_t k = 0; k < step->item_count; k++) {
        const struct run_item *item = &step->items[k];
        struct news news = {{index, k}, item->state, item->attempts, item->started_ms, item->ended_ms, item->due_ms};
        bool known = is_known(live, &news);
        resumed = resumed || known;
        say(live, run, &news, known || (item->carried_from != NULL && !item->reused));
    }
    if (step->item_count == 0) {
        struct news news = {{index, 0}, step->state, 0, 0, 0, 0};
        say(live, run, &news, !live->told && resumed);
    }
    return resumed;
}

static void say_all(struct live *live, const struct run *run)
{
    bool resumed = false;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        resumed = say_step(live, run, i, resumed);
    }
    live->told = true;
}

/* Of a large run only what has changed; all of it now and then, since what a step waits for changes without it. */
static void say_changes(struct live *live, const struct live_source *source, int64_t now_ms)
{
    const struct run_changes *changes = source->changes;
    bool all = changes == NULL || !live->told || changes->revision - live->revision > RUN_RECENT ||
               now_ms < live->all_ms || now_ms - live->all_ms >= LOOK_AT_ALL_MS;
    if (all) {
        say_all(live, source->run);
        live->all_ms = now_ms;
    }
    for (uint64_t i = live->revision; !all && i < changes->revision; i++) {
        (void)say_step(live, source->run, changes->recent[i % RUN_RECENT], false);
    }
    live->revision = changes == NULL ? 0 : changes->revision;
}

/* ---- log lines ------------------------------------------------------------------------------------------ */

/* The step of an attempt; lines of one attempt come together. */
static const char *name_of_attempt(struct live *live, const struct run *run, int64_t id)
{
    if (live->named_attempt == id) {
        return live->name;
    }
    struct arena *arena = arena_new();
    struct attempt_row attempt;
    struct err ignored = {0};
    (void)snprintf(live->name, sizeof live->name, "?");
    if (store_attempt_get(live->session->home.store, id, arena, &attempt, &ignored) == 0 &&
        (size_t)attempt.position < run->pipeline->step_count) {
        struct run_place place = {(size_t)attempt.position, (size_t)attempt.item};
        name_of(run, place, live->name, sizeof live->name);
        live->named_attempt = id;
    }
    arena_free(arena);
    return live->name;
}

static void take_log(struct live *live, const struct run *run, const struct journal_frame *frame)
{
    bool host = frame->payload.n > 0 && frame->payload.p[0] == JOURNAL_HOST;
    struct str rest = str_slice(frame->payload, host ? 2 : 1, frame->payload.n);
    const char *name = name_of_attempt(live, run, frame->attempt);
    struct str line = {0};
    while (str_cut(&rest, '\n', &line)) {
        struct strbuf *tail = &live->tail[live->tail_next++ % LIVE_TAIL_LINES];
        strbuf_reset(tail);
        strbuf_printf(tail, "%s | %.*s", name, STR_ARG(line));
        if (!live->draws && live->logs && !live->silent) {
            log_line_print(live->out, live->terminal, name, line);
        }
    }
}

static void read_logs(struct live *live, const struct run *run)
{
    struct err ignored = {0};
    struct journal_frame frame;
    char path[4200];
    if (live->journal == NULL) {
        (void)snprintf(path, sizeof path, "%s/runs/%s/journal", live->session->home.path, live->run_id);
        if (journal_reader_open(path, 0, 0, &live->journal, &ignored) < 0) {
            live->journal = NULL;
            return;
        }
    }
    while (journal_next(live->journal, &frame, &ignored) == 1) {
        if (frame.type == JOURNAL_LOG) {
            take_log(live, run, &frame);
        }
    }
}

/* ---- drawing ---------------------------------------------------------------------------------------------- */

static void draw(struct live *live, const struct live_source *source, int64_t now_ms)
{
    struct live_graph graph = {.cli = live->session->cli,
                               .store = live->session->home.store,
                               .source = source,
                               .now_ms = now_ms};
    for (size_t i = 0; i < LIVE_TAIL_LINES; i++) {
        graph.tail[i] = strbuf_str(&live->tail[(live->tail_next + i) % LIVE_TAIL_LINES]);
    }
    live_graph_draw(&graph, live->canvas);
    live->drawn_ms = now_ms;
}

void live_clear(struct live *live)
{
    if (live->draws) {
        canvas_clear(live->canvas);
        live->drawn_ms = 0;
    }
}

void live_update(struct live *live, const struct live_source *source)
{
    const struct run *run = source->run;
    if (run == NULL) {
        return;
    }
    if (live->logs || live->draws) {
        read_logs(live, run);
    }
    arena_reset(live->words);
    int64_t now_ms = clock_wall_ms(&clock_system);
    say_queued(live, run);
    say_changes(live, source, now_ms);
    if (live->draws && (now_ms < live->drawn_ms || now_ms - live->drawn_ms >= DRAW_PAUSE_MS)) {
        draw(live, source, now_ms);
    } else if (!live->draws) {
        (void)fflush(live->out);
    }
}

void live_finish(struct live *live, const struct run_view *view)
{
    if (live->logs || live->draws) {
        read_logs(live, view->run);
    }
    live_clear(live);
    say_all(live, view->run);
    (void)fflush(live->out);
}
