/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gates.h"
#include "store/registry.h"
#include "store_fixture.h"

static struct gate some_gate(struct fixture *f, const char *run_id, bool passed)
{
    struct gate gate = {.run_id = run_id,
                        .step = "evaluate",
                        .step_run_id = "s1",
                        .model_id = "m-1",
                        .champion = "wine/3",
                        .passed = passed,
                        .refused_by = passed ? NULL : "r2 0.2 is not >= 0.3",
                        .evidence_sha256 = "e1",
                        .at_ms = 100};
    gate.record = json_object();
    json_set(f->arena, &gate.record, "r2", json_number(0.1));
    json_set(f->arena, &gate.record, "samples", json_int(9007199254740993));
    json_set(f->arena, &gate.record, "rule", json_cstring(f->arena, "≥ \"0.3\"\n"));
    return gate;
}

TEST(a_verdict_is_read_as_it_was_recorded)
{
    struct fixture f = open_empty();
    struct gate made = some_gate(&f, "r1", false);
    struct gate *gates = NULL;
    size_t count = 0;
    int64_t id = 0;
    assert_int_equal(store_gate_add(f.store, &made, &id, NULL), 0);
    assert_int_equal(store_gate_list(f.store, "r1", f.arena, &gates, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(gates[0].id, id);
    assert_string_equal(gates[0].step, "evaluate");
    assert_string_equal(gates[0].step_run_id, "s1");
    assert_string_equal(gates[0].model_id, "m-1");
    assert_string_equal(gates[0].champion, "wine/3");
    assert_false(gates[0].passed);
    assert_string_equal(gates[0].refused_by, "r2 0.2 is not >= 0.3");
    assert_string_equal(gates[0].evidence_sha256, "e1");
    assert_int_equal(gates[0].at_ms, 100);
    assert_true(json_equal(&gates[0].record, &made.record));
    close_fixture(&f);
}

TEST(gates_are_listed_by_run_in_order_and_may_know_no_model)
{
    struct fixture f = open_empty();
    struct gate *gates = NULL;
    size_t count = 0;
    int64_t ids[3] = {0};
    struct gate data = some_gate(&f, "r1", true);
    data.model_id = data.champion = NULL;
    struct gate others[] = {some_gate(&f, "r1", false), some_gate(&f, "r2", true)};
    assert_int_equal(store_gate_add(f.store, &data, &ids[0], NULL), 0);
    assert_int_equal(store_gate_add(f.store, &others[0], &ids[1], NULL), 0);
    assert_int_equal(store_gate_add(f.store, &others[1], &ids[2], NULL), 0);
    assert_int_equal(store_gate_list(f.store, "r1", f.arena, &gates, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(gates[0].id, ids[0]);
    assert_null(gates[0].model_id);
    assert_null(gates[0].champion);
    assert_string_equal(gates[0].refused_by, "");
    assert_int_equal(gates[1].id, ids[1]);
    assert_int_equal(store_gate_list(f.store, "r3", f.arena, &gates, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

static void register_model(struct fixture *f, const char *name, const char *model_id)
{
    const struct model_version version = {.model_id = model_id, .source = "/m"};
    const struct mover by = {.actor = "ann", .door = "cli"};
    int64_t number = 0;
    bool existing = false;
    assert_int_equal(store_registry_register(f->store, name, &version, NULL, 0, &by, 5, &number, &existing, NULL), 0);
}

TEST(a_replay_says_of_what_it_is_one_and_a_gate_what_version_the_model_has)
{
    struct fixture f = open_empty();
    struct gate own = some_gate(&f, "r1", true);
    struct gate replay = some_gate(&f, "r2", false);
    struct gate read;
    int64_t first = 0;
    int64_t second = 0;
    assert_int_equal(store_gate_add(f.store, &own, &first, NULL), 0);
    replay.replay_of = first;
    replay.version = "beer/7";
    replay.other_data = true;
    assert_int_equal(store_gate_add(f.store, &replay, &second, NULL), 0);
    assert_int_equal(store_gate_get(f.store, first, f.arena, &read, NULL), 0);
    assert_int_equal(read.replay_of, 0);
    assert_false(read.other_data);
    assert_null(read.version);
    register_model(&f, "wine", "m-1");
    assert_int_equal(store_gate_get(f.store, first, f.arena, &read, NULL), 0);
    assert_string_equal(read.version, "wine/1");
    assert_int_equal(store_gate_get(f.store, second, f.arena, &read, NULL), 0);
    assert_int_equal(read.replay_of, first);
    assert_true(read.other_data);
    assert_string_equal(read.version, "beer/7");
    close_fixture(&f);
}

TEST(a_record_that_is_too_large_leaves_nothing)
{
    struct fixture f = open_empty();
    struct gate gate = some_gate(&f, "r1", true);
    struct gate *gates = NULL;
    size_t size = 17 << 20;
    size_t count = 1;
    int64_t id = 0;
    struct err err = {0};
    char *text = arena_alloc(f.arena, size + 1);
    memset(text, 'x', size);
    json_set(f.arena, &gate.record, "text", json_string(f.arena, (struct str){text, size}));
    assert_int_equal(store_gate_add(f.store, &gate, &id, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(store_gate_list(f.store, "r1", f.arena, &gates, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TESTS(RUN(a_verdict_is_read_as_it_was_recorded), RUN(gates_are_listed_by_run_in_order_and_may_know_no_model),
      RUN(a_replay_says_of_what_it_is_one_and_a_gate_what_version_the_model_has),
      RUN(a_record_that_is_too_large_leaves_nothing))
