/* SPDX-License-Identifier: Apache-2.0
 * The conditions and keys of searches of runs, as SQL over `runs AS r`. Inside store/ only.
 *
 * A search in the order of a metric reads the rows of that metric in their order, not the runs: first those that are
 * numbers, then those that are NaN, then the runs that lack it. In each of these parts what is asked of the metric is
 * known, or stands in the row. A search that few runs meet reads those: by a metric, by the mark of a param or tag
 * (run_marks.h), or by the run that they are nested in. Of marked ones first no more than their place in the order is
 * read, and then those that stand first, as a list, until the page is full.
 */
#ifndef SLUICE_STORE_RUN_SEARCH_SQL_H
#define SLUICE_STORE_RUN_SEARCH_SQL_H

#include "store/search_keyset.h"

enum run_part { RUNS_ANY, RUNS_NUMBER, RUNS_NAN, RUNS_MISSING, RUNS_MARKED, RUNS_CHILDREN, RUNS_LISTED };

/* What the rows are read from. */
struct run_source {
    enum run_part part;
    bool open;      /* of NUMBER and NAN: the series of runs that go on, which have no order; else the others */
    struct str key; /* the metric that the part is about */
    int64_t key_id; /* of it in metric_keys; -1: nobody has logged it */
    int64_t mark;   /* of MARKED */
    const int64_t *marks; /* of NUMBER and NAN: of conditions that are asked too, so that most others are passed over */
    size_t mark_count;
    struct str parent; /* of CHILDREN */
    const int64_t *runs; /* of LISTED: their numbers in metric_runs */
    size_t run_count;
};

/* "FROM ... WHERE ..." with the source's own condition. */
void run_sql_from(struct sql *sql, const struct run_source *source);
/* "SELECT k.run AS run, ... AS k0 FROM ... WHERE ..." of marked runs: the first key of their order. `runs AS r` is
 * there if run_key_needs_run. */
void run_sql_ranks(struct sql *sql, const struct run_source *source, const struct search_order *order);
/* " AND ...": one condition of a filter. */
void run_sql_condition(struct sql *sql, const struct run_source *source, const struct filter *condition);
bool run_key_needs_run(const struct search_field *field);
void run_sql_filter(struct sql *sql, const struct run_source *source, const struct filter *filter);
/* A value by which rows can be ordered: NULL for one that is missing, for NaN an infinity that stands behind all
 * numbers. */
void run_sql_key(struct sql *sql, const struct run_source *source, const struct search_order *order);
bool run_key_may_be_null(const struct search_field *field);

#endif
