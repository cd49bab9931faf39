/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/code_files.h"

#include "base/fs.h"
#include "base/path.h"
#include "engine/python_imports.h"

#include <string.h>
#include <unistd.h>

enum { SCANNED_MAX_BYTES = 16 << 20 };

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

/* "a.b" as "a/b". */
static char *as_path(struct arena *arena, struct str dotted)
{
    char *path = arena_printf(arena, "%.*s", STR_ARG(dotted));
    for (char *p = path; *p != '\0'; p++) {
        *p = *p == '.' ? '/' : *p;
    }
    return path;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static bool is_in_workspace(const struct code_files *files, const char *path)
{
    size_t n = strlen(files->workspace);
    n -= n == 1; /* "/" */
    return strncmp(path, files->workspace, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* One more than is looked at. */
void code_files_too_many(struct code_files *files, int most, const char *what, const char *path)
{
    if (files->wrong.code == ERR_NONE) {
        (void)err_set(&files->wrong, ERR_LIMIT, "it names more than %d %s: '%s' is one more", most, what, path);
    }
}

static void add_folder(struct code_files *files, struct code_folders *folders, const char *path)
{
    path = path_normal(files->arena, path);
    bool known = !is_in_workspace(files, path) || !fs_is_folder(path);
    for (size_t i = 0; i < folders->count && !known; i++) {
        known = strcmp(folders->paths[i], path) == 0;
    }
    if (known) {
        return;
    }
    if (folders->count == CODE_FOLDERS_MAX) {
        code_files_too_many(files, CODE_FOLDERS_MAX, "folders of code", path);
        return;
    }
    folders->paths = arena_grow(files->arena, folders->paths, folders->count, &folders->room, sizeof *folders->paths);
    folders->paths[folders->count++] = path;
}

/* Where a command may stand: the workspace, where it went by `cd`, and where the script is that it is in. */
static const char *place(const struct code_files *files, size_t i)
{
    return i == 0 ? files->workspace : files->places.paths[i - 1];
}

/* ---- Python ------------------------------------------------------------------------------------------------------ */

/* a, a.b and a.b.c below `folder`, each as a module or a package. */
static void add_module(struct code_files *files, const char *folder, struct str dotted)
{
    for (size_t n = 1; n <= dotted.n; n++) {
        if (n < dotted.n && dotted.p[n] != '.') {
            continue;
        }
        const char *base = path_join(files->arena, folder, as_path(files->arena, str_slice(dotted, 0, n)));
        code_files_add(files, arena_printf(files->arena, "%s.py", base));
        code_files_add(files, path_join(files->arena, base, "__init__.py"));
    }
}

/* In each folder that may be on Python's path, since what is found first there is not known here: a file that is not
 * the one costs a run, one that is missed costs a wrong result. */
static void add_on_path(struct code_files *files, struct str dotted)
{
    for (size_t i = 0; i < files->python_path.count; i++) {
        add_module(files, files->python_path.paths[i], dotted);
    }
    for (size_t i = 0; i <= files->places.count; i++) {
        add_module(files, place(files, i), dotted);
    }
}

struct importing {
    struct code_files *files;
    const char *folder; /* of the file that imports */
};

static void take_import(void *ctx, const struct python_import *import)
{
    struct importing *importing = ctx;
    struct code_files *files = importing->files;
    struct str dotted = import->module.n == 0 ? import->name : import->module;
    if (import->module.n > 0 && import->name.n > 0) {
        dotted = str_from(arena_printf(files->arena, "%.*s.%.*s", STR_ARG(import->module), STR_ARG(import->name)));
    }
    const char *folder = importing->folder;
    for (size_t i = 1; i < import->dots; i++) {
        folder = path_dir(files->arena, folder);
    }
    add_module(files, folder, dotted);
    if (import->dots == 0) {
        add_on_path(files, dotted);
    }
}

static void scan_python(struct code_files *files, const char *path, struct str text)
{
    struct importing importing = {.files = files, .folder = path_dir(files->arena, path)};
    python_imports(text, take_import, &importing);
}

void code_files_on_python_path(struct code_files *files, struct str folders)
{
    struct str one = {0};
    while (str_cut(&folders, ':', &one)) {
        if (one.n > 0) {
            add_folder(files, &files->python_path,
                       path_join(files->arena, files->workspace, arena_str(files->arena, one).p));
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
        bool quoted = rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\'');
        bool bracketed = str_starts(rest, STR("[["));
        ptrdiff_t end = quoted      ? str_find_byte(rest, rest.p[0], 1)
                        : bracketed ? str_find_byte(rest, ']', 2)
                                    : -1;
        if (end > 0) {
            add_lua_module(files, str_slice(rest, quoted ? 1 : 2, (size_t)end));
        }
    }
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

/* What the next word is. */
enum word_role { WORD_ANY, WORD_OUTPUT, WORD_MODULE, WORD_FOLDER, WORD_PYTHON_PATH };

static bool ends_word(char c)
{
    return c == '\0' || strchr(" \t\r\n\"'`;|&()<>={},$\\", c) != NULL;
}

/* How many bytes of "$NAME/" or "${NAME}/" stand there, perhaps with a '"' before the '/': what follows is a path from
 * a folder that is known here, or may be. Not of the step's own folders, which begin empty. */
static size_t known_folder(struct str text)
{
    static const char *const others[] = {"SLUICE_STEP_DIR", "SLUICE_STATE", "HOME", "TMPDIR"};
    size_t at = 1;
    bool braces = text.n > 1 && text.p[1] == '{';
    size_t name_at = braces ? ++at : at;
    while (at < text.n && is_name_byte(text.p[at])) {
        at++;
    }
    struct str name = str_slice(text, name_at, at);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (str_is(name, others[i])) {
            return 0;
        }
    }
    at += braces && at < text.n && text.p[at] == '}';
    at += at < text.n && text.p[at] == '"';
    return name.n > 0 && at < text.n && text.p[at] == '/' ? at + 1 : 0;
}

/* In an interpreter's place for programs: the folder of one is the first on Python's path. */
static void add_program(struct code_files *files, const char *path)
{
    path = path_normal(files->arena, path);
    if (is_in_workspace(files, path) && fs_is_file(path)) {
        add_folder(files, &files->python_path, path_dir(files->arena, path));
        code_files_add(files, path);
    }
}

static void add_word(struct code_files *files, struct str word, enum word_role role)
{
    const char *text = arena_str(files->arena, word).p;
    if (role == WORD_PYTHON_PATH) {
        code_files_on_python_path(files, word);
        return;
    }
    if (role == WORD_MODULE) { /* python -m package.module */
        add_on_path(files, word);
        add_on_path(files, str_from(arena_printf(files->arena, "%s.__main__", text)));
        return;
    }
    for (size_t i = files->places.count + 1; i > 0; i--) {
        const char *path = path_join(files->arena, place(files, i - 1), text);
        if (role == WORD_FOLDER) {
            add_folder(files, &files->places, path);
        } else {
            add_program(files, path);
        }
    }
}

static enum word_role role_behind(struct str word, struct str rest)
{
    bool folder = str_is(word, "cd") || str_is(word, "pushd") || str_is(word, "-C");
    bool path = str_is(word, "PYTHONPATH") && str_starts(rest, STR("="));
    return str_is(word, "-m") ? WORD_MODULE : folder ? WORD_FOLDER : path ? WORD_PYTHON_PATH : WORD_ANY;
}

/* Does what stands between two words leave the second one its role? */
static enum word_role role_past(enum word_role role, char c)
{
    bool blank = c == ' ' || c == '\t' || c == '"' || c == '\'';
    return c == '>'                                  ? WORD_OUTPUT
           : blank || (role == WORD_PYTHON_PATH && c == '=') ? role
                                                             : WORD_ANY;
}

void code_files_of_command(struct code_files *files, struct str text)
{
    enum word_role role = WORD_ANY;
    for (size_t at = 0; at < text.n;) {
        struct str rest = str_slice(text, at, text.n);
        size_t end = at;
        while (end < text.n && !ends_word(text.p[end])) {
            end++;
        }
        size_t folder = rest.p[0] == '$' ? known_folder(rest) : 0;
        if (folder > 0) {
            at += folder;
        } else if (end == at) {
            role = role_past(role, text.p[at]);
            at++;
        } else {
            struct str word = str_slice(text, at, end);
            bool behind_one = word.p[0] == '/' && at > 0 && text.p[at - 1] == ')'; /* "$(dirname "$0")/lib.sh" */
            if (role != WORD_OUTPUT) {
                add_word(files, behind_one ? str_slice(word, 1, word.n) : word, role);
            }
            role = role_behind(word, str_slice(text, end, text.n));
            at = end;
        }
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

/* What the file is written in, by its name or, where that says nothing, by its first line. */
enum language { LANGUAGE_OTHER, LANGUAGE_PYTHON, LANGUAGE_SHELL, LANGUAGE_LUA };

static enum language language_of_program(const char *path)
{
    char line[128] = {0};
    int fd = fs_open_file(path, NULL);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    line[strcspn(line, "\n")] = '\0';
    bool program = n > 2 && strncmp(line, "#!", 2) == 0;
    return !program                       ? LANGUAGE_OTHER
           : strstr(line, "python") != NULL ? LANGUAGE_PYTHON
           : strstr(line, "lua") != NULL    ? LANGUAGE_LUA
           : strstr(line, "sh") != NULL     ? LANGUAGE_SHELL
                                            : LANGUAGE_OTHER;
}

static enum language language_of(const char *path)
{
    static const struct {
        const char *end;
        enum language language;
    } rows[] = {
        {".py", LANGUAGE_PYTHON}, {".sh", LANGUAGE_SHELL}, {".bash", LANGUAGE_SHELL}, {".lua", LANGUAGE_LUA}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_ends(str_from(path), str_from(rows[i].end))) {
            return rows[i].language;
        }
    }
    return language_of_program(path);
}

static void scan(struct code_files *files, const char *path, enum language language, struct str text)
{
    if (language == LANGUAGE_PYTHON) {
        scan_python(files, path, text);
    } else if (language == LANGUAGE_SHELL) {
        add_folder(files, &files->places, path_dir(files->arena, path));
        code_files_of_command(files, text);
    } else {
        code_files_of_lua(files, text);
    }
}

void code_files_add(struct code_files *files, const char *path)
{
    path = path_normal(files->arena, path);
    struct err wrong = {0};
    if (!fs_is_file(path) || is_known(files, path)) {
        return;
    }
    if (files->count == CODE_FILES_MAX) {
        code_files_too_many(files, CODE_FILES_MAX, "files of code", path);
        return;
    }
    files->paths = arena_grow(files->arena, files->paths, files->count, &files->room, sizeof *files->paths);
    files->paths[files->count++] = path;
    struct str text;
    enum language language = language_of(path);
    if (language == LANGUAGE_OTHER) {
        return;
    }
    if (fs_read_file(path, SCANNED_MAX_BYTES, files->arena, &text, &wrong) == 0) {
        scan(files, path, language, text);
    } else if (wrong.code != ERR_NOT_FOUND && files->wrong.code == ERR_NONE) {
        files->wrong = wrong;
    }
}
