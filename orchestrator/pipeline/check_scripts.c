/* SPDX-License-Identifier: Apache-2.0
 * Lua scripts must compile: those of steps, and those that inputs of plugins name. Who compiles is the world's.
 */
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "pipeline/load.h"
#include "pipeline/scalar_source.h"
#include "plugin/catalogue.h"

struct place {
    const struct yaml_node *node; /* the block or the path, as it stands in the file */
    struct str path;              /* of a file, as it is named */
};

struct scripts {
    struct loader *loader;
    struct lua_script *items;
    struct place *places;
    size_t count;
    size_t room;
    size_t place_room;
};

static void add(struct scripts *scripts, const struct yaml_node *node, const char *file)
{
    struct arena *arena = scripts->loader->arena;
    scripts->items = arena_grow(arena, scripts->items, scripts->count, &scripts->room, sizeof *scripts->items);
    scripts->places = arena_grow(arena, scripts->places, scripts->count, &scripts->place_room, sizeof *scripts->places);
    scripts->items[scripts->count] = (struct lua_script){.text = file == NULL ? node->text : STR(""), .file = file};
    scripts->places[scripts->count++] = (struct place){node, node->text};
}

/* A file that is not there is told by others: check_files, or the plugin's row below. */
static void add_file(struct scripts *scripts, const struct yaml_node *node, bool must_be_there)
{
    struct loader *loader = scripts->loader;
    if (node == NULL || node->text.n == 0 || str_find(node->text, STR("${{")) >= 0) {
        return;
    }
    const char *file = path_join(loader->arena, loader->pipeline->root.p, arena_str(loader->arena, node->text).p);
    if (fs_exists(file)) {
        add(scripts, node, file);
    } else if (must_be_there && loader->world->check_files) {
        check_exists(loader, node, "the Lua script");
    }
}

