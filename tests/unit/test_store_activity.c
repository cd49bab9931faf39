/* SPDX-License-Identifier: Apache-2.0
 * The chain is attacked past the triggers that keep rows as they are: with them dropped, as a person with the file
 * would.
 */
#include "store/activity.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <stdio.h>

enum { ROWS = 5 };

static const unsigned char key[32] = "0123456789abcdef0123456789abcdef";

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    store_activity_set_key(f.store, key);
    return f;
}

static void append(struct fixture *f, const char *action, const char *object_id)
{
    struct activity activity = {.at_ms = 1000,
                                .actor = "alice",
                                .action = action,
                                .object = "run wine 12",
                                .object_id = object_id,
                                .from_state = "open",
                                .to_state = "approved",
                                .reason = "fine",
                                .evidence_sha256 = "e1"};
    assert_int_equal(store_activity_append(f->store, &activity, NULL), 0);
}

static struct fixture open_filled(void)
{
    struct fixture f = open_fixture();
    for (int i = 1; i <= ROWS; i++) {
        append(&f, arena_printf(f.arena, "action.%d", i), i % 2 == 0 ? "even" : "odd");
    }
    return f;
}

static int run_sql(struct fixture *f, const char *sql, struct err *err)
{
    return stmt_run(stmt_get(f->store, sql), err) < 0 ? -1 : 0;
}

static void attack(struct fixture *f, const char *sql)
{
    assert_int_equal(run_sql(f, "DROP TRIGGER activity_is_not_changed", NULL), 0);
    assert_int_equal(run_sql(f, "DROP TRIGGER activity_is_not_removed", NULL), 0);
    assert_int_equal(run_sql(f, arena_strdup(f->arena, sql), NULL), 0);
}

/* "" when the chain holds, else what is wrong with it. */
static const char *verify(struct fixture *f, const char *head)
{
    int64_t count = 0;
    char found[96];
    struct err err = {0};
    if (store_activity_verify(f->store, head, &count, found, &err) == 0) {
        return "";
    }
    return arena_strdup(f->arena, err.message);
}

static const char *head_of(struct fixture *f)
{
    int64_t count = 0;
    char head[96];
    assert_int_equal(store_activity_verify(f->store, NULL, &count, head, NULL), 0);
    return arena_strdup(f->arena, head);
}

TEST(rows_are_numbered_chained_and_read_back)
{
    struct fixture f = open_filled();
    struct activity *rows = NULL;
    size_t count = 0;
    assert_int_equal(store_activity_list(f.store, NULL, false, 0, 100, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, ROWS);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].sequence, i + 1);
        assert_int_equal(strlen(rows[i].chain), 64);
        assert_true(i == 0 || strcmp(rows[i].chain, rows[i - 1].chain) != 0);
    }
    assert_string_equal(rows[0].actor, "alice");
    assert_string_equal(rows[0].action, "action.1");
    assert_string_equal(rows[0].object, "run wine 12");
    assert_string_equal(rows[0].from_state, "open");
    assert_string_equal(rows[0].to_state, "approved");
    assert_string_equal(rows[0].reason, "fine");
    assert_string_equal(rows[0].evidence_sha256, "e1");
    close_fixture(&f);
}

TEST(lists_go_from_either_end_and_by_object)
{
    struct fixture f = open_filled();
    static const struct {
        const char *object_id;
        bool newest_first;
        int64_t from;
        size_t limit;
        const char *sequences;
    } cases[] = {
        {NULL, false, 0, 2, "1 2 "},  {NULL, false, 2, 2, "3 4 "},  {NULL, true, 0, 2, "5 4 "},
        {NULL, true, 4, 9, "3 2 1 "}, {"odd", false, 0, 9, "1 3 5 "}, {"even", true, 0, 1, "4 "},
        {"none", true, 0, 9, ""},     {NULL, false, 5, 9, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct activity *rows = NULL;
        size_t count = 0;
        const char *text = "";
        assert_int_equal(store_activity_list(f.store, cases[i].object_id, cases[i].newest_first, cases[i].from,
                                             cases[i].limit, f.arena, &rows, &count, NULL),
                         0);
        for (size_t k = 0; k < count; k++) {
            text = arena_printf(f.arena, "%s%lld ", text, (long long)rows[k].sequence);
        }
        assert_string_equal(text, cases[i].sequences);
    }
    close_fixture(&f);
}

TEST(the_log_cannot_be_changed_by_ordinary_statements)
{
    struct fixture f = open_filled();
    static const char *const statements[] = {"UPDATE activity SET reason = 'x' WHERE sequence = 2",
                                             "DELETE FROM activity WHERE sequence = 5"};
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        assert_int_equal(run_sql(&f, statements[i], &err), -1);
        assert_non_null(strstr(err.message, "append-only"));
    }
    assert_string_equal(verify(&f, NULL), "");
    close_fixture(&f);
}

