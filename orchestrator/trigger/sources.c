/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "trigger/sources_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUNNING_MAX = 4,        /* fetches at once */
    LOOK_MS = 50,           /* at a process that tells nobody when it ends */
    GRACE_MS = 10000,       /* sluice-git ends itself when its time is over */
    RETRY_FIRST_MS = 5000,
    BACK_OFF_MAX_MS = 900000,
    AGAIN_MS = 600000,      /* a commit that is refused is looked at again: what it lacked may be there now */
    PINS_EVERY_MS = 2000,   /* runs that begin together are pinned together */
    FORGOTTEN_MS = 5000,
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static const struct source_world *world_of(const struct sources *sources)
{
    return &sources->triggers->options.git_world;
}

static void unwatch(struct source *source, struct engine *engine)
{
    if (source->watch_fd >= 0) {
        if (engine != NULL) {
            engine_unwatch(engine, source->watch_fd);
        }
        (void)close(source->watch_fd); /* nobody else has it open */
    }
    source->watch_fd = -1;
}

static void forget_secrets(struct sources *sources, struct source *source)
{
    const struct triggers_options *options = &sources->triggers->options;
    if (source->asker != 0 && options->secret_forget != NULL) {
        options->secret_forget(options->secret_ctx, source->asker);
    }
    source->asker = 0;
}

/* What was written of it is settled, or dropped if it does not count. */
static void end_reading(struct sources *sources, struct source *source)
{
    if (source->reading != NULL && source->reading->writes) {
        sources->triggers->settling = true;
    }
    reading_free(source->reading);
    source->reading = NULL;
}

static void stop(struct sources *sources, struct source *source)
{
    if (source->state == SOURCE_RUNS) {
        world_of(sources)->kill(world_of(sources)->ctx, &source->child);
    }
    unwatch(source, NULL);
    forget_secrets(sources, source);
    end_reading(sources, source);
    source->state = SOURCE_RESTS;
    source->job = 0;
}

static void clear(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        stop(sources, &sources->items[i]);
    }
    free(sources->items);
    sources->items = NULL;
    sources->count = 0;
    arena_reset(sources->arena);
}

static void fill(struct sources *sources, const struct json *rows)
{
    size_t count = rows->type == JSON_ARRAY ? rows->u.array.count : 0;
    sources->items = mem_resize(NULL, count + 1, sizeof *sources->items);
    memset(sources->items, 0, (count + 1) * sizeof *sources->items);
    for (size_t i = 0; i < count; i++) {
        sources->items[i].spec = source_spec_read(&rows->u.array.items[i], sources->arena);
        sources->items[i].again = true;
        sources->items[i].watch_fd = -1;
    }
    sources->count = count;
    sources->stale = true;
    sources->retry_ms = 0;
}

struct sources *sources_new(struct triggers *triggers, const struct json *rows)
{
    struct sources *sources = mem_alloc(sizeof *sources);
    *sources = (struct sources){.triggers = triggers, .arena = arena_new()};
    fill(sources, rows);
    return sources;
}

void sources_free(struct sources *sources)
{
    if (sources != NULL) {
        clear(sources);
        free(sources->items);
        arena_free(sources->arena);
        free(sources);
    }
}

void sources_reconfigure(struct sources *sources, const struct json *rows)
{
    clear(sources);
    fill(sources, rows);
}

void sources_forget(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        stop(sources, &sources->items[i]);
        sources->items[i].again = true;
        sources->items[i].next_ms = 0;
    }
    sources->stale = sources->was_forgotten = true;
}

static struct source *find(const struct sources *sources, const char *name)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (strcmp(sources->items[i].spec.name, name) == 0) {
            return &sources->items[i];
        }
    }
    return NULL;
}

const struct source_spec *sources_find(const struct sources *sources, const char *name)
{
    struct source *source = find(sources, name);
    return source == NULL ? NULL : &source->spec;
}

bool sources_is_writing(const struct sources *sources, const char *name)
{
    const struct source *source = find(sources, name);
    return source != NULL && source->reading != NULL && source->reading->writes;
}

/* ---- when ------------------------------------------------------------------------------------------------------- */

static size_t count_running(const struct sources *sources)
{
    size_t count = 0;
    for (size_t i = 0; i < sources->count; i++) {
        count += sources->items[i].state == SOURCE_RUNS;
    }
    return count;
}

/* What it has to do, when: INT64_MAX for nothing. */
static int64_t due_ms(const struct source *source)
{
    int64_t at_ms = source->wanted ? 0 : source->next_ms;
    return source->unpinned && source->pins_ms < at_ms ? source->pins_ms : at_ms;
}

