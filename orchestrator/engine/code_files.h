/* SPDX-License-Identifier: Apache-2.0
 * The files that a command or script names: its words that are files of the workspace, what Python files among them
 * import, what shell scripts among them name, what Lua scripts require.
 *
 * This reads texts and runs nothing, so it sees what is written out: `python train.py`, `import wines`,
 * `require "lib.rows"`. A name that is computed at run time is not seen (docs/caching.md). Where a name may be that of
 * several files it is that of all of them.
 */
#ifndef SLUICE_ENGINE_CODE_FILES_H
#define SLUICE_ENGINE_CODE_FILES_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum { CODE_FILES_MAX = 2000, CODE_FOLDERS_MAX = 50 };

/* Of the workspace, each once. */
struct code_folders {
    const char **paths;
    size_t count;
    size_t room;
};

struct code_files {
    struct arena *arena;
    const char *workspace;           /* a normal path */
    struct code_folders places;      /* besides it, what words are relative to: where `cd` leads, where scripts lie */
    struct code_folders python_path; /* where modules are looked for besides: with programs, and in PYTHONPATH */
    const char *const *lua_folders; /* where `require` looks, in this order */
    size_t lua_folder_count;
    const char **paths; /* found so far, absolute, each once, in the order found */
    size_t count;
    size_t room;
    struct err wrong; /* of the first that could not be read, so that what it names is not known, or of the first that
                       * is one too many; ERR_NONE: none */
};

/* Modules may also lie there: "src:lib", from the workspace. Before anything is added. */
void code_files_on_python_path(struct code_files *files, struct str folders);

/* Adds the files that the words of a shell command name, but not those it redirects its output to; and what they name
 * in turn. */
void code_files_of_command(struct code_files *files, struct str text);
/* The same of the text of a Lua script: the modules it requires. */
void code_files_of_lua(struct code_files *files, struct str text);
/* Adds a file by its absolute path, and what it names; nothing when it is no file. */
void code_files_add(struct code_files *files, const char *path);
/* `path` is one more than the most that are looked at of them: nothing is known of what is behind. */
void code_files_too_many(struct code_files *files, int most, const char *what, const char *path);

#endif