TEST(any_change_breaks_the_chain_at_the_row_that_was_changed)
{
    static const struct {
        const char *sql;
        const char *found;
    } attacks[] = {
        {"UPDATE activity SET at_ms = 1001 WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET actor = 'bob' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET action = 'x' WHERE sequence = 1", "row 1 is not what was written"},
        {"UPDATE activity SET object = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET object_id = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET from_state = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET to_state = 'x' WHERE sequence = 5", "row 5 is not what was written"},
        {"UPDATE activity SET reason = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET evidence_sha256 = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET address = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        {"UPDATE activity SET means = 'x' WHERE sequence = 3", "row 3 is not what was written"},
        /* The same bytes in all, in other fields. */
        {"UPDATE activity SET from_state = 'ope', to_state = 'napproved' WHERE sequence = 2", "row 2 is not"},
        {"UPDATE activity SET chain = (SELECT chain FROM activity WHERE sequence = 2) WHERE sequence = 3", "row 3"},
        {"DELETE FROM activity WHERE sequence = 1", "row 1 is missing, row 2 follows"},
        {"DELETE FROM activity WHERE sequence = 3", "row 3 is missing, row 4 follows"},
        /* Removed, and the numbers closed up. */
        {"DELETE FROM activity WHERE sequence = 5; ", ""},
        {"UPDATE activity SET sequence = CASE sequence WHEN 2 THEN 103 ELSE 102 END WHERE sequence IN (2, 3)",
         "row 2 is missing"},
        {"INSERT INTO activity SELECT 6, at_ms, actor, action, object, object_id, from_state, to_state, reason, "
         "evidence_sha256, chain, address, means FROM activity WHERE sequence = 5",
         "row 6 is not what was written"},
    };
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct fixture f = open_filled();
        attack(&f, attacks[i].sql);
        const char *found = verify(&f, NULL);
        if (*attacks[i].found == '\0') {
            assert_string_equal(found, "");
        } else if (strstr(found, attacks[i].found) == NULL) {
            fail_msg("%s: found \"%s\"", attacks[i].sql, found);
        }
        close_fixture(&f);
    }
}

TEST(rows_that_change_places_or_close_a_gap_are_found)
{
    struct fixture f = open_filled();
    attack(&f, "UPDATE activity SET sequence = 100 WHERE sequence = 2");
    assert_int_equal(run_sql(&f, "UPDATE activity SET sequence = 2 WHERE sequence = 3", NULL), 0);
    assert_int_equal(run_sql(&f, "UPDATE activity SET sequence = 3 WHERE sequence = 100", NULL), 0);
    assert_non_null(strstr(verify(&f, NULL), "row 2 is not what was written ('action.3' by 'alice')"));
    close_fixture(&f);
    f = open_filled();
    attack(&f, "DELETE FROM activity WHERE sequence = 2");
    assert_int_equal(run_sql(&f, "UPDATE activity SET sequence = sequence - 1 WHERE sequence > 2", NULL), 0);
    assert_non_null(strstr(verify(&f, NULL), "row 2 is not what was written"));
    close_fixture(&f);
}

/* ---- segments ---- */

static const unsigned char other_key[32] = "fedcba9876543210fedcba9876543210";

/* Five rows under one key, then what a restore under another adds, and one more. */
static struct fixture open_restored(void)
{
    struct fixture f = open_filled();
    char fold[65];
    store_activity_set_key(f.store, other_key);
    assert_int_equal(store_activity_fold(f.store, fold, NULL), 0);
    struct activity restored = {.at_ms = 2000, .actor = "bob", .action = ACTIVITY_RESTORED, .evidence_sha256 = fold};
    assert_int_equal(store_activity_append(f.store, &restored, NULL), 0);
    append(&f, "later", "odd");
    return f;
}

