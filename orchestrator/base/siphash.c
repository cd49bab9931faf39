/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include <sys/random.h>

struct state {
    uint64_t v[4];
};

struct siphash_key siphash_key_new(void)
{
    struct siphash_key key = {{0, 0}};
    (void)getrandom(&key, sizeof key, 0); /* up to 256 bytes come whole; without them the table is only guessable */
    return key;
}

static inline uint64_t rotate(uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static inline void half_round(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, int first, int second)
{
    *a += *b;
    *c += *d;
    *b = rotate(*b, first) ^ *a;
    *d = rotate(*d, second) ^ *c;
    *a = rotate(*a, 32);
}

static inline void rounds(struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        half_round(&s->v[0], &s->v[1], &s->v[2], &s->v[3], 13, 16);
        half_round(&s->v[2], &s->v[1], &s->v[0], &s->v[3], 17, 21);
    }
}

static inline void mix(struct state *s, uint64_t word)
{
    s->v[3] ^= word;
    rounds(s, 2);
    s->v[0] ^= word;
}

/* Up to eight bytes, little-endian. */
static inline uint64_t word_at(const char *p, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    }
    return word;
}

uint64_t siphash(struct siphash_key key, struct str bytes)
{
    struct state s = {{key.words[0] ^ UINT64_C(0x736f6d6570736575), key.words[1] ^ UINT64_C(0x646f72616e646f6d),
                       key.words[0] ^ UINT64_C(0x6c7967656e657261), key.words[1] ^ UINT64_C(0x7465646279746573)}};
    size_t whole = bytes.n - bytes.n % 8;
    for (size_t i = 0; i < whole; i += 8) {
        mix(&s, word_at(bytes.p + i, 8));
    }
    uint64_t rest = bytes.n == whole ? 0 : word_at(bytes.p + whole, bytes.n - whole);
    mix(&s, rest | ((uint64_t)bytes.n << 56));
    s.v[2] ^= 0xff;
    rounds(&s, 4);
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
