/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idempotency.h"

#include "store/stmt.h"
#include "store_fixture.h"

static void put(struct fixture *f, const char *actor, const char *key, int64_t now_ms)
{
    const struct idempotent row = {
        .actor = actor, .key = key, .request_sha256 = "d", .status = 201, .answer = "{}", .created_ms = now_ms};
    assert_int_equal(store_idempotent_put(f->store, &row, NULL), 0);
}

static int get(struct fixture *f, const char *actor, const char *key, int64_t now_ms)
{
    struct idempotent row;
    return store_idempotent_get(f->store, actor, key, now_ms, f->arena, &row, NULL);
}

static int64_t count(struct fixture *f)
{
    struct stmt *s = stmt_get(f->store, "SELECT COUNT(*) FROM idempotency_keys");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t rows = stmt_column_int(s, 0);
    stmt_done(s);
    return rows;
}

TEST(a_key_is_of_its_actor_and_lasts_a_day)
{
    struct fixture f = open_empty();
    put(&f, "ann", "k", 1000);
    assert_int_equal(get(&f, "ann", "k", 1000 + IDEMPOTENCY_KEPT_MS - 1), 1);
    assert_int_equal(get(&f, "ann", "k", 1000 + IDEMPOTENCY_KEPT_MS), 0);
    assert_int_equal(get(&f, "bob", "k", 1000), 0);
    assert_int_equal(get(&f, "ann", "K", 1000), 0);
    put(&f, "ann", "k", 1000 + IDEMPOTENCY_KEPT_MS);
    assert_int_equal(get(&f, "ann", "k", 1000 + IDEMPOTENCY_KEPT_MS), 1);
    close_fixture(&f);
}

TEST(old_ones_go_a_few_with_each_new_one)
{
    struct fixture f = open_empty();
    for (int i = 0; i < 120; i++) {
        put(&f, "ann", arena_printf(f.arena, "k%d", i), 1000);
    }
    put(&f, "ann", "new", 1000 + IDEMPOTENCY_KEPT_MS);
    assert_int_equal(count(&f), 71);
    put(&f, "ann", "newer", 1000 + IDEMPOTENCY_KEPT_MS);
    put(&f, "ann", "newest", 1000 + IDEMPOTENCY_KEPT_MS);
    assert_int_equal(count(&f), 3);
    close_fixture(&f);
}

TESTS(RUN(a_key_is_of_its_actor_and_lasts_a_day), RUN(old_ones_go_a_few_with_each_new_one))
