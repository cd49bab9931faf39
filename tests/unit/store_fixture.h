/* SPDX-License-Identifier: Apache-2.0
 * A store in memory and an arena, for the tests of store/.
 */
#ifndef SLUICE_TEST_STORE_FIXTURE_H
#define SLUICE_TEST_STORE_FIXTURE_H

#include "store/activity.h"
#include "store/store.h"

#include "test.h"

struct fixture {
    struct store *store;
    struct arena *arena;
};

static inline struct fixture open_empty(void)
{
    struct fixture f = {.arena = arena_new()};
    static const unsigned char key[32] = "the key of a home for a test";
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &f.store, NULL), 0);
    store_activity_set_key(f.store, key);
    return f;
}

static inline void close_fixture(struct fixture *f)
{
    arena_free(f->arena);
    store_close(f->store);
}

#endif
