/* SPDX-License-Identifier: Apache-2.0
 * The inside of sources: the fetch that goes on, how it is asked for, what its answer comes to.
 */
#ifndef SLUICE_TRIGGER_SOURCES_INTERNAL_H
#define SLUICE_TRIGGER_SOURCES_INTERNAL_H

#include "trigger/source_spec.h"
#include "trigger/sources.h"
#include "trigger/trigger_internal.h"

enum { PINS_AT_ONCE = 1000 };

enum source_state { SOURCE_RESTS, SOURCE_ASKS, SOURCE_RUNS, SOURCE_READS };

/* A pipeline of a commit. */
struct read_file {
    struct source_file file;
    const struct pipeline *pipeline; /* NULL: it does not validate */
    const char *name;
    struct json problems;
};

/* The pipelines of a commit while they are read, and then what they change is written (store/coming.h), some in each
 * turn. What it comes to is one transaction, when that is over. Killed before, the commit is fetched again. */
struct reading {
    struct arena *arena; /* of all of it */
    struct json answer;  /* of sluice-git */
    const char *checkout;
    struct read_file *files;
    size_t count;
    size_t next;        /* to be read */
    const char *unread; /* why one of them could not be, which is no fault of the commit; NULL */
    bool is_read;       /* all are */
    bool writes;        /* something has been written, that is to count */
    struct pipeline_in_force *before; /* in force of the source */
    size_t before_count;
    struct str_index *names, *before_names;
    size_t written; /* of the files, then of those before */
};

struct source {
    struct source_spec spec;
    int64_t next_ms;    /* when it is fetched by itself */
    int64_t looked_ms;  /* when its pipelines were looked at last */
    bool again;         /* they are looked at with the next fetch, though no commit is new */
    bool is_refused;    /* what was looked at last is not in force */
    bool wanted;        /* a job waits */
    bool unpinned;      /* some run's commit is to be pinned */
    int64_t pins_ms;    /* not before */
    enum source_state state;
    bool fetches;       /* else it only pins */
    int64_t job;        /* its row; 0: none */
    int64_t asker;      /* of secrets */
    struct fetch_child child;
    int watch_fd;
    int64_t late_ms;    /* monotonic: when it is ended */
    struct reading *reading; /* NULL: nothing is read */
};

struct sources {
    struct triggers *triggers;
    struct arena *arena; /* of the specs */
    struct source *items;
    size_t count;
    bool stale;     /* the rows are to be read again */
    uint64_t seen;  /* of store_sources_changes */
    bool was_forgotten; /* a turn was given up: what is next waits a little */
    int64_t retry_ms;   /* not before */
    int64_t askers;
};

/* ---- source_ask.c ---- */
/* What the store says of it. */
struct source_wish {
    struct source_row row;
    struct source_run *runs; /* whose commits are to be pinned */
    size_t run_count;
};
/* The request, with its secrets: 0; 1: one of them is asked of a command; -1 in words. Asks no store. */
int source_ask(struct sources *sources, struct source *source, const struct source_wish *wish, struct arena *arena,
               struct json *ret, struct err *err);

/* ---- source_read.c ---- */
/* What an answer says is to be read; NULL: nothing is. */
struct reading *reading_new(const struct sources *sources, const struct source *source, const struct json *answer);
/* Reads and checks those that have their turn: at least one. True when there are no more. */
bool reading_go_on(struct reading *reading, const struct sources *sources, const struct engine *engine);
void reading_free(struct reading *reading);
/* One problem, of a file as a whole. */
struct json source_problem(const char *file, const char *message, struct arena *arena);

/* ---- source_stage.c ---- */
/* Writes what those that have their turn change: 1 when there is no more to write, 0, or -1. */
int reading_write(struct reading *reading, struct triggers *t, struct engine *engine, const struct source *source,
                  struct err *err);

/* ---- source_take.c ---- */
/* What an answer (null: none came) comes to, with what was read, in the transaction; `words` for the job, `*ret_failed`
 * when it is a failure. */
int source_take(struct sources *sources, struct source *source, struct engine *engine, const struct json *answer,
                const char **ret_words, const char **ret_commit, bool *ret_failed, struct err *err);
/* The row of a source; one that there is not yet, or that is of another repository by now, is as new. */
int source_row_of(struct sources *sources, const struct source *source, struct arena *arena, struct source_row *ret,
                  struct err *err);
/* Those that config.yaml has no more: nothing of them is in force. */
int sources_take_out(struct sources *sources, struct engine *engine, struct err *err);

#endif
