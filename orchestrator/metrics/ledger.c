/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/ledger.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

enum { READ_ROWS = 2000 };

const char *const ledger_states[LEDGER_STATES] = {"succeeded", "failed", "cancelled"};

/* A run that has begun and not ended. */
struct open_entry {
    char run_id[40];
    int64_t started_ms;
    size_t trigger;
};

struct ledger {
    struct arena *arena; /* of names */
    int64_t sequence;    /* of the last row that was counted */
    struct {
        VEC_OF(struct ledger_pipeline)
    } pipelines;
    struct {
        VEC_OF(struct ledger_word)
    } actions;
    struct {
        VEC_OF(struct open_entry)
    } open;
    const char *triggers[LEDGER_TRIGGERS];
};

struct ledger *ledger_new(void)
{
    struct ledger *ledger = mem_alloc(sizeof *ledger);
    ledger->arena = arena_new();
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (ledger != NULL) {
        arena_free(ledger->arena);
        vec_clear(&ledger->pipelines);
        vec_clear(&ledger->actions);
        vec_clear(&ledger->open);
        free(ledger);
    }
}

/* ---- by what is counted ------------------------------------------------------------------------------------------ */

static struct ledger_pipeline *pipeline_of(struct ledger *ledger, struct str name)
{
    for (size_t i = 0; i < ledger->pipelines.count; i++) {
        if (str_is(name, ledger->pipelines.items[i].name)) {
            return &ledger->pipelines.items[i];
        }
    }
    if (ledger->pipelines.count >= LEDGER_PIPELINES && !str_is(name, LEDGER_OTHER)) {
        return pipeline_of(ledger, STR(LEDGER_OTHER));
    }
    struct ledger_pipeline pipeline = {.name = arena_str(ledger->arena, name).p,
                                       .durations.bounds = histogram_bounds_slow};
    vec_push(&ledger->pipelines, pipeline);
    return &ledger->pipelines.items[ledger->pipelines.count - 1];
}

static void count_action(struct ledger *ledger, const char *action)
{
    for (size_t i = 0; i < ledger->actions.count; i++) {
        if (strcmp(ledger->actions.items[i].word, action) == 0) {
            ledger->actions.items[i].count++;
            return;
        }
    }
    if (ledger->actions.count >= LEDGER_WORDS && strcmp(action, LEDGER_OTHER) != 0) {
        count_action(ledger, LEDGER_OTHER);
        return;
    }
    struct ledger_word word = {arena_strdup(ledger->arena, action), 1};
    vec_push(&ledger->actions, word);
}

/* The last is for all that find no place. */
static size_t trigger_number(struct ledger *ledger, struct str name)
{
    size_t i = 0;
    while (i < LEDGER_TRIGGERS - 1 && ledger->triggers[i] != NULL && !str_is(name, ledger->triggers[i])) {
        i++;
    }
    if (ledger->triggers[i] == NULL) {
        bool last = i == LEDGER_TRIGGERS - 1;
        ledger->triggers[i] = last ? LEDGER_OTHER : arena_str(ledger->arena, name).p;
    }
    return i;
}

const char *ledger_trigger(const struct ledger *ledger, size_t number)
{
    return number < LEDGER_TRIGGERS ? ledger->triggers[number] : NULL;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* "by cli" of the row that says that it began. */
static void begin_run(struct ledger *ledger, const struct activity *row)
{
    struct str reason = str_from(row->reason);
    struct open_entry entry = {.started_ms = row->at_ms};
    reason = str_starts(reason, STR("by ")) ? str_slice(reason, 3, reason.n) : STR("unknown");
    entry.trigger = trigger_number(ledger, reason);
    size_t length = strlen(row->object_id);
    memcpy(entry.run_id, row->object_id, length < sizeof entry.run_id ? length : sizeof entry.run_id - 1);
    vec_push(&ledger->open, entry);
}

static struct open_entry take_open(struct ledger *ledger, const struct activity *row)
{
    for (size_t i = ledger->open.count; i-- > 0;) {
        struct open_entry entry = ledger->open.items[i];
        if (strcmp(entry.run_id, row->object_id) == 0) {
            ledger->open.items[i] = ledger->open.items[--ledger->open.count];
            return entry;
        }
    }
    return (struct open_entry){.started_ms = row->at_ms, .trigger = trigger_number(ledger, STR("unknown"))};
}

/* "run wine 12", and "succeeded, passed". */
static void end_run(struct ledger *ledger, const struct activity *row)
{
    struct open_entry entry = take_open(ledger, row);
    struct str object = str_from(row->object);
    struct str state = str_from(row->to_state);
    struct str name;
    (void)str_cut(&object, ' ', &name);
    (void)str_cut(&object, ' ', &name);
    ptrdiff_t comma = str_find_byte(state, ',', 0);
    state = comma < 0 ? state : str_slice(state, 0, (size_t)comma);
    struct ledger_pipeline *pipeline = pipeline_of(ledger, name);
    int64_t took_ms = row->at_ms - entry.started_ms;
    for (size_t i = 0; i < LEDGER_STATES; i++) {
        pipeline->ended[i][entry.trigger] += str_is(state, ledger_states[i]);
    }
    pipeline->last_success_ms = str_is(state, ledger_states[0]) ? row->at_ms : pipeline->last_success_ms;
    histogram_add(&pipeline->durations, took_ms < 0 ? 0 : (double)took_ms / 1000);
}

void ledger_count(struct ledger *ledger, const struct activity *row)
{
    count_action(ledger, row->action);
    if (strcmp(row->action, "run.started") == 0) {
        begin_run(ledger, row);
    } else if (strcmp(row->action, "run.ended") == 0) {
        end_run(ledger, row);
    }
    ledger->sequence = row->sequence;
}

int ledger_read(struct ledger *ledger, struct store *store, struct err *err)
{
    struct arena *arena = arena_new();
    size_t count = 0;
    int result = 0;
    do {
        struct activity *rows = NULL;
        arena_reset(arena);
        result = store_activity_list(store, NULL, false, ledger->sequence, READ_ROWS, arena, &rows, &count, err);
        for (size_t i = 0; result == 0 && i < count; i++) {
            ledger_count(ledger, &rows[i]);
        }
    } while (result == 0 && count == READ_ROWS);
    arena_free(arena);
    return result;
}

const struct ledger_pipeline *ledger_pipelines(const struct ledger *ledger, size_t *ret_count)
{
    *ret_count = ledger->pipelines.count;
    return ledger->pipelines.items;
}

const struct ledger_word *ledger_actions(const struct ledger *ledger, size_t *ret_count)
{
    *ret_count = ledger->actions.count;
    return ledger->actions.items;
}
