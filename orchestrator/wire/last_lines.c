/* SPDX-License-Identifier: Apache-2.0
 * The last lines of one attempt, from the end of a journal of any size.
 */
#include "wire/last_lines.h"

#include "base/mem.h"
#include "wire/journal_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t field(const unsigned char *frame, size_t at, size_t bytes)
{
    return journal_get(frame + at, bytes);
}

/* Does a whole frame begin here? What looks like one by its numbers is one by its sum. No more than `*budget` bytes are
 * summed up in all: a line may be made of what looks so. */
static bool is_frame(const unsigned char *p, size_t left, size_t *budget)
{
    if (left < JOURNAL_HEAD_BYTES) {
        return false;
    }
    uint64_t size = field(p, 0, 4);
    uint64_t type = field(p, 32, 2);
    if (size > JOURNAL_PAYLOAD_MAX || size > left - JOURNAL_HEAD_BYTES || type == 0 || field(p, 34, 2) != 0 ||
        field(p, 36, 4) != 0 || size > *budget) {
        return false;
    }
    *budget -= (size_t)size;
    return crc32c(0, p + 8, JOURNAL_HEAD_BYTES - 8 + (size_t)size) == field(p, 4, 4);
}

static void keep_lines(struct str payload, struct journal_lines *lines)
{
    size_t skip = payload.n > 0 && payload.p[0] == JOURNAL_HOST ? 2 : 1; /* the stream, and the level of that one */
    struct str rest = str_slice(payload, skip, payload.n);
    struct str line = {0};
    while (payload.n >= skip && str_cut(&rest, '\n', &line)) {
        lines->items[lines->seen++ % lines->most] = line;
    }
}

static void walk(const unsigned char *bytes, size_t size, int64_t attempt, struct journal_lines *lines,
                 size_t *effort)
{
    size_t at = 0;
    const size_t sums = 2 * size;
    size_t budget = sums;
    while (at + JOURNAL_HEAD_BYTES <= size) {
        const unsigned char *frame = bytes + at;
        if (!is_frame(frame, size - at, &budget)) {
            at++;
            continue;
        }
        size_t payload = (size_t)field(frame, 0, 4);
        if (field(frame, 32, 2) == JOURNAL_LOG && (int64_t)field(frame, 24, 8) == attempt) {
            keep_lines((struct str){(const char *)frame + JOURNAL_HEAD_BYTES, payload}, lines);
        }
        at += JOURNAL_HEAD_BYTES + payload;
    }
    *effort += sums - budget;
}

/* Those in the last `size` bytes before `end`. */
static size_t look(int fd, int64_t end, size_t size, int64_t attempt, size_t most, struct arena *arena,
                   struct str *ret, size_t *effort)
{
    unsigned char *bytes = mem_alloc(size + 1);
    struct str *ring = mem_alloc((most + 1) * sizeof *ring);
    ssize_t got = pread(fd, bytes, size, end - (off_t)size);
    struct journal_lines lines = {.items = ring, .most = most};
    *effort += got < 0 ? 0 : (size_t)got;
    walk(bytes, got < 0 ? 0 : (size_t)got, attempt, &lines, effort);
    size_t count = lines.seen < most ? lines.seen : most;
    for (size_t i = 0; i < count; i++) {
        ret[i] = arena_str(arena, ring[(lines.seen - count + i) % most]);
    }
    free(ring);
    free(bytes);
    return count;
}

size_t journal_last_lines(const char *path, int64_t upto, int64_t attempt, size_t most, struct arena *arena,
                          struct str *ret, size_t *effort)
{
    static const int64_t reach[] = {LAST_LINES_NEAR, LAST_LINES_FAR};
    struct stat st;
    size_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return 0;
    }
    int64_t end = upto > 0 && upto < st.st_size ? upto : st.st_size;
    bool is_whole = false;
    for (size_t i = 0; i < sizeof reach / sizeof reach[0] && count < most && !is_whole; i++) {
        is_whole = end <= reach[i];
        count = look(fd, end, (size_t)(is_whole ? end : reach[i]), attempt, most, arena, ret, effort);
    }
    (void)close(fd);
    return count;
}
