/* SPDX-License-Identifier: Apache-2.0
 * What a step says to its host. It comes from code nobody has checked: a frame that is not as step_process.h has it
 * ends the step. Secrets are masked before anything is journaled.
 */
#include "base/clock.h"
#include "runner/runner.h"
#include "runner/step_calls.h"
#include "runner/supervise.h"
#include "wire/points.h"

#include <string.h>

enum { REPORT_DEPTH_MAX = 64, REPORT_VALUES_MAX = 1 << 20 };

static void journal(struct supervised *attempt, enum journal_type type, struct str payload, int64_t now_ms)
{
    run_journal_append(attempt->journal, attempt->id, type, payload, now_ms);
}

static bool holds_secret(const struct supervised *attempt, struct str text)
{
    return mask_is_active(attempt->mask) && mask_finds(attempt->mask, text);
}

/* Does a published file have one in its name? Masked it would be the name of a file that is not there. */
static bool names_secret(const struct supervised *attempt, const struct json *report)
{
    const struct json *files = mask_is_active(attempt->mask) ? json_get(report, "files") : NULL;
    for (size_t i = 0; files != NULL && files->type == JSON_ARRAY && i < files->u.array.count; i++) {
        if (holds_secret(attempt, str_from(json_get_text(&files->u.array.items[i], "path", "")))) {
            return true;
        }
    }
    return false;
}

/* What is to be journaled instead of a payload: without points whose key is `held`, with the time at which they came
 * for those without one. */
static void journal_points_anew(struct supervised *attempt, struct str payload, const bool *held, struct arena *arena,
                                int64_t now_ms)
{
    int64_t wall_ms = clock_wall_ms(&clock_system);
    struct points_writer *writer = points_writer_new(JOURNAL_PAYLOAD_MAX);
    struct points_reader reader = points_reader_over(payload, arena);
    struct journal_point point;
    size_t key = 0;
    while (points_next(&reader, &point, &key) == 1) {
        if (held[key]) {
            continue;
        }
        point.time_ms = point.time_ms == 0 ? wall_ms : point.time_ms;
        if (!points_writer_add(writer, &point)) {
            journal(attempt, JOURNAL_POINTS, points_writer_payload(writer), now_ms);
            points_writer_reset(writer);
            (void)points_writer_add(writer, &point); /* it came in a payload of this size */
        }
    }
    if (points_writer_payload(writer).n > 0) {
        journal(attempt, JOURNAL_POINTS, points_writer_payload(writer), now_ms);
    }
    points_writer_free(writer);
}

/* Points without a time get the one at which they came. A name with a secret in it would be shown for ever, and masked
 * it would be no name of a metric: such points are left out. */
static bool take_points(struct supervised *attempt, struct str payload, int64_t now_ms)
{
    struct arena *arena = arena_new();
    struct points_reader reader = points_reader_over(payload, arena);
    bool *held = arena_array(arena, POINTS_KEYS_MAX, sizeof *held);
    size_t keys = 0;
    bool told = false;
    bool anew = false;
    struct journal_point point;
    int more;
    while ((more = points_next(&reader, &point, NULL)) == 1) {
        for (; keys < reader.count; keys++) {
            held[keys] = holds_secret(attempt, reader.keys[keys].text);
            if (held[keys] && !told) {
                supervise_warn(attempt, "a metric with a secret in its name is not recorded", now_ms);
            }
            told = told || held[keys];
        }
        anew = anew || told || point.time_ms == 0;
    }
    if (more == 0 && anew) {
        journal_points_anew(attempt, payload, held, arena, now_ms);
    } else if (more == 0 && payload.n > 0) {
        journal(attempt, JOURNAL_POINTS, payload, now_ms);
    }
    arena_free(arena);
    return more == 0;
}

static bool take_log(struct supervised *attempt, struct str payload, int64_t now_ms)
{
    if (payload.n < 2 || payload.p[0] != JOURNAL_HOST) {
        return false;
    }
    if (attempt->log_bytes > attempt->log_limit_bytes) {
        return true; /* supervise_tick begins the ladder */
    }
    struct strbuf masked;
    struct strbuf clean;
    strbuf_init(&masked, 4 * JOURNAL_PAYLOAD_MAX);
    strbuf_init(&clean, JOURNAL_PAYLOAD_MAX);
    mask_text(attempt->mask, str_slice(payload, 2, payload.n), &masked);
    strbuf_add(&clean, payload.p, 2);
    capture_clean(strbuf_str(&masked), &clean);
    struct str counted = strbuf_str(&clean);
    if (supervise_count_log(attempt, &counted)) {
        journal(attempt, JOURNAL_LOG, counted, now_ms);
    }
    strbuf_clear(&masked);
    strbuf_clear(&clean);
    return true;
}

