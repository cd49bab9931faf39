/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/standing.h"

#include "test.h"

#include <stdio.h>

TEST(standing_is_learned_from_the_last_try)
{
    struct standings standings = {0};
    assert_int_equal(standing_of(&standings, "a", false), STANDING_NEW);
    assert_int_equal(standing_of(&standings, "a", true), STANDING_SLOW);
    standing_learn(&standings, "b", true, 10);
    standing_learn(&standings, "a", true, STANDING_SLOW_MS - 1);
    standing_learn(&standings, "c", false, 10);
    assert_int_equal(standing_of(&standings, "a", true), STANDING_QUICK);
    assert_int_equal(standing_of(&standings, "b", false), STANDING_QUICK);
    assert_int_equal(standing_of(&standings, "c", false), STANDING_SLOW);
    assert_int_equal(standing_of(&standings, "bb", false), STANDING_NEW);
    standing_learn(&standings, "a", true, STANDING_SLOW_MS);
    assert_int_equal(standing_of(&standings, "a", false), STANDING_SLOW);
    standing_learn(&standings, "c", true, 0);
    assert_int_equal(standing_of(&standings, "c", false), STANDING_QUICK);
    assert_int_equal(standings.count, 3);
    standings_clear(&standings);
}

TEST(standing_of_very_many_is_learned_anew)
{
    struct standings standings = {0};
    char name[32];
    for (int i = 0; i < STANDINGS_KNOWN_MAX + 5; i++) {
        (void)snprintf(name, sizeof name, "%d", i * 7919 % 100003);
        standing_learn(&standings, name, true, 1);
        assert_int_equal(standing_of(&standings, name, false), STANDING_QUICK);
        assert_true(standings.count <= STANDINGS_KNOWN_MAX);
    }
    standings_clear(&standings);
}

TEST(standing_of_a_name_that_is_too_long_is_not_kept)
{
    struct standings standings = {0};
    char name[200];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    standing_learn(&standings, name, true, 1);
    assert_int_equal(standing_of(&standings, name, false), STANDING_NEW);
    standings_clear(&standings);
}

/* Whatever comes in whatever order: who is quick finds a place while only others are under way. */
TEST(standing_leaves_places_for_who_is_better)
{
    static const enum standing orders[][STANDINGS] = {
        {STANDING_SLOW, STANDING_NEW, STANDING_QUICK},
        {STANDING_NEW, STANDING_SLOW, STANDING_QUICK},
        {STANDING_QUICK, STANDING_NEW, STANDING_SLOW},
    };
    static const size_t expected[][STANDINGS] = {
        {[STANDING_SLOW] = 16, [STANDING_NEW] = 8, [STANDING_QUICK] = 8},
        {[STANDING_NEW] = 24, [STANDING_SLOW] = 0, [STANDING_QUICK] = 8},
        {[STANDING_QUICK] = 32, [STANDING_NEW] = 0, [STANDING_SLOW] = 0},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        size_t under_way[STANDINGS] = {0};
        for (size_t k = 0; k < STANDINGS; k++) {
            while (standing_has_place(under_way, orders[i][k])) {
                under_way[orders[i][k]]++;
            }
        }
        for (size_t k = 0; k < STANDINGS; k++) {
            assert_int_equal(under_way[k], expected[i][k]);
        }
    }
}

TESTS(RUN(standing_is_learned_from_the_last_try), RUN(standing_of_very_many_is_learned_anew),
      RUN(standing_of_a_name_that_is_too_long_is_not_kept), RUN(standing_leaves_places_for_who_is_better))
