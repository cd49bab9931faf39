/* SPDX-License-Identifier: Apache-2.0
 * Which files a command or script names.
 */
#include "engine/code_files.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/python_imports.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

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
    {"src/main.py", "from models import net\n"},
    {"src/models/net.py", "if True: import util\n"},
    {"src/util.py", ""},
    {"src/app/__init__.py", ""},
    {"src/app/__main__.py", "import sys; import util\n"},
    {"scripts/build.sh", "cd \"$(dirname \"$0\")\"\n. \"$HERE/common.inc\"; python3 tool.py\n"},
    {"scripts/all.sh", "exec \"$(dirname \"$0\")/tool.py\" \"$SLUICE_STEP_DIR/near.py\"\n"},
    {"scripts/common.inc", ""},
    {"scripts/tool.py", ""},
    {"scripts/near.py", ""},
    {"bin/report", "#!/usr/bin/env python3\nimport near\n"},
    {"bin/all", "#!/bin/sh\n./report\n"},
    {"bin/data", "# sh: report\n"},
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
        {"(cd pkg; cat deep.py)", "pkg/deep.py imported.py near.py"},
        {"cd pkg && cat ../data.csv", "data.csv"},
        {"git -C scripts show tool.py", "scripts/tool.py"},
        {"cat \"$SLUICE_WORKSPACE/data.csv\" ${SLUICE_WORKSPACE}/out.csv \"$SLUICE_WORKSPACE\"/near.py",
         "data.csv out.csv near.py"},
        {"cat \"$SLUICE_STEP_DIR/data.csv\" $HOME/out.csv > \"$PWD/near.py\"", ""},
        {"python3 src/main.py", "src/main.py src/models/net.py src/util.py"},
        {"PYTHONPATH=src:$PYTHONPATH python3 -m app", "src/app/__init__.py src/app/__main__.py src/util.py"},
        {"export PYTHONPATH=\"$SLUICE_WORKSPACE/src\"; python3 -m app",
         "src/app/__init__.py src/app/__main__.py src/util.py"},
        {"cd src; python3 -m app", "src/app/__init__.py src/app/__main__.py src/util.py"},
        {"bash scripts/build.sh", "scripts/build.sh scripts/common.inc scripts/tool.py"},
        {"bash scripts/all.sh", "scripts/all.sh scripts/tool.py"},
        {"bin/report", "bin/report near.py"},
        {"bin/all", "bin/all bin/report near.py"},
        {"cat bin/data", "bin/data"},
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
    f = make_workspace();
    f.files.lua_folders = f.folders;
    f.files.lua_folder_count = 1;
    code_files_of_lua(&f.files, STR("local a = require [[lib.more]] + require([[lib"));
    assert_string_equal(found(&f), "lib/more.lua");
    drop_workspace(&f);
}

TEST(an_absolute_path_into_the_workspace_is_one_of_its_files)
{
    struct fixture f = make_workspace();
    code_files_of_command(&f.files, str_from(arena_printf(f.arena, "cat %s/data.csv %s-other/x", f.files.workspace,
                                                          f.files.workspace)));
    assert_string_equal(found(&f), "data.csv");
    drop_workspace(&f);
}

TEST(modules_lie_where_the_environment_says)
{
    struct fixture f = make_workspace();
    code_files_on_python_path(&f.files, STR("nowhere::/etc:src"));
    code_files_of_command(&f.files, STR("python3 -m app"));
    assert_string_equal(found(&f), "src/app/__init__.py src/app/__main__.py src/util.py");
    drop_workspace(&f);
}

/* Otherwise a result would be used again though one of those that are left out has changed. */
TEST(more_files_than_are_looked_at_are_an_error)
{
    struct fixture f = make_workspace();
    struct strbuf command;
    strbuf_init(&command, 1 << 20);
    for (int i = 0; i <= CODE_FILES_MAX; i++) {
        const char *name = arena_printf(f.arena, "many-%04d", i);
        assert_int_equal(fs_write(path_join(f.arena, f.files.workspace, name), STR(""), 0600, false, NULL), 0);
        strbuf_add_text(&command, name);
        strbuf_add_byte(&command, i == CODE_FILES_MAX - 1 ? '\n' : ' ');
    }
    ptrdiff_t line = str_find_byte(strbuf_str(&command), '\n', 0);
    code_files_of_command(&f.files, str_slice(strbuf_str(&command), 0, (size_t)line));
    assert_int_equal(f.files.count, CODE_FILES_MAX);
    assert_int_equal(f.files.wrong.code, ERR_NONE);
    code_files_of_command(&f.files, strbuf_str(&command));
    assert_int_equal(f.files.wrong.code, ERR_LIMIT);
    assert_non_null(strstr(f.files.wrong.message, "more than 2000 files of code"));
    strbuf_clear(&command);
    drop_workspace(&f);
}

TEST(a_script_that_is_too_large_to_be_read_is_an_error)
{
    struct fixture f = make_workspace();
    const char *path = path_join(f.arena, f.files.workspace, "near.py");
    assert_int_equal(truncate(path, (16 << 20) + 1), 0);
    code_files_of_command(&f.files, STR("python near.py"));
    assert_int_equal(f.files.wrong.code, ERR_LIMIT);
    drop_workspace(&f);
}

static void note_import(void *ctx, const struct python_import *import)
{
    struct strbuf *words = ctx;
    strbuf_add_text(words, words->length == 0 ? "" : " ");
    strbuf_add(words, "....", import->dots);
    strbuf_add_str(words, import->module);
    strbuf_add_text(words, import->name.n == 0 ? "" : ":");
    strbuf_add_str(words, import->name);
}

TEST(imports_stand_where_a_statement_may_begin)
{
    static const struct {
        const char *text;
        const char *imports;
    } rows[] = {
        {"import a", "a"},
        {"import a.b as c, d", "a.b d"},
        {"import sys; import b", "sys b"},
        {"if True: import b", "b"},
        {"try: import b\r\nexcept: import c\r\n", "b c"},
        {"import a, \\\n    b\nimport c", "a b c"},
        {"import a, \\\r\n    b", "a b"},
        {"from a import b as c, d", "a a:b a:d"},
        {"from a import (b,  # the (first)\n    c)\nimport d", "a a:b a:c d"},
        {"from a import b, \\\n  c # import d", "a a:b a:c"},
        {"from a import *", "a"},
        {"from . import a", ".:a"},
        {"from .a import b", ".a .a:b"},
        {"from .import a", ".:a"},
        {"from ... a.b import c", "...a.b ...a.b:c"},
        {"from a import(b)", "a a:b"},
        {"# import a\nx = 'import b'\nimportant = from_x = 1\nraise X from import_x", ""},
        {"from", ""},
        {"from . import", ""},
        {"import \\", ""},
        {"import (", ""},
        {"from a import (b", "a a:b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct strbuf words;
        strbuf_init(&words, 1 << 10);
        python_imports(str_from(rows[i].text), note_import, &words);
        assert_string_equal(words.length == 0 ? "" : words.data, rows[i].imports);
        strbuf_clear(&words);
    }
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
      RUN(an_absolute_path_into_the_workspace_is_one_of_its_files), RUN(modules_lie_where_the_environment_says),
      RUN(more_files_than_are_looked_at_are_an_error), RUN(a_script_that_is_too_large_to_be_read_is_an_error),
      RUN(imports_stand_where_a_statement_may_begin),
      RUN(texts_that_end_early_are_read_to_their_end))
