/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pipeline_runs.h"
#include "store/run_before.h"
#include "store_fixture.h"

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    assert_int_equal(store_definition_put(f.store, "d1", "wine", STR("name: wine\n"), 1, NULL), 0);
    return f;
}

static struct pipeline_run some_run(const char *run_id, int64_t number)
{
    return (struct pipeline_run){
        .run_id = run_id,
        .pipeline = "wine",
        .number = number,
        .revision = 1,
        .definition = "d1",
        .file = "wine.yaml",
        .folder = "/work",
        .workspace = "/work",
        .state = RUN_STATE_QUEUED,
        .params = "{\"lr\":0.1}",
        .contexts = "{}",
        .trigger = "cli",
        .actor = "alice",
        .seed = 7,
        .created_ms = number * 100,
    };
}

static void insert(struct fixture *f, struct pipeline_run run)
{
    struct err err = {0};
    (void)store_pipeline_run_insert(f->store, &run, &err);
    assert_string_equal(err.message, "");
}

static struct pipeline_run get(struct fixture *f, const char *run_id)
{
    struct pipeline_run run;
    assert_int_equal(store_pipeline_run_get(f->store, run_id, f->arena, &run, NULL), 0);
    return run;
}

/* The id that the words find, or the error. */
static const char *find(struct fixture *f, const char *words)
{
    struct pipeline_run run;
    struct err err = {0};
    return store_pipeline_run_find(f->store, words, f->arena, &run, &err) == 0 ? run.run_id
                                                                                : arena_strdup(f->arena, err.message);
}

