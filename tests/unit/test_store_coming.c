/* SPDX-License-Identifier: Apache-2.0
 * What a commit changes: nobody sees it before it counts, everybody sees all of it then, and settling changes nothing
 * that anybody sees.
 */
#include "store/coming.h"
#include "store/stmt.h"
#include "store_fixture.h"

static struct pipeline_in_force pipeline(const char *name, const char *path, const char *definition, int64_t since_ms)
{
    return (struct pipeline_in_force){.name = name, .source = "wine", .path = path, .file = path, .folder = "/c",
                                      .workspace = "/c", .definition = definition, .git = "{}", .stamp = "1",
                                      .since_ms = since_ms};
}

static struct schedule_row schedule(const char *name, const char *id, const char *cron, int64_t decided_ms)
{
    return (struct schedule_row){.pipeline = name, .schedule = id, .cron = cron, .timezone = "UTC", .catchup = "one",
                                 .most = 1, .overlap = "allow", .in_force = true, .decided_ms = decided_ms,
                                 .next_ms = decided_ms + 1};
}

static void add_settled(struct fixture *f, const char *name, const char *path, const char *definition)
{
    struct pipeline_in_force row = pipeline(name, path, definition, 5);
    struct schedule_row times[] = {schedule(name, "s", "0 3 * * *", 10), schedule(name, "t", "0 4 * * *", 20)};
    struct subscription listens = {name, "pipeline", "pipeline", "ingest", "{}"};
    assert_int_equal(store_in_force_put(f->store, &row, NULL), 0);
    assert_int_equal(store_schedule_put(f->store, &times[0], NULL), 0);
    assert_int_equal(store_schedule_put(f->store, &times[1], NULL), 0);
    assert_int_equal(store_subscription_put(f->store, &listens, NULL), 0);
    times[0].paused_ms = 12;
    times[0].paused_by = "ada";
    times[0].pause_reason = "harvest";
    assert_int_equal(store_schedule_pause(f->store, &times[0], NULL), 0);
}

static void add_coming(struct fixture *f, enum coming_change change, struct pipeline_in_force row, const char *cron)
{
    struct coming_pipeline coming = {.change = change, .was = "", .row = row};
    struct schedule_row times = schedule(row.name, "s", cron == NULL ? "" : cron, 99);
    struct subscription listens = {row.name, "push", "push", "", "{}"};
    size_t count = cron == NULL ? 0 : 1;
    assert_int_equal(store_coming_put(f->store, &coming, &times, count, &listens, count, NULL), 0);
}

/* All that is in force, a line each. */
static const char *in_force(struct fixture *f)
{
    struct stmt *s = stmt_get(
        f->store, "SELECT name || ' ' || path || ' ' || definition || ' ' || since_ms FROM pipelines_in_force "
                  "UNION ALL SELECT pipeline || '/' || schedule || ' ' || cron || ' ' || in_force || ' ' || decided_ms "
                  "|| ' ' || coalesce(next_ms, '-') || ' ' || pause_reason FROM schedules "
                  "UNION ALL SELECT pipeline || '>' || kind || ' ' || about FROM subscriptions ORDER BY 1");
    const char *text = "";
    while (stmt_step(s, NULL) == 1) {
        text = arena_printf(f->arena, "%s%s\n", text, stmt_column_text(s, 0, f->arena));
    }
    stmt_done(s);
    return text;
}

/* Two settled pipelines, and what a commit makes of them. */
static struct fixture open_with_coming(void)
{
    struct fixture f = open_empty();
    add_settled(&f, "a", "a.yaml", "d-a");
    add_settled(&f, "b", "b.yaml", "d-b");
    return f;
}

static void settle_all(struct fixture *f, const char *expected)
{
    struct coming_pipeline next;
    while (store_coming_next(f->store, "wine", f->arena, &next, NULL) == 1) {
        assert_int_equal(store_coming_settle(f->store, "wine", &next, NULL), 0);
        assert_string_equal(in_force(f), expected);
    }
    assert_int_equal(store_coming_over(f->store, "wine", NULL), 0);
    assert_string_equal(in_force(f), expected);
}

static const char before[] = "a a.yaml d-a 5\na/s 0 3 * * * 1 10 11 harvest\na/t 0 4 * * * 1 20 21 \n"
                             "a>pipeline ingest\n"
                             "b b.yaml d-b 5\nb/s 0 3 * * * 1 10 11 harvest\nb/t 0 4 * * * 1 20 21 \n"
                             "b>pipeline ingest\n";