static void note_result(struct supervised *attempt, const struct json *result)
{
    const char *word = json_get_text(result, "result", "");
    attempt->resulted = true;
    attempt->failed = strcmp(word, "failed") == 0 || strcmp(word, "refused") == 0;
    attempt->waits = strcmp(word, "wait") == 0;
    const char *reason = json_get_text(result, "reason", NULL);
    if (attempt->failed && reason != NULL) {
        attempt->facts.why = arena_strdup(attempt->arena, reason);
    }
}

/* A JSON frame: checked, masked, noted, journaled. */
static bool take_json(struct supervised *attempt, enum journal_type type, struct str payload, int64_t now_ms)
{
    struct arena *arena = arena_new();
    struct json value;
    struct json_limits limits = {.depth = REPORT_DEPTH_MAX, .values = REPORT_VALUES_MAX};
    bool good = json_read(payload, limits, arena, &value, NULL) == 0 && value.type == JSON_OBJECT;
    struct strbuf text = {0};
    bool shows = good && type == JOURNAL_REPORT && names_secret(attempt, &value);
    if (shows) {
        ladder_fault(attempt, "there is a secret in the name of a file that it publishes, which would be shown");
    }
    /* What it says of its end after a fault is not heard: supervise.c does. */
    if (shows || (good && type == JOURNAL_RESULT && attempt->failed && !attempt->resulted)) {
        arena_free(arena);
        return true;
    }
    if (good) {
        value = mask_is_active(attempt->mask) ? mask_json(attempt->mask, arena, &value) : value;
        strbuf_init(&text, JOURNAL_PAYLOAD_MAX);
        json_write(&text, &value);
        good = !text.overflow;
    }
    int64_t sequence = good ? json_get_int(&value, "seq", 0) : 0;
    if (good && type == JOURNAL_CALL) {
        good = sequence > 0 && *json_get_text(&value, "method", "") != '\0';
    }
    if (good && type == JOURNAL_RESULT) {
        note_result(attempt, &value);
    }
    bool of_runner = type == JOURNAL_CALL && strcmp(json_get_text(&value, "method", ""), STEP_CALL_JOURNALED) == 0;
    if (good && type == JOURNAL_CALL) {
        vec_push(&attempt->calls, sequence);
    }
    if (good && of_runner) {
        attempt->journaled_call = sequence;
    } else if (good) {
        journal(attempt, type, strbuf_str(&text), now_ms);
    }
    strbuf_clear(&text);
    arena_free(arena);
    return good;
}

static bool take_not_started(struct supervised *attempt, struct str payload)
{
    struct arena *arena = arena_new();
    struct json value;
    bool good = json_read(payload, (struct json_limits){0}, arena, &value, NULL) == 0;
    if (good) {
        attempt->facts.how = attempt->collecting ? EXIT_EXITED : EXIT_NOT_STARTED;
        attempt->facts.code = (int)json_get_int(&value, "code", 125);
        attempt->begun = false;
        const char *reason = json_get_text(&value, "reason", "");
        if (*reason != '\0') {
            attempt->facts.why = arena_strdup(attempt->arena, reason);
        }
    }
    arena_free(arena);
    return good;
}

static bool take_frame(struct supervised *attempt, int type, struct str payload, int64_t now_ms)
{
    attempt->left = attempt->left || (type != JOURNAL_LOG && type != JOURNAL_RESULT);
    switch (type) {
    case JOURNAL_POINTS:
        return take_points(attempt, payload, now_ms);
    case JOURNAL_LOG:
        return take_log(attempt, payload, now_ms);
    case JOURNAL_REPORT:
    case JOURNAL_CALL:
    case JOURNAL_WAIT:
    case JOURNAL_RESULT:
        return take_json(attempt, (enum journal_type)type, payload, now_ms);
    case CHANNEL_NOT_STARTED:
        return take_not_started(attempt, payload);
    default:
        return false;
    }
}

void step_frames_take(struct supervised *attempt, int64_t now_ms)
{
    int type;
    struct str payload;
    int more;
    while ((more = channel_next(&attempt->channel, &type, &payload)) == 1) {
        if (!take_frame(attempt, type, payload, now_ms)) {
            more = -1;
            break;
        }
    }
    if (more < 0) {
        ladder_fault(attempt, "the step wrote something into its host's descriptors that is no message");
        runner_unwatch(attempt->runner, attempt->channel.fd, &attempt->channel_watch);
        channel_clear(&attempt->channel);
    }
}
