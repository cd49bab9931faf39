/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/stream.h"

#include "api/user_rights.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Who takes it, and what he needs for that. */
struct right {
    struct arena *arena; /* NULL: nobody looks at it */
    struct auth *auth;
    struct auth_who *who; /* NULL: there were no users */
    const struct api_need *needs;
    struct json params;
};

struct stream {
    struct http_source source; /* the first member */
    struct right right;
    struct api_job job;
    struct api *api;
    const struct stream_kind *kind;
    void *state;
    struct strbuf part; /* the thread's while the job is given */
    enum stream_state came;
    bool given, ended, failed, dropped;
    bool pauses;
    int64_t due_ms;
    struct stream *next; /* that pauses */
};

static struct stream *stream_of_job(struct api_job *job)
{
    return (struct stream *)(void *)((char *)job - offsetof(struct stream, job));
}

/* ---- who may ---------------------------------------------------------------------------------------------------- */

static struct auth_who *copy_who(const struct auth_who *who, struct arena *arena)
{
    struct auth_who *copy = arena_one(arena, struct auth_who);
    *copy = *who;
    copy->name = arena_strdup(arena, who->name);
    if (who->experiments != NULL) {
        int64_t *experiments = arena_array(arena, who->experiment_count, sizeof *experiments);
        memcpy(experiments, who->experiments, who->experiment_count * sizeof *experiments);
        copy->experiments = experiments;
    }
    return copy;
}

void stream_watch(struct http_source *source, const struct api_call *call, const struct api_need *needs,
                  const struct json *params)
{
    struct right *right = &((struct stream *)source)->right;
    right->arena = arena_new();
    right->auth = call->auth;
    right->who = call->who == NULL ? NULL : copy_who(call->who, right->arena);
    right->needs = needs;
    right->params = json_copy(right->arena, params);
}

static bool may_go_on(struct stream *stream)
{
    struct right *right = &stream->right;
    struct api_call call = {
        .api = stream->api,
        .store = api_options_of(stream->api)->store,
        .params = right->params,
        .now_ms = clock_wall_ms(&clock_system),
        .auth = right->auth,
        .who = right->who,
    };
    struct err wrong = {0};
    if (right->arena == NULL) {
        return true;
    }
    if (right->who == NULL) {
        return !auth_is_on(right->auth);
    }
    if (!auth_is_still_good(right->auth, right->who, call.now_ms)) {
        return false;
    }
    call.arena = arena_new();
    int may = user_check(&call, right->needs, &wrong);
    arena_free(call.arena);
    return may == 0;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static int read_part(void *ctx, struct err *err)
{
    struct stream *stream = ctx;
    int result = stream->kind->read(stream->state, api_apart(stream->api), &stream->part, &stream->came, err);
    return result == 0 && stream->came == STREAM_GOES_ON && stream->part.length == 0 ? 1 : result;
}

/* False: nobody may have more of it. */
static bool give(struct stream *stream)
{
    if (!may_go_on(stream)) {
        log_info("api", "what '%s' was being sent is cut: he may not read it any more",
                 stream->right.who == NULL ? "anonymous" : stream->right.who->name);
        stream->failed = true;
        return false;
    }
    stream->given = true;
    stream->job.given = true;
    stream->job.file.err = (struct err){0};
    apart_give(api_apart(stream->api), &stream->job.file);
    return true;
}

static void end(struct stream *stream)
{
    stream->kind->drop(stream->state);
    arena_free(stream->right.arena);
    strbuf_clear(&stream->part);
    free(stream);
}

static void pause_stream(struct stream *stream)
{
    struct streams *streams = api_streams(stream->api);
    stream->pauses = true;
    stream->due_ms = clock_monotonic_ms(&clock_system) + STREAM_PAUSE_MS;
    stream->next = streams->first;
    streams->first = stream;
}

static void unlink_stream(struct stream *stream)
{
    struct stream **at = &api_streams(stream->api)->first;
    while (*at != stream) {
        at = &(*at)->next;
    }
    *at = stream->next;
    stream->pauses = false;
}

/* On the loop: the thread has given the job back. */
static void part_came(struct api_job *job)
{
    struct stream *stream = stream_of_job(job);
    stream->given = false;
    if (stream->dropped) {
        end(stream);
        return;
    }
    if (job->file.err.code != ERR_NONE) {
        log_error("api", "an answer is cut: %s", job->file.err.message);
        stream->failed = true;
    }
    bool ending = api_streams(stream->api)->ending;
    stream->ended = stream->came == STREAM_ENDS || (stream->came == STREAM_PAUSES && ending);
    if (stream->part.length == 0 && !stream->ended && !stream->failed) {
        pause_stream(stream);
    } else {
        http_source_wake(&stream->source);
    }
}

static int next_part(struct http_source *source, struct strbuf *part)
{
    struct stream *stream = (struct stream *)source;
    if (stream->failed) {
        return -1;
    }
    if (stream->given || stream->pauses) {
        return 1;
    }
    if (stream->part.length > 0) {
        strbuf_add(part, stream->part.data, stream->part.length);
        strbuf_reset(&stream->part);
        return 0;
    }
    if (stream->ended) {
        return 0;
    }
    return give(stream) ? 1 : -1;
}

static void drop(struct http_source *source)
{
    struct stream *stream = (struct stream *)source;
    stream->dropped = true;
    if (stream->pauses) {
        unlink_stream(stream);
    }
    if (!stream->given) {
        end(stream);
    }
}

struct http_source *stream_new(struct api *api, const struct stream_kind *kind, void *take_state)
{
    struct stream *stream = mem_alloc(sizeof *stream);
    *stream = (struct stream){
        .source = {.next = next_part, .drop = drop},
        .job = {.file = {.work = read_part, .ctx = stream}, .drop = part_came, .reads = true},
        .api = api,
        .kind = kind,
        .state = take_state,
    };
    strbuf_init(&stream->part, SIZE_MAX >> 1);
    return &stream->source;
}

void streams_go_on(struct streams *streams)
{
    int64_t now_ms = streams->first == NULL ? 0 : clock_monotonic_ms(&clock_system);
    struct stream *next = NULL;
    for (struct stream *stream = streams->first; stream != NULL; stream = next) {
        next = stream->next;
        if (!streams->ending && stream->due_ms > now_ms) {
            continue;
        }
        unlink_stream(stream);
        if (streams->ending) {
            stream->ended = true;
            http_source_wake(&stream->source);
        } else if (!give(stream)) {
            http_source_wake(&stream->source);
        }
    }
}

int streams_wait_ms(const struct streams *streams)
{
    int64_t first_ms = -1;
    for (const struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
        first_ms = first_ms < 0 || stream->due_ms < first_ms ? stream->due_ms : first_ms;
    }
    if (first_ms < 0) {
        return -1;
    }
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    return first_ms <= now_ms ? 0 : (int)(first_ms - now_ms);
}

void streams_end(struct streams *streams)
{
    streams->ending = true;
    streams_go_on(streams);
}
