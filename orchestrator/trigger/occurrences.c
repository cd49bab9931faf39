/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/occurrences.h"

#include "base/parse.h"
#include "base/siphash.h"

/* Everybody knows it: who can choose the names of schedules can choose their times, too. */
static const struct siphash_key jitter_key = {{0x736c75696365206aULL, 0x6974746572203120ULL}};

uint64_t timetable_seed(const char *pipeline, const char *schedule)
{
    uint64_t parts[] = {siphash(jitter_key, str_from(pipeline)), siphash(jitter_key, str_from(schedule))};
    return siphash(jitter_key, (struct str){(const char *)parts, sizeof parts});
}

int64_t occurrence_next_ms(const struct timetable *table, int64_t after_ms)
{
    int64_t next_ms = 0;
    return cron_expr_next(&table->cron, table->zone, after_ms, &next_ms, NULL) < 0 ? INT64_MAX : next_ms;
}

int64_t occurrence_start_ms(const struct timetable *table, int64_t at_ms)
{
    if (table->jitter_ms == 0 || at_ms == INT64_MAX) {
        return at_ms;
    }
    uint64_t parts[] = {table->seed, (uint64_t)at_ms};
    uint64_t chance = siphash(jitter_key, (struct str){(const char *)parts, sizeof parts});
    return at_ms + (int64_t)(chance % ((uint64_t)table->jitter_ms + 1));
}

/* How many of what was missed may be started at most. */
static int64_t most_missed(const struct timetable *table, bool others_start)
{
    return table->catchup == CATCHUP_NONE  ? 0
           : table->catchup == CATCHUP_ALL ? table->most
           : others_start                  ? 0
                                           : 1;
}

static const char *why_missed(const struct timetable *table, bool too_old, bool others_start, struct arena *arena)
{
    char window[40];
    if (too_old) {
        format_duration(window, sizeof window, table->window_ms);
        return arena_printf(arena, "longer ago than catchup_window, %s", window);
    }
    return table->catchup == CATCHUP_NONE ? "catchup: none"
           : table->catchup == CATCHUP_ALL
               ? arena_printf(arena, "catchup_limit: the last %lld are run", (long long)table->most)
           : others_start ? "catchup: one, and one that is due now is run"
                          : "catchup: one, the last is run";
}

void occurrences_decide(const struct timetable *table, int64_t decided_ms, int64_t now_ms, struct arena *arena,
                        struct occurrences *ret)
{
    int64_t *due = NULL;
    size_t count = 0;
    size_t room = 0;
    size_t late = 0; /* the first so many were missed */
    int64_t next_ms = occurrence_next_ms(table, decided_ms);
    while (count < OCCURRENCES_AT_ONCE && next_ms != INT64_MAX && occurrence_start_ms(table, next_ms) <= now_ms) {
        due = arena_grow(arena, due, count, &room, sizeof *due);
        due[count++] = next_ms;
        late = occurrence_start_ms(table, next_ms) < now_ms - OCCURRENCE_ON_TIME_MS ? count : late;
        next_ms = occurrence_next_ms(table, next_ms);
    }
    bool more = count == OCCURRENCES_AT_ONCE;
    bool others_start = late < count && !more;
    int64_t kept = most_missed(table, others_start);
    size_t dropped = (int64_t)late > kept ? late - (size_t)kept : 0;
    bool too_old = false;
    while (!more && table->window_ms > 0 && dropped < late && due[dropped] < now_ms - table->window_ms) {
        dropped++;
        too_old = true;
    }
    *ret = (struct occurrences){.decided_ms = decided_ms, .next_ms = next_ms, .why = ""};
    if (dropped > 0) {
        ret->missed = (int64_t)dropped;
        ret->missed_from_ms = due[0];
        ret->missed_to_ms = due[dropped - 1];
        ret->why = why_missed(table, too_old, others_start, arena);
        ret->decided_ms = due[dropped - 1];
    }
    if (more && dropped > 0) { /* which are the last is not known yet */
        ret->next_ms = dropped < count ? due[dropped] : next_ms;
        return;
    }
    ret->starts = due == NULL ? NULL : due + dropped;
    ret->start_count = count - dropped;
    ret->decided_ms = count > 0 ? due[count - 1] : decided_ms;
}
