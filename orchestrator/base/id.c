/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void random_bytes(struct rng *rng, unsigned char bytes[16])
{
    if (rng == NULL) {
        if (getrandom(bytes, 16, 0) != 16) {
            abort();
        }
        return;
    }
    uint64_t words[2] = {rng_next(rng), rng_next(rng)};
    memcpy(bytes, words, 16);
}

static void write_hex(struct rng *rng, int64_t now_ms, char *room)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    random_bytes(rng, bytes);
    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)((uint64_t)now_ms >> (8 * (5 - i)));
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x70);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        room[2 * i] = digits[bytes[i] >> 4];
        room[2 * i + 1] = digits[bytes[i] & 15];
    }
    room[32] = '\0';
}

struct id id_run(struct rng *rng, int64_t now_ms)
{
    struct id id;
    write_hex(rng, now_ms, id.text);
    return id;
}

struct id id_model(struct rng *rng, int64_t now_ms)
{
    struct id id = {"m-"};
    write_hex(rng, now_ms, id.text + 2);
    return id;
}

bool id_is_model(const char *text)
{
    return strncmp(text, "m-", 2) == 0 && strlen(text) == 34 && strspn(text + 2, "0123456789abcdef") == 32;
}

void id_name(struct rng *rng, char room[64])
{
    static const char *const adjectives[] = {"able",   "brave", "calm",  "clever", "eager",  "fair",  "gentle",
                                             "glad",   "keen",  "kind",  "light",  "lively", "mild",  "neat",
                                             "noble",  "proud", "quick", "quiet",  "rare",   "sharp", "smart",
                                             "steady", "swift", "tidy",  "warm",   "wise",   "witty", "young"};
    static const char *const nouns[] = {"ant",  "bear",  "crane", "deer",  "dove", "duck",  "eel",   "finch",
                                        "fox",  "goat",  "hare",  "heron", "ibis", "koala", "lark",  "lynx",
                                        "mole", "moose", "newt",  "otter", "owl",  "panda", "quail", "robin",
                                        "seal", "shrew", "stork", "tern",  "wren", "yak"};
    const char *adjective = adjectives[rng_below(rng, sizeof adjectives / sizeof adjectives[0])];
    const char *noun = nouns[rng_below(rng, sizeof nouns / sizeof nouns[0])];
    (void)snprintf(room, 64, "%s-%s-%u", adjective, noun, (unsigned)rng_below(rng, 1000));
}
