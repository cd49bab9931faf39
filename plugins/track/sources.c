/* SPDX-License-Identifier: Apache-2.0 */
#include "sources.h"

#include "folder.h"
#include "value.h"

#include <string.h>

static int read_one(const struct step_host *host, struct scratch *scratch, const struct step_value *item,
                    const char *what, struct source *source, struct fault *fault)
{
    *source = (struct source){.shown = what, .value = item};
    if (item->type == STEP_TYPE_MAP) {
        return 0;
    }
    if (value_text(item) == NULL) {
        return fault_set(fault, "%s: expected a map or the path of a file, got %s", what, value_type_name(item));
    }
    source->shown = item->string;
    source->path = folder_of_workspace(host, scratch, item->string);
    source->kind = document_kind(item->string);
    source->value = NULL;
    if (source->kind == DOCUMENT_UNKNOWN) {
        return fault_set(fault, "%s: '%.200s': expected a file named .json, .yaml, .yml, .csv or .tsv", what,
                         item->string);
    }
    return source->kind == DOCUMENT_CSV ? 0 : document_read(host, scratch, source->path, strcmp(what, "metrics") == 0,
                                                                   &source->value, fault);
}

int sources_read(const struct step_host *host, struct scratch *scratch, const struct step_value *from, const char *what,
                 struct source **ret_sources, size_t *ret_count, struct fault *fault)
{
    size_t count = from == NULL ? 0 : from->type == STEP_TYPE_LIST ? from->count : 1;
    struct source *sources = scratch_array(scratch, count, sizeof *sources);
    for (size_t i = 0; i < count; i++) {
        const struct step_value *item = from->type == STEP_TYPE_LIST ? &from->items[i] : from;
        if (read_one(host, scratch, item, what, &sources[i], fault) < 0) {
            return -1;
        }
    }
    *ret_sources = sources;
    *ret_count = count;
    return 0;
}
