/* SPDX-License-Identifier: Apache-2.0
 * What a guard asks of a version, decided from facts.
 */
#include "run/guard.h"

#include "test.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct json *parsed(const char *text)
{
    struct json *value = arena_one(arena, struct json);
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, value, NULL), 0);
    return value;
}

static struct guard one_guard(const char *text)
{
    struct guard *guards = NULL;
    struct json list = json_array();
    json_push(arena, &list, *parsed(text));
    assert_int_equal(guard_list_read(&list, arena, &guards), 1);
    return guards[0];
}

TEST(guard_is_about_the_names_that_its_globs_match)
{
    static const struct {
        const char *guard;
        enum guard_kind kind;
        const char *model, *name;
        bool matches;
    } cases[] = {
        {"{\"model\":\"wine*\",\"alias\":\"champion\"}", GUARD_ALIAS, "wine-red", "champion", true},
        {"{\"model\":\"wine*\",\"alias\":\"champion\"}", GUARD_ALIAS, "beer", "champion", false},
        {"{\"model\":\"wine*\",\"alias\":\"champion\"}", GUARD_ALIAS, "wine", "Champion", false},
        {"{\"model\":\"wine*\",\"alias\":\"champion\"}", GUARD_STAGE, "wine", "champion", false},
        {"{\"model\":\"*\",\"stage\":\"production\"}", GUARD_STAGE, "wine", "Production", true},
        {"{\"model\":\"*\",\"stage\":\"Prod*\"}", GUARD_STAGE, "wine", "PRODUCTION", true},
        {"{\"model\":\"*\",\"stage\":\"production\"}", GUARD_STAGE, "wine", "Staging", false},
        {"{\"model\":\"wine\",\"target\":\"/srv/*\"}", GUARD_TARGET, "wine", "/srv/wine", true},
        {"{\"model\":\"wine\",\"target\":\"/srv/*\"}", GUARD_TARGET, "wine", "/srv/a/b", false},
        {"{\"model\":\"wine\",\"target\":\"/srv/**\"}", GUARD_TARGET, "wine", "/srv/a/b", true},
        {"{\"model\":\"wine\",\"target\":\"/srv/*\"}", GUARD_TARGET, "beer", "/srv/wine", false},
        /* What has no name could be any. */
        {"{\"model\":\"wine\",\"target\":\"/srv/*\"}", GUARD_TARGET, NULL, "/srv/wine", true},
        {"{\"model\":\"wine\",\"alias\":\"a\"}", GUARD_ALIAS, NULL, "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guard guard = one_guard(cases[i].guard);
        assert_ptr_equal(guard_match(&guard, cases[i].kind, &cases[i].model, cases[i].model == NULL ? 0 : 1,
                                     &cases[i].name, 1),
                         cases[i].matches ? cases[i].name : NULL);
    }
}

TEST(guard_says_which_of_several_names_it_is_about)
{
    const char *model = "wine";
    const char *names[] = {"attic", "cellar", "cellar-2"};
    struct guard guard = one_guard("{\"model\":\"wine\",\"target\":\"cellar*\"}");
    assert_string_equal(guard_match(&guard, GUARD_TARGET, &model, 1, names, 3), "cellar");
    assert_null(guard_match(&guard, GUARD_TARGET, &model, 1, names, 1));
}

static struct guard_facts facts_of(const char *authors)
{
    return (struct guard_facts){
        .model_id = "m-1", .file_count = 1, .gate_count = 1, .authors = *parsed(authors), .branch = "main"};
}

TEST(guard_says_what_is_lacking)
{
    const struct approval_vote votes[] = {{.actor = "ann", .groups = parsed("[\"legal\"]"), .approve = true},
                                          {.actor = "bo", .groups = parsed("[\"legal\"]"), .approve = true}};
    static const struct {
        const char *guard;
        size_t votes, gates;
        const char *red, *branch, *model_id, *changed;
        const char *lacks;
        bool only_approvals;
    } cases[] = {
        {"{\"gate\":\"green\"}", 0, 1, NULL, NULL, "m-1", NULL, "", false},
        {"{\"gate\":\"green\"}", 0, 0, NULL, NULL, "m-1", NULL, "a green gate (none has judged it)", false},
        {"{\"gate\":\"green\"}", 2, 2, "w/judge refused: rmse", NULL, "m-1", NULL,
         "a green gate (w/judge refused: rmse)", false},
        {"{\"approvals\":{\"group:legal\":1}}", 0, 0, NULL, NULL, "m-1", NULL, "approval by 1 more of group:legal",
         true},
        {"{\"approvals\":{\"group:legal\":1}}", 1, 0, NULL, NULL, "m-1", NULL, "", false},
        {"{\"approvals\":{\"group:legal\":2}}", 1, 0, NULL, NULL, "m-1", NULL, "approval by 1 more of group:legal",
         true},
        {"{\"approvals\":{\"group:legal\":2}}", 2, 0, NULL, NULL, "m-1", NULL, "", false},
        {"{\"approvals\":{\"group:legal\":2},\"not_by\":[\"author\"]}", 2, 0, NULL, NULL, "m-1", NULL,
         "approval by 1 more of group:legal", true},
        {"{\"gate\":\"green\",\"approvals\":{\"group:legal\":1}}", 0, 0, NULL, NULL, "m-1", NULL,
         "a green gate (none has judged it), and approval by 1 more of group:legal", false},
        {"{\"branches\":[\"main\"]}", 0, 0, NULL, "main", "m-1", NULL, "", false},
        {"{\"branches\":[\"rel/*\"]}", 0, 0, NULL, "main", "m-1", NULL,
         "to be made on a branch of [\"rel/*\"] (it was 'main')", false},
        {"{\"branches\":[\"main\"]}", 0, 0, NULL, NULL, "m-1", NULL,
         "a pipeline run on a branch of [\"main\"] that made it (none is known)", false},
        {"{\"approvals\":{\"group:legal\":1}}", 1, 0, NULL, NULL, NULL, NULL,
         "a logged model (m-...), whose files a gate or an approval could be bound to", false},
        {"{\"approvals\":{\"group:legal\":1}}", 1, 0, NULL, NULL, "m-1", "x is gone",
         "the files that were reviewed: x is gone", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guard guard = one_guard(cases[i].guard);
        struct guard_facts facts = facts_of("[\"ann\"]");
        facts.votes = votes;
        facts.vote_count = cases[i].votes;
        facts.gate_count = cases[i].gates;
        facts.red = cases[i].red;
        facts.branch = cases[i].branch;
        facts.model_id = cases[i].model_id;
        facts.changed = cases[i].changed;
        struct guard_verdict verdict = guard_decide(&guard, &facts, arena);
        assert_string_equal(verdict.lacks, cases[i].lacks);
        assert_int_equal(verdict.only_approvals, cases[i].only_approvals);
        assert_false(verdict.rolled_back);
    }
}

TEST(guard_lets_no_model_pass_whose_files_nobody_knows)
{
    const struct approval_vote vote = {.actor = "ann", .groups = parsed("[]"), .approve = true};
    struct guard guard = one_guard("{\"approvals\":{\"ann\":1},\"rollback\":\"free\"}");
    struct guard_facts facts = facts_of("[]");
    facts.votes = &vote;
    facts.vote_count = 1;
    facts.was_there = true;
    assert_string_equal(guard_decide(&guard, &facts, arena).lacks, "");
    facts.file_count = 0;
    struct guard_verdict verdict = guard_decide(&guard, &facts, arena);
    assert_string_equal(verdict.lacks, "files in this home, whose digests a gate or an approval could be bound to");
    assert_false(verdict.only_approvals);
}

TEST(guard_lets_a_version_back_that_was_there_by_right_only_if_rollback_is_free)
{
    struct guard strict = one_guard("{\"gate\":\"green\",\"approvals\":{\"ann\":1}}");
    struct guard free = one_guard("{\"gate\":\"green\",\"approvals\":{\"ann\":1},\"rollback\":\"free\"}");
    struct guard_facts facts = facts_of("[]");
    facts.red = "w/judge refused: rmse";
    facts.was_there = true;
    assert_string_not_equal(guard_decide(&strict, &facts, arena).lacks, "");
    assert_string_equal(guard_decide(&free, &facts, arena).lacks, "");
    assert_true(guard_decide(&free, &facts, arena).rolled_back);
    facts.changed = "other bytes";
    assert_string_not_equal(guard_decide(&free, &facts, arena).lacks, "");
    facts.changed = NULL;
    facts.removes = true;
    assert_string_not_equal(guard_decide(&free, &facts, arena).lacks, "");
    facts.removes = facts.was_there = false;
    assert_string_not_equal(guard_decide(&free, &facts, arena).lacks, "");
}

TEST(guard_waives_not_by_in_a_home_with_one_user)
{
    const struct approval_vote vote = {.actor = "ann", .groups = parsed("[]"), .approve = true};
    struct guard guard = one_guard("{\"approvals\":{\"ann\":1},\"not_by\":[\"author\"]}");
    struct guard_facts facts = facts_of("[\"ann\"]");
    facts.votes = &vote;
    facts.vote_count = 1;
    assert_true(guard_decide(&guard, &facts, arena).only_approvals);
    facts.waived = true;
    assert_string_equal(guard_decide(&guard, &facts, arena).lacks, "");
}

TEST(guards_together_ask_for_the_most_of_each)
{
    struct guard a = one_guard("{\"approvals\":{\"group:legal\":1,\"ann\":1},\"not_by\":[\"author\"]}");
    struct guard b = one_guard("{\"approvals\":{\"group:legal\":2}}");
    struct json spec = json_object();
    guard_ask(&a, arena, &spec);
    guard_ask(&b, arena, &spec);
    struct json *expected = parsed("{\"by\":{\"group:legal\":2,\"ann\":1},\"not_by\":[\"author\"]}");
    assert_true(json_equal(&spec, expected));
}

#define ARENA_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TESTS(ARENA_RUN(guard_is_about_the_names_that_its_globs_match),
      ARENA_RUN(guard_says_which_of_several_names_it_is_about), ARENA_RUN(guard_says_what_is_lacking),
      ARENA_RUN(guard_lets_no_model_pass_whose_files_nobody_knows),
      ARENA_RUN(guard_lets_a_version_back_that_was_there_by_right_only_if_rollback_is_free),
      ARENA_RUN(guard_waives_not_by_in_a_home_with_one_user), ARENA_RUN(guards_together_ask_for_the_most_of_each))
