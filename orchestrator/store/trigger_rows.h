/* SPDX-License-Identifier: Apache-2.0
 * How a row of a pipeline in force, and of a schedule, is bound and read: the same whether it is settled (in_force.c,
 * schedules.c) or coming (coming.c).
 */
#ifndef SLUICE_STORE_TRIGGER_ROWS_H
#define SLUICE_STORE_TRIGGER_ROWS_H

#include "store/in_force.h"
#include "store/schedules.h"
#include "store/stmt.h"

/* The columns of a pipeline; `of` is "" or the table with its point. */
#define IN_FORCE_COLUMNS(of)                                                                                           \
    of "name, " of "source, " of "path, " of "file, " of "folder, " of "workspace, " of "definition, " of "git, " of   \
       "stamp, " of "since_ms "
enum { IN_FORCE_COLUMN_COUNT = 10 };

/* :name, :source, :path, :file, :folder, :workspace, :definition, :git, :stamp, :since */
void in_force_bind(struct stmt *s, const struct pipeline_in_force *row);
/* From column `at` on. */
struct pipeline_in_force in_force_read(struct stmt *s, int at, struct arena *arena);

/* :pipeline, :schedule, :cron, :timezone, :catchup, :window, :most, :jitter, :overlap, and :next, which is NULL for
 * none */
void schedule_bind(struct stmt *s, const struct schedule_row *row);

#endif