TEST(a_definition_is_kept_once_as_it_was)
{
    struct fixture f = open_fixture();
    struct str source;
    struct err err = {0};
    assert_int_equal(store_definition_put(f.store, "d1", "wine", STR("something else"), 2, NULL), 0);
    assert_int_equal(store_definition_get(f.store, "d1", f.arena, &source, NULL), 0);
    assert_true(str_is(source, "name: wine\n"));
    assert_int_equal(store_definition_get(f.store, "d2", f.arena, &source, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(numbers_count_for_each_pipeline_and_revisions_for_each_number)
{
    struct fixture f = open_fixture();
    int64_t number = 0;
    static const struct {
        const char *pipeline;
        int64_t number;
    } expected[] = {{"wine", 1}, {"wine", 2}, {"beer", 1}, {"wine", 3}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(store_pipeline_next_number(f.store, expected[i].pipeline, &number, NULL), 0);
        assert_int_equal(number, expected[i].number);
    }
    insert(&f, some_run("aaaaaa01", 1));
    struct pipeline_run child = some_run("aaaaaa02", 5);
    child.parent_run = "aaaaaa01";
    insert(&f, child);
    assert_int_equal(store_pipeline_next_revision(f.store, "wine", 1, &number, NULL), 0);
    assert_int_equal(number, 2);
    assert_int_equal(store_pipeline_next_revision(f.store, "wine", 2, &number, NULL), 0);
    assert_int_equal(number, 1);
    /* A child tried again by itself is no second run of the same name. */
    assert_int_equal(store_pipeline_next_revision(f.store, "wine", 5, &number, NULL), 0);
    assert_int_equal(number, 2);
    close_fixture(&f);
}

TEST(a_number_and_revision_serve_once)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    insert(&f, some_run("aaaaaa01", 1));
    struct pipeline_run twin = some_run("aaaaaa02", 1);
    assert_int_equal(store_pipeline_run_insert(f.store, &twin, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    twin.revision = 2;
    insert(&f, twin);
    char label[32];
    pipeline_run_label(&twin, label);
    assert_string_equal(label, "1.2");
    close_fixture(&f);
}

TEST(a_run_is_read_as_it_was_made)
{
    struct fixture f = open_fixture();
    struct pipeline_run made = some_run("aaaaaa01", 12);
    made.until = "train";
    made.retry_of = "aaaaaa00";
    made.parent_run = "bbbbbb01";
    made.parent_step = 3;
    made.parent_item = 4;
    insert(&f, made);
    struct pipeline_run run = get(&f, "aaaaaa01");
    assert_string_equal(run.pipeline, "wine");
    assert_int_equal(run.number, 12);
    assert_string_equal(run.definition, "d1");
    assert_string_equal(run.file, "wine.yaml");
    assert_string_equal(run.workspace, "/work");
    assert_int_equal(run.state, RUN_STATE_QUEUED);
    assert_int_equal(run.verdict, VERDICT_NONE);
    assert_null(run.reason);
    assert_null(run.cancelling);
    assert_string_equal(run.params, "{\"lr\":0.1}");
    assert_string_equal(run.trigger, "cli");
    assert_string_equal(run.actor, "alice");
    assert_string_equal(run.until, "train");
    assert_int_equal(run.seed, 7);
    assert_string_equal(run.retry_of, "aaaaaa00");
    assert_string_equal(run.parent_run, "bbbbbb01");
    assert_int_equal(run.parent_step, 3);
    assert_int_equal(run.parent_item, 4);
    assert_int_equal(run.journal_offset, 0);
    assert_int_equal(run.ended_ms, 0);
    close_fixture(&f);
}

TEST(a_run_that_has_ended_does_not_change)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct pipeline_run run = some_run("aaaaaa01", 1);
    insert(&f, run);
    run.state = RUN_STATE_RUNNING;
    run.running_since_ms = 150;
    run.started_ms = 150;
    assert_int_equal(store_pipeline_run_update(f.store, &run, NULL), 0);
    assert_int_equal(get(&f, "aaaaaa01").running_since_ms, 150);
    run.state = RUN_STATE_FAILED;
    run.reason = "step 'train': exit code 1";
    run.verdict = VERDICT_REFUSED;
    run.cancelling = "by alice";
    run.timed_out = true;
    run.contexts = "{\"pins\":{}}";
    run.running_ms = 50;
    run.running_since_ms = 0;
    run.ended_ms = 200;
    assert_int_equal(store_pipeline_run_update(f.store, &run, NULL), 0);
    run.state = RUN_STATE_SUCCEEDED;
    run.reason = NULL;
    run.ended_ms = 300;
    assert_int_equal(store_pipeline_run_update(f.store, &run, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    struct pipeline_run after = get(&f, "aaaaaa01");
    assert_int_equal(after.state, RUN_STATE_FAILED);
    assert_string_equal(after.reason, "step 'train': exit code 1");
    assert_int_equal(after.verdict, VERDICT_REFUSED);
    assert_string_equal(after.cancelling, "by alice");
    assert_true(after.timed_out);
    assert_string_equal(after.contexts, "{\"pins\":{}}");
    assert_int_equal(after.running_ms, 50);
    assert_int_equal(after.running_since_ms, 0);
    assert_int_equal(after.ended_ms, 200);
    close_fixture(&f);
}

TEST(a_journal_is_never_read_back_to_an_earlier_place)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    insert(&f, some_run("aaaaaa01", 1));
    assert_int_equal(store_pipeline_run_offset(f.store, "aaaaaa01", 500, 7, NULL), 0);
    assert_int_equal(store_pipeline_run_offset(f.store, "aaaaaa01", 499, 6, &err), -1);
    assert_int_equal(store_pipeline_run_offset(f.store, "aaaaaa01", 0, 0, NULL), 0);
    assert_int_equal(store_pipeline_run_offset(f.store, "aaaaaa01", 500, 7, NULL), 0);
    assert_int_equal(err.code, ERR_STATE);
    assert_int_equal(get(&f, "aaaaaa01").journal_offset, 500);
    assert_int_equal(get(&f, "aaaaaa01").journal_sequence, 7);
    struct pipeline_run run = get(&f, "aaaaaa01");
    run.journal_offset = 0;
    assert_int_equal(store_pipeline_run_update(f.store, &run, NULL), 0); /* which is not its affair */
    assert_int_equal(get(&f, "aaaaaa01").journal_offset, 500);
    close_fixture(&f);
}

/* The ids of a list, each followed by a blank. */
static const char *list(struct fixture *f, struct pipeline_run_filter filter)
{
    struct pipeline_run *runs = NULL;
    size_t count = 0;
    const char *text = "";
    assert_int_equal(store_pipeline_run_list(f->store, &filter, f->arena, &runs, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        text = arena_printf(f->arena, "%s%s ", text, runs[i].run_id);
    }
    return text;
}

/* wine 1, 1.2, 2 (open), beer 1, and a child of wine 2. */
static void insert_several(struct fixture *f)
{
    struct pipeline_run run = some_run("aaaaaa01", 1);
    run.state = RUN_STATE_FAILED;
    run.ended_ms = 1;
    insert(f, run);
    run.run_id = "aaaaaa12";
    run.revision = 2;
    run.state = RUN_STATE_SUCCEEDED;
    run.created_ms = 150;
    insert(f, run);
    insert(f, some_run("aabbcc02", 2));
    run = some_run("beefee01", 1);
    run.pipeline = "beer";
    run.ended_ms = 5;
    run.state = RUN_STATE_SUCCEEDED;
    insert(f, run);
    run = some_run("cccccc01", 1);
    run.pipeline = "child";
    run.created_ms = 250;
    run.parent_run = "aabbcc02";
    insert(f, run);
}

TEST(lists_leave_children_out_unless_they_are_open_or_asked_for)
{
    struct fixture f = open_fixture();
    insert_several(&f);
    assert_string_equal(list(&f, (struct pipeline_run_filter){.open = true}), "aabbcc02 cccccc01 ");
    assert_string_equal(list(&f, (struct pipeline_run_filter){.pipeline = "wine"}), "aabbcc02 aaaaaa12 aaaaaa01 ");
    assert_string_equal(list(&f, (struct pipeline_run_filter){.pipeline = "wine", .limit = 1}), "aabbcc02 ");
    assert_string_equal(list(&f, (struct pipeline_run_filter){.state = "succeeded"}), "aaaaaa12 beefee01 ");
    assert_string_equal(list(&f, (struct pipeline_run_filter){.parent = "aabbcc02"}), "cccccc01 ");
    close_fixture(&f);
}

TEST(a_run_is_found_by_what_people_write)
{
    struct fixture f = open_fixture();
    insert_several(&f);
    static const struct {
        const char *words;
        const char *found;
    } cases[] = {
        {"2", "aabbcc02"},         {" 2 ", "aabbcc02"},       {"wine/1", "aaaaaa12"}, /* the newest revision */
        {"wine 1", "aaaaaa12"},    {"wine/1.1", "aaaaaa01"},  {"wine/1.2", "aaaaaa12"},
        {"beer/1", "beefee01"},    {"latest", "aabbcc02"},    {"wine/latest", "aabbcc02"},
        {"beer/latest", "beefee01"}, {"aabbcc02", "aabbcc02"},
        {"aabbcc", "aabbcc02"},    {"cccccc01", "cccccc01"},  {"child/1", "cccccc01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(find(&f, cases[i].words), cases[i].found);
    }
    assert_non_null(strstr(find(&f, "1"), "is a run of"));
    assert_non_null(strstr(find(&f, "aaaaaa"), "begins or ends more than one run id, aaaaaa"));
    static const char *const unknown[] = {"3", "wine/1.3", "cider/1", "", "aaa", "zzz", "-1", "1.", "wine/", "%%%%%%"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_non_null(strstr(find(&f, unknown[i]), "no run '"));
    }
    close_fixture(&f);
}

TEST(a_run_that_replays_a_gate_is_none_that_others_are_compared_with)
{
    struct fixture f = open_fixture();
    struct pipeline_run good = some_run("r1", 1);
    struct pipeline_run bad = some_run("r2", 2);
    struct pipeline_run replay = some_run("r3", 3);
    struct pipeline_run now = some_run("r4", 4);
    struct pipeline_run *rows = NULL;
    struct definition_in_force *definitions = NULL;
    const char *last = NULL;
    size_t count = 0;
    good.state = replay.state = RUN_STATE_SUCCEEDED;
    bad.state = RUN_STATE_FAILED;
    good.ended_ms = bad.ended_ms = replay.ended_ms = 999;
    assert_int_equal(store_definition_put(f.store, "d0", "wine", STR("name: wine\ntags: {}\n"), 1, NULL), 0);
    replay.definition = "d0";
    replay.trigger = "replay";
    insert(&f, good);
    insert(&f, bad);
    insert(&f, replay);
    assert_int_equal(store_run_last_good(f.store, &now, f.arena, &last, NULL), 0);
    assert_string_equal(last, "r1");
    assert_int_equal(store_run_follows_failure(f.store, &now, NULL), 1);
    struct pipeline_run_filter filter = {.pipeline = "wine", .no_replays = true, .limit = 1};
    assert_int_equal(store_pipeline_run_list(f.store, &filter, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].run_id, "r2");
    filter.no_replays = false;
    assert_int_equal(store_pipeline_run_list(f.store, &filter, f.arena, &rows, &count, NULL), 0);
    assert_string_equal(rows[0].run_id, "r3");
    assert_int_equal(store_definitions_in_force(f.store, f.arena, &definitions, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(definitions[0].run, "wine/2");
    close_fixture(&f);
}

/* As a schedule makes up for several at once. */
TEST(of_runs_of_one_time_those_with_lesser_numbers_came_before)
{
    struct fixture f = open_fixture();
    struct pipeline_run runs[] = {some_run("r1", 1), some_run("r2", 2), some_run("r3", 3), some_run("r4", 4)};
    static const enum run_state states[] = {RUN_STATE_FAILED, RUN_STATE_SUCCEEDED, RUN_STATE_QUEUED, RUN_STATE_FAILED};
    static const char *const good[] = {NULL, NULL, "r2", "r2"};
    static const int follows[] = {0, 1, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        runs[i].created_ms = 500;
        runs[i].state = states[i];
        runs[i].ended_ms = states[i] == RUN_STATE_QUEUED ? 0 : 999;
        insert(&f, runs[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        const char *last = NULL;
        assert_int_equal(store_run_follows_failure(f.store, &runs[i], NULL), follows[i]);
        assert_int_equal(store_run_last_good(f.store, &runs[i], f.arena, &last, NULL), 0);
        assert_string_equal(last == NULL ? "" : last, good[i] == NULL ? "" : good[i]);
    }
    close_fixture(&f);
}

TESTS(RUN(a_definition_is_kept_once_as_it_was), RUN(numbers_count_for_each_pipeline_and_revisions_for_each_number),
      RUN(a_number_and_revision_serve_once), RUN(a_run_is_read_as_it_was_made),
      RUN(a_run_that_has_ended_does_not_change), RUN(a_journal_is_never_read_back_to_an_earlier_place),
      RUN(lists_leave_children_out_unless_they_are_open_or_asked_for), RUN(a_run_is_found_by_what_people_write),
      RUN(a_run_that_replays_a_gate_is_none_that_others_are_compared_with),
      RUN(of_runs_of_one_time_those_with_lesser_numbers_came_before))
