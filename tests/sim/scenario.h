/* SPDX-License-Identifier: Apache-2.0
 * Histories that are written by hand: pipelines that use what random plans do not, what people do, and every row that
 * must have come of it. Then the same with one fault, at each place where there can be one: it comes to the same rows.
 *
 * A scenario is scenarios/NAME.scenario, sections that begin with "--- ":
 *
 *   --- home                what the home has: "slots 2", "supply NAME AMOUNT [DEVICE,...]", "secret NAME VALUE",
 *                           "slow-secret NAME" (not known until people say it), "groups JSON", "guards JSON",
 *                           "vars JSON", "env JSON", "single-user", "fires" (pipelines start by themselves),
 *                           "source" (a made-up repository is followed; twice: two are);
 *                           "processes": the engine can send signals to runners;
 *                           "loose": with faults it comes to something else, and only what always holds is looked
 *                           at; "calm": not even that
 *   --- file PATH           a file of the workspace
 *   --- people              an act a line, each when nothing goes on by itself any more, or at once behind the one
 *                           before when it begins with "+ ", and with "- " even if there is no engine: see
 *                           scenario_people.c
 *
 * and scenarios/NAME.expected what it comes to: what people were told, what the log says, what lies in the home, how
 * long it took, the messages by which steps were started, and the rows of the store (rows.h). It is written anew by
 * `simulate --accept`: read what has changed. A seed names the scenario, the kind of fault and its place.
 */
#ifndef SLUICE_SIM_SCENARIO_H
#define SLUICE_SIM_SCENARIO_H

#include "history_internal.h"

enum scenario_fault {
    SCENARIO_NO_FAULT,
    SCENARIO_STATEMENT,   /* the nth statement of the engine fails */
    SCENARIO_CRASH_POINT, /* it is killed at the nth crash point */
    SCENARIO_WRITE,       /* the nth write of the disk fails, or is the engine's end */
    SCENARIO_ROW,         /* the nth statement fails, and the next two: what was given up cannot be loaded again */
    SCENARIO_MACHINE,     /* the nth call of the system fails: it comes to the same, or it is told why not */
    SCENARIO_FAULTS,
};

enum { SCENARIOS_MAX = 200 };

bool scenario_is(uint64_t seed);
uint64_t scenario_seed(int scenario, enum scenario_fault fault, int nth);
/* How many scenarios there are in the folder. */
int scenario_find(const char *folder);
const char *scenario_name(int scenario);
/* Faults in it are judged less: what can be tried elsewhere is. */
bool scenario_is_loose(int scenario);
/* How many places for faults of each kind the scenario has; and the seeds of faults that come from a place in the
 * program where none came from before (origins.h), of statements and calls of the system. The caller frees them. */
void scenario_count(const struct history_options *options, int scenario, int ret_counts[SCENARIO_FAULTS],
                    uint64_t **ret_seeds, size_t *ret_seed_count);
/* As history_run. */
void scenario_run(const struct history_options *options, struct history_result *ret);
/* Writes what the scenario comes to into its .expected. */
int scenario_accept(const struct history_options *options, int scenario);

/* ---- scenario_home.c ---- */
/* Reads the scenario's sections; `*ret_people` is that of people, within the text. */
void scenario_prepare(struct history *h, const char *text, struct str *ret_people);

/* The words of a line that people do. */
enum { WORDS_MAX = 16 };
struct words {
    const char *items[WORDS_MAX];
    size_t count;
};

/* ---- scenario_world.c ---- */
/* "" behind the last. */
const char *word_at(const struct words *words, size_t index);
/* What people do that is no command of the engine's. */
void scenario_world_does(struct history *h, const struct words *words);
/* What they have said they will do in a while is done. */
void scenario_act_now(struct world *world, int64_t number);
/* Turns of the engine as the verb says ("turns", "until-held", ...): what it came to. */
const char *scenario_turns(struct history *h, const char *verb, long count);
/* How many attempts runners hold for later. */
long scenario_held(const struct world *world);

/* ---- scenario_judge.c ---- */
/* What must hold at its end, whatever it came to. */
void scenario_judge(struct history *h);

/* ---- scenario_triggers.c ---- */
/* Is it about what starts by itself? Then what they were told, as scenario_do has it. */
bool scenario_triggers_do(struct history *h, const struct words *words, const char **ret_told);

/* ---- scenario_people.c ---- */
/* What a call came to, or NULL when it must be made again. */
const char *scenario_outcome(struct history *h, const char *call, int result, const struct err *err, const char *good);
/* An id for the name, always the same. */
const char *scenario_run_id(struct history *h, const char *name);
/* One line of "people": what they were told, in the world's arena; NULL: it must be done again, with an engine. */
const char *scenario_do(struct history *h, struct str line);

#endif
