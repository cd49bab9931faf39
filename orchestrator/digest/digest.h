/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 digests (FIPS 180-4), written as 64 lower-case hex digits. By nettle, which asks the processor's own
 * instructions: libsodium, which does not, took seven times as long.
 */
#ifndef SLUICE_DIGEST_DIGEST_H
#define SLUICE_DIGEST_DIGEST_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

struct digest {
    char hex[65];
};

struct digest digest_bytes(struct str bytes);
/* Reads the file in pieces. */
int digest_file(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err);
/* Of a file, digest_file; of a folder, the digest of the sorted lines "path NUL digest LF" of the
 * regular files below it. `ret_size_bytes` is the sum. At most 100,000 files. */
int digest_tree(const char *path, struct digest *ret_digest, int64_t *ret_size_bytes, struct err *err);

/* The digest of bytes that come in pieces: the same as digest_bytes of them all. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, struct str bytes);
/* Gives the digest and frees the stream. */
struct digest digest_stream_take(struct digest_stream *stream);

/* HMAC-SHA-256 (RFC 2104) of the parts, one behind the other. */
void digest_hmac_bytes(struct str key, const struct str *parts, size_t count, unsigned char ret[DIGEST_BYTES]);
/* The same of one part, in hex. */
struct digest digest_hmac(struct str key, struct str bytes);
/* And in base64, with its padding. */
void digest_hmac_base64(struct str key, struct str bytes, char ret[45]);
/* In constant time. */
bool digest_equal(const char *hex_a, const char *hex_b);

/* Several parts into one digest, each with its length before it, so that parts cannot run
 * together. */
struct digest_builder;
struct digest_builder *digest_builder_new(void);
void digest_builder_add(struct digest_builder *builder, struct str part);
/* Gives the digest and frees the builder. */
struct digest digest_builder_take(struct digest_builder *builder);

#endif