static void collect(struct scripts *scripts, size_t index)
{
    struct loader *loader = scripts->loader;
    const struct step *step = &loader->pipeline->steps[index];
    const struct yaml_node *lua = load_step_node(loader, index, "lua");
    if (step->kind == STEP_KIND_LUA && lua != NULL && step->lua_is_file) {
        add_file(scripts, lua, false);
    } else if (step->kind == STEP_KIND_LUA && lua != NULL && str_find(lua->text, STR("${{")) < 0) {
        add(scripts, lua, NULL);
    }
    const struct yaml_node *with = load_step_node(loader, index, "with");
    for (size_t p = 0; step->plugin != NULL && with != NULL && p < step->plugin->param_count; p++) {
        if (step->plugin->params[p].format == PLUGIN_FORMAT_LUA) {
            const struct yaml_node *value = yaml_get(with, step->plugin->params[p].name.p);
            add_file(scripts, value != NULL && value->type == JSON_STRING ? value : NULL, true);
        }
    }
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

/* Where character `column` of a line begins. */
static struct str from_column(struct str line, int column)
{
    size_t at = 0;
    for (int left = column - 1; left > 0 && at < line.n; left--) {
        at++;
        while (at < line.n && ((unsigned char)line.p[at] & 0xc0) == 0x80) {
            at++;
        }
    }
    return str_slice(line, at, line.n);
}

/* A literal one: its lines are those of the file. */
static bool is_block(const struct loader *loader, const struct yaml_node *node)
{
    struct str opening = from_column(diags_source_line(loader->diags, node->pos.line), node->pos.column);
    return !node->plain && str_starts(opening, STR("|"));
}

static int empty_lines(struct str text)
{
    int count = 0;
    while ((size_t)count < text.n && text.p[count] == '\n') {
        count++;
    }
    return count;
}

/* Where the first line of the script that is not empty begins. */
static struct pos content(const struct loader *loader, const struct yaml_node *node)
{
    struct pos place = yaml_content(loader->diags, node);
    place.column += empty_lines(node->text);
    return scalar_source_find(loader->diags, place);
}

/* How many lines of the file stand above line 1 of a script whose lines are those of the file; -1 when they are not:
 * text in quotes or folded over lines. */
static int lines_above(const struct loader *loader, const struct yaml_node *node)
{
    if (!is_block(loader, node)) {
        return str_find_byte(node->text, '\n', 0) < 0 && node->pos.line == node->end.line ? node->pos.line - 1 : -1;
    }
    return content(loader, node).line - empty_lines(node->text) - 1;
}

/* What the message quotes: "near 'end'". */
static struct str near_word(struct str problem)
{
    ptrdiff_t at = str_find(problem, STR("near '"));
    if (at < 0 || !str_ends(problem, STR("'"))) {
        return STR("");
    }
    return str_slice(problem, (size_t)at + sizeof "near '" - 1, problem.n - 1);
}

static int columns(struct str text)
{
    return pos_advance((struct pos){1, 1}, text, text.n, 1).column;
}

/* Puts the caret under the quoted word when it stands there once, else under the line, or where the script begins. */
static void place_in_line(struct loader *loader, struct diag *diag, const struct yaml_node *node, int line,
                          struct str problem)
{
    bool block = is_block(loader, node);
    struct str source = diags_source_line(loader->diags, line);
    struct str inside = block ? str_trim(source) : from_column(source, content(loader, node).column);
    struct str word = near_word(problem);
    ptrdiff_t first = word.n == 0 ? -1 : str_find(inside, word);
    bool once = first >= 0 && str_find(str_slice(inside, (size_t)first + word.n, inside.n), word) < 0;
    if (once || (block && inside.n > 0)) {
        struct str marked = once ? str_slice(inside, (size_t)first, (size_t)first + word.n) : inside;
        diag->pos = (struct pos){line, columns((struct str){source.p, (size_t)(marked.p - source.p)})};
        diag->end_column = diag->pos.column + columns(marked) - 1;
    }
}

/* The message may name another line of the script: "(to close 'if' at line 2)". */
static struct str in_lines_of_file(struct arena *arena, struct str problem, int above)
{
    ptrdiff_t at = str_find(problem, STR(" at line "));
    int64_t line = 0;
    if (at < 0) {
        return problem;
    }
    size_t begin = (size_t)at + sizeof " at line " - 1;
    size_t end = begin;
    while (end < problem.n && problem.p[end] >= '0' && problem.p[end] <= '9') {
        end++;
    }
    if (parse_int(str_slice(problem, begin, end), 1, INT32_MAX, &line, NULL) < 0) {
        return problem;
    }
    return str_from(arena_printf(arena, "%.*s%lld%.*s", STR_ARG(str_slice(problem, 0, begin)), (long long)line + above,
                                 STR_ARG(str_slice(problem, end, problem.n))));
}

/* The last line that says something, for a script that ends too early. */
static int last_line(struct str text)
{
    size_t end = text.n;
    int line = 1;
    while (end > 0 && strchr(" \t\r\n", text.p[end - 1]) != NULL) {
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        line += text.p[i] == '\n' ? 1 : 0;
    }
    return line;
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

static void tell_file(struct loader *loader, const struct place *place, const struct lua_script *script)
{
    if (script->line == 0) {
        load_error(loader, place->node, DIAG_FILE, NULL, "the Lua script '%.*s' cannot be read: %s",
                   STR_ARG(place->path), script->problem);
        return;
    }
    load_error(loader, place->node, DIAG_LUA, NULL, "the Lua script does not compile: %.*s:%d: %s",
               STR_ARG(place->path), script->line, script->problem);
}

static void tell_block(struct loader *loader, const struct place *place, const struct lua_script *script)
{
    int above = lines_above(loader, place->node);
    int last = last_line(script->text);
    int line = script->line > last ? last : script->line;
    if (above < 0) {
        load_error(loader, place->node, DIAG_LUA, "write it as a block: 'lua: |' and its lines below",
                   "the Lua script does not compile: its line %d: %s", line, script->problem);
        return;
    }
    struct str problem = in_lines_of_file(loader->arena, str_from(script->problem), above);
    struct diag *diag = diag_add(loader->diags, DIAG_LUA, content(loader, place->node), NULL,
                                 "the Lua script does not compile: %.*s", STR_ARG(problem));
    place_in_line(loader, diag, place->node, above + line, problem);
}

void check_scripts(struct loader *loader)
{
    struct scripts scripts = {.loader = loader};
    struct err err = {0};
    for (size_t i = 0; loader->world->compile_lua != NULL && i < loader->pipeline->step_count; i++) {
        collect(&scripts, i);
    }
    if (scripts.count == 0) {
        return;
    }
    int result =
        loader->world->compile_lua(loader->world->compiler, scripts.items, scripts.count, loader->arena, &err);
    for (size_t i = 0; i < scripts.count; i++) {
        const struct lua_script *script = &scripts.items[i];
        if (!script->known && result < 0) {
            load_error(loader, scripts.places[i].node, DIAG_SUSPECT, NULL,
                       "it was not looked whether this Lua script and those behind it compile: %s", err.message);
            return;
        }
        if (script->problem != NULL && script->file != NULL) {
            tell_file(loader, &scripts.places[i], script);
        } else if (script->problem != NULL) {
            tell_block(loader, &scripts.places[i], script);
        }
    }
}
