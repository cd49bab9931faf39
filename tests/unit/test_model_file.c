/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/model_file.h"
#include "test.h"

#include "base/fs.h"
#include "base/path.h"

#include <stdio.h>

static const int64_t now_ms = 1764324900123; /* 2025-11-28T10:15:00.123Z */

struct world {
    struct arena *arena;
    char folder[64];
    struct model_file model;
    struct err err;
};

static struct world begin(void)
{
    struct world w = {.arena = arena_new(), .folder = "/tmp/sluice-model-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    w.model = (struct model_file){
        .model_id = "m-0123", .run_id = "abcd", .dir = arena_printf(w.arena, "%s/models/m-0123/artifacts", w.folder)};
    return w;
}

static void end(struct world *w)
{
    assert_int_equal(fs_remove(w->folder, &w->err), 0);
    arena_free(w->arena);
}

static const char *put(struct world *w, const char *path, const char *text)
{
    const char *full = path_join(w->arena, w->folder, path);
    assert_int_equal(fs_make_folders(path_dir(w->arena, full), 0755, &w->err), 0);
    assert_int_equal(fs_write(full, str_from(text), 0644, false, &w->err), 0);
    return full;
}

static const char *mlmodel_of(struct world *w)
{
    struct str text = STR("");
    assert_int_equal(fs_read(path_join(w->arena, w->model.dir, "MLmodel"), 1 << 20, w->arena, &text, &w->err), 0);
    return text.p;
}

TEST(an_mlmodel_says_what_mlflow_reads)
{
    struct arena *arena = arena_new();
    struct model_file model = {.model_id = "m-0123", .run_id = "abcd", .dir = "/home/\"quoted\"/x"};
    assert_string_equal(model_file_text(&model, 42, now_ms, arena), "artifact_path: \"/home/\\\"quoted\\\"/x\"\n"
                                                                    "flavors:\n"
                                                                    "  \"sluice\":\n"
                                                                    "    data: .\n"
                                                                    "model_id: \"m-0123\"\n"
                                                                    "model_size_bytes: 42\n"
                                                                    "run_id: \"abcd\"\n"
                                                                    "sluice_version: \"" SLUICE_VERSION "\"\n"
                                                                    "utc_time_created: '2025-11-28 10:15:00.123000'\n");
    model.flavor = "xgb:\n evil";
    assert_non_null(strstr(model_file_text(&model, 42, now_ms, arena), "  \"xgb:\\n evil\":\n"));
    arena_free(arena);
}

TEST(a_file_becomes_a_folder_with_an_mlmodel)
{
    struct world w = begin();
    struct published made;
    const char *from = put(&w, "out/model.bin", "12345");
    assert_int_equal(model_file_publish(&w.model, from, now_ms, w.arena, &made, &w.err), 0);
    assert_int_equal(made.files.u.array.count, 2);
    assert_string_equal(json_get_text(&made.files.u.array.items[0], "path", ""), "MLmodel");
    assert_string_equal(json_get_text(&made.files.u.array.items[1], "path", ""), "model.bin");
    assert_non_null(strstr(mlmodel_of(&w), "model_size_bytes: 5\n"));
    assert_string_equal(made.local, w.model.dir);
    end(&w);
}

TEST(an_mlmodel_that_is_there_stays)
{
    struct world w = begin();
    struct published made;
    (void)put(&w, "out/MLmodel", "flavors: {python_function: {}}\n");
    (void)put(&w, "out/deep/w", "1");
    assert_int_equal(model_file_publish(&w.model, path_join(w.arena, w.folder, "out"), now_ms, w.arena, &made, &w.err),
                     0);
    assert_string_equal(mlmodel_of(&w), "flavors: {python_function: {}}\n");
    assert_string_equal(json_get_text(&made.files.u.array.items[1], "path", ""), "deep/w");
    end(&w);
}

TEST(a_failed_model_leaves_no_folder)
{
    struct world w = begin();
    struct published made;
    assert_int_equal(model_file_publish(&w.model, path_join(w.arena, w.folder, "none"), now_ms, w.arena, &made, &w.err),
                     -1);
    struct fs_list list = {0};
    err_clear(&w.err);
    assert_int_equal(fs_walk(w.folder, 100, w.arena, &list, &w.err), 0);
    assert_int_equal(list.count, 0);
    assert_false(fs_exists(w.model.dir));
    end(&w);
}

TESTS(RUN(an_mlmodel_says_what_mlflow_reads), RUN(a_file_becomes_a_folder_with_an_mlmodel),
      RUN(an_mlmodel_that_is_there_stays), RUN(a_failed_model_leaves_no_folder))
