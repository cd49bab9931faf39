/* SPDX-License-Identifier: Apache-2.0
 * What the steps of a run printed: whole, its end, lines or bytes of it; and as server-sent events while it goes on,
 * from where a client that was cut off has read.
 */
#include "api/sluice/log_scan.h"
#include "api/sluice/routes.h"
#include "api/sluice/stream.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "http/byte_range.h"
#include "store/pipeline_runs.h"

#include <stdio.h>
#include <stdlib.h>

enum log_format { LOG_TEXT, LOG_JSON, LOG_EVENTS };
static const char *const format_words[] = {"text", "jsonl", NULL};
static const char *const media_types[] = {"text/plain; charset=utf-8", "application/x-ndjson", "text/event-stream"};

enum { HEARTBEAT_MS = 15000, LINES_MAX = 100000000, PART_BYTES = 64 << 10 };
static const char ended_id[] = "end";

/* A line as it is sent. */
struct shown_line {
    int64_t at_ms;
    const char *step;
    int64_t item, attempt;
    const char *stream;
    struct json line;
};
static const struct schema_field line_fields[] = {
    {"at", FIELD_TIME(struct shown_line, at_ms)},
    {"step", FIELD_TEXT(struct shown_line, step)},
    {"item", FIELD_INT(struct shown_line, item), .doc = "of the step's matrix; 0 without one"},
    {"attempt", FIELD_INT(struct shown_line, attempt)},
    {"stream", FIELD_TEXT(struct shown_line, stream), .words = log_streams},
    {"line", FIELD_JSON(ANY, struct shown_line, line), .doc = "a text, without its line feed"},
    {0},
};
/* As it stands in the stream: its data is a LogLine, and of the last one {"status"}. */
static const struct schema_field event_fields[] = {
    {"id", .type = SCHEMA_TEXT, .doc = "for Last-Event-ID"},
    {"event", .type = SCHEMA_TEXT, .flags = SCHEMA_ABSENT, .doc = "'end': nothing will come behind it"},
    {"data", .type = SCHEMA_TEXT, .doc = "a LogLine; of the end {\"status\": that of the run}"},
    {0},
};
static const struct schema event_schema = {"LogEvent", event_fields, NULL};
const struct schema rest_log_line = {"LogLine", line_fields, "A line that a step printed."};

/* What is read and sent. */
struct reading {
    struct log_scan scan;
    enum log_format format;
    bool follows;
    struct arena *arena;   /* of one part */
    struct arena *kept;    /* of the reading */
    const char *run_id;
    int64_t skip_lines, left_lines;
    int64_t skip_bytes, left_bytes;
    int64_t lines, bytes; /* counted, in the first pass */
    bool counts;
    bool needs_size; /* a first pass */
    int64_t spoke_ms;
    struct strbuf *part;
    struct strbuf line; /* as it is sent */
};

static void drop_reading(void *state)
{
    struct reading *reading = state;
    log_scan_close(&reading->scan);
    strbuf_clear(&reading->line);
    arena_free(reading->arena);
    arena_free(reading->kept);
    free(reading);
}

/* ---- a line ----------------------------------------------------------------------------------------------------- */

static void write_json(struct reading *reading, const struct log_line *line, struct strbuf *out)
{
    struct shown_line shown = {line->at_ms,  line->step,   line->item,
                               line->attempt, line->stream, json_string(reading->arena, line->text)};
    struct json object = schema_write(&rest_log_line, &shown, reading->arena);
    json_write(out, &object);
}

static void write_line(struct reading *reading, const struct log_line *line, struct strbuf *out)
{
    if (reading->format == LOG_TEXT) {
        strbuf_add(out, line->text.p, line->text.n);
        strbuf_add_text(out, "\n");
        return;
    }
    if (reading->format == LOG_EVENTS) {
        strbuf_printf(out, "id: %lld.%llu.%lld\ndata: ", (long long)line->behind.offset,
                      (unsigned long long)line->behind.sequence, (long long)line->behind.lines);
    }
    write_json(reading, line, out);
    strbuf_add_text(out, reading->format == LOG_EVENTS ? "\n\n" : "\n");
    arena_reset(reading->arena);
}

