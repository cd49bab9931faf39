/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/digest.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 << 10, TREE_MAX_FILES = 100000 };

struct digest_stream {
    struct sha256_ctx state;
};

static struct digest to_hex(const unsigned char bytes[DIGEST_BYTES])
{
    struct digest digest = {0};
    base16_encode_update(digest.hex, DIGEST_BYTES, bytes);
    return digest;
}

static void begin(struct digest_stream *stream)
{
    sha256_init(&stream->state);
}

static struct digest end(struct digest_stream *stream)
{
    unsigned char hash[SHA256_DIGEST_SIZE];
    sha256_digest(&stream->state, sizeof hash, hash);
    return to_hex(hash);
}

struct digest digest_bytes(struct str bytes)
{
    struct digest_stream stream;
    begin(&stream);
    digest_stream_add(&stream, bytes);
    return end(&stream);
}

struct digest_stream *digest_stream_new(void)
{
    struct digest_stream *stream = mem_alloc(sizeof *stream);
    begin(stream);
    return stream;
}

void digest_stream_add(struct digest_stream *stream, struct str bytes)
{
    if (bytes.n > 0) {
        sha256_update(&stream->state, bytes.n, (const unsigned char *)bytes.p);
    }
}

struct digest digest_stream_take(struct digest_stream *stream)
{
    struct digest digest = end(stream);
    free(stream);
    return digest;
}

int digest_file(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err)
{
    int fd = fs_open_file(path, err);
    if (fd < 0) {
        return -1;
    }
    char *block = mem_alloc(BLOCK_BYTES);
    struct digest_stream *stream = digest_stream_new();
    int64_t size = 0;
    ssize_t got = 0;
    while ((got = read(fd, block, BLOCK_BYTES)) > 0) {
        digest_stream_add(stream, (struct str){block, (size_t)got});
        size += got;
    }
    free(block);
    (void)close(fd);
    *ret_digest = digest_stream_take(stream);
    *ret_size_bytes = size;
    return got < 0 ? err_errno(err, "reading '%s'", path) : 0;
}

int digest_tree(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err)
{
    if (fs_is_file(path)) {
        return digest_file(path, ret_digest, ret_size_bytes, err);
    }
    struct arena *arena = arena_new();
    struct fs_list list = {0};
    struct digest_stream lines;
    begin(&lines);
    int64_t total = 0;
    int result = fs_walk(path, TREE_MAX_FILES, arena, &list, err);
    for (size_t i = 0; i < list.count && result == 0; i++) {
        struct digest digest;
        int64_t size = 0;
        result = digest_file(path_join(arena, path, list.entries[i].path), &digest, &size, err);
        total += size;
        digest_stream_add(&lines, (struct str){list.entries[i].path, strlen(list.entries[i].path) + 1});
        digest_stream_add(&lines, str_from(digest.hex));
        digest_stream_add(&lines, STR("\n"));
    }
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    *ret_digest = end(&lines);
    *ret_size_bytes = total;
    return 0;
}

void digest_hmac_bytes(struct str key, const struct str *parts, size_t count, unsigned char ret[DIGEST_BYTES])
{
    struct hmac_sha256_ctx state;
    hmac_sha256_set_key(&state, key.n, (const unsigned char *)key.p);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].n > 0) {
            hmac_sha256_update(&state, parts[i].n, (const unsigned char *)parts[i].p);
        }
    }
    hmac_sha256_digest(&state, DIGEST_BYTES, ret);
    explicit_bzero(&state, sizeof state);
}

struct digest digest_hmac(struct str key, struct str bytes)
{
    unsigned char hash[DIGEST_BYTES];
    digest_hmac_bytes(key, &bytes, 1, hash);
    return to_hex(hash);
}

void digest_hmac_base64(struct str key, struct str bytes, char ret[45])
{
    unsigned char hash[DIGEST_BYTES];
    digest_hmac_bytes(key, &bytes, 1, hash);
    base64_encode_raw(ret, sizeof hash, hash);
    ret[BASE64_ENCODE_RAW_LENGTH(DIGEST_BYTES)] = '\0';
}

bool digest_equal(const char *hex_a, const char *hex_b)
{
    return strlen(hex_a) == 64 && strlen(hex_b) == 64 && memeql_sec(hex_a, hex_b, 64) == 1;
}

struct digest_builder {
    struct digest_stream stream;
};

struct digest_builder *digest_builder_new(void)
{
    struct digest_builder *builder = mem_alloc(sizeof *builder);
    begin(&builder->stream);
    return builder;
}

void digest_builder_add(struct digest_builder *builder, struct str part)
{
    char size[8];
    for (size_t i = 0; i < sizeof size; i++) {
        size[i] = (char)((uint64_t)part.n >> (8 * i));
    }
    digest_stream_add(&builder->stream, (struct str){size, sizeof size});
    digest_stream_add(&builder->stream, part);
}

struct digest digest_builder_take(struct digest_builder *builder)
{
    struct digest digest = end(&builder->stream);
    free(builder);
    return digest;
}
