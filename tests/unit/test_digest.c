/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 by FIPS 180-4's examples, HMAC by RFC 4231, trees by their definition.
 */
#include "digest/digest.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(digests_agree_with_the_standard)
{
    static const struct {
        struct str text;
        const char *hex;
    } cases[] = {
        {{0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(digest_bytes(cases[i].text).hex, cases[i].hex);
    }
}

TEST(hmacs_agree_with_rfc_4231)
{
    assert_string_equal(digest_hmac(STR("Jefe"), STR("what do ya want for nothing?")).hex,
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof key);
    assert_string_equal(
        digest_hmac((struct str){key, 131}, STR("Test Using Larger Than Block-Size Key - Hash Key First")).hex,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    memset(key, 0x0b, 20);
    assert_string_equal(digest_hmac((struct str){key, 20}, STR("Hi There")).hex,
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(digests_are_equal_only_when_whole)
{
    struct digest a = digest_bytes(STR("a"));
    struct digest b = digest_bytes(STR("b"));
    struct digest short_one = a;
    short_one.hex[63] = '\0';
    assert_true(digest_equal(a.hex, a.hex));
    assert_false(digest_equal(a.hex, b.hex));
    assert_false(digest_equal(a.hex, short_one.hex));
    assert_false(digest_equal(short_one.hex, short_one.hex));
    assert_false(digest_equal("", ""));
}

static struct digest digest_of_parts(struct str a, struct str b)
{
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, a);
    digest_builder_add(builder, b);
    return digest_builder_take(builder);
}

TEST(parts_cannot_run_together)
{
    struct digest one = digest_of_parts(STR("ab"), STR("c"));
    assert_string_equal(one.hex, digest_of_parts(STR("ab"), STR("c")).hex);
    assert_string_not_equal(one.hex, digest_of_parts(STR("a"), STR("bc")).hex);
    assert_string_not_equal(one.hex, digest_of_parts(STR("abc"), STR("")).hex);
    assert_string_not_equal(digest_of_parts(STR(""), (struct str){0}).hex, digest_of_parts(STR(""), STR("\0")).hex);
}

TEST(a_tree_is_the_digest_of_its_files_in_order)
{
    char folder[] = "/tmp/sluice-digest-XXXXXX";
    struct arena *arena = arena_new();
    struct digest digest;
    int64_t size = 0;
    struct err err = {0};
    assert_non_null(mkdtemp(folder));
    const char *sub = path_join(arena, folder, "sub");
    assert_int_equal(fs_make_folders(sub, 0755, NULL), 0);
    assert_int_equal(fs_write(path_join(arena, folder, "b"), STR("abc"), 0644, false, NULL), 0);
    assert_int_equal(fs_write(path_join(arena, sub, "a"), STR("defgh"), 0644, false, NULL), 0);
    assert_int_equal(digest_file(path_join(arena, folder, "b"), &digest, &size, &err), 0);
    assert_string_equal(digest.hex, digest_bytes(STR("abc")).hex);
    assert_int_equal(size, 3);
    assert_int_equal(digest_tree(path_join(arena, folder, "b"), &digest, &size, &err), 0);
    assert_string_equal(digest.hex, digest_bytes(STR("abc")).hex);

    struct strbuf lines;
    strbuf_init(&lines, 1000);
    strbuf_add(&lines, "b", 2);
    strbuf_printf(&lines, "%s\n", digest_bytes(STR("abc")).hex);
    strbuf_add(&lines, "sub/a", 6);
    strbuf_printf(&lines, "%s\n", digest_bytes(STR("defgh")).hex);
    assert_int_equal(digest_tree(folder, &digest, &size, &err), 0);
    assert_string_equal(digest.hex, digest_bytes(strbuf_str(&lines)).hex);
    assert_int_equal(size, 8);
    strbuf_clear(&lines);

    assert_int_equal(chmod(path_join(arena, folder, "b"), 0755), 0);
    struct digest again;
    assert_int_equal(digest_tree(folder, &again, &size, &err), 0);
    assert_string_equal(digest.hex, again.hex);
    assert_int_equal(rename(path_join(arena, folder, "b"), path_join(arena, folder, "c")), 0);
    assert_int_equal(digest_tree(folder, &again, &size, &err), 0);
    assert_string_not_equal(digest.hex, again.hex);

    assert_int_equal(digest_file(path_join(arena, folder, "none"), &digest, &size, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct err absent = {0};
    assert_int_equal(digest_tree(path_join(arena, folder, "none"), &digest, &size, &absent), -1);
    assert_int_equal(absent.code, ERR_NOT_FOUND);
    assert_int_equal(fs_remove(folder, NULL), 0);
    arena_free(arena);
}

TEST(a_file_of_many_blocks_is_read_to_its_end)
{
    char path[] = "/tmp/sluice-digest-XXXXXX";
    char *bytes = malloc(1000003);
    for (size_t i = 0; i < 1000003; i++) {
        bytes[i] = (char)(i * 31);
    }
    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(fs_write(path, (struct str){bytes, 1000003}, 0600, false, NULL), 0);
    struct digest digest;
    int64_t size = 0;
    assert_int_equal(digest_file(path, &digest, &size, NULL), 0);
    assert_string_equal(digest.hex, digest_bytes((struct str){bytes, 1000003}).hex);
    assert_int_equal(size, 1000003);
    free(bytes);
    (void)unlink(path);
}

TESTS(RUN(digests_agree_with_the_standard), RUN(hmacs_agree_with_rfc_4231), RUN(digests_are_equal_only_when_whole),
      RUN(parts_cannot_run_together), RUN(a_tree_is_the_digest_of_its_files_in_order),
      RUN(a_file_of_many_blocks_is_read_to_its_end))
