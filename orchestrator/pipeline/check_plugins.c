/* SPDX-License-Identifier: Apache-2.0
 * `uses` against the catalogue, `with` against the plugin's rows. Values that are expressions are known at run time
 * only: of them just the input's name is checked here.
 */
#include "pipeline/load.h"
#include "plugin/catalogue.h"

/* A value without expressions as JSON; false when it cannot be told yet. Leaves with expressions inside a list or map
 * become text: the rows look only at the shape of those. */
static bool known_value(struct arena *arena, const struct template_tree *tree, bool outermost, struct json *ret)
{
    if (tree->type != JSON_OBJECT && tree->type != JSON_ARRAY) {
        const struct template *leaf = &tree->leaf;
        *ret = leaf->plain;
        if (leaf->part_count == 0) {
            return true;
        }
        if (!template_is_plain(leaf)) {
            return !outermost;
        }
        struct str text = STR("");
        for (size_t i = 0; i < leaf->part_count; i++) { /* a "$${{" was unescaped */
            text = str_from(arena_printf(arena, "%.*s%.*s", STR_ARG(text), STR_ARG(leaf->parts[i].text)));
        }
        *ret = json_string(arena, text);
        return true;
    }
    *ret = tree->type == JSON_OBJECT ? json_object() : json_array();
    if (tree->type == JSON_OBJECT) { /* built directly: json_set looks for each key */
        ret->u.object.members = arena_array(arena, tree->count, sizeof *ret->u.object.members);
        ret->u.object.count = tree->count;
    }
    for (size_t i = 0; i < tree->count; i++) {
        struct json item = json_null();
        (void)known_value(arena, &tree->items[i], false, &item);
        if (tree->type == JSON_OBJECT) {
            ret->u.object.members[i] = (struct json_member){tree->keys[i], item};
        } else {
            json_push(arena, ret, item);
        }
    }
    return true;
}

/* One input by the rules of its row: the plugin with this row alone says what is wrong with it. */
static void check_input(struct loader *loader, const struct plugin *plugin, const struct plugin_param *param,
                        const struct template_tree *value)
{
    struct plugin_param outside = *param; /* the inside is check_insides' */
    outside.format = PLUGIN_FORMAT_NONE;
    outside.keys_count = 0;
    outside.item_shapes = 0;
    const struct plugin one = {.name = plugin->name, .params = &outside, .param_count = 1};
    struct json given = json_object();
    struct json known = json_null();
    struct json complete;
    struct err err = {0};
    if (!known_value(loader->arena, value, true, &known)) {
        return;
    }
    if (param->secret && known.type != JSON_NULL) {
        diag_add(loader->diags, DIAG_SECRET, value->pos, "write ${{ secrets.NAME }}",
                 "'%.*s': its input '%.*s' is a secret, which stands in the file", STR_ARG(plugin->name),
                 STR_ARG(param->name));
        return;
    }
    if (param->type == PLUGIN_DURATION && (known.type == JSON_INT || known.type == JSON_NUMBER)) {
        const char *number = json_text(loader->arena, &known).p;
        diag_add(loader->diags, DIAG_PLUGIN_PARAM, value->pos,
                 arena_printf(loader->arena, "did you mean '%ss'?", number),
                 "'%.*s': '%.*s': expected a duration with its unit, found %s", STR_ARG(plugin->name),
                 STR_ARG(param->name), number);
        return;
    }
    json_set(loader->arena, &given, param->name.p, known);
    if (plugin_params_complete(&one, &given, loader->arena, &complete, &err) < 0) {
        diag_add(loader->diags, DIAG_PLUGIN_PARAM, value->pos, NULL, "'%.*s': %s", STR_ARG(plugin->name), err.message);
    }
}

/* The place of `at`, which stands somewhere in `value`, made from `tree`; of its key when `key` is set. False when it
 * is not there. */
