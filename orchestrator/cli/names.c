/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/names.h"

#include "base/parse.h"
#include "pipeline/diag.h"

enum { RUNS_COMPARED = 500 };

const char *names_label(struct arena *arena, const struct pipeline_run *row)
{
    char label[32];
    pipeline_run_label(row, label);
    return arena_printf(arena, "%s/%s", row->pipeline, label);
}

/* The label that is nearest; of a pipeline that there is, that of its newest run. */
static const char *near_run(struct store *store, const char *words, struct arena *arena)
{
    struct pipeline_run_filter filter = {.limit = RUNS_COMPARED};
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    struct err ignored = {0};
    if (store_pipeline_run_list(store, &filter, arena, &rows, &count, &ignored) < 0 || count == 0) {
        return NULL;
    }
    struct str *labels = arena_array(arena, count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        labels[i] = str_from(names_label(arena, &rows[i]));
        size_t length = strlen(rows[i].pipeline);
        if (strncmp(words, rows[i].pipeline, length) == 0 && (words[length] == '\0' || words[length] == '/')) {
            return labels[i].p;
        }
    }
    ptrdiff_t near = str_nearest(str_from(words), labels, count);
    return near < 0 ? NULL : labels[near].p;
}

int names_run(struct store *store, const char *words, struct arena *arena, struct pipeline_run *ret_row,
              struct err *err)
{
    if (store_pipeline_run_find(store, words == NULL ? "latest" : words, arena, ret_row, err) == 0) {
        return 0;
    }
    const char *near = err->code != ERR_NOT_FOUND || words == NULL ? NULL : near_run(store, words, arena);
    if (near != NULL) {
        err_clear(err);
        return err_set(err, ERR_NOT_FOUND, "no run '%s': did you mean '%s'?", words, near);
    }
    return -1;
}

int names_number(const struct cli *cli, const char *listed_by, int64_t *ret, struct err *err)
{
    const char *what = cli->command->arguments;
    return parse_int(str_from(cli->arguments[0]), 1, INT64_MAX, ret, err) < 0
               ? err_add(err, "%.*s, as 'sluice %s' numbers them", (int)strcspn(what, " "), what, listed_by)
               : 0;
}

int names_version(const char *words, struct arena *arena, const char **ret_name, int64_t *ret_version,
                  struct err *err)
{
    const char *slash = strrchr(words, '/');
    if (slash == NULL || slash == words || parse_int(str_from(slash + 1), 1, INT64_MAX, ret_version, NULL) < 0) {
        return err_set(err, ERR_INPUT, "'%s' names no version: expected MODEL/VERSION, such as wine/3", words);
    }
    *ret_name = arena_dup(arena, words, (size_t)(slash - words));
    return 0;
}

ptrdiff_t names_step(const struct pipeline *pipeline, const char *option, const char *word, struct arena *arena,
                     struct err *err)
{
    ptrdiff_t at = pipeline_find_step(pipeline, str_from(word));
    if (at >= 0) {
        return at;
    }
    struct str *ids = arena_array(arena, pipeline->step_count + 1, sizeof *ids);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        ids[i] = pipeline->steps[i].id;
    }
    const char *hint = diag_hint_near(arena, str_from(word), ids, pipeline->step_count);
    return err_set(err, ERR_INPUT, "%s%sthere is no step '%s' in pipeline %.*s%s%s", option == NULL ? "" : option,
                   option == NULL ? "" : ": ", word, STR_ARG(pipeline->name), hint == NULL ? "" : ": ",
                   hint == NULL ? "" : hint);
}

int names_choice(const char *option, const char *word, const char *const *choices, struct arena *arena,
                 struct err *err)
{
    size_t count = 0;
    while (choices[count] != NULL) {
        if (strcmp(choices[count], word) == 0) {
            return (int)count;
        }
        count++;
    }
    struct str *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(choices[i]);
    }
    return err_set(err, ERR_INPUT, "%s '%s': %s", option, word, diag_hint_near(arena, str_from(word), names, count));
}
