/* SPDX-License-Identifier: Apache-2.0
 * Runs by the values of their params and tags. Inside store/ only.
 *
 * A row of run_marks says that a run has a param or tag whose key and value have that hash. Not all have one: values of
 * more than MARK_VALUE_MAX bytes do not, nor do the tags that MLflow's clients and sluice itself set on every run.
 */
#ifndef SLUICE_STORE_RUN_MARKS_H
#define SLUICE_STORE_RUN_MARKS_H

#include "base/str.h"
#include "store/store_internal.h"

enum mark_kind { MARK_PARAM, MARK_TAG };

enum { MARK_VALUE_MAX = 500 };

/* The mark of a key and value; false: they have none. */
bool run_mark_of(enum mark_kind kind, struct str key, struct str value, int64_t *ret);
/* The run has that param or tag now, or has it no longer. */
int run_mark_add(struct store *store, const char *run_id, enum mark_kind kind, const char *key, struct str value,
                 struct err *err);
int run_mark_remove(struct store *store, const char *run_id, enum mark_kind kind, const char *key, struct str value,
                    struct err *err);
/* All of a run; while its params and tags are there. */
int run_marks_clear(struct store *store, const char *run_id, struct err *err);
/* Marks what is in a store of before there were marks. */
int run_marks_convert(struct store *store, struct err *err);

#endif
