/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/publish.h"
#include "test.h"

#include "base/fs.h"
#include "base/path.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct arena *arena;
    char folder[64];
    struct err err;
};

static struct world begin(void)
{
    struct world w = {.arena = arena_new(), .folder = "/tmp/sluice-publish-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    return w;
}

static void end(struct world *w)
{
    assert_int_equal(fs_remove(w->folder, &w->err), 0);
    arena_free(w->arena);
}

static const char *at(struct world *w, const char *path)
{
    return path_join(w->arena, w->folder, path);
}

static void put(struct world *w, const char *path, const char *text)
{
    assert_int_equal(fs_make_folders(path_dir(w->arena, at(w, path)), 0755, &w->err), 0);
    assert_int_equal(fs_write(at(w, path), str_from(text), 0755, false, &w->err), 0);
}

static const char *text_of(struct world *w, const char *path)
{
    struct str text = STR("");
    assert_int_equal(fs_read(at(w, path), 1 << 20, w->arena, &text, &w->err), 0);
    return text.p;
}

static const char *path_at(const struct published *published, size_t index)
{
    return json_get_text(&published->files.u.array.items[index], "path", "");
}

/* How many names a folder has, hidden ones too: nothing half-made may stay. */
static size_t names_in(struct world *w, const char *path)
{
    struct fs_list list = {0};
    struct fs_list hidden = {0};
    assert_int_equal(fs_glob(at(w, path), "*", w->arena, &list, &w->err), 0);
    assert_int_equal(fs_glob(at(w, path), ".*", w->arena, &hidden, &w->err), 0);
    return list.count + hidden.count;
}

TEST(a_file_is_copied_digested_and_made_read_only)
{
    struct world w = begin();
    struct published made;
    put(&w, "roc.svg", "<svg/>");
    assert_int_equal(publish_copy(at(&w, "roc.svg"), at(&w, "artifacts"), "plots/roc.svg", w.arena, &made, &w.err), 0);
    assert_string_equal(made.local, at(&w, "artifacts/plots/roc.svg"));
    assert_string_equal(text_of(&w, "artifacts/plots/roc.svg"), "<svg/>");
    assert_int_equal(made.size_bytes, 6);
    assert_int_equal(made.files.u.array.count, 1);
    assert_string_equal(path_at(&made, 0), "plots/roc.svg");
    assert_string_equal(json_get_text(&made.files.u.array.items[0], "sha256", ""), digest_bytes(STR("<svg/>")).hex);
    assert_string_equal(made.digest.hex, digest_bytes(STR("<svg/>")).hex);
    struct stat status;
    assert_int_equal(stat(made.local, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0555);
    assert_int_equal(names_in(&w, "artifacts/plots"), 1);
    end(&w);
}

TEST(a_folder_is_published_whole_with_the_digest_of_a_tree)
{
    struct world w = begin();
    struct published made;
    struct digest digest;
    int64_t size = 0;
    put(&w, "model/weights.bin", "12345");
    put(&w, "model/deep/er.txt", "x");
    put(&w, "model/.hidden", "");
    assert_int_equal(publish_copy(at(&w, "model"), at(&w, "artifacts"), "best", w.arena, &made, &w.err), 0);
    assert_int_equal(made.files.u.array.count, 3);
    assert_string_equal(path_at(&made, 0), "best/.hidden");
    assert_string_equal(path_at(&made, 1), "best/deep/er.txt");
    assert_string_equal(path_at(&made, 2), "best/weights.bin");
    assert_int_equal(made.size_bytes, 6);
    assert_int_equal(digest_tree(at(&w, "model"), &digest, &size, &w.err), 0);
    assert_string_equal(made.digest.hex, digest.hex);
    end(&w);
}

TEST(what_was_there_is_replaced_whatever_it_was)
{
    struct world w = begin();
    struct published made;
    put(&w, "one", "1");
    put(&w, "two/a", "2");
    put(&w, "two/b", "2");
    const char *root = at(&w, "artifacts");
    assert_int_equal(publish_copy(at(&w, "one"), root, "x", w.arena, &made, &w.err), 0);
    assert_int_equal(publish_copy(at(&w, "two"), root, "x", w.arena, &made, &w.err), 0);
    assert_string_equal(text_of(&w, "artifacts/x/b"), "2");
    assert_int_equal(publish_copy(at(&w, "two"), root, "x", w.arena, &made, &w.err), 0);
    assert_int_equal(publish_copy(at(&w, "one"), root, "x", w.arena, &made, &w.err), 0);
    assert_string_equal(text_of(&w, "artifacts/x"), "1");
    assert_int_equal(names_in(&w, "artifacts"), 1);
    end(&w);
}

TEST(a_failure_leaves_what_was_there)
{
    struct world w = begin();
    struct published made;
    put(&w, "one", "1");
    put(&w, "bad/file", "x");
    assert_int_equal(mkfifo(at(&w, "bad/pipe"), 0600), 0);
    assert_int_equal(publish_copy(at(&w, "one"), at(&w, "artifacts"), "x", w.arena, &made, &w.err), 0);
    assert_int_equal(publish_copy(at(&w, "bad"), at(&w, "artifacts"), "x", w.arena, &made, &w.err), -1);
    assert_non_null(strstr(w.err.message, "pipe"));
    err_clear(&w.err);
    assert_int_equal(publish_copy(at(&w, "none"), at(&w, "artifacts"), "x", w.arena, &made, &w.err), -1);
    err_clear(&w.err);
    assert_string_equal(text_of(&w, "artifacts/x"), "1");
    assert_int_equal(names_in(&w, "artifacts"), 1);
    end(&w);
}

TEST(a_stage_lies_beside_its_target)
{
    struct world w = begin();
    const char *stage = publish_stage(at(&w, "deep/er/target"), w.arena, &w.err);
    assert_non_null(stage);
    assert_string_equal(path_dir(w.arena, stage), at(&w, "deep/er"));
    assert_false(fs_exists(stage));
    assert_true(fs_is_folder(at(&w, "deep/er")));
    put(&w, "file", "x");
    err_clear(&w.err);
    assert_null(publish_stage(at(&w, "file/target"), w.arena, &w.err));
    end(&w);
}

TESTS(RUN(a_file_is_copied_digested_and_made_read_only), RUN(a_folder_is_published_whole_with_the_digest_of_a_tree),
      RUN(what_was_there_is_replaced_whatever_it_was), RUN(a_failure_leaves_what_was_there),
      RUN(a_stage_lies_beside_its_target))
