/* SPDX-License-Identifier: Apache-2.0
 * A program of the build: makes a store of what new_store.sql (standard input) defines, and writes it on standard
 * output as C, without its zeros, which are nine tenths of it. The rows that a new store begins with are not in it:
 * some are of the moment (store/new_store.c).
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES_MAX = 1 << 22, ZEROS_MIN = 16, BYTES_A_LINE = 24 };

static void check(int code, const char *doing, sqlite3 *db)
{
    if (code != SQLITE_OK) {
        (void)fprintf(stderr, "make_image: %s: %s\n", doing, sqlite3_errmsg(db));
        exit(1);
    }
}

/* The definitions: up to the first row. */
static char *read_definitions(void)
{
    char *sql = calloc(1, SQL_BYTES_MAX + 1);
    if (sql == NULL || fread(sql, 1, SQL_BYTES_MAX, stdin) == 0 || !feof(stdin)) {
        (void)fprintf(stderr, "make_image: no SQL on standard input, or more than %d bytes\n", SQL_BYTES_MAX);
        exit(1);
    }
    char *rows = strstr(sql, "\nINSERT INTO ");
    if (rows != NULL) {
        *rows = '\0';
    }
    return sql;
}

static size_t zeros(const unsigned char *bytes, size_t from, size_t size)
{
    size_t count = 0;
    while (from + count < size && bytes[from + count] == 0) {
        count++;
    }
    return count;
}

/* Up to the next run of zeros that is worth two numbers. */
static size_t literals(const unsigned char *bytes, size_t from, size_t size)
{
    size_t at = from;
    while (at < size) {
        size_t run = zeros(bytes, at, size);
        if (run >= ZEROS_MIN || at + run == size) {
            break;
        }
        at += run + 1;
    }
    return (at < size ? at : size) - from;
}

static void write_parts(const unsigned char *bytes, size_t size)
{
    (void)printf("const struct store_image_part store_image_parts[] = {\n");
    for (size_t at = zeros(bytes, 0, size); at < size; at += zeros(bytes, at, size)) {
        size_t count = literals(bytes, at, size);
        (void)printf("{%zu, %zu},\n", at, count);
        at += count;
    }
    (void)printf("};\nconst size_t store_image_part_count = sizeof store_image_parts / sizeof store_image_parts[0];\n"
                 "const size_t store_image_size = %zu;\nconst unsigned char store_image_bytes[] = {", size);
}

static void write_bytes(const unsigned char *bytes, size_t size)
{
    size_t written = 0;
    for (size_t at = zeros(bytes, 0, size); at < size; at += zeros(bytes, at, size)) {
        for (size_t end = at + literals(bytes, at, size); at < end; at++) {
            (void)printf("%s%u,", written++ % BYTES_A_LINE == 0 ? "\n" : "", bytes[at]);
        }
    }
    (void)printf("\n};\n");
}

int main(void)
{
    sqlite3 *db = NULL;
    sqlite3_int64 size = 0;
    check(sqlite3_open(":memory:", &db), "opening", db);
    check(sqlite3_exec(db, "PRAGMA page_size = 4096", NULL, NULL, NULL), "setting the size of pages", db);
    check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), "beginning", db);
    check(sqlite3_exec(db, read_definitions(), NULL, NULL, NULL), "making the store", db);
    check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), "committing", db);
    const unsigned char *bytes = sqlite3_serialize(db, "main", &size, 0);
    if (bytes == NULL || size <= 0) {
        (void)fprintf(stderr, "make_image: no memory\n");
        return 1;
    }
    write_parts(bytes, (size_t)size);
    write_bytes(bytes, (size_t)size);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
