/* SPDX-License-Identifier: Apache-2.0
 * The outbox of webhooks: what is told of a change, in which order it goes, and what is dropped.
 */
#include "engine/deliveries.h"
#include "store/deliveries.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store/webhook_events.h"
#include "store_fixture.h"

static const char *make_hook(struct fixture *f, const char *const *events, size_t count)
{
    struct webhook webhook = {.name = "hook", .description = "", .url = "https://hooks.example/", .active = true};
    const char **copy = arena_array(f->arena, count, sizeof *copy);
    memcpy(copy, events, count * sizeof *copy);
    webhook.events = copy;
    webhook.event_count = count;
    assert_int_equal(store_webhook_new_id(f->store, f->arena, &webhook.webhook_id, NULL), 0);
    assert_int_equal(store_webhook_create(f->store, &webhook, 5, NULL), 0);
    return webhook.webhook_id;
}

static const char *hook_of_all(struct fixture *f)
{
    const char *names[32];
    size_t count = 0;
    for (const struct webhook_event *event = webhook_events; event->name != NULL; event++) {
        names[count++] = event->name;
    }
    return make_hook(f, names, count);
}

/* All that waits, oldest first, one a line: "object state next event". */
static const char *outbox(struct fixture *f)
{
    struct stmt *s = stmt_get(f->store, "SELECT object || ' ' || state || ' ' || coalesce(next_ms, '-') || ' ' || "
                                        "event || char(10) FROM deliveries ORDER BY id");
    const char *text = "";
    while (stmt_step(s, NULL) == 1) {
        text = arena_printf(f->arena, "%s%s", text, stmt_column_text(s, 0, f->arena));
    }
    stmt_done(s);
    return text;
}

static struct delivery first_due(struct fixture *f, const char *webhook_id, int64_t now_ms)
{
    struct delivery *due = NULL;
    size_t count = 0;
    assert_int_equal(store_deliveries_due(f->store, webhook_id, now_ms, 1, f->arena, &due, &count, NULL), 0);
    assert_int_equal(count, 1);
    return due[0];
}

static void tried(struct fixture *f, const struct delivery *delivery, const char *state, int64_t next_ms,
                  int64_t now_ms)
{
    struct delivery_outcome outcome = {.state = state, .next_ms = next_ms, .status = 200, .error = ""};
    assert_int_equal(store_delivery_tried(f->store, delivery, &outcome, now_ms, NULL), 0);
}

static void model(struct fixture *f, const char *name)
{
    assert_int_equal(store_registry_create(f->store, name, "", NULL, 0, 10, NULL), 0);
}

static void deliver_next(struct fixture *f, const char *hook, int count)
{
    for (int i = 0; i < count; i++) {
        struct delivery next = first_due(f, hook, 10);
        tried(f, &next, "delivered", 0, 12);
    }
}

TEST(nothing_is_recorded_when_nobody_listens)
{
    struct fixture f = open_empty();
    static const char *const other[] = {"prompt.created"};
    (void)make_hook(&f, other, 1);
    uint64_t changes = store_deliveries_changes(f.store);
    model(&f, "wine");
    assert_string_equal(outbox(&f), "");
    assert_int_equal(store_deliveries_changes(f.store), changes);
    close_fixture(&f);
}

TEST(what_a_pipeline_registers_is_told_as_what_a_client_makes)
{
    struct fixture f = open_empty();
    struct model_version version = {.name = "wine", .source = "s3://b/m", .run_id = "r", .description = "d"};
    int64_t number = 0;
    bool existing = false;
    (void)hook_of_all(&f);
    assert_int_equal(store_registry_register(f.store, "wine", &version, NULL, 0, NULL, 10, &number, &existing, NULL),
                     0);
    assert_int_equal(store_registry_register(f.store, "wine", &version, NULL, 0, NULL, 11, &number, &existing, NULL),
                     0);
    assert_string_equal(outbox(&f), "wine waiting 10 registered_model.created\n"
                                    "wine waiting - model_version.created\n"
                                    "wine waiting - model_version.created\n");
    struct delivery *all = NULL;
    size_t count = 0;
    assert_int_equal(store_delivery_list(f.store, NULL, NULL, 0, 10, f.arena, &all, &count, NULL), 0);
    assert_string_equal(all[1].body,
                        "{\"entity\":\"model_version\",\"action\":\"created\",\"timestamp\":"
                        "\"1970-01-01T00:00:00.010000+00:00\",\"data\":{\"name\":\"wine\",\"version\":\"1\","
                        "\"source\":\"s3://b/m\",\"run_id\":\"r\",\"tags\":{},\"description\":\"d\"}}");
    close_fixture(&f);
}

