/* SPDX-License-Identifier: Apache-2.0
 * What was written is read back from the home, and compared with what the source said: count by count, record by
 * record.
 */
#include "move/import_internal.h"

#include <string.h>

static const char *const words[] = {"experiment", "run", "logged model", "registered model", "trace"};

static int compare(struct import_job *job, enum moved_kind kind, const struct import_record *record, struct err *err)
{
    struct digest here;
    struct err wrong = {0};
    if (import_digest_here(job, kind, record->here, &here, &wrong) < 0) {
        if (!move_error_is_of_record(&wrong)) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
        here.hex[0] = '\0';
    }
    if (strcmp(here.hex, record->digest) != 0) {
        job->outcome->counts[kind].differ++;
        move_report_problem(job->options->report, "%s '%s' is not in the home as the source has it%s%s", words[kind],
                            record->here, wrong.code == ERR_NONE ? "" : ": ", wrong.message);
    }
    return 0;
}

int import_verify(struct import_job *job, struct err *err)
{
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        const struct import_list *list = &job->lists[kind];
        for (size_t i = 0; i < list->count; i++) {
            const struct import_record *record = &list->items[i];
            bool compared = record->state != IMPORT_LEFT && record->state != IMPORT_SHARED;
            if (compared && compare(job, (enum moved_kind)kind, record, err) < 0) {
                return -1;
            }
            import_progress(job, "comparing", (int64_t)i + 1, (int64_t)list->count);
        }
    }
    return 0;
}
