/* SPDX-License-Identifier: Apache-2.0 */
#include "attachments.h"

#include "folder.h"
#include "table.h"
#include "value.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

/* ---- the parameter ------------------------------------------------------------------------------ */

struct wanted {
    const char *name; /* NULL: from the path */
    const char *path;
};

/* A path, a list or a map as a list. */
static int read_wanted(struct scratch *scratch, const struct step_value *from, const char *what, struct wanted **ret,
                       size_t *ret_count, struct fault *fault)
{
    bool many = from != NULL && from->type != STEP_TYPE_STRING;
    size_t count = from == NULL ? 0 : many ? from->count : 1;
    *ret = scratch_array(scratch, count, sizeof **ret);
    *ret_count = count;
    if (many && from->type != STEP_TYPE_LIST && from->type != STEP_TYPE_MAP) {
        return fault_set(fault, "%s: expected a path, a list or a map, got %s", what, value_type_name(from));
    }
    for (size_t i = 0; i < count; i++) {
        const struct step_value *item = many ? &from->items[i] : from;
        if (value_text(item) == NULL) {
            return fault_set(fault, "%s: item %zu is %s: expected a path", what, i + 1,
                             item->type == STEP_TYPE_STRING ? "empty" : value_type_name(item));
        }
        (*ret)[i] = (struct wanted){many && from->type == STEP_TYPE_MAP ? from->keys[i] : NULL, item->string};
    }
    return 0;
}

static int add(struct scratch *scratch, struct attachments *attachments, const char *path, const char *name,
               struct fault *fault)
{
    for (size_t i = 0; i < attachments->count; i++) {
        if (strcmp(attachments->items[i].name, name) == 0) {
            return fault_set(fault, "two files would be the artifact '%.200s': expected different names", name);
        }
    }
    if (attachments->count == attachments->room) {
        attachments->room = attachments->room * 2 + 16;
        struct attachment *items = scratch_array(scratch, attachments->room, sizeof *items);
        if (attachments->count > 0) {
            memcpy(items, attachments->items, attachments->count * sizeof *items);
        }
        attachments->items = items;
    }
    attachments->items[attachments->count++] = (struct attachment){path, name};
    return 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ---- tables ------------------------------------------------------------------------------------- */

static const char *table_name(struct scratch *scratch, const struct wanted *wanted)
{
    const char *name = wanted->name != NULL ? wanted->name : last_part(wanted->path);
    const char *dot = strrchr(name, '.');
    if (dot != NULL && (wanted->name == NULL || strcmp(dot, ".json") == 0)) {
        return scratch_printf(scratch, "%.*s.json", (int)(dot - name), name);
    }
    return scratch_printf(scratch, "%s.json", name);
}

int attachments_read_tables(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                            struct attachments *tables, struct fault *fault)
{
    struct wanted *wanted = NULL;
    size_t count = 0;
    if (read_wanted(scratch, from, "tables", &wanted, &count, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct textbuf json = {0};
        const char *source = folder_of_workspace(host, scratch, wanted[i].path);
        const char *path = scratch_printf(scratch, "%s/.table-%zu.json", host->context->step_dir, i + 1);
        int result = table_read(host, scratch, source, wanted[i].path, &json, fault);
        if (result == 0) {
            result = textbuf_write_file(&json, path, fault);
        }
        textbuf_free(&json);
        if (result < 0 || add(scratch, tables, path, table_name(scratch, &wanted[i]), fault) < 0) {
            return -1;
        }
    }
    return 0;
}

int attachments_tell_tables(const struct step_host *host, const struct attachments *tables, struct fault *fault)
{
    struct textbuf json = {0};
    if (tables->count == 0) {
        return 0;
    }
    for (size_t i = 0; i < tables->count; i++) {
        textbuf_put(&json, i == 0 ? "[{\"path\":" : ",{\"path\":");
        textbuf_json_string(&json, tables->items[i].name);
        textbuf_put(&json, ",\"type\":\"table\"}");
    }
    textbuf_put(&json, "]");
    int result = host->tag(host, "mlflow.loggedArtifacts", textbuf_text(&json));
    textbuf_free(&json);
    return result == 0 ? 0 : fault_set(fault, "the tag that lists the tables was not accepted: the log says why");
}

/* ---- artifacts ---------------------------------------------------------------------------------- */

/* Where the relative path of a match stands in it. */
static const char *kept_part(const struct wanted *wanted, const char *workspace, const char *match)
{
    size_t n = strlen(workspace);
    const char *relative = strncmp(match, workspace, n) == 0 && match[n] == '/' ? match + n + 1 : match;
    bool climbs = strncmp(wanted->path, "../", 3) == 0 || strstr(wanted->path, "/../") != NULL;
    while (strncmp(relative, "./", 2) == 0) {
        relative += 2;
    }
    return wanted->path[0] == '/' || climbs || relative == match ? last_part(match) : relative;
}

static int add_matches(const struct step_host *host, struct scratch *scratch, const struct wanted *wanted,
                       const glob_t *found, struct attachments *artifacts, struct fault *fault)
{
    for (size_t i = 0; i < found->gl_pathc; i++) {
        char *match = scratch_copy(scratch, found->gl_pathv[i], strlen(found->gl_pathv[i]));
        for (size_t n = strlen(match); n > 1 && match[n - 1] == '/'; n--) {
            match[n - 1] = '\0';
        }
        const char *name = kept_part(wanted, host->context->workspace, match);
        if (wanted->name != NULL) {
            name = found->gl_pathc == 1 ? wanted->name
                                        : scratch_printf(scratch, "%s/%s", wanted->name, last_part(match));
        }
        if (add(scratch, artifacts, match, name, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A folder that is not there holds nothing; one that cannot be read may hold what was meant. */
static int on_unreadable(const char *path, int failure)
{
    (void)path;
    return failure == ENOENT || failure == ENOTDIR ? 0 : 1;
}

static int find_one(const struct step_host *host, struct scratch *scratch, const struct wanted *wanted,
                    struct attachments *artifacts, struct fault *fault)
{
    glob_t found = {0};
    const char *pattern = folder_of_workspace(host, scratch, wanted->path);
    if (access(pattern, F_OK) == 0) {
        /* A file may be called "a[1].csv". */
        char *paths[] = {scratch_copy(scratch, pattern, strlen(pattern)), NULL};
        glob_t one = {.gl_pathc = 1, .gl_pathv = paths};
        return add_matches(host, scratch, wanted, &one, artifacts, fault);
    }
    int result = glob(pattern, 0, on_unreadable, &found);
    if (result == GLOB_NOMATCH) {
        result = fault_set(fault, "artifacts: there is no '%.300s'", wanted->path);
    } else if (result != 0) {
        result = fault_set(fault, "artifacts: '%.300s' cannot be looked for: a folder cannot be read", wanted->path);
    } else {
        result = add_matches(host, scratch, wanted, &found, artifacts, fault);
    }
    globfree(&found);
    return result;
}

int attachments_find(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                     struct attachments *artifacts, struct fault *fault)
{
    struct wanted *wanted = NULL;
    size_t count = 0;
    if (read_wanted(scratch, from, "artifacts", &wanted, &count, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (find_one(host, scratch, &wanted[i], artifacts, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

int attachments_record(const struct step_host *host, const struct attachments *attachments, struct fault *fault)
{
    for (size_t i = 0; i < attachments->count; i++) {
        if (host->artifact(host, attachments->items[i].path, attachments->items[i].name) < 0) {
            return fault_set(fault, "the artifact '%.300s' was not accepted: the log says why",
                             attachments->items[i].name);
        }
    }
    return 0;
}
