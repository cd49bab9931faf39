/* SPDX-License-Identifier: Apache-2.0
 * Counters of the store: they grow with what they count, go back with what is taken back, and are there after closing.
 */
#include "store/counters.h"
#include "store_fixture.h"

#include <stdio.h>

struct seen {
    char words[200];
};

static void take(void *ctx, const char *label, int64_t value)
{
    struct seen *seen = ctx;
    size_t length = strlen(seen->words);
    (void)snprintf(seen->words + length, sizeof seen->words - length, "%s=%lld;", label, (long long)value);
}

TEST(counters_grow_by_label)
{
    struct fixture f = open_empty();
    struct seen seen = {0};
    assert_int_equal(store_count(f.store, COUNTER_HOOKS, "github accepted", 1, NULL), 0);
    assert_int_equal(store_count(f.store, COUNTER_HOOKS, "github refused", 40, NULL), 0);
    assert_int_equal(store_count(f.store, COUNTER_HOOKS, "github accepted", 2, NULL), 0);
    assert_int_equal(store_count(f.store, COUNTER_MISSED, "late", 9, NULL), 0);
    assert_int_equal(store_counters(f.store, COUNTER_HOOKS, take, &seen, NULL), 0);
    assert_string_equal(seen.words, "github accepted=3;github refused=40;");
    close_fixture(&f);
}

TEST(what_is_taken_back_is_not_counted)
{
    struct fixture f = open_empty();
    struct seen seen = {0};
    assert_int_equal(store_count(f.store, COUNTER_MISSED, "late", 1, NULL), 0);
    assert_int_equal(store_begin(f.store, NULL), 0);
    assert_int_equal(store_count(f.store, COUNTER_MISSED, "late", 5, NULL), 0);
    store_rollback(f.store);
    assert_int_equal(store_counters(f.store, COUNTER_MISSED, take, &seen, NULL), 0);
    assert_string_equal(seen.words, "late=1;");
    close_fixture(&f);
}

TEST(a_histogram_has_each_value_where_it_belongs)
{
    struct fixture f = open_empty();
    struct histogram found;
    const double values[] = {-1, 0, 0.01, 0.011, 59.9, 60, 86400, 90000};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(store_observe(f.store, COUNTER_DELAY, values[i], NULL), 0);
    }
    assert_int_equal(store_counted_histogram(f.store, COUNTER_DELAY, &found, NULL), 0);
    assert_int_equal(histogram_count(&found), 8);
    assert_int_equal(found.counts[0], 3); /* a clock that was set back has no time that is less than none */
    assert_int_equal(found.counts[1], 1);
    assert_int_equal(found.counts[7], 2);
    assert_int_equal(found.counts[12], 1);
    assert_int_equal(found.counts[13], 1);
    assert_true(found.sum > 176519.9 && found.sum < 176519.93);
    assert_int_equal(store_counted_histogram(f.store, COUNTER_QUEUE, &found, NULL), 0);
    assert_int_equal(histogram_count(&found), 0);
    close_fixture(&f);
}

TESTS(RUN(counters_grow_by_label),
      RUN(what_is_taken_back_is_not_counted),
      RUN(a_histogram_has_each_value_where_it_belongs))
