/* SPDX-License-Identifier: Apache-2.0
 * Which files a command or script names.
 */
#include "engine/code_files.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "test.h"

#include <stdlib.h>

/* What a workspace holds: "name" and its text. */
static const char *const workspace[][2] = {
    {"train.py", "import os, wines\nfrom pkg import (\n    deep,  # one of "
                 "two\n    other)\nimport pkg.sub.leaf as leaf\n"},
    {"wines.py", "import wines_base\n    from .near import x\n# import "
                 "commented\nx = 'import quoted'\n"},
    {"wines_base.py", "import wines\n"},
    {"near.py", ""},
    {"commented.py", ""},
    {"quoted.py", ""},
    {"imported.py", ""},
    {"pkg/__init__.py", "important = 1\n"},
    {"pkg/deep.py", "from .. import imported\nfrom ..near import x\n"},
    {"pkg/sub/leaf.py", ""},
    {"pkg/__main__.py", ""},
    {"run.sh", "set -e\npython3 train.py > out.csv\n"},
    {"out.csv", ""},
    {"data.csv", "import wines\n"},
    {"lib/rows.lua", "return require('lib.more')\n"},
    {"lib/more.lua", "local s = 'require'\nrequire(computed)\nreturn 1\n"},
};

struct fixture {
    struct arena *arena;
    struct code_files files;
    const char *folders[1];
};

static struct fixture make_workspace(void)
{
    struct fixture f = {.arena = arena_new()};
    char *root = arena_strdup(f.arena, "/tmp/sluice-test-code-XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < sizeof workspace / sizeof workspace[0]; i++) {
        const char *path = path_join(f.arena, root, workspace[i][0]);
        assert_int_equal(fs_make_folders(path_dir(f.arena, path), 0700, NULL), 0);
        assert_int_equal(fs_write(path, str_from(workspace[i][1]), 0600, false, NULL), 0);
    }
    f.folders[0] = root;
    f.files = (struct code_files){.arena = f.arena, .workspace = root};
    return f;
}

static const char *found(struct fixture *f)
{
    const char *words = "";
    for (size_t i = 0; i < f->files.count; i++) {
        words = arena_printf(f->arena, "%s%s%s", words, i == 0 ? "" : " ",
                             f->files.paths[i] + strlen(f->files.workspace) + 1);
    }
    return words;
}

static void drop_workspace(struct fixture *f)
{
    assert_int_equal(fs_remove(f->files.workspace, NULL), 0);
    arena_free(f->arena);
}

#define OF_TRAIN                                                                                                       \
    "train.py wines.py wines_base.py near.py pkg/__init__.py pkg/deep.py "                                             \
    "imported.py pkg/sub/leaf.py"

TEST(a_command_names_files_by_words_and_by_what_they_import)
{
    static const struct {
        const char *command;
        const char *files;
    } rows[] = {
        {"", ""},
        {"python train.py --data=data.csv", OF_TRAIN " data.csv"},
        {"python ./train.py", OF_TRAIN},
        {"python -u \"train.py\"", OF_TRAIN},
        {"cat data.csv | tee out.csv", "data.csv out.csv"},
        {"cat data.csv > out.csv", "data.csv"},
        {"cat data.csv >> 'out.csv'; wc -l <data.csv", "data.csv"},
        {"echo x >out.csv && cat out.csv", "out.csv"},
        {"python -m pkg.sub.leaf", "pkg/__init__.py pkg/sub/leaf.py"},
        {"python -m pkg", "pkg/__init__.py pkg/__main__.py"},
        {"bash run.sh", "run.sh " OF_TRAIN},
        {"python ../train.py /etc/hostname nowhere.py lib", ""},
        {"(cd pkg; cat deep.py)", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f = make_workspace();
        code_files_of_command(&f.files, str_from(rows[i].command));
        assert_string_equal(found(&f), rows[i].files);
        drop_workspace(&f);
    }
}

TEST(a_lua_script_names_what_it_requires)
{
    struct fixture f = make_workspace();
    f.files.lua_folders = f.folders;
    f.files.lua_folder_count = 1;
    code_files_of_lua(&f.files, STR("local a = require \"lib.rows\"\nrequire "
                                    "'no.where'\nrequire(\"../train\")\n"));
    assert_string_equal(found(&f), "lib/rows.lua lib/more.lua");
    drop_workspace(&f);
}

TEST(texts_that_end_early_are_read_to_their_end)
{
    static const char *const texts[] = {"from",   "from .",    "from . import",
                                        "import", "import a,", "from a import (b,\nc"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fixture f = make_workspace();
        const char *path = path_join(f.arena, f.files.workspace, "train.py");
        assert_int_equal(fs_write(path, str_from(texts[i]), 0600, false, NULL), 0);
        code_files_of_command(&f.files, STR("python train.py >"));
        assert_string_equal(found(&f), "train.py");
        code_files_of_lua(&f.files, STR("require"));
        code_files_of_lua(&f.files, STR("require(\"lib"));
        drop_workspace(&f);
    }
}

TESTS(RUN(a_command_names_files_by_words_and_by_what_they_import), RUN(a_lua_script_names_what_it_requires),
      RUN(texts_that_end_early_are_read_to_their_end))
