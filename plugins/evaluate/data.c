/* SPDX-License-Identifier: Apache-2.0 */
#include "data.h"

#include "spelling.h"
#include "textbuf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int read_param(struct scratch *scratch, const struct step_value *dataset, struct data *data,
                      struct fault *fault)
{
    static const char *const known[] = {"path", "name"};
    if (dataset->type == STEP_TYPE_STRING) {
        data->path = dataset->string;
    } else if (dataset->type != STEP_TYPE_MAP) {
        return fault_set(fault, "dataset: expected a path, or {path, name}");
    }
    for (size_t i = 0; dataset->type == STEP_TYPE_MAP && i < dataset->count; i++) {
        const char *key = dataset->keys[i];
        bool path = strcmp(key, "path") == 0;
        if (!path && strcmp(key, "name") != 0) {
            const char *nearest = spelling_nearest(key, known, 2);
            return fault_set(fault, "dataset: unknown key '%.60s'%s%s%s: expected path, name", key,
                             nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
                             nearest == NULL ? "" : "'?)");
        }
        if (dataset->items[i].type != STEP_TYPE_STRING) {
            return fault_set(fault, "dataset: %s: expected a text", key);
        }
        *(path ? &data->path : &data->name) = dataset->items[i].string;
    }
    if (data->path == NULL || data->path[0] == '\0') {
        return fault_set(fault, "dataset: expected a path");
    }
    if (data->name == NULL || data->name[0] == '\0') {
        const char *slash = strrchr(data->path, '/');
        data->name = slash == NULL ? data->path : slash + 1;
        data->name = scratch_copy(scratch, data->name, strlen(data->name));
    }
    return 0;
}

int data_read(const struct step_host *host, struct scratch *scratch, const struct step_value *dataset,
              const char *separator, int64_t max_bytes, struct data *ret_data, struct fault *fault)
{
    struct data data = {0};
    if (read_param(scratch, dataset, &data, fault) < 0) {
        return -1;
    }
    if (data.path[0] != '/') {
        data.path = scratch_printf(scratch, "%s/%s", host->context->workspace, data.path);
    }
    struct csv_options options = {.max_bytes = (size_t)max_bytes};
    if (strcmp(separator, "comma") == 0) {
        options.separator = ',';
    } else if (strcmp(separator, "semicolon") == 0) {
        options.separator = ';';
    } else if (strcmp(separator, "tab") == 0) {
        options.separator = '\t';
    }
    if (csv_read_file(scratch, data.path, options, &data.table, fault) < 0) {
        return -1;
    }
    *ret_data = data;
    return 0;
}

/* ---- digests ------------------------------------------------------------------------------------ */

static int digest_of(const struct step_host *host, struct scratch *scratch, const char *path, const char **ret_digest,
                     struct fault *fault)
{
    struct textbuf request = {0};
    textbuf_put(&request, "{\"path\":");
    textbuf_json_string(&request, path);
    textbuf_put(&request, "}");
    const struct step_value *reply = NULL;
    int result = host->call(host, "digest.file", textbuf_text(&request), &reply);
    textbuf_free(&request);
    const struct step_value *digest = step_get(reply, result == 0 ? "sha256" : "message");
    if (result != 0 || digest == NULL || digest->type != STEP_TYPE_STRING) {
        return fault_set(fault, "no digest of '%.200s': %.200s", path,
                         digest != NULL && digest->type == STEP_TYPE_STRING ? digest->string : "no answer");
    }
    *ret_digest = scratch_copy(scratch, digest->string, strlen(digest->string));
    return 0;
}

static void put_field(FILE *file, const char *text, bool first)
{
    if (!first) {
        (void)fputc(',', file);
    }
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, file);
        return;
    }
    (void)fputc('"', file);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"') {
            (void)fputc('"', file);
        }
        (void)fputc(*p, file);
    }
    (void)fputc('"', file);
}

static void put_row(FILE *file, const struct csv_table *table, const bool *kept, const char *const *fields)
{
    bool first = true;
    for (size_t c = 0; c < table->columns; c++) {
        if (kept[c]) {
            put_field(file, fields[c], first);
            first = false;
        }
    }
    (void)fputc('\n', file);
}

static int write_data(const struct csv_table *table, const bool *kept, const char *path, struct fault *fault)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL) {
        return fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    }
    put_row(file, table, kept, table->names);
    for (size_t row = 0; row < table->rows; row++) {
        put_row(file, table, kept, &table->fields[row * table->columns]);
    }
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        return fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    }
    return 0;
}

int data_digest(const struct step_host *host, struct scratch *scratch, struct data *data,
                const struct data_columns *not_data, struct fault *fault)
{
    bool *kept = scratch_array(scratch, data->table.columns, sizeof *kept);
    for (size_t c = 0; c < data->table.columns; c++) {
        kept[c] = true;
        for (size_t i = 0; i < not_data->count; i++) {
            kept[c] = kept[c] && strcmp(data->table.names[c], not_data->names[i]) != 0;
        }
    }
    const char *path = scratch_printf(scratch, "%s/.evaluated-data.csv", host->context->step_dir);
    int result = write_data(&data->table, kept, path, fault);
    if (result == 0) {
        result = digest_of(host, scratch, path, &data->digest, fault);
    }
    (void)unlink(path);
    return result < 0 ? -1 : digest_of(host, scratch, data->path, &data->file_digest, fault);
}
