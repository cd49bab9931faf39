/* SPDX-License-Identifier: Apache-2.0
 * However many calls are refused, the activity log grows by a few rows a minute.
 */
#include "api/refusals.h"

#include "store/activity.h"
#include "store_fixture.h"

#include <stdio.h>

static const unsigned char key[32] = "0123456789abcdef0123456789abcdef";

static void refuse(struct refusals *refusals, const char *actor, int64_t now_ms)
{
    struct refusal one = {.status = 403, .object = "GET /x", .reason = "no", .address = "192.0.2.7"};
    (void)snprintf(one.actor, sizeof one.actor, "%s", actor);
    refusals_note(refusals, &one, now_ms);
}

/* "eve: no; eve: and 5 more within a minute" */
static const char *recorded(struct fixture *f, struct refusals *refusals, int64_t now_ms)
{
    struct activity *rows = NULL;
    size_t count = 0;
    int64_t before = 0;
    char head[96];
    const char *words = "";
    assert_int_equal(store_activity_head_text(f->store, &before, head, NULL), 0);
    if (refusals_are_due(refusals, now_ms)) {
        assert_int_equal(refusals_record(refusals, f->store, now_ms, 1000, NULL), 0);
    }
    assert_int_equal(store_activity_list(f->store, NULL, false, before, 100, f->arena, &rows, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        words = arena_printf(f->arena, "%s%s%s: %s", words, i == 0 ? "" : "; ", rows[i].actor, rows[i].reason);
    }
    assert_false(refusals_are_due(refusals, now_ms));
    return words;
}

TEST(the_first_is_recorded_at_once_and_the_others_of_a_minute_in_one_row)
{
    struct fixture f = open_empty();
    struct refusals refusals = {0};
    store_activity_set_key(f.store, key);
    refuse(&refusals, "eve", 1);
    assert_string_equal(recorded(&f, &refusals, 1), "eve: no");
    for (int i = 0; i < 100000; i++) {
        refuse(&refusals, "eve", 2);
    }
    refuse(&refusals, "mallory", 3);
    assert_string_equal(recorded(&f, &refusals, 60000), "mallory: no");
    assert_string_equal(recorded(&f, &refusals, 60001), "eve: and 100000 more within a minute");
    assert_string_equal(recorded(&f, &refusals, 90000), "");
    refuse(&refusals, "eve", 90000);
    assert_string_equal(recorded(&f, &refusals, 90001), "eve: no");
    close_fixture(&f);
}

TEST(those_for_whom_there_is_no_place_are_counted_together)
{
    struct fixture f = open_empty();
    struct refusals refusals = {0};
    store_activity_set_key(f.store, key);
    for (int i = 0; i < 1000; i++) {
        char actor[20];
        (void)snprintf(actor, sizeof actor, "user%d", i);
        refuse(&refusals, actor, 1);
    }
    (void)recorded(&f, &refusals, 1);
    assert_string_equal(recorded(&f, &refusals, 60001), "others: 984 more were refused within a minute");
    int64_t rows = 0;
    char head[96];
    assert_int_equal(store_activity_head_text(f.store, &rows, head, NULL), 0);
    assert_int_equal(rows, REFUSALS_MAX + 1);
    close_fixture(&f);
}

TESTS(RUN(the_first_is_recorded_at_once_and_the_others_of_a_minute_in_one_row),
      RUN(those_for_whom_there_is_no_place_are_counted_together))
