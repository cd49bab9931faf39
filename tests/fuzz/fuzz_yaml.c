/* SPDX-License-Identifier: Apache-2.0
 * Pipeline files of any bytes: read and checked whole. What is accepted holds only valid references; what is refused
 * is told at places that are in the file.
 */
#include "base/utf8.h"
#include "pipeline/pipeline.h"
#include "pipeline/yaml_doc.h"
#include "plugin/catalogue.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char manifest[] = "sluice-step\0001\0name\0tool\0version\0001.0\0summary\0Works.\0flags\0STEP_REPEATABLE\0"
                               "param\0count\0INT\0required; min=1; max=9\0How many.\0"
                               "param\0mode\0STRING\0default=max; choices=max|min\0Which.\0"
                               "param\0wait\0DURATION\0\0How long.\0"
                               "param\0rows\0ANY\0shape=list|map\0The rows.\0"
                               "output\0best\0ANY\0The best.\0end";

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static int characters(struct str text)
{
    int count = 0;
    for (size_t i = 0; i < text.n; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

static void check_diags(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        struct str line = diags_source_line(diags, diag->pos.line);
        check(diag->message[0] != '\0' && diag_code_text(diag->code)[0] != '\0');
        if (diag->pos.line > 0 && utf8_valid(diags->text)) {
            check((size_t)diag->pos.line <= diags->line_count);
            check(diag->pos.column >= 1 && diag->pos.column <= characters(line) + 1);
            check(diag->end_column == 0 || diag->end_column > diag->pos.column);
        }
        check(utf8_valid(str_from(diag->message)) || !utf8_valid(diags->text));
    }
}

/* Each step is read again from its own part of the file: it must say what it says as a part of the whole. */
static void check_definitions(const struct pipeline *pipeline, struct arena *arena)
{
    struct diags diags;
    diags_init(&diags, arena, "fuzz.yaml");
    diags.text = pipeline->source;
    const struct yaml_node *steps = yaml_get(yaml_doc_parse(&diags), "steps");
    check(steps != NULL && steps->count == pipeline->step_count);
    for (size_t i = 0; i < steps->count; i++) {
        struct json again = step_definition(pipeline, &pipeline->steps[i], arena);
        struct json whole = yaml_to_json(arena, &steps->pairs[i].value);
        check(str_eq(json_text(arena, &again), json_text(arena, &whole)));
    }
}

static void check_pipeline(const struct pipeline *pipeline, struct arena *arena)
{
    check(pipeline->name.n > 0 && pipeline->step_count > 0 && pipeline_digest(pipeline, arena).n == 64);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        check(pipeline_find_step(pipeline, step->id) == (ptrdiff_t)i && step_digest(pipeline, step, arena).n == 64);
        check(step->retry->attempts >= 1 && step->timeout_ms >= 0);
        check((step->kind == STEP_KIND_USES) == (step->plugin != NULL));
        check(step->kind != STEP_KIND_RUN || step->argv_count > 0 || step->script.text.n > 0);
        for (size_t n = 0; n < step->need_count; n++) {
            check(step->needs[n].step < pipeline->step_count && step->needs[n].step != i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    struct diags diags;
    struct plugin plugin;
    const struct pipeline_world world = {.plugins = &catalogue};
    check(plugin_parse_manifest((struct str){manifest, sizeof manifest}, arena, &plugin, NULL) == 0);
    catalogue_init(&catalogue, arena);
    catalogue.plugins = &plugin;
    catalogue.count = catalogue.room = 1;
    diags_init(&diags, arena, "fuzz.yaml");
    diags.text = arena_str(arena, (struct str){(const char *)bytes, size});
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    check((pipeline == NULL) == (diags.errors > 0));
    diags_sort(&diags);
    check_diags(&diags);
    if (pipeline != NULL) {
        check_pipeline(pipeline, arena);
        check_definitions(pipeline, arena);
    }
    arena_free(arena);
    return 0;
}
