/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_case.h"

#include "base/fs.h"
#include "base/path.h"
#include "pipeline/load.h"

enum { FILE_MAX = 1 << 20 };

static const char *const results[] = {"ok", "failed", "refused", "waiting", "invalid", NULL};

static struct plugin_case *case_of(void *target)
{
    return target;
}

/* ---- expect ------------------------------------------------------------------------------------------------- */

static void expect_result(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, results, &word)) {
        case_of(target)->result = str_from(results[word]);
    }
}

static void expect_reason(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &case_of(target)->reason);
}

static void expect_log(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &case_of(target)->log);
}

static void expect_outputs(struct loader *loader, const struct yaml_node *node, void *target)
{
    case_of(target)->outputs = yaml_to_json(loader->arena, node);
}

static void expect_metrics(struct loader *loader, const struct yaml_node *node, void *target)
{
    for (size_t i = 0; i < node->count; i++) {
        (void)load_expect(loader, &node->pairs[i].value, TAKES_NUMBER, "a metric");
    }
    case_of(target)->metrics = yaml_to_json(loader->arena, node);
}

/* Params and tags are text, whatever a value looks like: 0.10 is "0.10". */
static struct json map_of_text(struct loader *loader, const struct yaml_node *node, const char *what)
{
    struct json map = json_object();
    for (size_t i = 0; i < node->count; i++) {
        if (load_expect(loader, &node->pairs[i].value, TAKES_SCALAR, what)) {
            json_set(loader->arena, &map, arena_str(loader->arena, node->pairs[i].key.text).p,
                     json_string(loader->arena, node->pairs[i].value.text));
        }
    }
    return map;
}

static void expect_params(struct loader *loader, const struct yaml_node *node, void *target)
{
    case_of(target)->params = map_of_text(loader, node, "a param");
}

static void expect_tags(struct loader *loader, const struct yaml_node *node, void *target)
{
    case_of(target)->tags = map_of_text(loader, node, "a tag");
}

static void expect_artifacts(struct loader *loader, const struct yaml_node *node, void *target)
{
    for (size_t i = 0; i < node->count; i++) {
        (void)load_expect(loader, &node->items[i], TAKES_TEXT, "an artifact");
    }
    case_of(target)->artifacts = yaml_to_json(loader->arena, node);
}

static const struct key expect_keys[] = {
    {.name = "result", .takes = TAKES_TEXT, .load = expect_result},
    {.name = "reason", .takes = TAKES_SCALAR, .load = expect_reason},
    {.name = "log", .takes = TAKES_SCALAR, .load = expect_log},
    {.name = "outputs", .takes = TAKES_MAP, .load = expect_outputs},
    {.name = "metrics", .takes = TAKES_MAP, .load = expect_metrics},
    {.name = "params", .takes = TAKES_MAP, .load = expect_params},
    {.name = "tags", .takes = TAKES_MAP, .load = expect_tags},
    {.name = "artifacts", .takes = TAKES_LIST, .load = expect_artifacts},
    {0},
};

/* ---- a test --------------------------------------------------------------------------------------------------- */

static void case_with(struct loader *loader, const struct yaml_node *node, void *target)
{
    case_of(target)->with = yaml_to_json(loader->arena, node);
}

/* NAME: its text, or NAME: {from: a file beside this one}. */
static void case_files(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct json files = json_object();
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *value = &node->pairs[i].value;
        const struct yaml_node *from = value->type == JSON_OBJECT ? yaml_get(value, "from") : NULL;
        struct str text = value->text;
        struct err err = {0};
        if (!path_is_below(node->pairs[i].key.text)) {
            load_error(loader, &node->pairs[i].key, DIAG_VALUE, NULL, "'%.*s' is no path below the workspace",
                       STR_ARG(node->pairs[i].key.text));
            continue;
        }
        if (value->type == JSON_OBJECT && (from == NULL || value->count != 1)) {
            load_error(loader, value, DIAG_MISSING, NULL, "a file: expected its text, or {from: FILE}");
            continue;
        }
        const char *folder = path_dir(loader->arena, loader->diags->file);
        if (from != NULL && fs_read(path_join(loader->arena, folder, arena_str(loader->arena, from->text).p), FILE_MAX,
                                    loader->arena, &text, &err) < 0) {
            load_error(loader, from, DIAG_FILE, NULL, "%s", err.message);
            continue;
        }
        if (from != NULL || load_expect(loader, value, TAKES_SCALAR, "a file")) {
            json_set(loader->arena, &files, arena_str(loader->arena, node->pairs[i].key.text).p,
                     json_string(loader->arena, text));
        }
    }
    case_of(target)->files = files;
}

static void case_expect(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_map(loader, node, expect_keys, target, "'expect'");
}

static const struct key case_keys[] = {
    {.name = "with", .takes = TAKES_MAP, .load = case_with},
    {.name = "files", .takes = TAKES_MAP, .load = case_files},
    {.name = "expect", .takes = TAKES_MAP, .load = case_expect, .required = true},
    {0},
};

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void file_plugin(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_text(loader, node, &((struct plugin_cases *)target)->plugin);
}

static void file_tests(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct plugin_cases *cases = target;
    cases->items = arena_array(loader->arena, node->count, sizeof *cases->items);
    for (size_t i = 0; i < node->count; i++) {
        struct plugin_case *one = &cases->items[cases->count++];
        *one = (struct plugin_case){.name = node->pairs[i].key.text,
                                    .with = json_object(),
                                    .files = json_object(),
                                    .result = STR("ok"),
                                    .outputs = json_null(),
                                    .metrics = json_null(),
                                    .params = json_null(),
                                    .tags = json_null(),
                                    .artifacts = json_null()};
        (void)load_map(loader, &node->pairs[i].value, case_keys, one,
                       arena_printf(loader->arena, "test '%.*s'", STR_ARG(one->name)));
    }
    if (node->count == 0) {
        load_error(loader, node, DIAG_MISSING, NULL, "'tests' is empty");
    }
}

static const struct key file_keys[] = {
    {.name = "plugin", .takes = TAKES_TEXT, .load = file_plugin, .required = true},
    {.name = "tests", .takes = TAKES_MAP, .load = file_tests, .required = true},
    {0},
};

int plugin_cases_load(struct diags *diags, struct plugin_cases *ret_cases)
{
    struct err err = {0};
    struct plugin_cases cases = {0};
    struct loader loader = {.diags = diags, .arena = diags->arena};
    if (fs_read(diags->file, FILE_MAX, diags->arena, &diags->text, &err) < 0) {
        diag_add(diags, DIAG_FILE, (struct pos){0}, NULL, "%s", err.message);
        return -1;
    }
    const struct yaml_node *root = yaml_doc_parse(diags);
    if (root != NULL) {
        (void)load_map(&loader, root, file_keys, &cases, "a test file");
    }
    diags_sort(diags);
    if (diags->errors > 0) {
        return -1;
    }
    *ret_cases = cases;
    return 0;
}