int64_t sources_wait_ms(const struct sources *sources, int64_t now_ms)
{
    int64_t least = INT64_MAX;
    bool has_room = count_running(sources) < RUNNING_MAX;
    if (sources->was_forgotten) {
        return 0;
    }
    if (sources->stale || sources->seen != store_sources_changes(sources->triggers->options.store)) {
        return sources->stale && sources->retry_ms > now_ms ? sources->retry_ms - now_ms : 0;
    }
    for (size_t i = 0; i < sources->count; i++) {
        const struct source *source = &sources->items[i];
        int64_t left = INT64_MAX;
        if (source->state == SOURCE_RUNS) {
            left = source->watch_fd < 0 ? LOOK_MS : GRACE_MS / 2; /* it may be late */
        } else if (source->state == SOURCE_READS) {
            left = 0;
        } else if (source->state == SOURCE_RESTS && has_room) {
            left = due_ms(source) - now_ms;
        }
        least = left < least ? left : least;
    }
    return least < 0 ? 0 : least;
}

/* ---- reading the rows ------------------------------------------------------------------------------------------- */

static int read_wanted(struct sources *sources, struct arena *arena, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    struct job_row *jobs = NULL;
    size_t count = 0;
    uint64_t changes = store_sources_changes(store);
    if (store_jobs_waiting(store, arena, &jobs, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sources->count; i++) {
        struct source_run *runs = NULL;
        size_t unpinned = 0;
        if (store_source_runs_unpinned(store, sources->items[i].spec.name, 1, arena, &runs, &unpinned, err) < 0) {
            return -1;
        }
        sources->items[i].unpinned = unpinned > 0;
        sources->items[i].wanted = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct source *source = find(sources, jobs[i].source);
        if (source != NULL) {
            source->wanted = true;
        }
    }
    sources->seen = changes;
    return 0;
}

/* Jobs of sources that config.yaml has no more wait for nothing. */
static int drop_jobs(struct sources *sources, struct engine *engine, struct err *err)
{
    struct job_row *jobs = NULL;
    size_t count = 0;
    struct store *store = sources->triggers->options.store;
    if (store_jobs_waiting(store, engine_arena(engine), &jobs, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i].state = "failed";
        jobs[i].words = "config.yaml has the source no more";
        jobs[i].ended_ms = engine_time(engine);
        if (find(sources, jobs[i].source) == NULL && store_job_update(store, &jobs[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int load(struct sources *sources, struct engine *engine, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    if (sources->count == 0) { /* mostly */
        struct source_row *rows = NULL;
        size_t count = 0;
        if (store_source_list(store, engine_arena(engine), &rows, &count, err) < 0) {
            return -1;
        }
        if (count == 0) {
            sources->stale = false;
            return 0;
        }
    }
    if (engine_write(engine, err) < 0 || store_jobs_lost(store, engine_time(engine), err) < 0 ||
        drop_jobs(sources, engine, err) < 0 || sources_take_out(sources, engine, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sources->count; i++) {
        struct source_row row;
        struct source *source = &sources->items[i];
        if (source_row_of(sources, source, engine_arena(engine), &row, err) < 0 ||
            store_source_put(store, &row, err) < 0) {
            return -1;
        }
        source->is_refused = strcmp(row.problems, "[]") != 0;
    }
    sources->stale = false;
    return 0;
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

/* A fetch that failed may be one that a webhook asked for, which nobody asks for again: it is not left to `every`,
 * which may be long. */
static int64_t next_of(const struct source *source, int64_t failures, int64_t now_ms)
{
    int64_t every_ms = source->spec.every_ms;
    int64_t delay_ms = every_ms < RETRY_FIRST_MS ? every_ms : RETRY_FIRST_MS;
    for (int64_t i = 1; i < failures && delay_ms < BACK_OFF_MAX_MS; i++) {
        delay_ms *= 2;
    }
    return now_ms + (failures == 0 ? every_ms : delay_ms < BACK_OFF_MAX_MS ? delay_ms : BACK_OFF_MAX_MS);
}

static int end_job(struct sources *sources, struct source *source, const char *words, const char *commit, bool failed,
                   struct engine *engine, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    struct job_row job;
    int found = source->job == 0 ? 0 : store_job_find(store, source->job, engine_arena(engine), &job, err);
    source->job = 0;
    if (found <= 0) {
        return found;
    }
    job.state = failed ? "failed" : "done";
    job.words = words;
    job.commit_id = commit;
    job.ended_ms = engine_time(engine);
    return store_job_update(store, &job, err);
}

/* An answer, or (NULL) why there is none. */
/* `now_ms` is that of the look: by a clock that is read again, the next fetch would seem to lie further off than
 * `every`, as after a clock was set back (is_fetch_due), and be due at once. */
static int finish(struct sources *sources, struct source *source, struct engine *engine, const struct json *answer,
                  int64_t now_ms, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    const char *words = "";
    const char *commit = "";
    bool failed = false;
    struct source_row row;
    source->state = SOURCE_RESTS;
    source->pins_ms = now_ms + PINS_EVERY_MS;
    if (source_take(sources, source, engine, answer, &words, &commit, &failed, err) < 0 ||
        end_job(sources, source, words, commit, failed, engine, err) < 0) {
        return -1;
    }
    if (failed && !source->fetches) {
        log_warn("sources", "%s: commits of runs could not be pinned: %s", source->spec.name,
                 json_get_text(answer, "error", "sluice-git ended without an answer"));
        source->pins_ms = next_of(source, 1, now_ms);
    }
    if (!source->fetches) {
        return 0;
    }
    int found = store_source_find(store, source->spec.name, engine_arena(engine), &row, err);
    source->next_ms = next_of(source, found == 1 ? row.failures : 0, now_ms);
    source->again = failed ? source->again : false;
    return found < 0 ? -1 : 0;
}

static struct json failure(const char *words, struct arena *arena)
{
    struct json answer = json_object();
    json_set(arena, &answer, "error", json_cstring(arena, words));
    return answer;
}

/* Whoever looks at the source while its commit is read sees what goes on. */
static int begin_reading(struct sources *sources, struct source *source, struct engine *engine, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    struct job_row job;
    struct arena *arena = engine_arena(engine);
    source->state = SOURCE_READS;
    int found = engine_write(engine, err) < 0 ? -1 : store_job_find(store, source->job, arena, &job, err);
    if (found == 1) {
        job.words = arena_printf(arena, "checking %zu pipeline%s", source->reading->count,
                                 source->reading->count == 1 ? "" : "s");
        found = store_job_update(store, &job, err);
    }
    return found < 0 ? -1 : 0;
}

/* One commit at a time is in force and not yet in its place: the next may bring what this one has taken away, and what
 * is in its place then is what that goes on from. */
static int read_on(struct sources *sources, struct engine *engine, int64_t now_ms, struct err *err)
{
    int finished = 0;
    for (size_t i = 0; i < sources->count && !sources->triggers->settling; i++) {
        struct source *source = &sources->items[i];
        if (source->state != SOURCE_READS) {
            continue;
        }
        struct reading *reading = source->reading;
        if (!reading->is_read) {
            reading->is_read = reading_go_on(reading, sources, engine);
            engine_crash_point(engine, "in_reading");
            continue;
        }
        int over = reading_write(reading, sources->triggers, engine, source, err);
        if (over == 1) {
            over = finish(sources, source, engine, &reading->answer, now_ms, err);
            end_reading(sources, source);
            finished++;
        }
        if (over < 0) {
            return -1;
        }
    }
    return finished;
}

static int finish_ended(struct sources *sources, struct engine *engine, int64_t now_ms, struct err *err)
{
    const struct source_world *world = world_of(sources);
    int finished = 0;
    for (size_t i = 0; i < sources->count; i++) {
        struct source *source = &sources->items[i];
        struct json answer = json_null();
        if (source->state != SOURCE_RUNS) {
            continue;
        }
        bool ended = world->ended(world->ctx, &source->child);
        bool late = !ended && engine_monotonic_ms(engine) >= source->late_ms;
        if (!ended && !late) {
            continue;
        }
        unwatch(source, engine);
        if (late) {
            world->kill(world->ctx, &source->child);
            answer = failure("it took too long, and was ended", engine_arena(engine));
        } else {
            answer = world->take(world->ctx, &source->child, engine_arena(engine));
        }
        source->state = SOURCE_RESTS;
        source->reading = reading_new(sources, source, &answer);
        if ((source->reading != NULL ? begin_reading(sources, source, engine, err)
                                     : finish(sources, source, engine, &answer, now_ms, err)) < 0) {
            return -1;
        }
        finished++;
    }
    return finished;
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

/* The job that waits, or a new one. */
static int begin_job(struct sources *sources, struct source *source, struct engine *engine, struct err *err)
{
    struct store *store = sources->triggers->options.store;
    struct job_row *jobs = NULL;
    size_t count = 0;
    size_t i = 0;
    struct job_row job = {.source = source->spec.name,
                          .why = source->next_ms == 0 ? "start" : "poll",
                          .actor = "sluice",
                          .state = "running",
                          .words = "",
                          .commit_id = "",
                          .created_ms = engine_time(engine),
                          .started_ms = engine_time(engine)};
    if (engine_write(engine, err) < 0 || store_jobs_waiting(store, engine_arena(engine), &jobs, &count, err) < 0) {
        return -1;
    }
    while (i < count && strcmp(jobs[i].source, source->spec.name) != 0) {
        i++;
    }
    source->wanted = false;
    if (i == count) {
        if (store_job_insert(store, &job, err) < 0) {
            return -1;
        }
        source->job = job.id;
        return 0;
    }
    source->again = source->again || strcmp(jobs[i].why, "sync") == 0;
    source->job = jobs[i].id;
    jobs[i].state = "running";
    jobs[i].started_ms = job.started_ms;
    return store_job_update(store, &jobs[i], err);
}

static void run(struct sources *sources, struct source *source, struct engine *engine, const struct json *request,
                struct arena *arena, struct err *wrong)
{
    const struct source_world *world = world_of(sources);
    if (!world->start(world->ctx, request, arena, &source->child)) {
        (void)err_set(wrong, ERR_IO, "sluice-git could not be started");
        return;
    }
    source->state = SOURCE_RUNS;
    source->late_ms = engine_monotonic_ms(engine) + source->spec.timeout_ms + GRACE_MS;
    source->watch_fd = world->watch(world->ctx, &source->child);
    if (source->watch_fd >= 0 && engine_watch(engine, source->watch_fd, wrong) < 0) {
        log_warn("sources", "%s", wrong->message);
        *wrong = (struct err){0};
    }
}

static int start(struct sources *sources, struct source *source, struct engine *engine, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct source_wish wish;
    struct json request = json_object();
    struct err wrong = {0};
    int got = source_row_of(sources, source, arena, &wish.row, err);
    if (got == 0) {
        got = store_source_runs_unpinned(sources->triggers->options.store, source->spec.name, PINS_AT_ONCE, arena,
                                         &wish.runs, &wish.run_count, err);
    }
    if (got == 0) {
        source->asker = source->asker != 0 ? source->asker : INT64_MIN + 1 + sources->askers++;
        got = source_ask(sources, source, &wish, arena, &request, &wrong);
        source->state = got == 1 ? SOURCE_ASKS : SOURCE_RESTS;
        if (got == 0) {
            run(sources, source, engine, &request, arena, &wrong);
        }
        if (got != 1) {
            forget_secrets(sources, source);
        }
        json_wipe(&request);
        struct json answer = failure(wrong.message, arena);
        got = wrong.code == ERR_NONE ? 0 : finish(sources, source, engine, &answer, now_ms, err);
    }
    arena_free(arena);
    return got;
}

static bool is_fetch_due(const struct source *source, int64_t now_ms)
{
    bool set_back = source->next_ms > now_ms + BACK_OFF_MAX_MS && source->next_ms > now_ms + source->spec.every_ms;
    return source->wanted || source->next_ms <= now_ms || set_back;
}

static int start_due(struct sources *sources, struct engine *engine, int64_t now_ms, struct err *err)
{
    int started = 0;
    for (size_t i = 0; i < sources->count; i++) {
        struct source *source = &sources->items[i];
        bool fetches = is_fetch_due(source, now_ms);
        bool pins = source->unpinned && source->pins_ms <= now_ms;
        if (source->state == SOURCE_RUNS || source->state == SOURCE_READS || count_running(sources) >= RUNNING_MAX) {
            continue;
        }
        if (source->state == SOURCE_ASKS) {
            if (start(sources, source, engine, now_ms, err) < 0) {
                return -1;
            }
            continue;
        }
        if (!fetches && !pins) {
            continue;
        }
        source->fetches = fetches;
        source->again = source->again || (source->is_refused && now_ms - source->looked_ms >= AGAIN_MS);
        if ((fetches && begin_job(sources, source, engine, err) < 0) ||
            start(sources, source, engine, now_ms, err) < 0) {
            return -1;
        }
        started++;
    }
    return started;
}

int sources_look(struct sources *sources, struct engine *engine, int64_t now_ms, struct err *err)
{
    if (sources->was_forgotten) {
        sources->retry_ms = now_ms + FORGOTTEN_MS;
        sources->was_forgotten = false;
    }
    if (sources->stale && sources->retry_ms > now_ms && sources->retry_ms <= now_ms + FORGOTTEN_MS) {
        return 0;
    }
    if (sources->triggers->settling) { /* whether a schedule goes on is judged by what is in its place */
        return 0;
    }
    if (sources->stale && load(sources, engine, err) < 0) {
        return -1;
    }
    if (sources->seen != store_sources_changes(sources->triggers->options.store) &&
        read_wanted(sources, engine_arena(engine), err) < 0) {
        return -1;
    }
    int read = read_on(sources, engine, now_ms, err);
    int finished = read < 0 ? -1 : finish_ended(sources, engine, now_ms, err);
    int started = finished < 0 ? -1 : start_due(sources, engine, now_ms, err);
    return started < 0 ? -1 : read + finished + started;
}
