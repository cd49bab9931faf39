/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <threads.h>

struct state {
    uint64_t v[4];
};

struct siphash_key siphash_key_new(void)
{
    struct siphash_key key = {{0, 0}};
    (void)getrandom(&key, sizeof key, 0); /* up to 256 bytes come whole; without them the table is only guessable */
    return key;
}

static struct siphash_key process_key;

static void make_process_key(void)
{
    process_key = siphash_key_new();
}

struct siphash_key siphash_key_of_process(void)
{
    static once_flag made = ONCE_FLAG_INIT;
    call_once(&made, make_process_key);
    return process_key;
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

/* Eight bytes, little-endian. */
static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

/* What is behind the last whole word: fewer than eight bytes. */
static inline uint64_t rest_of(struct str bytes, size_t whole)
{
    if (whole == bytes.n) {
        return 0;
    }
    if (whole > 0) { /* the word that ends where the bytes end has them on top */
        return word_at(bytes.p + bytes.n - 8) >> (8 * (8 - (bytes.n - whole)));
    }
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.n; i++) {
        word |= (uint64_t)(unsigned char)bytes.p[i] << (8 * i);
    }
    return word;
}

uint64_t siphash(struct siphash_key key, struct str bytes)
{
    struct state s = {{key.words[0] ^ UINT64_C(0x736f6d6570736575), key.words[1] ^ UINT64_C(0x646f72616e646f6d),
                       key.words[0] ^ UINT64_C(0x6c7967656e657261), key.words[1] ^ UINT64_C(0x7465646279746573)}};
    size_t whole = bytes.n - bytes.n % 8;
    for (size_t i = 0; i < whole; i += 8) {
        mix(&s, word_at(bytes.p + i));
    }
    mix(&s, rest_of(bytes, whole) | ((uint64_t)bytes.n << 56));
    s.v[2] ^= 0xff;
    rounds(&s, 4);
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
