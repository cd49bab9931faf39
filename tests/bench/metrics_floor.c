/* SPDX-License-Identifier: Apache-2.0
 * What a million points cost those who do nothing else with them. "file": 24 bytes each into a file, synced once.
 * "sqlite": a row each into a plain table, with the pragmas of the store, in one transaction. "bytes": what no way from
 * a journal into a store can leave out: the journal is read, the checksum of its bytes made, and as many bytes written
 * and synced as the store has of it.
 */
#include "base/rng.h"
#include "wire/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 20, PIECE_BYTES = 64 << 10 };

struct row {
    int64_t time_ms;
    int64_t step;
    double value;
};

static struct row row_at(struct rng *rng, int64_t i)
{
    return (struct row){1700000000000 + i / KEYS * 250, i / KEYS, rng_unit(rng)};
}

static int to_file(const char *path, int64_t count)
{
    struct rng rng;
    rng_seed(&rng, 1);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return -1;
    }
    for (int64_t i = 0; i < count; i++) {
        struct row row = row_at(&rng, i);
        if (fwrite(&row, sizeof row, 1, file) != 1) {
            return -1;
        }
    }
    return fflush(file) != 0 || fdatasync(fileno(file)) < 0 ? -1 : fclose(file);
}

static int insert_rows(sqlite3 *db, int64_t count)
{
    struct rng rng;
    rng_seed(&rng, 1);
    sqlite3_stmt *insert = NULL;
    if (sqlite3_prepare_v2(db, "INSERT INTO points VALUES (?, ?, ?, ?)", -1, &insert, NULL) != SQLITE_OK) {
        return -1;
    }
    int code = SQLITE_DONE;
    for (int64_t i = 0; i < count && code == SQLITE_DONE; i++) {
        struct row row = row_at(&rng, i);
        (void)sqlite3_bind_int64(insert, 1, i % KEYS);
        (void)sqlite3_bind_int64(insert, 2, row.time_ms);
        (void)sqlite3_bind_int64(insert, 3, row.step);
        (void)sqlite3_bind_double(insert, 4, row.value);
        code = sqlite3_step(insert);
        (void)sqlite3_reset(insert);
    }
    (void)sqlite3_finalize(insert);
    return code == SQLITE_DONE ? 0 : -1;
}

static int to_sqlite(const char *path, int64_t count)
{
    sqlite3 *db = NULL;
    int result = sqlite3_open(path, &db) == SQLITE_OK &&
                         sqlite3_exec(db,
                                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                      "PRAGMA wal_autocheckpoint = 250;"
                                      "CREATE TABLE points (series INTEGER, time_ms INTEGER, step INTEGER, value REAL);"
                                      "BEGIN",
                                      NULL, NULL, NULL) == SQLITE_OK &&
                         insert_rows(db, count) == 0 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK
                     ? 0
                     : -1;
    return sqlite3_close(db) == SQLITE_OK ? result : -1;
}

/* The sum, so that nobody leaves the reading out; -1. */
static int64_t read_all(const char *path, unsigned char *room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    uint32_t sum = 0;
    ssize_t got = -1;
    while (file >= 0 && (got = read(file, room, PIECE_BYTES)) > 0) {
        sum = crc32c(sum, room, (size_t)got);
    }
    return file < 0 || close(file) < 0 || got < 0 ? -1 : (int64_t)sum;
}

static int write_all(const char *path, const unsigned char *bytes, int64_t count)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t put = file < 0 ? -1 : 0;
    for (int64_t left = count; left > 0 && put >= 0; left -= put) {
        put = write(file, bytes, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
    }
    return put < 0 || fdatasync(file) < 0 || close(file) < 0 ? -1 : 0;
}

static int through_bytes(const char *journal, const char *path, int64_t count)
{
    static unsigned char room[PIECE_BYTES];
    int64_t sum = read_all(journal, room);
    memcpy(room, &sum, sizeof sum);
    return sum < 0 ? -1 : write_all(path, room, count);
}

int main(int argc, char **argv)
{
    int64_t count = argc == 4 || argc == 5 ? strtoll(argv[argc - 1], NULL, 10) : 0;
    int result = count <= 0                                      ? -1
                 : argc == 5 && strcmp(argv[1], "bytes") == 0  ? through_bytes(argv[2], argv[3], count)
                 : argc == 4 && strcmp(argv[1], "file") == 0   ? to_file(argv[2], count)
                 : argc == 4 && strcmp(argv[1], "sqlite") == 0 ? to_sqlite(argv[2], count)
                                                                : -1;
    if (result < 0) {
        (void)fprintf(stderr, "usage: metrics_floor file|sqlite PATH COUNT\n"
                              "       metrics_floor bytes JOURNAL PATH COUNT\n");
    }
    return result < 0 ? 1 : 0;
}
