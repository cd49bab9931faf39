/* SPDX-License-Identifier: Apache-2.0
 * A journal of any bytes: the reader ends, and gives only frames that are whole; a writer either refuses the file or
 * leaves one that can be read to its end.
 */
#include "wire/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Any payload, as points: whole ones, each with a key that came before or comes with it. */
static void read_points(struct str payload)
{
    struct arena *arena = arena_new();
    struct points_reader reader = points_reader_over(payload, arena);
    struct journal_point point;
    size_t key = 0;
    while (points_next(&reader, &point, &key) == 1) {
        if (key >= reader.count || point.key.p != reader.keys[key].text.p || point.key.p[point.key.n] != '\0') {
            abort();
        }
    }
    arena_free(arena);
}

/* Reads all frames: how many, or -1 for a damaged file. */
static int read_all(const char *path)
{
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    if (journal_reader_open(path, 0, 0, &reader, NULL) < 0) {
        abort();
    }
    int count = 0;
    int more;
    while ((more = journal_next(reader, &frame, NULL)) == 1) {
        count++;
        if (frame.sequence != (uint64_t)count || frame.payload.n > JOURNAL_PAYLOAD_MAX) {
            abort();
        }
        struct journal_point point;
        for (struct str rest = frame.payload; journal_point_next(&rest, &point) == 1;) {
        }
        read_points(frame.payload);
    }
    journal_reader_close(reader);
    return more == 0 ? count : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("journal", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int before = read_all(path);
    struct journal_writer *writer = NULL;
    if (journal_writer_open(path, &writer, NULL) == 0) {
        if (journal_append(writer, 1, 1, JOURNAL_LOG, STR("\001x"), NULL) < 0) {
            abort();
        }
        journal_writer_close(writer);
        if (before < 0 || read_all(path) != before + 1) {
            abort();
        }
    } else if (before >= 0) {
        abort();
    }
    close(fd);
    return 0;
}
