/* SPDX-License-Identifier: Apache-2.0
 * What a user may read, as a condition of a search. Inside store/ only.
 */
#ifndef SLUICE_STORE_READER_SQL_H
#define SLUICE_STORE_READER_SQL_H

#include "store/permissions.h"
#include "store/search_sql.h"

/* Adds " AND ...", or nothing when the reader is NULL. `column` is the id of an experiment, or the name of a registered
 * model. */
void sql_reader_experiments(struct sql *sql, const struct reader *reader, const char *column);
void sql_reader_models(struct sql *sql, const struct reader *reader, const char *column);

#endif