static bool place_of(const struct template_tree *tree, const struct json *value, const struct json *at, bool key,
                     struct pos *ret_pos, size_t *ret_width)
{
    bool map = value->type == JSON_OBJECT && tree->type == JSON_OBJECT;
    bool list = value->type == JSON_ARRAY && tree->type == JSON_ARRAY;
    if (value == at) {
        *ret_pos = map || list ? tree->pos : tree->leaf.pos;
        return true;
    }
    for (size_t i = 0; (map || list) && i < tree->count; i++) {
        const struct json *item = map ? &value->u.object.members[i].value : &value->u.array.items[i];
        if (map && key && item == at) {
            *ret_pos = tree->key_positions[i];
            *ret_width = tree->keys[i].n;
            return true;
        }
        if (place_of(&tree->items[i], item, at, key, ret_pos, ret_width)) {
            return true;
        }
    }
    return false;
}

/* What rows say of the inside of values: of all inputs together, as one may ask for another. */
static void check_insides(struct loader *loader, const struct plugin *plugin, const struct template_tree *with)
{
    struct json values = json_object();
    bool asked = false;
    for (size_t p = 0; p < plugin->param_count; p++) {
        const struct plugin_param *param = &plugin->params[p];
        asked = asked || param->format != PLUGIN_FORMAT_NONE || param->keys_count > 0 || param->item_shapes != 0;
    }
    if (!asked || with->type != JSON_OBJECT) {
        return;
    }
    (void)known_value(loader->arena, with, false, &values);
    for (size_t i = 0; i < with->count; i++) {
        const struct plugin_param *param = plugin_find_param(plugin, with->keys[i]);
        struct plugin_faults faults = {.arena = loader->arena};
        if (param != NULL && !param->secret) {
            plugin_value_faults(plugin, param, &values.u.object.members[i].value, &values, &faults);
        }
        for (size_t f = 0; f < faults.count; f++) {
            struct pos pos = with->items[i].pos;
            size_t width = 0;
            (void)place_of(with, &values, faults.items[f].at, faults.items[f].key, &pos, &width);
            struct diag *diag = diag_add(loader->diags, DIAG_PLUGIN_PARAM, pos, faults.items[f].hint, "'%.*s': %s",
                                         STR_ARG(plugin->name), faults.items[f].message);
            diag->end_column = width == 0 ? 0 : pos.column + (int)width;
        }
    }
}

static const char *hint_input(struct loader *loader, const struct plugin *plugin, struct str name)
{
    struct str *names = arena_array(loader->scratch, plugin->param_count, sizeof *names);
    for (size_t p = 0; p < plugin->param_count; p++) {
        names[p] = plugin->params[p].name;
    }
    return diag_hint_near(loader->arena, name, names, plugin->param_count);
}

static void check_with(struct loader *loader, size_t index, const struct plugin *plugin)
{
    const struct template_tree *with = loader->pipeline->steps[index].with;
    bool *given = arena_array(loader->scratch, plugin->param_count, sizeof *given);
    const struct yaml_node *values = load_step_node(loader, index, "with");
    for (size_t i = 0; with->type == JSON_OBJECT && i < with->count; i++) {
        const struct plugin_param *param = plugin_find_param(plugin, with->keys[i]);
        if (param == NULL) {
            const char *hint = hint_input(loader, plugin, with->keys[i]);
            struct diag *diag = diag_add(loader->diags, DIAG_PLUGIN_PARAM, with->key_positions[i], hint,
                                         "'%.*s' has no input '%.*s'", STR_ARG(plugin->name), STR_ARG(with->keys[i]));
            diag->end_column = diag->pos.column + (int)with->keys[i].n;
            continue;
        }
        given[param - plugin->params] = true;
        if (param->type == PLUGIN_STRING || param->type == PLUGIN_PATH) { /* 1.10 stays "1.10" */
            struct template *leaf = (struct template *)(uintptr_t)&with->items[i].leaf;
            leaf->plain = template_text_or_plain(leaf, loader->arena);
        }
        check_input(loader, plugin, param, &with->items[i]);
    }
    check_insides(loader, plugin, with);
    const struct yaml_node *uses = load_step_node(loader, index, "uses");
    bool readable = values == NULL || values->type == JSON_OBJECT;
    for (size_t p = 0; readable && p < plugin->param_count; p++) {
        if (plugin->params[p].required && !given[p]) {
            load_error(loader, uses, DIAG_PLUGIN_PARAM, arena_strdup(loader->arena, plugin->params[p].doc.p),
                       "'%.*s': its input '%.*s' is missing in 'with'", STR_ARG(plugin->name),
                       STR_ARG(plugin->params[p].name));
        }
    }
}

