/* SPDX-License-Identifier: Apache-2.0 */
#include "base/measure_slip.h"

#include "base/parse.h"

#include "test.h"

struct slip {
    const char *text;
    const char *meant; /* NULL: nobody could say */
};

/* What is offered can be read, too. */
static void check(const struct slip *rows, size_t count, bool (*slip)(struct str, char *),
                  int (*parse)(struct str, int64_t *, struct err *))
{
    for (size_t i = 0; i < count; i++) {
        char room[MEASURE_SLIP_MAX] = "untouched";
        int64_t number = 0;
        bool known = slip(str_from(rows[i].text), room);
        assert_int_equal(known, rows[i].meant != NULL);
        if (known) {
            assert_string_equal(room, rows[i].meant);
            assert_int_equal(parse(str_from(room), &number, NULL), 0);
        }
    }
}

TEST(durations_of_other_tools_are_understood)
{
    static const struct slip rows[] = {
        {"60", "60s"}, {"0", "0s"}, {"10min", "10m"}, {"1 h", "1h"}, {" 90 sec ", "90s"}, {"1.5h", "1h30m"},
        {"0.5s", "500ms"}, {"2 Days", "2d"}, {"90MIN", "90m"}, {"1h 30m", "1h30m"}, {"1s1m", "1m1s"},
        {"1 hour 30 minutes", "1h30m"}, {"2w", "14d"}, {"1.5", "1s500ms"}, {"250 milliseconds", "250ms"},
        {"", NULL}, {"soon", NULL}, {"-5s", NULL}, {"h1", NULL}, {"1h30", NULL}, {"1y", NULL}, {"1.2.3h", NULL},
        {".", NULL}, {"1fortnightandabit", NULL}, {"0.0001s", NULL}, {"1e3s", NULL}, {"99999999999999999999h", NULL},
    };
    check(rows, sizeof rows / sizeof *rows, duration_slip, parse_duration_ms);
}

TEST(sizes_of_other_tools_are_understood)
{
    static const struct slip rows[] = {
        {"8", "8G"}, {"1.5", "1.5G"}, {"63", "63G"}, {"64", "64M"}, {"512", "512M"}, {"8 G", "8G"}, {"8g", "8G"},
        {"8Gi", "8G"}, {"8 gib", "8G"}, {"100k", "100K"}, {"5 bytes", "5B"}, {"2tb", "2T"},
        {"", NULL}, {"lots", NULL}, {"-8G", NULL}, {"G", NULL}, {"8P", NULL}, {"8G8", NULL}, {"1.2.3G", NULL},
        {"99999999999999999999999999999999G", NULL},
    };
    check(rows, sizeof rows / sizeof *rows, size_slip, parse_size_bytes);
}

TESTS(RUN(durations_of_other_tools_are_understood), RUN(sizes_of_other_tools_are_understood))