TEST(a_restore_under_another_key_holds_the_rows_before_it)
{
    struct fixture f = open_filled();
    char before[96];
    (void)snprintf(before, sizeof before, "%s", head_of(&f));
    close_fixture(&f);
    f = open_restored();
    assert_string_equal(verify(&f, NULL), "");
    assert_int_equal(store_activity_foreign(f.store), ROWS);
    assert_string_equal(verify(&f, before), "");
    assert_non_null(strstr(verify(&f, arena_printf(f.arena, "4:%s", before + 2)), "row 4 has another chain"));
    store_activity_set_key(f.store, key); /* the other segment's */
    assert_non_null(strstr(verify(&f, NULL), "row 6 is not what was written"));
    close_fixture(&f);
}

TEST(a_restore_under_the_same_key_makes_no_rows_foreign)
{
    struct fixture f = open_filled();
    char fold[65];
    assert_int_equal(store_activity_fold(f.store, fold, NULL), 0);
    struct activity restored = {.at_ms = 2000, .actor = "bob", .action = ACTIVITY_RESTORED, .evidence_sha256 = fold};
    assert_int_equal(store_activity_append(f.store, &restored, NULL), 0);
    assert_string_equal(verify(&f, NULL), "");
    assert_int_equal(store_activity_foreign(f.store), 0);
    close_fixture(&f);
}

TEST(changes_before_a_restore_are_found_under_the_key_after_it)
{
    static const char *const attacks[] = {
        "UPDATE activity SET reason = 'x' WHERE sequence = 1",
        "UPDATE activity SET chain = 'x' WHERE sequence = 3",
        "UPDATE activity SET chain = 'x' WHERE sequence = 5",
        "UPDATE activity SET evidence_sha256 = '' WHERE sequence = 6",
        "UPDATE activity SET action = 'x' WHERE sequence = 6",
        "UPDATE activity SET reason = 'x' WHERE sequence = 7",
        "DELETE FROM activity WHERE sequence = 1",
        "DELETE FROM activity WHERE sequence = 4",
        "DELETE FROM activity WHERE sequence = 6",
        "DELETE FROM activity WHERE sequence < 6",
    };
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct fixture f = open_restored();
        attack(&f, attacks[i]);
        if (strstr(verify(&f, NULL), "the activity log is broken") == NULL) {
            fail_msg("%s: found \"%s\"", attacks[i], verify(&f, NULL));
        }
        close_fixture(&f);
    }
}

TEST(a_tail_that_was_cut_off_is_found_against_a_head_from_before)
{
    struct fixture f = open_filled();
    const char *head = head_of(&f);
    assert_int_equal(strncmp(head, "5:", 2), 0);
    assert_string_equal(verify(&f, head), "");
    append(&f, "later", "odd"); /* an older head still holds */
    assert_string_equal(verify(&f, head), "");
    attack(&f, "DELETE FROM activity WHERE sequence >= 4");
    assert_string_equal(verify(&f, NULL), "");
    assert_non_null(strstr(verify(&f, head), "ends at row 3, but row 5 was there: its tail was cut off"));
    append(&f, "forged", "odd");
    append(&f, "forged", "odd");
    assert_string_equal(verify(&f, NULL), "");
    assert_non_null(strstr(verify(&f, head), "row 5 has another chain"));
    close_fixture(&f);
}

TEST(a_head_is_a_number_and_64_digits)
{
    struct fixture f = open_filled();
    const char *hex = strchr(head_of(&f), ':') + 1;
    const char *wrong[] = {"", "5", "5:", "5:abc", arena_printf(f.arena, "x:%s", hex),
                           arena_printf(f.arena, "0:%s", hex), arena_printf(f.arena, "5:%s0", hex)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_non_null(strstr(verify(&f, wrong[i]), "expected SEQUENCE:HEX"));
    }
    close_fixture(&f);
}

