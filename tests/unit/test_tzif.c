/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "base/fs.h"
#include "test.h"
#include "time/tzif.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const struct tzif *zone_of(struct arena *arena, struct str bytes)
{
    const struct tzif *zone = NULL;
    struct err err = {0};
    if (tzif_parse(bytes, STR("Test/Zone"), arena, &zone, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return zone;
}

/* Two types, +1 h "AAA" and +2 h "BBB" (daylight); to BBB at 1000, back at 2000. */
#define HEADER(version, transitions)                                                                                   \
    "TZif" version "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                                                                    \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" transitions "\0\0\0\2\0\0\0\x8"
#define TYPES                                                                                                          \
    "\0\0\x0e\x10\0\0\0\0\x1c\x20\1\4"                                                                                 \
    "AAA\0BBB\0"
#define BLOCK_1(version)                                                                                               \
    HEADER(version, "\2")                                                                                              \
    "\0\0\x03\xe8\0\0\x07\xd0"                                                                                         \
    "\1\0" TYPES
#define BLOCK_2(version)                                                                                               \
    HEADER(version, "\2")                                                                                              \
    "\0\0\0\0\0\0\x03\xe8\0\0\0\0\0\0\x07\xd0"                                                                         \
    "\1\0" TYPES
#define FILE_1 BLOCK_1("\0")
#define FILE_2 BLOCK_1("2") BLOCK_2("2") "\nAAA-1BBB,M3.5.0,M10.5.0/3\n"

static void assert_span(const struct tzif *zone, int64_t at, int64_t from, int64_t to, int offset,
                        const char *abbreviation)
{
    struct tzif_span span = tzif_span_at(zone, at);
    assert_int_equal(span.from, from);
    assert_int_equal(span.to, to);
    assert_int_equal(span.offset_seconds, offset);
    assert_string_equal(span.abbreviation, abbreviation);
}

TEST(a_file_of_version_1_gives_its_spans)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = zone_of(arena, STR(FILE_1));
    assert_span(zone, INT64_MIN, INT64_MIN, 1000, 3600, "AAA");
    assert_span(zone, 999, INT64_MIN, 1000, 3600, "AAA");
    assert_span(zone, 1000, 1000, 2000, 7200, "BBB");
    assert_true(tzif_span_at(zone, 1999).dst);
    assert_span(zone, 2000, 2000, INT64_MAX, 3600, "AAA");
    assert_span(zone, INT64_MAX, 2000, INT64_MAX, 3600, "AAA");
    assert_true(str_is(tzif_name(zone), "Test/Zone"));
    arena_free(arena);
}

TEST(a_file_of_version_2_goes_on_by_its_footer)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = zone_of(arena, STR(FILE_2));
    assert_span(zone, 1500, 1000, 2000, 7200, "BBB");
    /* 1970-03-29 01:00 UTC and 1970-10-25 01:00 UTC */
    assert_span(zone, 2000, 2000, 7520400, 3600, "AAA");
    assert_span(zone, 7520400, 7520400, 25664400, 7200, "BBB");
    /* 2100-03-28 01:00 UTC is 4109878800 */
    assert_span(zone, 4109878799, 4096573200, 4109878800, 3600, "AAA");
    arena_free(arena);
}

TEST(utc_is_one_span)
{
    assert_span(tzif_utc(), 0, INT64_MIN, INT64_MAX, 0, "UTC");
}

static void assert_corrupt(struct str bytes, const char *message)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = NULL;
    struct err err = {0};
    char expected[200];
    (void)snprintf(expected, sizeof expected, "time zone file 'Test/Zone': %s", message);
    assert_int_equal(tzif_parse(bytes, STR("Test/Zone"), arena, &zone, &err), -1);
    assert_string_equal(err.message, expected);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_null(zone);
    arena_free(arena);
}

static void assert_corrupt_with(size_t at, char byte, const char *message)
{
    char bytes[] = FILE_1;
    bytes[at] = byte;
    assert_corrupt((struct str){bytes, sizeof bytes - 1}, message);
}