TEST(what_changes_nothing_is_not_told)
{
    struct fixture f = open_empty();
    struct model_version version = {.name = "wine", .source = "s3://b/m"};
    int64_t number = 0;
    int64_t previous = 0;
    model(&f, "wine");
    assert_int_equal(store_version_create(f.store, &version, false, NULL, 0, NULL, 10, &number, NULL), 0);
    (void)hook_of_all(&f);
    assert_int_equal(store_version_delete_tag(f.store, "wine", 1, "k", NULL, 10, NULL), 0);
    assert_int_equal(store_alias_delete(f.store, "wine", "champion", NULL, 10, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "wine", "champion", 1, -1, NULL, 11, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "wine", "champion", 1, -1, NULL, 12, &previous, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "wine", "k", "v", 13, NULL), 0);
    assert_string_equal(outbox(&f), "wine waiting 11 model_version_alias.created\n");
    assert_int_equal(store_version_delete(f.store, "wine", 1, NULL, 14, NULL), 0); /* and its alias with it */
    assert_non_null(strstr(outbox(&f), "wine waiting - model_version_alias.deleted\n"));
    close_fixture(&f);
}

TEST(an_object_is_told_of_in_order_and_objects_are_not_mixed)
{
    struct fixture f = open_empty();
    const char *hook = hook_of_all(&f);
    struct model_version version = {.name = "a", .source = "s3://b/m"};
    int64_t number = 0;
    model(&f, "a");
    model(&f, "b");
    assert_int_equal(store_version_create(f.store, &version, false, NULL, 0, NULL, 10, &number, NULL), 0);
    assert_string_equal(outbox(&f), "a waiting 10 registered_model.created\nb waiting 10 registered_model.created\n"
                                    "a waiting - model_version.created\n");
    struct delivery first = first_due(&f, hook, 10);
    assert_string_equal(first.object, "a");
    tried(&f, &first, "waiting", 100, 20);
    struct delivery second = first_due(&f, hook, 30);
    assert_string_equal(second.object, "b");
    tried(&f, &second, "failed", 0, 31);
    assert_string_equal(outbox(&f), "a waiting 100 registered_model.created\nb failed - registered_model.created\n"
                                    "a waiting - model_version.created\n");
    tried(&f, &first, "delivered", 0, 110);
    assert_string_equal(outbox(&f), "a delivered - registered_model.created\nb failed - registered_model.created\n"
                                    "a waiting 110 model_version.created\n");
    tried(&f, &first, "failed", 0, 120); /* said twice: it has ended */
    assert_non_null(strstr(outbox(&f), "a delivered"));
    close_fixture(&f);
}

TEST(who_is_disabled_gets_nothing_and_tests_go_on)
{
    struct fixture f = open_empty();
    const char *hook = hook_of_all(&f);
    const char *test_id = NULL;
    bool active = false;
    model(&f, "a");
    assert_int_equal(webhook_test(f.store, hook, webhook_event_named("prompt.created"), 11, f.arena, &test_id, NULL),
                     0);
    struct webhook_change change = {.active = &active};
    assert_int_equal(store_webhook_update(f.store, hook, &change, 12, NULL), 0);
    assert_string_equal(outbox(&f), "a dropped - registered_model.created\n waiting 11 prompt.created\n");
    model(&f, "b");
    assert_int_equal(store_deliveries_wanted(f.store, "registered_model.created", NULL), 0);
    struct err err = {0};
    struct delivery *all = NULL;
    size_t count = 0;
    assert_int_equal(store_delivery_list(f.store, hook, "dropped", 0, 9, f.arena, &all, &count, NULL), 0);
    assert_int_equal(store_delivery_again(f.store, all[0].delivery_id, 13, &err), -1);
    assert_non_null(strstr(err.message, "is disabled"));
    assert_int_equal(store_webhook_delete(f.store, hook, NULL), 0);
    assert_string_equal(outbox(&f), "");
    close_fixture(&f);
}

