/* SPDX-License-Identifier: Apache-2.0
 * Deliveries that came in: kept as they were, and never more of them than there is room for.
 */
#include "store/hook_deliveries.h"
#include "store/stmt.h"
#include "store_fixture.h"

static struct hook_delivery delivery_of(enum hook_outcome outcome, int64_t at_ms, struct str sealed)
{
    return (struct hook_delivery){
        .pipeline = "wine",
        .provider = "github",
        .delivery_id = "d",
        .event_type = "push",
        .peer = "192.0.2.1",
        .received_ms = at_ms,
        .status = 202,
        .outcome = outcome,
        .reason = "",
        .actor = "",
        .headers = "{}",
        .body_bytes = 5,
        .body_sha256 = "ab",
        .sealed = sealed,
        .key_id = "key",
    };
}

static int64_t add(struct fixture *f, enum hook_outcome outcome, int64_t at_ms, struct str sealed)
{
    struct hook_delivery delivery = delivery_of(outcome, at_ms, sealed);
    assert_int_equal(store_hook_delivery_add(f->store, &delivery, NULL), 0);
    return delivery.id;
}

static int64_t number(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t value = stmt_column_int(s, 0);
    stmt_done(s);
    return value;
}

TEST(a_delivery_is_as_it_was_put)
{
    struct fixture f = open_empty();
    struct hook_delivery found, put = delivery_of(HOOK_ACCEPTED, 5, STR("sealed\0bytes"));
    struct err err = {0};
    put.trigger_row = 7;
    put.replay_of = 3;
    put.actor = "ada";
    assert_int_equal(store_hook_delivery_add(f.store, &put, NULL), 0);
    assert_int_equal(store_hook_delivery_get(f.store, put.id, f.arena, &found, NULL), 0);
    assert_string_equal(found.pipeline, "wine");
    assert_string_equal(found.provider, "github");
    assert_string_equal(found.event_type, "push");
    assert_string_equal(found.peer, "192.0.2.1");
    assert_int_equal(found.received_ms, 5);
    assert_int_equal(found.status, 202);
    assert_int_equal(found.outcome, HOOK_ACCEPTED);
    assert_int_equal(found.trigger_row, 7);
    assert_int_equal(found.replay_of, 3);
    assert_string_equal(found.actor, "ada");
    assert_string_equal(found.key_id, "key");
    assert_true(found.has_body && str_eq(found.sealed, STR("sealed\0bytes")));
    assert_int_equal(store_hook_delivery_get(f.store, put.id + 1, f.arena, &found, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(lists_are_newest_first_and_by_what_is_asked)
{
    struct fixture f = open_empty();
    struct hook_delivery *found = NULL;
    size_t count = 0;
    for (int i = 0; i < 8; i++) {
        add(&f, (enum hook_outcome)(i % 4), i, STR("x"));
    }
    struct hook_delivery_filter filter = {.outcome = "refused", .limit = 10};
    assert_int_equal(store_hook_delivery_list(f.store, &filter, f.arena, &found, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(found[0].received_ms == 7 && found[1].received_ms == 3 && found[0].outcome == HOOK_REFUSED);
    filter = (struct hook_delivery_filter){.before = found[0].id, .limit = 3};
    assert_int_equal(store_hook_delivery_list(f.store, &filter, f.arena, &found, &count, NULL), 0);
    assert_true(count == 3 && found[0].received_ms == 6 && found[2].received_ms == 4);
    filter = (struct hook_delivery_filter){.pipeline = "beer", .limit = 3};
    assert_int_equal(store_hook_delivery_list(f.store, &filter, f.arena, &found, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

/* A flood of what is not genuine leaves what is genuine alone. */
TEST(each_kind_has_so_many_rows)
{
    struct fixture f = open_empty();
    int64_t genuine = add(&f, HOOK_ACCEPTED, 1, STR("x"));
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 0; i < HOOK_REFUSED_MAX + 50; i++) {
        add(&f, HOOK_REFUSED, 2 + i, STR("x"));
    }
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_int_equal(number(&f, "SELECT count(*) FROM hook_deliveries WHERE outcome = 'refused'"), HOOK_REFUSED_MAX);
    assert_int_equal(number(&f, "SELECT min(received_ms) FROM hook_deliveries WHERE outcome = 'refused'"), 52);
    assert_int_equal(number(&f, "SELECT count(*) FROM hook_deliveries WHERE outcome = 'accepted'"), 1);
    assert_int_equal(number(&f, "SELECT min(id) FROM hook_deliveries"), genuine);
    close_fixture(&f);
}

TEST(each_kind_has_so_many_bytes_of_bodies)
{
    struct fixture f = open_empty();
    enum { PART = 1 << 20, PARTS = HOOK_REFUSED_BODIES / PART };
    static char bytes[PART];
    const struct str body = {bytes, sizeof bytes};
    add(&f, HOOK_IGNORED, 0, body);
    for (int i = 0; i < PARTS; i++) {
        add(&f, HOOK_REFUSED, i, body);
    }
    static const char kept[] = "SELECT sum(length(body)) FROM hook_deliveries WHERE outcome = 'refused'";
    assert_int_equal(number(&f, kept), HOOK_REFUSED_BODIES);
    add(&f, HOOK_REFUSED, PARTS, body);
    add(&f, HOOK_REFUSED, PARTS + 1, STR("x"));
    assert_int_equal(number(&f, kept), HOOK_REFUSED_BODIES - PART + 1);
    add(&f, HOOK_DUPLICATE, PARTS, (struct str){0});
    assert_int_equal(number(&f, "SELECT count(*) FROM hook_deliveries WHERE body IS NULL AND key_id = ''"), 3);
    assert_int_equal(number(&f, "SELECT min(received_ms) FROM hook_deliveries WHERE body IS NOT NULL AND "
                                "outcome = 'refused'"), 2);
    assert_int_equal(number(&f, "SELECT body IS NOT NULL FROM hook_deliveries WHERE outcome = 'ignored'"), 1);
    close_fixture(&f);
}

TEST(what_is_a_month_old_goes)
{
    struct fixture f = open_empty();
    const int64_t month_ms = HOOK_KEPT_DAYS * INT64_C(86400000);
    for (int i = 0; i < 30; i++) {
        add(&f, HOOK_ACCEPTED, 1000 + i, STR("x"));
    }
    add(&f, HOOK_ACCEPTED, month_ms + 1010, STR("x"));
    assert_int_equal(number(&f, "SELECT min(received_ms) FROM hook_deliveries"), 1010);
    add(&f, HOOK_ACCEPTED, 2 * month_ms, STR("x"));
    add(&f, HOOK_ACCEPTED, 2 * month_ms, STR("x"));
    assert_int_equal(number(&f, "SELECT count(*) FROM hook_deliveries"), 3);
    close_fixture(&f);
}

TESTS(RUN(a_delivery_is_as_it_was_put), RUN(lists_are_newest_first_and_by_what_is_asked),
      RUN(each_kind_has_so_many_rows), RUN(each_kind_has_so_many_bytes_of_bodies), RUN(what_is_a_month_old_goes))
