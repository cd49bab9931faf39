/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/code_files.h"

#include "base/fs.h"
#include "base/path.h"

#include <string.h>

enum { SCANNED_MAX_BYTES = 1 << 20 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str skip_blanks(struct str text)
{
    size_t n = 0;
    while (n < text.n && (text.p[n] == ' ' || text.p[n] == '\t')) {
        n++;
    }
    return str_slice(text, n, text.n);
}

/* "a.b.c" at the beginning of `*text`, which moves behind it. */
static struct str take_dotted(struct str *text)
{
    size_t n = 0;
    while (n < text->n && (is_name_byte(text->p[n]) || text->p[n] == '.')) {
        n++;
    }
    struct str name = str_slice(*text, 0, n);
    *text = str_slice(*text, n, text->n);
    return name;
}

static bool take_word(struct str *text, struct str word)
{
    bool there = str_starts(*text, word) && (text->n == word.n || !is_name_byte(text->p[word.n]));
    if (there) {
        *text = skip_blanks(str_slice(*text, word.n, text->n));
    }
    return there;
}

/* "a.b" as "a/b". */
static char *as_path(struct arena *arena, struct str dotted)
{
    char *path = arena_printf(arena, "%.*s", STR_ARG(dotted));
    for (char *p = path; *p != '\0'; p++) {
        *p = *p == '.' ? '/' : *p;
    }
    return path;
}

/* ---- Python ------------------------------------------------------------------------------------------------------ */

/* a, a.b and a.b.c below `folder`, each as a module or a package. False when there is no `a`. */
static bool add_module(struct code_files *files, const char *folder, struct str dotted)
{
    bool found = false;
    for (size_t n = 1; n <= dotted.n; n++) {
        if (n < dotted.n && dotted.p[n] != '.') {
            continue;
        }
        const char *base = path_join(files->arena, folder, as_path(files->arena, str_slice(dotted, 0, n)));
        const char *module = arena_printf(files->arena, "%s.py", base);
        const char *package = path_join(files->arena, base, "__init__.py");
        found = found || fs_is_file(module) || fs_is_folder(base);
        code_files_add(files, module);
        code_files_add(files, package);
    }
    return found;
}

/* What is beside the file that imports it is found first; a program's folder or the workspace may be on the path. */
static void import_module(struct code_files *files, const char *folder, struct str dotted)
{
    if (dotted.n > 0 && !add_module(files, folder, dotted)) {
        (void)add_module(files, files->workspace, dotted);
    }
}

/* "from .a import b, c": one dot is the folder, each further one the folder above. */
static void from_import(struct code_files *files, const char *folder, struct str line)
{
    struct str module = take_dotted(&line);
    bool relative = str_starts(module, STR("."));
    for (module = relative ? str_slice(module, 1, module.n) : module; str_starts(module, STR("."));
         module = str_slice(module, 1, module.n)) {
        folder = path_dir(files->arena, folder);
    }
    import_module(files, folder, module);
    line = skip_blanks(line);
    if (!take_word(&line, STR("import"))) {
        return;
    }
    while (line.n > 0) {
        line = skip_blanks(line);
        struct str name = take_dotted(&line);
        if (name.n > 0) {
            const char *joined = module.n == 0
                                     ? arena_str(files->arena, name).p
                                     : arena_printf(files->arena, "%.*s.%.*s", STR_ARG(module), STR_ARG(name));
            import_module(files, folder, str_from(joined));
        } else {
            line = str_slice(line, 1, line.n);
        }
    }
}

/* Names in parentheses go on over lines: `*line` is widened to their end, and `*rest` begins behind it. */
static void join_lines(struct str *line, struct str *rest)
{
    ptrdiff_t open = str_find_byte(*line, '(', 0);
    if (open < 0 || rest->p == NULL) {
        return;
    }
    struct str whole = {line->p, (size_t)(rest->p - line->p) + rest->n};
    ptrdiff_t close = str_find_byte(whole, ')', (size_t)open);
    if (close > 0 && (size_t)close > line->n) {
        *line = str_slice(whole, 0, (size_t)close);
        *rest = str_slice(whole, (size_t)close, whole.n);
    }
}

static void scan_python(struct code_files *files, const char *path, struct str text)
{
    const char *folder = path_dir(files->arena, path);
    struct str line = {0};
    while (str_cut(&text, '\n', &line)) {
        line = skip_blanks(line);
        if (take_word(&line, STR("from"))) {
            join_lines(&line, &text);
            from_import(files, folder, line);
        } else if (take_word(&line, STR("import"))) {
            struct str one = {0};
            while (str_cut(&line, ',', &one)) {
                one = skip_blanks(one);
                import_module(files, folder, take_dotted(&one));
            }
        }
    }
}

/* ---- Lua --------------------------------------------------------------------------------------------------------- */

static void add_lua_module(struct code_files *files, struct str name)
{
    const char *relative = arena_printf(files->arena, "%s.lua", as_path(files->arena, name));
    for (size_t i = 0; i < files->lua_folder_count && path_is_below(str_from(relative)); i++) {
        const char *path = path_join(files->arena, files->lua_folders[i], relative);
        if (fs_is_file(path)) {
            code_files_add(files, path);
            return;
        }
    }
}

void code_files_of_lua(struct code_files *files, struct str text)
{
    static const struct str word = {"require", 7};
    for (ptrdiff_t at = str_find(text, word); at >= 0; at = str_find(text, word)) {
        struct str rest = skip_blanks(str_slice(text, (size_t)at + word.n, text.n));
        rest = str_starts(rest, STR("(")) ? skip_blanks(str_slice(rest, 1, rest.n)) : rest;
        text = rest;
        if (rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\'')) {
            ptrdiff_t end = str_find_byte(rest, rest.p[0], 1);
            if (end > 0) {
                add_lua_module(files, str_slice(rest, 1, (size_t)end));
            }
        }
    }
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static bool ends_word(char c)
{
    return c == '\0' || strchr(" \t\r\n\"'`;|&()<>={},$\\", c) != NULL;
}

static void add_word(struct code_files *files, struct str word, bool is_module)
{
    while (str_starts(word, STR("./"))) {
        word = str_slice(word, 2, word.n);
    }
    if (is_module) { /* python -m package.module */
        (void)add_module(files, files->workspace, word);
        const char *package = path_join(files->arena, files->workspace, as_path(files->arena, word));
        code_files_add(files, path_join(files->arena, package, "__main__.py"));
    } else if (path_is_below(word)) {
        code_files_add(files, path_join(files->arena, files->workspace, arena_str(files->arena, word).p));
    }
}

void code_files_of_command(struct code_files *files, struct str text)
{
    bool output = false; /* behind '>' */
    bool module = false; /* behind -m */
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        while (end < text.n && !ends_word(text.p[end])) {
            end++;
        }
        if (end == at) {
            bool blank = text.p[at] == ' ' || text.p[at] == '\t' || text.p[at] == '"' || text.p[at] == '\'';
            output = text.p[at] == '>' || (output && blank);
            at++;
            continue;
        }
        struct str word = str_slice(text, at, end);
        if (!output) {
            add_word(files, word, module);
        }
        output = false;
        module = str_is(word, "-m");
        at = end;
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool is_known(const struct code_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

void code_files_add(struct code_files *files, const char *path)
{
    path = path_normal(files->arena, path);
    if (files->count == CODE_FILES_MAX || !fs_is_file(path) || is_known(files, path)) {
        return;
    }
    files->paths = arena_grow(files->arena, files->paths, files->count, &files->room, sizeof *files->paths);
    files->paths[files->count++] = path;
    struct str name = str_from(path);
    bool python = str_ends(name, STR(".py"));
    bool shell = str_ends(name, STR(".sh")) || str_ends(name, STR(".bash"));
    bool lua = str_ends(name, STR(".lua"));
    struct str text;
    struct err wrong = {0};
    if (!(python || shell || lua)) {
        return;
    }
    if (fs_read_file(path, SCANNED_MAX_BYTES, files->arena, &text, &wrong) < 0) {
        files->wrong = wrong.code == ERR_IO && files->wrong.code == ERR_NONE ? wrong : files->wrong;
        return;
    }
    if (python) {
        scan_python(files, path, text);
    } else if (shell) {
        code_files_of_command(files, text);
    } else {
        code_files_of_lua(files, text);
    }
}