TEST(no_more_than_a_bound_wait)
{
    struct fixture f = open_empty();
    const char *hook = hook_of_all(&f);
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 0; i < DELIVERIES_WAITING_MAX + 2; i++) {
        model(&f, arena_printf(f.arena, "m%d", i));
    }
    assert_int_equal(store_commit(f.store, NULL), 0);
    struct delivery *all = NULL;
    size_t count = 0;
    assert_int_equal(store_delivery_list(f.store, hook, "dropped", 0, 9, f.arena, &all, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(all[0].error, "too many were waiting for it");
    deliver_next(&f, hook, 2);
    model(&f, "there is room for two");
    assert_int_equal(store_delivery_again(f.store, all[0].delivery_id, 13, NULL), 0); /* which has an old id */
    model(&f, "there is none for three");
    assert_int_equal(store_delivery_list(f.store, hook, "dropped", 0, 9, f.arena, &all, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(all[0].object, "there is none for three");
    close_fixture(&f);
}

static int count_operations(void *operations)
{
    ++*(int64_t *)operations;
    return 0;
}

/* What SQLite does for one more that comes, in its machine's operations. */
static int64_t cost_of_one(struct fixture *f, const char *name)
{
    int64_t operations = 0;
    sqlite3_progress_handler(f->store->db, 1, count_operations, &operations);
    model(f, name);
    sqlite3_progress_handler(f->store->db, 0, NULL, NULL);
    return operations;
}

TEST(one_more_costs_as_much_however_many_wait)
{
    struct fixture f = open_empty();
    (void)hook_of_all(&f);
    assert_int_equal(store_begin(f.store, NULL), 0);
    model(&f, "the first");
    int64_t few = cost_of_one(&f, "the second");
    for (int i = 0; i < 1000; i++) {
        model(&f, arena_printf(f.arena, "m%d", i));
    }
    int64_t many = cost_of_one(&f, "the last");
    assert_true(few > 0 && many < few + few / 4);
    assert_int_equal(store_commit(f.store, NULL), 0);
    close_fixture(&f);
}

TEST(the_newest_that_have_ended_are_kept)
{
    enum { MORE = 100, SOME_MORE = 16 };
    struct fixture f = open_empty();
    const char *hook = hook_of_all(&f);
    struct delivery *all = NULL;
    size_t count = 0;
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 0; i < DELIVERIES_KEPT + MORE; i++) {
        model(&f, arena_printf(f.arena, "m%d", i));
    }
    deliver_next(&f, hook, DELIVERIES_KEPT + MORE);
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_int_equal(store_delivery_list(f.store, hook, NULL, 0, 2000, f.arena, &all, &count, NULL), 0);
    assert_in_range(count, DELIVERIES_KEPT, DELIVERIES_KEPT + SOME_MORE);
    assert_string_equal(all[0].object, arena_printf(f.arena, "m%d", DELIVERIES_KEPT + MORE - 1));
    close_fixture(&f);
}

TEST(an_earlier_one_that_is_sent_again_lets_the_line_go_on)
{
    struct fixture f = open_empty();
    const char *hook = hook_of_all(&f);
    struct model_version version = {.name = "a", .source = "s3://b/m"};
    int64_t number = 0;
    model(&f, "a");
    struct delivery first = first_due(&f, hook, 10);
    tried(&f, &first, "failed", 0, 11);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_version_create(f.store, &version, false, NULL, 0, NULL, 20, &number, NULL), 0);
    }
    assert_int_equal(store_delivery_again(f.store, first.delivery_id, 30, NULL), 0);
    struct delivery second = first_due(&f, hook, 29);
    tried(&f, &second, "delivered", 0, 31); /* while the first is under way again */
    assert_string_equal(outbox(&f), "a waiting 30 registered_model.created\na delivered - model_version.created\n"
                                    "a waiting - model_version.created\n");
    tried(&f, &first, "delivered", 0, 40);
    assert_non_null(strstr(outbox(&f), "a waiting 40 model_version.created\n"));
    close_fixture(&f);
}