TEST(a_damaged_file_says_what_is_wrong)
{
    assert_corrupt(STR(""), "no TZif header");
    assert_corrupt(STR("# tzdb timezone descriptions, which is no zone at all"), "no TZif header");
    assert_corrupt_with(20, '\x7f', "cut short");
    assert_corrupt_with(32, '\xff', "cut short");
    assert_corrupt_with(31, 1, "cut short");
    assert_corrupt_with(39, 0, "a number of types that is not 1-256");
    assert_corrupt_with(46, 9, "transitions out of order");
    assert_corrupt_with(52, 2, "a transition to a type that is not there");
    assert_corrupt_with(54, 1, "an offset out of bounds");
    assert_corrupt_with(58, 2, "an offset out of bounds");
    assert_corrupt_with(59, 8, "an abbreviation out of bounds");
    assert_corrupt_with(73, 'B', "an abbreviation without an end");
    assert_corrupt(STR(BLOCK_1("2")), "no TZif header");
    assert_corrupt(STR(BLOCK_1("2") BLOCK_2("2")), "no footer");
    assert_corrupt(STR(BLOCK_1("2") BLOCK_2("2") "\nAAA-1"), "no footer");
    assert_corrupt(STR(BLOCK_1("2") BLOCK_2("2") "\nAAA\n"),
                   "time zone rule 'AAA', expected a POSIX TZ rule such as CET-1CEST,M3.5.0,M10.5.0/3");
    const char leap[] = "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                        "\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\4"
                        "\0\0\0\0\0\0AAA\0"
                        "\0\0\0\0\0\0\0\1";
    assert_corrupt((struct str){leap, sizeof leap - 1}, "leap seconds, which sluice does not count");
}

