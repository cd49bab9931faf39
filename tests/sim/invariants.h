/* SPDX-License-Identifier: Apache-2.0
 * What must hold, whatever goes wrong: looked at in the store from outside, as another process would, and compared with
 * what really happened in the world.
 *
 *   I1   a run that was acknowledged is there, once
 *   I2   an occurrence of a schedule has one outcome, and is started once
 *   I3   attempts of an item are numbered without gaps; one lives at most
 *   I4   nothing starts before the ends of what it needs are durable
 *   I5   what succeeded does not run again
 *   I6   no more attempts live than there are slots; none at rest
 *   I7   a run that has not ended has something that goes on by itself or is waited for
 *   I8   terminal states never change
 *   I9   outputs are there when the step succeeded, and are its own
 *   I10  what a step asked to be recorded once is recorded once
 *   I11  a vote that was acknowledged is there; nothing goes on before its wait is over
 *   I12  no process is left
 *   I13  the activity log has no gap
 *   I14  opening the home twice is opening it once
 *   T    a target is touched by one step at a time, in the order of asking; what has ended holds none
 *
 * Beside them: each frame of a journal takes effect once, each attempt ends as its execution
 * did, and steps are run, skipped and tried again as the pipeline says.
 */
#ifndef SLUICE_SIM_INVARIANTS_H
#define SLUICE_SIM_INVARIANTS_H

#include "world.h"

/* What was acknowledged to people. */
struct promise {
    char run_id[40];
    char actor[16]; /* of a vote; "": the run itself was submitted */
    int64_t wait;
    bool cancelled; /* the run, while it was open */
};

/* Prepared once for each connection; its text's address is the key. */
struct judge_question {
    const char *sql;
    struct sqlite3_stmt *statement;
};

struct judge {
    struct world *world;
    struct sqlite3 *db; /* a connection that only reads; NULL: closed */
    struct {
        VEC_OF(struct judge_question)
    } questions;
    struct {
        VEC_OF(struct promise)
    } promises;
    struct {
        VEC_OF(char *)
    } terminal; /* "key=state" */
};

/* Questions to the store, "t" and "i" in `types`: NULL when it cannot be read. */
struct sqlite3_stmt;
struct sqlite3_stmt *judge_ask(struct judge *judge, const char *sql, const char *types, ...);
/* True while there is a row; ends the question with the last. */
bool judge_row(struct sqlite3_stmt *s);
/* Never NULL. */
const char *judge_text(struct sqlite3_stmt *s, int column);

void judge_init(struct judge *judge, struct world *world);
/* Closes the connection: it must not outlive the engine's process. */
void judge_close(struct judge *judge);
void judge_free(struct judge *judge);
/* An execution begins with this spawn message. */
void judge_began(struct judge *judge, const struct execution *execution, const struct json *spawn);
/* It was told that it has the targets (a list in JSON). */
void judge_took(struct judge *judge, const struct execution *execution, const char *targets);
/* After each start of the engine and at the end. */
void judge_look(struct judge *judge);
/* expected.c: nothing more will happen, the runs have ended or wait for a person. Is everything as the pipeline says,
 * and as the executions were? */
void judge_end(struct judge *judge);
/* A digest of all that the store says of runs: what must be equal before and after opening it again. */
uint64_t judge_digest(struct judge *judge);
/* The rows, when the world is verbose. */
void judge_print(struct judge *judge);
/* An open approval, in turn `nth`: its id, run and step; false: there is none. */
bool judge_approval(struct judge *judge, uint64_t nth, int64_t *ret_wait, char ret_run_id[40], char ret_step[8]);
/* The state of a run, or NULL: it is not there. In the world's arena. */
const char *judge_run_state(struct judge *judge, const char *run_id);

#endif