/* `defaults` bind to plugins that may be repeated, as they do to run and lua steps: the step's own keys win. */
static void bind_defaults(struct loader *loader, size_t index, struct step *step)
{
    if (loader->has_default_timeout && load_step_node(loader, index, "timeout") == NULL) {
        step->timeout_ms = loader->default_timeout_ms;
    }
    if (loader->default_retry == NULL) {
        return;
    }
    const struct yaml_node *own = load_step_node(loader, index, "retry");
    step->retry = loader->default_retry;
    if (own != NULL && own->type == JSON_OBJECT) {
        struct diags unheard; /* what is wrong with it was said when the step was read */
        struct loader again = *loader;
        diags_init(&unheard, loader->arena, loader->diags->file);
        again.diags = &unheard;
        step->retry = load_retry(&again, own, loader->default_retry);
    }
}

static struct plugin_file find_plugin(struct loader *loader, struct str uses)
{
    for (size_t i = 0; i < loader->plugin_file_count; i++) {
        if (str_eq(loader->plugin_files[i].path, uses)) {
            return loader->plugin_files[i];
        }
    }
    struct err err = {0};
    struct plugin_file found = {.path = uses};
    found.plugin = catalogue_find(loader->world->plugins, uses, loader->pipeline->root.p, loader->arena, &err);
    found.problem = found.plugin == NULL ? arena_strdup(loader->arena, err.message) : NULL;
    if (found.plugin != NULL || str_ends(uses, STR(".so"))) { /* many steps share one */
        loader->plugin_files = arena_grow(loader->arena, loader->plugin_files, loader->plugin_file_count,
                                          &loader->plugin_file_room, sizeof *loader->plugin_files);
        loader->plugin_files[loader->plugin_file_count++] = found;
    }
    return found;
}

void check_plugins(struct loader *loader)
{
    struct diags nobody; /* what a run that goes on gives to a plugin is checked again when the step begins */
    struct loader unheard = *loader;
    diags_init(&nobody, loader->arena, loader->diags->file);
    unheard.diags = &nobody;
    struct step *steps = (struct step *)(uintptr_t)loader->pipeline->steps;
    for (size_t i = 0; i < loader->pipeline->step_count && loader->world->plugins != NULL; i++) {
        const struct yaml_node *uses = steps[i].kind == STEP_KIND_USES ? load_step_node(loader, i, "uses") : NULL;
        if (steps[i].kind != STEP_KIND_USES || uses == NULL || uses->text.n == 0 ||
            str_find(uses->text, STR("${{")) >= 0) { /* check_names says that it takes no expressions */
            continue;
        }
        struct plugin_file found = find_plugin(loader, uses->text);
        steps[i].plugin = found.plugin;
        if (found.plugin == NULL && loader->world->begun) {
            steps[i].plugin_gone = found.problem;
            continue;
        }
        if (found.plugin == NULL) {
            load_error(loader, uses, DIAG_PLUGIN, NULL, "%s", found.problem);
            continue;
        }
        check_with(loader->world->begun ? &unheard : loader, i, steps[i].plugin);
        if (steps[i].plugin->repeatable) {
            bind_defaults(loader, i, &steps[i]);
        }
    }
}
