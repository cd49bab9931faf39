/* SPDX-License-Identifier: Apache-2.0
 * What happens to the world in a scenario: to its runners, its clock, its store, its engine.
 */
#include "scenario.h"

#include "connections.h"
#include "machine.h"
#include "script.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *word_at(const struct words *words, size_t index)
{
    return index < words->count ? words->items[index] : "";
}

static void reboot(struct history *h)
{
    struct world *world = &h->world;
    world_engine_dies(world);
    for (size_t i = 0; i < world->runners.count; i++) {
        runner_killed(world, world->runners.items[i]);
    }
    for (size_t i = 0; i < world->executions.count; i++) {
        world->executions.items[i]->process = false;
    }
    world_boot(world);
}

static void say(struct history *h, const char *type, const char *run)
{
    for (size_t i = 0; i < h->world.runners.count; i++) {
        runner_says(&h->world, h->world.runners.items[i], type, run);
    }
}

static void stop_runners(struct history *h, char how)
{
    for (size_t i = 0; i < h->world.runners.count; i++) {
        h->world.runners.items[i]->stopped = how != 'w';
        h->world.runners.items[i]->deaf = how == 'd';
        h->world.runners.items[i]->hangs = how == 'h';
    }
}

long scenario_held(const struct world *world)
{
    long held = 0;
    for (size_t i = 0; i < world->runners.count; i++) {
        const struct runner *runner = world->runners.items[i];
        for (size_t k = 0; runner->alive && k < runner->attempts.count; k++) {
            held += runner->attempts.items[k]->phase == PHASE_HELD ? 1 : 0;
        }
    }
    return held;
}

static long count_rows(struct history *h)
{
    struct sqlite3_stmt *s = judge_ask(&h->judge, "SELECT count(*) FROM attempts", "");
    long rows = 0;
    while (judge_row(s)) {
        rows = strtol(judge_text(s, 0), NULL, 10);
    }
    return rows;
}

/* An engine that dies of a fault meanwhile has had its turns. */
const char *scenario_turns(struct history *h, const char *verb, long count)
{
    int failures = 0;
    h->turn_failed[0] = '\0';
    for (long i = 0; !h->world.dead && !h->restart && failures == 0; i++) {
        bool enough = strcmp(verb, "turns") == 0        ? i >= count
                      : strcmp(verb, "until-held") == 0 ? scenario_held(&h->world) >= count
                      : strcmp(verb, "until-rows") == 0 ? count_rows(h) >= count
                                                        : (long)h->world.executions.count >= count;
        if (enough) {
            break;
        }
        if (i > 300) {
            return "it does not come to that";
        }
        history_turn(h, &failures);
    }
    return h->turn_failed[0] == '\0' || h->world.dead ? "ok" : arena_strdup(h->world.arena, h->turn_failed);
}

/* The words behind the first few, as they stood in the line. */
static const char *rest_of(struct history *h, const struct words *words, size_t from)
{
    const char *text = word_at(words, from);
    for (size_t i = from + 1; i < words->count; i++) {
        text = arena_printf(h->world.arena, "%s %s", text, words->items[i]);
    }
    return text;
}

static void plan_act(struct history *h, const struct words *words)
{
    vec_push(&h->later, arena_strdup(h->world.arena, rest_of(h, words, 2)));
    world_plan(&h->world, strtol(word_at(words, 1), NULL, 10), HAPPENS_COMMAND)->number = (int64_t)h->later.count - 1;
}

void scenario_act_now(struct world *world, int64_t number)
{
    struct history *h = (struct history *)(void *)world;
    struct words words = {0};
    struct str rest = str_from(h->later.items[number]);
    struct str word;
    bool engine = machine_engine_calls(false);
    while (words.count < WORDS_MAX && str_cut(&rest, ' ', &word)) {
        words.items[words.count++] = arena_str(world->arena, word).p;
    }
    world_trace(world, "people, at last: %s", h->later.items[number]);
    scenario_world_does(h, &words);
    (void)machine_engine_calls(engine);
}

/* True when the word is about the engine's own life. */
static bool engine_does(struct history *h, const struct words *words)
{
    const char *verb = words->items[0];
    if (strcmp(verb, "absent") == 0) {
        world_engine_dies(&h->world);
        history_engine_away(h);
        world_pass(&h->world, strtol(word_at(words, 1), NULL, 10));
    } else if (strcmp(verb, "supply") == 0) {
        for (size_t i = 0; i < h->setup.supply_count; i++) {
            struct resource_supply *supply = &h->supply[i];
            bool named = str_is(supply->name, word_at(words, 1));
            supply->amount = named ? strtol(word_at(words, 2), NULL, 10) : supply->amount;
        }
    } else if (strcmp(verb, "starts-nothing") == 0 || strcmp(verb, "starts-again") == 0) {
        h->setup.starts_nothing = verb[7] == 'n';
        h->restart = true;
    } else if (strcmp(verb, "forget-plugins") == 0) {
        catalogue_init(&h->catalogue, h->world.arena);
        h->restart = true;
    } else {
        return strcmp(verb, "quiet") == 0;
    }
    return true;
}

