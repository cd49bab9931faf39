/* SPDX-License-Identifier: Apache-2.0
 * Pipelines from text for the tests of pipeline/: loads one against a small catalogue and tells what was found in one
 * line.
 *
 *     {"steps: {a: {run: x}}\n", "1:1 E007", "has no 'name'"}
 *
 * A row's `found` are the positions and codes of all diagnostics in order; `says` stands in the text of one of them.
 */
#ifndef SLUICE_TEST_PIPELINE_TEXT_H
#define SLUICE_TEST_PIPELINE_TEXT_H

#include "base/fs.h"
#include "pipeline/pipeline.h"
#include "plugin/catalogue.h"

#include "test.h"

#include <stdio.h>

struct text_row {
    const char *text;
    const char *found;
    const char *says;
};

struct loaded {
    struct arena *arena;
    struct catalogue catalogue;
    struct diags diags;
    const struct pipeline *pipeline;
};

/* Plugins without files: one may be repeated, one is a gate, one takes a secret. */
static const char tool_manifest[] =
    "sluice-step\0001\0name\0tool\0version\0001.0\0summary\0Works.\0flags\0STEP_REPEATABLE\0"
    "param\0count\0INT\0required; min=1; max=9\0How many.\0"
    "param\0mode\0STRING\0default=max; choices=max|min\0Which.\0"
    "param\0wait\0DURATION\0\0How long.\0"
    "param\0rows\0ANY\0shape=list\0The rows.\0"
    "output\0best\0ANY\0The best.\0end";
static const char gate_manifest[] = "sluice-step\0001\0name\0gate\0version\0001.0\0summary\0Judges.\0flags\0STEP_GATE\0"
                                    "output\0passed\0BOOL\0Whether.\0end";

static const char vault_manifest[] =
    "sluice-step\0001\0name\0vault\0version\0001.0\0summary\0Opens.\0flags\0STEP_PLAIN\0"
    "param\0token\0STRING\0secret\0The key.\0end";

static const char note_manifest[] =
    "sluice-step\0001\0name\0note\0version\0001.0\0summary\0Notes.\0flags\0STEP_PLAIN\0"
    "param\0text\0STRING\0\0What.\0"
    "param\0path\0PATH\0\0Where.\0end";

/* Its inputs have an inside. */
static const char judge_manifest[] =
    "sluice-step\0001\0name\0judge\0version\0001.0\0summary\0Judges.\0flags\0STEP_GATE\0"
    "param\0type\0STRING\0default=regressor; choices=classifier|regressor\0What.\0"
    "param\0probability\0STRING\0\0Column.\0"
    "param\0champion\0ANY\0shape=string|map; keys=model!|if_missing pass,fail\0Model.\0"
    "param\0rules\0ANY\0shape=map; format=thresholds; keys[type=classifier]=accuracy|recall|recall:*; "
    "keys[type=classifier&probability]=roc_auc; keys[type=regressor]=|rmse|r2\0Rules.\0"
    "param\0least\0STRING\0format=threshold\0Rule.\0"
    "param\0health\0ANY\0shape=string|map; keys=url!|timeout duration|room size\0Where.\0"
    "param\0columns\0ANY\0shape=list; items=string\0Which.\0end";

static void add_manifest(struct loaded *loaded, const char *manifest, size_t size)
{
    struct err err = {0};
    struct catalogue *catalogue = &loaded->catalogue;
    catalogue->plugins = arena_grow(loaded->arena, catalogue->plugins, catalogue->count, &catalogue->room,
                                    sizeof *catalogue->plugins);
    struct plugin *plugin = &catalogue->plugins[catalogue->count++];
    if (plugin_parse_manifest((struct str){manifest, size}, loaded->arena, plugin, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static struct loaded load_sized(struct str text)
{
    struct loaded loaded = {.arena = arena_new()};
    catalogue_init(&loaded.catalogue, loaded.arena);
    add_manifest(&loaded, tool_manifest, sizeof tool_manifest);
    add_manifest(&loaded, gate_manifest, sizeof gate_manifest);
    add_manifest(&loaded, vault_manifest, sizeof vault_manifest);
    add_manifest(&loaded, note_manifest, sizeof note_manifest);
    add_manifest(&loaded, judge_manifest, sizeof judge_manifest);
    const struct pipeline_world world = {.plugins = &loaded.catalogue};
    diags_init(&loaded.diags, loaded.arena, "test.yaml");
    loaded.diags.text = arena_str(loaded.arena, text);
    loaded.pipeline = pipeline_load(&loaded.diags, &world);
    assert_true((loaded.pipeline == NULL) == (loaded.diags.errors > 0));
    return loaded;
}

static inline struct loaded load_text_of(const char *text)
{
    return load_sized(str_from(text));
}

static inline void loaded_free(struct loaded *loaded)
{
    arena_free(loaded->arena);
}

/* "2:7 E009, 3:1 W021" */
static inline const char *found_text(const struct loaded *loaded)
{
    const char *all = "";
    for (size_t i = 0; i < loaded->diags.count; i++) {
        const struct diag *diag = &loaded->diags.items[i];
        all = arena_printf(loaded->arena, "%s%s%d:%d %s", all, i == 0 ? "" : ", ", diag->pos.line, diag->pos.column,
                           diag_code_text(diag->code));
    }
    return all;
}

static inline const char *all_messages(const struct loaded *loaded)
{
    const char *all = "";
    for (size_t i = 0; i < loaded->diags.count; i++) {
        const struct diag *diag = &loaded->diags.items[i];
        all = arena_printf(loaded->arena, "%s%s (%s)\n", all, diag->message, diag->hint == NULL ? "" : diag->hint);
    }
    return all;
}

static inline void check_rows(const struct text_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct loaded loaded = load_text_of(rows[i].text);
        const char *found = found_text(&loaded);
        const char *messages = all_messages(&loaded);
        if (strcmp(found, rows[i].found) != 0 || (rows[i].says != NULL && strstr(messages, rows[i].says) == NULL)) {
            fail_msg("%s\nexpected: %s, saying '%s'\nfound:    %s\n%s", rows[i].text, rows[i].found,
                     rows[i].says == NULL ? "" : rows[i].says, found, messages);
        }
        for (size_t d = 0; d < loaded.diags.count; d++) { /* a position is in the file, and so is its end */
            const struct diag *diag = &loaded.diags.items[d];
            struct str line = diags_source_line(&loaded.diags, diag->pos.line);
            assert_true(diag->pos.line > 0 && diag->pos.column > 0 && diag->pos.column <= (int)line.n + 1);
            assert_true(diag->end_column == 0 || diag->end_column > diag->pos.column);
            assert_true(diag->end_column <= (int)line.n + 1);
        }
        loaded_free(&loaded);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

#endif