TEST(events_are_found_in_mlflows_words)
{
    struct err err = {0};
    assert_string_equal(webhook_event_find("MODEL_VERSION_TAG", "SET", &err)->name, "model_version_tag.set");
    assert_null(webhook_event_find("PROMPT_TAG", "UPDATED", &err));
    assert_string_equal(err.message, "Invalid action 'updated' for entity 'prompt_tag'. Valid actions are: "
                                     "['deleted', 'set']");
    struct arena *arena = arena_new();
    for (const struct webhook_event *event = webhook_events; event->name != NULL; event++) {
        struct json example;
        assert_int_equal(json_read(str_from(event->example), (struct json_limits){0}, arena, &example, NULL), 0);
    }
    arena_free(arena);
}

TEST(answers_are_judged)
{
    static const struct {
        const char *head;
        bool delivered, may_retry;
        int64_t after_ms;
    } rows[] = {
        {"{\"status\": 200}", true, false, 0},
        {"{\"status\": 204, \"error\": \"longer than\"}", true, false, 0},
        {"{\"status\": 302}", false, false, 0},
        {"{\"status\": 400}", false, false, 0},
        {"{\"status\": 410}", false, false, 0},
        {"{\"status\": 408}", false, true, 0},
        {"{\"status\": 429, \"headers\": {\"retry-after\": \"7\"}}", false, true, 7000},
        {"{\"status\": 503, \"headers\": {\"retry-after\": \"99999999\"}}", false, true, 86400000},
        {"{\"status\": 503, \"headers\": {\"retry-after\": \"Wed, 21 Oct 2026 07:28:00 GMT\"}}", false, true, 86400000},
        {"{\"status\": 200, \"headers\": {\"retry-after\": \"7\"}}", true, false, 0},
        {"{\"error\": \"could not connect\"}", false, true, 0},
        {"{\"error\": \"its address is loopback\", \"refused\": true}", false, false, 0},
        {"null", false, true, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json head;
        assert_int_equal(json_read(str_from(rows[i].head), (struct json_limits){0}, arena, &head, NULL), 0);
        struct delivery_judgement judged = delivery_judge(&head, 0, arena);
        assert_int_equal(judged.delivered, rows[i].delivered);
        assert_int_equal(judged.may_retry, rows[i].may_retry);
        assert_int_equal(judged.after_ms, rows[i].after_ms);
        assert_int_equal(judged.error[0] != '\0', !rows[i].delivered);
    }
    arena_free(arena);
}

TEST(waits_grow_to_an_hour)
{
    assert_int_equal(delivery_delay_ms(0, 1), 5000);
    assert_int_equal(delivery_delay_ms(0, 2), 20000);
    assert_int_equal(delivery_delay_ms(0, 4), 320000);
    assert_int_equal(delivery_delay_ms(0, 7), 3600000);
    assert_int_equal(delivery_delay_ms(1, INT64_MAX), 3600000);
    assert_int_equal(delivery_delay_ms((int64_t)365 * 24 * 3600000, 1), 3600000);
}

TESTS(RUN(nothing_is_recorded_when_nobody_listens),
      RUN(what_a_pipeline_registers_is_told_as_what_a_client_makes),
      RUN(what_changes_nothing_is_not_told),
      RUN(an_object_is_told_of_in_order_and_objects_are_not_mixed),
      RUN(who_is_disabled_gets_nothing_and_tests_go_on),
      RUN(no_more_than_a_bound_wait),
      RUN(one_more_costs_as_much_however_many_wait),
      RUN(the_newest_that_have_ended_are_kept),
      RUN(an_earlier_one_that_is_sent_again_lets_the_line_go_on),
      RUN(events_are_found_in_mlflows_words),
      RUN(answers_are_judged),
      RUN(waits_grow_to_an_hour))
