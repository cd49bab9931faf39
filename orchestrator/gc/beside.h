/* SPDX-License-Identifier: Apache-2.0
 * Removal beside the use of a home. Somebody else has surveyed it (gc/survey.h), and asks the one that holds it to
 * remove what goes, in pieces; that one looks at each once more, and lets stay what has begun to be used since the
 * survey began. A piece lasts some milliseconds. Files are removed by who asks, afterwards: removals remember them.
 */
#ifndef SLUICE_GC_BESIDE_H
#define SLUICE_GC_BESIDE_H

#include "base/json.h"
#include "gc/survey.h"

struct gc_beside;

/* Before the survey begins; references are noted from now on (store/meanwhile.h). `policy`: in words, for the log. */
int gc_beside_begin(struct store *store, const char *home, const char *policy, struct gc_beside **ret_beside,
                    struct err *err);
/* {"what", "items"}: the first items of a list, as many as there is time for, in a transaction of its own.
 * The outcome is {"done": how many, "held": [{"index", "by"}], "more", "rest": {"owners", "runs"}}; `more`: of a kind
 * that is not listed one by one there is still some; `rest`: the item behind those that are done is a run that is
 * leaving, of which so many are left. */
int gc_beside_obey(struct gc_beside *beside, const struct json *document, const char *actor, struct arena *arena,
                   void (*crash_point)(void *ctx, const char *name), struct json *ret_outcome, struct err *err);
/* Nothing is noted any more. With `pass`, by whom: a row of the activity log says what went in all. NULL is fine. */
void gc_beside_end(struct gc_beside *beside, const char *pass);

/* ---- what is sent ---- */
/* What the words of gc_beside_obey are about, in the order in which they are to be asked for. */
enum gc_piece {
    GC_PIECE_TRIGGERS,
    GC_PIECE_CACHE,
    GC_PIECE_RUNS,
    GC_PIECE_DELETED,
    GC_PIECE_DIGESTS,
    GC_PIECE_LEFTOVERS,
    GC_PIECE_GONE, /* files that are no more */
    GC_PIECES
};
extern const char *const gc_piece_names[GC_PIECES];
/* Of one that is leaving the last of what is left, at most `most` of it. */
struct json gc_beside_run_json(const struct gc_survey *survey, size_t run, size_t most, struct arena *arena);
struct json gc_beside_deleted_json(const struct gc_deleted *item, struct arena *arena);
struct json gc_beside_leftover_json(const struct gc_leftover *leftover, struct arena *arena);

#endif