TEST(another_key_does_not_verify_and_none_is_said)
{
    struct fixture f = open_filled();
    static const unsigned char other[32] = "another key of exactly 32 bytes!";
    store_activity_set_key(f.store, other);
    assert_non_null(strstr(verify(&f, NULL), "row 1 is not what was written"));
    close_fixture(&f);
    f = (struct fixture){.arena = arena_new()};
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &f.store, NULL), 0);
    struct activity activity = {.actor = "alice"};
    struct err err = {0};
    assert_int_equal(store_activity_append(f.store, &activity, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(verify(&f, NULL), "the home's key is not there, or may not be read by you"));
    close_fixture(&f);
}

TEST(an_empty_log_verifies)
{
    struct fixture f = open_fixture();
    int64_t count = -1;
    char head[96];
    assert_int_equal(store_activity_verify(f.store, NULL, &count, head, NULL), 0);
    assert_int_equal(count, 0);
    assert_string_equal(head, "0:");
    close_fixture(&f);
}

TEST(where_it_was_asked_from_is_chained_and_rows_of_before_hold)
{
    struct fixture f = open_filled();
    struct activity *rows = NULL;
    size_t count = 0;
    store_activity_set_origin(f.store, "192.0.2.7", NULL);
    append(&f, "far", "odd");
    store_activity_set_origin(f.store, NULL, NULL);
    append(&f, "near", "odd");
    assert_int_equal(store_activity_list(f.store, NULL, true, 0, 2, f.arena, &rows, &count, NULL), 0);
    assert_string_equal(rows[1].address, "192.0.2.7");
    assert_string_equal(rows[0].address, "");
    assert_string_equal(verify(&f, NULL), "");
    attack(&f, "UPDATE activity SET address = '' WHERE sequence = 6");
    assert_non_null(strstr(verify(&f, NULL), "row 6 is not what was written"));
    assert_int_equal(run_sql(&f, "UPDATE activity SET address = '192.0.2.7' WHERE sequence = 6", NULL), 0);
    assert_string_equal(verify(&f, NULL), "");
    assert_int_equal(run_sql(&f, "UPDATE activity SET address = 'x' WHERE sequence = 7", NULL), 0);
    assert_non_null(strstr(verify(&f, NULL), "row 7 is not what was written"));
    close_fixture(&f);
}

TEST(by_what_means_is_chained_and_is_never_taken_for_an_address)
{
    static const struct {
        const char *address, *means;
    } rows[] = {{"", "password"}, {"192.0.2.7", "token 3f9a01c2"}, {"password", ""}, {"", ""}};
    struct fixture f = open_filled();
    struct activity *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        store_activity_set_origin(f.store, rows[i].address, rows[i].means);
        append(&f, "far", "odd");
    }
    store_activity_set_origin(f.store, NULL, NULL);
    assert_string_equal(verify(&f, NULL), "");
    assert_int_equal(store_activity_list(f.store, NULL, false, 5, 9, f.arena, &found, &count, NULL), 0);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found[i].address, rows[i].address);
        assert_string_equal(found[i].means, rows[i].means);
    }
    attack(&f, "UPDATE activity SET address = means, means = '' WHERE sequence = 6");
    assert_non_null(strstr(verify(&f, NULL), "row 6 is not what was written"));
    assert_int_equal(run_sql(&f, "UPDATE activity SET address = '', means = 'password' WHERE sequence = 6", NULL), 0);
    assert_int_equal(run_sql(&f, "UPDATE activity SET means = address, address = '' WHERE sequence = 8", NULL), 0);
    assert_non_null(strstr(verify(&f, NULL), "row 8 is not what was written"));
    close_fixture(&f);
}