TEST(every_prefix_and_every_changed_byte_of_a_file_is_survived)
{
    struct arena *arena = arena_new();
    const struct str good = STR(FILE_2);
    const struct tzif *zone = NULL;
    for (size_t n = 0; n < good.n; n++) {
        char *exact = malloc(n + 1); /* so that a read past the end is seen */
        exact = realloc(exact, n > 0 ? n : 1);
        memcpy(exact, good.p, n);
        assert_int_equal(tzif_parse((struct str){exact, n}, STR("z"), arena, &zone, NULL), -1);
        free(exact);
    }
    for (size_t i = 0; i < good.n; i++) {
        for (int byte = 0; byte < 256; byte += 5) {
            char *changed = arena_dup(arena, good.p, good.n);
            changed[i] = (char)byte;
            if (tzif_parse((struct str){changed, good.n}, STR("z"), arena, &zone, NULL) == 0) {
                assert_true(tzif_span_at(zone, 1500).to > 1500);
                assert_true(tzif_span_at(zone, 4102444800).to > 4102444800);
            }
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void assert_load_error(const char *folder, const char *name, enum err_code code, const char *message)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = NULL;
    struct err err = {0};
    assert_int_equal(tzif_load_from(folder, str_from(name), arena, &zone, &err), -1);
    assert_string_equal(err.message, message);
    assert_int_equal(err.code, code);
    arena_free(arena);
}

TEST(a_name_that_leaves_the_folder_is_no_name)
{
    static const char *const names[] = {
        "../../etc/passwd", "/etc/localtime", "Europe/../UTC", ".", "Europe//Berlin", "Europe/", "zone.tab",
        "Europe/Ber lin",   "Europe\\Berlin", ":UTC",          ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char message[200];
        (void)snprintf(message, sizeof message,
                       "'%s' is not the name of a time zone, expected such as Europe/Copenhagen or UTC", names[i]);
        assert_load_error("/nowhere", names[i], ERR_INPUT, message);
    }
}

TEST(without_tzdata_there_is_utc_and_the_name_of_the_package)
{
    const struct tzif *zone = NULL;
    struct arena *arena = arena_new();
    assert_int_equal(tzif_load_from("/nowhere", STR("UTC"), arena, &zone, NULL), 0);
    assert_ptr_equal(zone, tzif_utc());
    assert_int_equal(tzif_load_from("/nowhere", STR("Etc/UTC"), arena, &zone, NULL), 0);
    arena_free(arena);
    assert_load_error("/nowhere", "Europe/Berlin", ERR_NOT_FOUND,
                      "time zone 'Europe/Berlin': this machine has no time zones but UTC, install the package tzdata");
    assert_load_error("/nowhere", "utc", ERR_NOT_FOUND, "there is no time zone 'utc', did you mean 'UTC'");
}

static void skip_without_zones(void)
{
    if (access(TZIF_FOLDER "/Europe/Berlin", R_OK) != 0) {
        print_message("no time zones on this machine: install the package tzdata\n");
        skip();
    }
}

TEST(an_unknown_zone_gets_the_nearest_name)
{
    skip_without_zones();
    assert_load_error(TZIF_FOLDER, "Europe/Kopenhagen", ERR_NOT_FOUND,
                      "there is no time zone 'Europe/Kopenhagen', did you mean 'Europe/Copenhagen'");
    assert_load_error(TZIF_FOLDER, "europe/berlin", ERR_NOT_FOUND,
                      "there is no time zone 'europe/berlin', did you mean 'Europe/Berlin'");
    assert_load_error(TZIF_FOLDER, "new_york", ERR_NOT_FOUND,
                      "there is no time zone 'new_york', did you mean 'America/New_York'");
    assert_load_error(TZIF_FOLDER, "PST", ERR_NOT_FOUND,
                      "there is no time zone 'PST', expected a name such as Europe/Copenhagen or UTC");
    assert_load_error(TZIF_FOLDER, "Europe", ERR_INPUT,
                      "'Europe' is a folder of time zones, expected a zone such as Europe/Copenhagen");
}

TEST(the_release_of_tzdata_can_be_told)
{
    skip_without_zones();
    char room[16];
    assert_true(tzif_release(room, sizeof room));
    assert_true(strlen(room) == 5 && strncmp(room, "20", 2) == 0);
}

/* ---- against libc ----------------------------------------------------------------------------------------------- */

static void compare_zone(struct arena *arena, const char *name, struct rng *rng)
{
    const struct tzif *zone = NULL;
    struct err err = {0};
    if (tzif_load(str_from(name), arena, &zone, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    for (int i = 0; i < 400; i++) {
        time_t at = (time_t)(rng_below(rng, UINT64_C(7258118400))); /* 1970 to 2200 */
        struct tm local;
        struct tzif_span span = tzif_span_at(zone, at);
        assert_non_null(localtime_r(&at, &local));
        assert_true(span.from <= at && at < span.to);
        if (local.tm_gmtoff != span.offset_seconds || strcmp(local.tm_zone, span.abbreviation) != 0 ||
            (local.tm_isdst > 0) != span.dst) {
            fail_msg("%s at %lld: %d %s %d, libc %ld %s %d", name, (long long)at, span.offset_seconds,
                     span.abbreviation, span.dst, local.tm_gmtoff, local.tm_zone, local.tm_isdst);
        }
    }
}

TEST(every_zone_of_the_machine_reads_as_libc_reads_it)
{
    skip_without_zones();
    struct arena *arena = arena_new();
    struct str table = {0};
    struct rng rng;
    int count = 0;
    rng_seed(&rng, 7);
    assert_int_equal(fs_read(TZIF_FOLDER "/zone.tab", 1 << 20, arena, &table, NULL), 0);
    for (struct str line; str_cut(&table, '\n', &line);) {
        struct str field = {0};
        struct str rest = line;
        for (int i = 0; i < 3 && !str_starts(line, STR("#")); i++) {
            field = (struct str){0};
            (void)str_cut(&rest, '\t', &field);
        }
        if (field.n > 0) {
            compare_zone(arena, arena_printf(arena, "%.*s", STR_ARG(field)), &rng);
            count++;
        }
    }
    assert_true(count > 300);
    arena_free(arena);
}

TESTS(RUN(a_file_of_version_1_gives_its_spans), RUN(a_file_of_version_2_goes_on_by_its_footer), RUN(utc_is_one_span),
      RUN(a_damaged_file_says_what_is_wrong), RUN(every_prefix_and_every_changed_byte_of_a_file_is_survived),
      RUN(a_name_that_leaves_the_folder_is_no_name), RUN(without_tzdata_there_is_utc_and_the_name_of_the_package),
      RUN(an_unknown_zone_gets_the_nearest_name), RUN(the_release_of_tzdata_can_be_told),
      RUN(every_zone_of_the_machine_reads_as_libc_reads_it))
