/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 << 10, TREE_MAX_FILES = 100000 };

struct digest_builder {
    crypto_hash_sha256_state state;
};

static struct digest to_hex(const unsigned char bytes[32])
{
    struct digest digest;
    (void)sodium_bin2hex(digest.hex, sizeof digest.hex, bytes, 32);
    return digest;
}

struct digest digest_bytes(struct str bytes)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, (const unsigned char *)bytes.p, bytes.n);
    return to_hex(hash);
}

int digest_file(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err)
{
    int fd = fs_open_file(path, err);
    if (fd < 0) {
        return -1;
    }
    unsigned char *block = mem_alloc(BLOCK_BYTES);
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    int64_t size = 0;
    ssize_t got = 0;
    while ((got = read(fd, block, BLOCK_BYTES)) > 0) {
        (void)crypto_hash_sha256_update(&state, block, (size_t)got);
        size += got;
    }
    free(block);
    (void)close(fd);
    if (got < 0) {
        return err_errno(err, "reading '%s'", path);
    }
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_final(&state, hash);
    *ret_digest = to_hex(hash);
    *ret_size_bytes = size;
    return 0;
}

int digest_tree(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err)
{
    if (fs_is_file(path)) {
        return digest_file(path, ret_digest, ret_size_bytes, err);
    }
    struct arena *arena = arena_new();
    struct fs_list list = {0};
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    int64_t total = 0;
    int result = fs_walk(path, TREE_MAX_FILES, arena, &list, err);
    for (size_t i = 0; i < list.count && result == 0; i++) {
        struct digest digest;
        int64_t size = 0;
        result = digest_file(path_join(arena, path, list.entries[i].path), &digest, &size, err);
        total += size;
        (void)crypto_hash_sha256_update(&state, (const unsigned char *)list.entries[i].path,
                                        strlen(list.entries[i].path) + 1);
        (void)crypto_hash_sha256_update(&state, (const unsigned char *)digest.hex, 64);
        (void)crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
    }
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_final(&state, hash);
    *ret_digest = to_hex(hash);
    *ret_size_bytes = total;
    return 0;
}

struct digest digest_hmac(struct str key, struct str bytes)
{
    unsigned char hash[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.p, key.n);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)bytes.p, bytes.n);
    (void)crypto_auth_hmacsha256_final(&state, hash);
    return to_hex(hash);
}

bool digest_equal(const char *hex_a, const char *hex_b)
{
    return strlen(hex_a) == 64 && strlen(hex_b) == 64 && sodium_memcmp(hex_a, hex_b, 64) == 0;
}

struct digest_builder *digest_builder_new(void)
{
    struct digest_builder *builder = mem_alloc(sizeof *builder);
    (void)crypto_hash_sha256_init(&builder->state);
    return builder;
}

void digest_builder_add(struct digest_builder *builder, struct str part)
{
    unsigned char size[8];
    for (size_t i = 0; i < 8; i++) {
        size[i] = (unsigned char)((uint64_t)part.n >> (8 * i));
    }
    (void)crypto_hash_sha256_update(&builder->state, size, sizeof size);
    (void)crypto_hash_sha256_update(&builder->state, (const unsigned char *)part.p, part.n);
}

struct digest digest_builder_take(struct digest_builder *builder)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_final(&builder->state, hash);
    free(builder);
    return to_hex(hash);
}