TEST(each_change_is_seen_when_it_counts_and_stays_as_it_is_settled)
{
    static const struct {
        enum coming_change change;
        const char *definition;
        int64_t since_ms;
        const char *cron; /* NULL: it brings no triggers */
        const char *expected;
    } rows[] = {
        /* The schedule is the same: it goes on, and is paused. The other one is no more. */
        {COMING_OTHER, "d-2", 0, "0 3 * * *",
         "a n.yaml d-2 50\na/s 0 3 * * * 1 10 11 harvest\na/t 0 4 * * * 0 20 - \na>push \n"},
        /* It is at another time: it begins with the commit, and is paused. */
        {COMING_OTHER, "d-2", 0, "0 5 * * *",
         "a n.yaml d-2 50\na/s 0 5 * * * 1 50 100 harvest\na/t 0 4 * * * 0 20 - \na>push \n"},
        {COMING_OTHER, "d-2", 0, NULL, "a n.yaml d-2 50\na/s 0 3 * * * 0 10 - harvest\na/t 0 4 * * * 0 20 - \n"},
        {COMING_MOVED, "d-a", 5, NULL,
         "a n.yaml d-a 5\na/s 0 3 * * * 1 10 11 harvest\na/t 0 4 * * * 1 20 21 \na>pipeline ingest\n"},
        {COMING_GONE, "d-a", 0, NULL, "a/s 0 3 * * * 0 10 - harvest\na/t 0 4 * * * 0 20 - \n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f = open_with_coming();
        const char *expected = arena_printf(f.arena, "%s%s", rows[i].expected, strstr(before, "b b.yaml"));
        assert_int_equal(store_coming_begin(f.store, "wine", "source wine", NULL), 0);
        add_coming(&f, rows[i].change, pipeline("a", "n.yaml", rows[i].definition, rows[i].since_ms), rows[i].cron);
        assert_string_equal(in_force(&f), before);
        assert_int_equal(store_coming_counts(f.store, "wine", 50, "{}", NULL), 0);
        assert_string_equal(in_force(&f), expected);
        settle_all(&f, expected);
        close_fixture(&f);
    }
}

TEST(pipelines_may_exchange_their_files)
{
    struct fixture f = open_with_coming();
    assert_int_equal(store_coming_begin(f.store, "wine", "source wine", NULL), 0);
    add_coming(&f, COMING_MOVED, pipeline("a", "b.yaml", "d-a", 5), NULL);
    add_coming(&f, COMING_MOVED, pipeline("b", "a.yaml", "d-b", 5), NULL);
    assert_int_equal(store_coming_counts(f.store, "wine", 50, "{}", NULL), 0);
    const char *exchanged = in_force(&f);
    assert_non_null(strstr(exchanged, "a b.yaml d-a 5\n"));
    assert_non_null(strstr(exchanged, "b a.yaml d-b 5\n"));
    settle_all(&f, exchanged);
    close_fixture(&f);
}

TEST(what_does_not_count_leaves_no_trace)
{
    struct fixture f = open_with_coming();
    struct coming_commit commit;
    struct coming_pipeline found;
    assert_int_equal(store_coming_begin(f.store, "wine", "source wine", NULL), 0);
    add_coming(&f, COMING_OTHER, pipeline("a", "a.yaml", "d-2", 0), "0 5 * * *");
    add_coming(&f, COMING_OTHER, pipeline("c", "c.yaml", "d-c", 0), "0 5 * * *");
    assert_int_equal(store_coming_find(f.store, "a", f.arena, &commit, &found, NULL), 0);
    while (store_coming_next(f.store, "wine", f.arena, &found, NULL) == 1) {
        assert_int_equal(store_coming_drop(f.store, "wine", found.row.name, NULL), 0);
        assert_string_equal(in_force(&f), before);
    }
    assert_int_equal(store_coming_over(f.store, "wine", NULL), 0);
    assert_int_equal(store_coming_begin(f.store, "wine", "source wine", NULL), 0);
    close_fixture(&f);
}

TEST(a_source_without_a_commit_has_nothing_in_force)
{
    struct fixture f = open_with_coming();
    struct coming_commit commit;
    struct coming_pipeline found;
    struct pipeline_in_force other = pipeline("c", "c.yaml", "d-c", 5);
    other.source = "beer";
    assert_int_equal(store_in_force_put(f.store, &other, NULL), 0);
    assert_int_equal(store_coming_none(f.store, "wine", "sluice", 60, NULL), 0);
    const char *left = in_force(&f);
    assert_string_equal(left, "a/s 0 3 * * * 0 10 - harvest\na/t 0 4 * * * 0 20 - \nb/s 0 3 * * * 0 10 - harvest\n"
                              "b/t 0 4 * * * 0 20 - \nc c.yaml d-c 5\n");
    assert_int_equal(store_coming_find(f.store, "a", f.arena, &commit, &found, NULL), 1);
    assert_int_equal(found.change, COMING_GONE);
    assert_string_equal(found.was, "d-a");
    assert_int_equal(commit.since_ms, 60);
    settle_all(&f, left);
    close_fixture(&f);
}

TESTS(RUN(each_change_is_seen_when_it_counts_and_stays_as_it_is_settled), RUN(pipelines_may_exchange_their_files),
      RUN(what_does_not_count_leaves_no_trace), RUN(a_source_without_a_commit_has_nothing_in_force))
