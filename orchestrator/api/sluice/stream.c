/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

struct stream {
    struct http_source source; /* the first member */
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

static int read_part(void *ctx, struct err *err)
{
    struct stream *stream = ctx;
    int result = stream->kind->read(stream->state, api_apart(stream->api), &stream->part, &stream->came, err);
    return result == 0 && stream->came == STREAM_GOES_ON && stream->part.length == 0 ? 1 : result;
}

static void give(struct stream *stream)
{
    stream->given = true;
    stream->job.given = true;
    stream->job.file.err = (struct err){0};
    apart_give(api_apart(stream->api), &stream->job.file);
}

static void end(struct stream *stream)
{
    stream->kind->drop(stream->state);
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
    give(stream);
    return 1;
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
        } else {
            give(stream);
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