/* Adds what of the line lies in the bytes that are wanted. */
static void add_bytes(struct reading *reading, struct str text)
{
    size_t skipped = (int64_t)text.n < reading->skip_bytes ? text.n : (size_t)reading->skip_bytes;
    reading->skip_bytes -= (int64_t)skipped;
    text = str_slice(text, skipped, text.n);
    if (reading->left_bytes >= 0 && (int64_t)text.n > reading->left_bytes) {
        text = str_slice(text, 0, (size_t)reading->left_bytes);
    }
    reading->left_bytes -= reading->left_bytes >= 0 ? (int64_t)text.n : 0;
    strbuf_add(reading->part, text.p, text.n);
}

static int take_line(void *ctx, const struct log_line *line)
{
    struct reading *reading = ctx;
    if (reading->counts) {
        strbuf_reset(&reading->line);
        write_line(reading, line, &reading->line);
        reading->lines++;
        reading->bytes += (int64_t)reading->line.length;
        return 0;
    }
    if (reading->skip_lines > 0) {
        reading->skip_lines--;
        return 0;
    }
    if (reading->left_lines == 0 || reading->left_bytes == 0) {
        return 1;
    }
    strbuf_reset(&reading->line);
    write_line(reading, line, &reading->line);
    add_bytes(reading, strbuf_str(&reading->line));
    reading->left_lines -= reading->left_lines > 0;
    return reading->left_lines == 0 || reading->left_bytes == 0 || reading->part->length >= PART_BYTES;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* 1: it has ended; then its end was recorded behind its last line. */
static int has_ended(struct reading *reading, struct store *store, const char **ret_status, struct err *err)
{
    struct arena *arena = arena_new();
    struct pipeline_run row;
    int result = store_pipeline_run_get(store, reading->run_id, arena, &row, err);
    if (result == 0) {
        *ret_status = run_state_name(row.state);
        result = run_state_is_terminal(row.state);
    }
    arena_free(arena);
    return result;
}

/* A client that has gone is noticed when something is sent to it. */
static void say_something(struct reading *reading)
{
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    if (reading->part->length > 0) {
        reading->spoke_ms = now_ms;
    } else if (now_ms - reading->spoke_ms >= HEARTBEAT_MS) {
        strbuf_add_text(reading->part, ":\n\n");
        reading->spoke_ms = now_ms;
    }
}

static int read_events(struct reading *reading, struct store *store, enum stream_state *ret, struct err *err)
{
    const char *status = "";
    int ended = has_ended(reading, store, &status, err);
    int more = ended < 0 ? -1 : log_scan_some(&reading->scan, store, take_line, reading, err);
    if (more < 0) {
        return -1;
    }
    *ret = more == 1 ? STREAM_GOES_ON : ended == 1 ? STREAM_ENDS : STREAM_PAUSES;
    if (*ret == STREAM_ENDS) {
        strbuf_printf(reading->part, "id: %s\nevent: end\ndata: {\"status\":\"%s\"}\n\n", ended_id, status);
    }
    say_something(reading);
    return 0;
}

static int read_part(void *state, struct apart *apart, struct strbuf *part, enum stream_state *ret, struct err *err)
{
    struct reading *reading = state;
    struct store *store = apart_store(apart, err);
    reading->part = part;
    if (store == NULL) {
        return -1;
    }
    if (reading->follows) {
        return read_events(reading, store, ret, err);
    }
    int more = log_scan_some(&reading->scan, store, take_line, reading, err);
    bool enough = reading->left_lines == 0 || reading->left_bytes == 0;
    *ret = more == 1 && !enough ? STREAM_GOES_ON : STREAM_ENDS;
    return more < 0 ? -1 : 0;
}

static const struct stream_kind reading_kind = {read_part, drop_reading};

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

static const char *text_or_null(const struct api_call *call, const char *name)
{
    return json_get_text(&call->params, name, NULL);
}

static struct reading *new_reading(struct api_call *call, enum log_format format)
{
    struct reading *reading = mem_alloc(sizeof *reading);
    struct arena *kept = arena_new();
    const char *run_id = json_get_text(&call->params, "run_id", "");
    *reading = (struct reading){
        .scan = {.path = arena_printf(kept, "%s/runs/%s/journal", call->home, run_id)},
        .format = format,
        .arena = arena_new(),
        .kept = kept,
        .run_id = arena_strdup(kept, run_id),
        .left_lines = -1,
        .left_bytes = -1,
        .spoke_ms = clock_monotonic_ms(&clock_system),
    };
    const char *step = text_or_null(call, "step");
    const char *stream = text_or_null(call, "stream");
    reading->scan.filter = (struct log_filter){
        .step = step == NULL ? NULL : arena_strdup(kept, step),
        .stream = stream == NULL ? NULL : arena_strdup(kept, stream),
        .item = json_get_int(&call->params, "item", -1),
        .attempt = json_get_int(&call->params, "attempt", 0),
    };
    strbuf_init(&reading->line, SIZE_MAX >> 1);
    return reading;
}

/* The journal of a run that has told of something is removed by `sluice gc`. */
static int check_run(struct api_call *call, const struct reading *reading, struct err *err)
{
    struct pipeline_run row;
    if (store_pipeline_run_get(call->store, reading->run_id, call->arena, &row, err) < 0) {
        return -1;
    }
    return row.journal_offset == 0 || fs_exists(reading->scan.path)
               ? 0
               : err_set(err, ERR_NOT_FOUND, "the logs of run %s were removed ('sluice gc')", reading->run_id);
}

/* What is no range of bytes is passed over (RFC 9110, 14.2). */
static bool is_ranged(const struct api_call *call)
{
    return str_starts(rest_range(call), STR("bytes="));
}

/* The bytes of the range, of all that there are: 206; -1: there are none (416). */
static int take_range(struct api_call *call, struct reading *reading, int64_t size, struct http_answer *answer)
{
    int64_t from = 0;
    int64_t count = 0;
    int part = byte_range_read(rest_range(call), size, &from, &count);
    if (part == 1) {
        answer->status = 206;
        answer->headers[1] = rest_content_range(call, from, count, size);
        reading->skip_bytes = from;
        reading->left_bytes = count;
        answer->size = count;
    }
    return part < 0 ? -1 : 0;
}

/* What is to be sent of it, once it is known how much there is. */
static void take_window(struct api_call *call, struct reading *reading)
{
    int64_t tail = json_get_int(&call->params, "tail", 0);
    int64_t from_line = json_get_int(&call->params, "from_line", 1);
    reading->skip_lines = tail > 0 ? (reading->lines > tail ? reading->lines - tail : 0) : from_line - 1;
    reading->left_lines = json_get_int(&call->params, "lines", -1);
}

static int send_reading(struct api_call *call, struct reading *reading)
{
    struct http_answer answer = {
        .status = 200, .content_type = media_types[reading->format], .fd = -1, .headers = {{"Accept-Ranges", "bytes"}}};
    if (is_ranged(call) && take_range(call, reading, reading->bytes, &answer) < 0) {
        return rest_refuse_range(call, reading->bytes);
    }
    take_window(call, reading);
    rest_keep(call, NULL, NULL);
    answer.source = stream_new(call->api, &reading_kind, reading);
    rest_reply(call, &answer);
    return 0;
}

/* The first pass: how many lines and bytes there are. 1: it goes on later. */
static int count_some(struct api_call *call, struct reading *reading, struct err *err)
{
    reading->counts = true;
    int more = log_scan_some(&reading->scan, call->store, take_line, reading, err);
    if (more == 0) {
        log_scan_close(&reading->scan);
        reading->scan.place = (struct log_place){0};
        reading->counts = reading->needs_size = false;
    }
    return more;
}

static int check_window(const struct api_call *call, struct err *err)
{
    bool tail = json_get(&call->params, "tail") != NULL;
    bool lines = json_get(&call->params, "from_line") != NULL || json_get(&call->params, "lines") != NULL;
    return (tail && lines) || ((tail || lines) && is_ranged(call))
               ? err_set(err, ERR_INPUT, "expected one of tail, lines (with from_line) and the header Range")
               : 0;
}

static int send_logs(struct api_call *call, struct err *err)
{
    struct reading *reading = rest_ctx(call);
    if (reading == NULL) {
        const char *format = json_get_text(&call->params, "format", "text");
        reading = new_reading(call, strcmp(format, "text") == 0 ? LOG_TEXT : LOG_JSON);
        rest_keep(call, reading, drop_reading);
        if (check_run(call, reading, err) < 0 || check_window(call, err) < 0) {
            return -1;
        }
        reading->needs_size = json_get(&call->params, "tail") != NULL || is_ranged(call);
    }
    int more = reading->needs_size ? count_some(call, reading, err) : 0;
    return more != 0 ? more : send_reading(call, reading);
}

/* Who was told of the end is told to come no more. */
static int answer_ended(struct api_call *call, struct reading *reading, struct err *err)
{
    const char *status = "";
    int ended = has_ended(reading, call->store, &status, err);
    struct http_answer answer = {.status = 204, .fd = -1};
    if (ended == 1) {
        rest_reply(call, &answer);
    }
    return ended < 0 ? -1 : ended == 1 ? 0 : err_set(err, ERR_INPUT, "Last-Event-ID: this run has not ended");
}

/* Whether a frame begins there. */
static bool is_place(const struct log_scan *scan)
{
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    bool good =
        journal_reader_open(scan->path, scan->place.offset, scan->place.sequence, &reader, &(struct err){0}) == 0 &&
        journal_next(reader, &frame, &(struct err){0}) >= 0;
    journal_reader_close(reader);
    return good;
}

static int send_events(struct api_call *call, struct err *err)
{
    struct reading *reading = new_reading(call, LOG_EVENTS);
    struct str last = str_from(rest_last_event_id(call));
    rest_keep(call, reading, drop_reading);
    reading->follows = true;
    if (check_run(call, reading, err) < 0) {
        return -1;
    }
    if (str_is(last, ended_id)) {
        return answer_ended(call, reading, err);
    }
    if (last.n > 0 && log_place_read(last, &reading->scan.place, err) < 0) {
        return -1;
    }
    if (last.n > 0 && !is_place(&reading->scan)) {
        return err_set(err, ERR_INPUT, "Last-Event-ID: no event of this log had that id");
    }
    struct http_answer answer = {.status = 200,
                                 .content_type = media_types[LOG_EVENTS],
                                 .fd = -1,
                                 .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
    rest_keep(call, NULL, NULL);
    answer.source = stream_new(call->api, &reading_kind, reading);
    rest_reply(call, &answer);
    return 0;
}

#define FILTERS                                                                                                        \
    {.name = "step", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .most = 200, .doc = "only of this step"},          \
    {.name = "item", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .most = INT32_MAX,                                  \
     .doc = "only of this item of the step's matrix"},                                                                 \
    {.name = "attempt", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = INT32_MAX,                   \
     .doc = "only of this attempt of each step"},                                                                      \
    {.name = "stream", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = log_streams,                            \
     .doc = "only of this stream; 'step' is what a plugin or script logs"}

static const struct schema_field logs_fields[] = {
    REST_RUN_ID,
    FILTERS,
    {.name = "format", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = format_words,
     .doc = "text (the default): the lines as they were printed; jsonl: one LogLine a line"},
    {.name = "tail", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = LINES_MAX,
     .doc = "only the last lines"},
    {.name = "from_line", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = LINES_MAX,
     .doc = "from this line on, of those that are asked for"},
    {.name = "lines", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = LINES_MAX,
     .doc = "at most so many lines"},
    {0},
};
static const struct schema_field events_fields[] = {REST_RUN_ID, FILTERS, {0}};

const struct api_route rest_log_routes[] = {
    {HTTP_GET, "/runs/{run_id}/logs", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "getLogs",
                                      .group = "Logs",
                                      .summary = "What the steps of a run printed, in its order; secrets are masked",
                                      .details = "All of it, its end (tail), lines (from_line, lines), or bytes of "
                                                 "what would be sent (the header Range). Steps that are pipelines have "
                                                 "runs of their own (listRuns with parent), and logs there.",
                                      .takes = logs_fields,
                                      .media = "text/plain",
                                      .also = "application/x-ndjson",
                                      .flags = REST_APART | REST_RANGES),
     .answer = send_logs},
    {HTTP_GET, "/runs/{run_id}/logs/events", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "followLogs",
                                      .group = "Logs",
                                      .summary = "The same as server-sent events, until the run has ended",
                                      .details = "Each event is a LogLine. The last one has the name 'end', and the "
                                                 "run's status. A client that was cut off sends the id of the last "
                                                 "event it has got (Last-Event-ID), as EventSource does, and gets "
                                                 "those behind it, each once; behind the end, 204.",
                                      .takes = events_fields,
                                      .gives = &event_schema,
                                      .media = "text/event-stream",
                                      .flags = REST_APART | REST_RESUMES),
     .answer = send_events},
    {0},
};