/* "cut", and the machine starts anew; "trim". */
static void cut_journal(struct history *h, const struct words *words)
{
    const char *run = scenario_run_id(h, word_at(words, 1));
    const char *path = arena_printf(h->world.arena, "%s/runs/%s/journal", h->world.home, run);
    (void)!truncate(path, strtol(word_at(words, 2), NULL, 10));
    if (words->items[0][0] == 'c') {
        reboot(h);
    }
}

/* Of what happens to the next so many runners or connections. */
static int *counter_of(struct world *world, const char *verb)
{
    const struct {
        const char *verb;
        int *counter;
    } counters[] = {
        {"fail-runners", &world->fail_runners},   {"dying-runners", &world->dying_runners},
        {"mute-runners", &world->mute_runners},   {"other-runners", &world->other_runners},
        {"fail-connects", &world->fail_connects}, {"break-links", &world->break_links},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        if (strcmp(counters[i].verb, verb) == 0) {
            return counters[i].counter;
        }
    }
    return NULL;
}

void scenario_world_does(struct history *h, const struct words *words)
{
    struct world *world = &h->world;
    const char *verb = words->items[0];
    int *counter = counter_of(world, verb);
    if (engine_does(h, words)) {
        return;
    }
    if (counter != NULL) {
        *counter = (int)strtol(word_at(words, 1), NULL, 10);
    } else if (strcmp(verb, "stop-runners") == 0 || strcmp(verb, "wake-runners") == 0 ||
               strcmp(verb, "deafen-runners") == 0 || strcmp(verb, "hang-runners") == 0) {
        stop_runners(h, verb[0]);
    } else if (strcmp(verb, "change-runners") == 0) {
        for (size_t i = 0; i < world->runners.count; i++) {
            world->runners.items[i]->is_other = true;
        }
    } else if (strcmp(verb, "fail") == 0 || strcmp(verb, "busy") == 0) {
        bool once = verb[0] == 'f';
        connections_fail_at(rest_of(h, words, 2), (int)strtol(word_at(words, 1), NULL, 10) - 1,
                            once ? SQLITE_IOERR_READ : SQLITE_BUSY, once ? 1 : 3);
    } else if (strcmp(verb, "in") == 0) {
        plan_act(h, words);
    } else if (strcmp(verb, "secret") == 0) {
        json_set(world->arena, &h->secrets, arena_strdup(world->arena, word_at(words, 1)),
                 json_cstring(world->arena, word_at(words, 2)));
        world->disturbed = true; /* the engine watches for it */
    } else if (strcmp(verb, "say") == 0) {
        say(h, word_at(words, 1), scenario_run_id(h, word_at(words, 2)));
    } else if (strcmp(verb, "go") == 0) {
        script_go(world, word_at(words, 1));
    } else if (strcmp(verb, "later") == 0) {
        world_pass(world, strtol(word_at(words, 1), NULL, 10));
    } else if (strcmp(verb, "cut-links") == 0 || strcmp(verb, "babble") == 0) {
        for (size_t i = 0; i < world->runners.count; i++) {
            runner_breaks(world->runners.items[i], verb[0] == 'b');
        }
    } else if (strcmp(verb, "crash") == 0) {
        world->crash_after = (int)strtol(word_at(words, 1), NULL, 10) - 1;
    } else if (strcmp(verb, "doze") == 0) {
        world->doze_after = (int)strtol(word_at(words, 1), NULL, 10) - 1;
        world->doze_ms = strtol(word_at(words, 2), NULL, 10);
    } else if (strcmp(verb, "clock") == 0) {
        world->wall_was_set = true;
        world->wall_offset_ms += strtol(word_at(words, 1), NULL, 10);
    } else if (strcmp(verb, "restart") == 0) {
        h->restart = true;
    } else if (strcmp(verb, "kill-engine") == 0) {
        world_engine_dies(world);
    } else if (strcmp(verb, "boot") == 0) {
        reboot(h);
    } else if (strcmp(verb, "cut") == 0 || strcmp(verb, "trim") == 0) {
        cut_journal(h, words);
    } else if (strcmp(verb, "slots") == 0) {
        world->plan.slots = (int)strtol(word_at(words, 1), NULL, 10);
    } else if (strcmp(verb, "kill-runners") == 0) {
        for (size_t i = 0; i < world->runners.count; i++) {
            runner_killed(world, world->runners.items[i]);
        }
    } else {
        world_fail(world, "'%s' is nothing that people do", verb);
    }
}