TEST(entries_are_found_by_who_where_what_when_and_how_it_went)
{
    static const struct {
        struct activity_filter filter;
        size_t expected;
    } rows[] = {
        {{.limit = 9}, 4},
        {{.actor = "ann", .limit = 9}, 2},
        {{.actor = "an", .limit = 9}, 0},
        {{.address = "192.0.2.7", .limit = 9}, 2},
        {{.address = "", .limit = 9}, 2},
        {{.action = "run.started", .limit = 9}, 1},
        {{.action = "run.*", .limit = 9}, 2},
        {{.action = "run*", .limit = 9}, 3},
        {{.action = "*", .limit = 9}, 4},
        {{.action = "%", .limit = 9}, 0},
        {{.action = "r_n.*", .limit = 9}, 0},
        {{.action = "", .limit = 9}, 0},
        {{.outcome = ACTIVITY_REFUSED, .limit = 9}, 1},
        {{.outcome = ACTIVITY_DONE, .limit = 9}, 3},
        {{.since_ms = 20, .until_ms = 40, .limit = 9}, 2},
        {{.since_ms = 20, .actor = "ann", .action = "*", .address = "", .outcome = ACTIVITY_DONE, .limit = 9}, 1},
        {{.last_sequence = -1, .limit = 9}, 0},
    };
    static const struct activity written[] = {
        {.at_ms = 10, .actor = "ann", .action = "run.started", .address = "192.0.2.7"},
        {.at_ms = 20, .actor = "ann", .action = "run.ended", .address = ""},
        {.at_ms = 30, .actor = "bob", .action = "call.refused", .address = "192.0.2.7"},
        {.at_ms = 40, .actor = "sluice", .action = "runs", .address = ""},
    };
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        assert_int_equal(store_activity_append(f.store, &written[i], NULL), 0);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct activity *found = NULL;
        size_t count = 0;
        assert_int_equal(store_activity_find(f.store, &rows[i].filter, f.arena, &found, &count, NULL), 0);
        assert_int_equal(count, rows[i].expected);
    }
    close_fixture(&f);
}

TEST(the_chain_is_verified_in_slices_of_any_size)
{
    struct fixture f = open_filled();
    const char *head = head_of(&f);
    for (size_t rows = 1; rows <= ROWS + 1; rows++) {
        struct activity_check check;
        int more = 1;
        size_t slices = 0;
        assert_int_equal(store_activity_verify_begin(f.store, head, &check, NULL), 0);
        while ((more = store_activity_verify_some(f.store, &check, rows, NULL)) == 1) {
            slices++;
        }
        assert_int_equal(more, 0);
        assert_int_equal(check.sequence, ROWS);
        assert_int_equal(slices, ROWS / rows);
    }
    close_fixture(&f);
}

TEST(rows_are_found_by_who_did_what_and_when)
{
    struct fixture f = open_filled();
    struct activity *rows = NULL;
    size_t count = 0;
    const struct {
        struct activity_filter filter;
        size_t count;
    } cases[] = {
        {{.actor = "alice", .limit = 9}, ROWS},     {{.actor = "bob", .limit = 9}, 0},
        {{.action = "action.2", .limit = 9}, 1},    {{.object_id = "odd", .limit = 2}, 2},
        {{.since_ms = 1000, .limit = 9}, ROWS},     {{.since_ms = 1001, .limit = 9}, 0},
        {{.until_ms = 1000, .limit = 9}, 0},        {{.last_sequence = 3, .limit = 9}, 3},
        {{.from_sequence = 3, .limit = 9}, ROWS - 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(store_activity_find(f.store, &cases[i].filter, f.arena, &rows, &count, NULL), 0);
        assert_int_equal(count, cases[i].count);
    }
    close_fixture(&f);
}

TESTS(RUN(rows_are_numbered_chained_and_read_back), RUN(lists_go_from_either_end_and_by_object),
      RUN(the_log_cannot_be_changed_by_ordinary_statements),
      RUN(any_change_breaks_the_chain_at_the_row_that_was_changed),
      RUN(rows_that_change_places_or_close_a_gap_are_found),
      RUN(a_restore_under_another_key_holds_the_rows_before_it),
      RUN(a_restore_under_the_same_key_makes_no_rows_foreign),
      RUN(changes_before_a_restore_are_found_under_the_key_after_it),
      RUN(a_tail_that_was_cut_off_is_found_against_a_head_from_before), RUN(a_head_is_a_number_and_64_digits),
      RUN(another_key_does_not_verify_and_none_is_said), RUN(an_empty_log_verifies),
      RUN(where_it_was_asked_from_is_chained_and_rows_of_before_hold),
      RUN(by_what_means_is_chained_and_is_never_taken_for_an_address),
      RUN(entries_are_found_by_who_where_what_when_and_how_it_went),
      RUN(the_chain_is_verified_in_slices_of_any_size), RUN(rows_are_found_by_who_did_what_and_when))
