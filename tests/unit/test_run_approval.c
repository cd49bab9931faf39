/* SPDX-License-Identifier: Apache-2.0
 * Who may decide, and what the votes add up to.
 */
#include "run/approval.h"

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

TEST(who_is_asked_may_decide_and_who_made_it_may_not)
{
    static const struct {
        const char *spec, *actor, *groups;
        bool may;
    } cases[] = {
        {"{}", "anyone", "[]", true},
        {"{\"by\":null}", "anyone", "[]", true},
        {"{\"by\":\"eva\"}", "eva", "[]", true},
        {"{\"by\":\"eva\"}", "bo", "[]", false},
        {"{\"by\":[\"eva\",\"group:leads\"]}", "eva", "[]", true},
        {"{\"by\":[\"eva\",\"group:leads\"]}", "bo", "[\"leads\"]", true},
        {"{\"by\":[\"eva\",\"group:leads\"]}", "bo", "[\"others\"]", false},
        {"{\"by\":[\"group:leads\"]}", "leads", "[]", false},
        {"{\"by\":[\"group:leads\"]}", "group:leads", "[]", false},
        {"{\"by\":{\"group:leads\":2,\"bo\":1}}", "bo", "[]", true},
        {"{\"by\":{\"group:leads\":2}}", "bo", "[]", false},
        {"{\"by\":[]}", "eva", "[]", false},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"]}", "eva", "[]", false},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"]}", "bo", "[]", true},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"],\"waived\":true}", "eva", "[]", true},
        {"{\"not_by\":\"author\",\"authors\":[\"eva\"]}", "eva", "[]", false},
        {"{\"not_by\":[\"starter\"],\"starter\":\"eva\"}", "eva", "[]", false},
        {"{\"not_by\":[\"starter\"],\"starter\":\"eva\"}", "bo", "[]", true},
        {"{\"not_by\":[\"bo\",\"group:makers\"]}", "bo", "[]", false},
        {"{\"not_by\":[\"bo\",\"group:makers\"]}", "eva", "[\"makers\"]", false},
        {"{\"by\":[\"eva\"],\"not_by\":[\"author\"],\"authors\":[\"eva\"]}", "eva", "[]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        bool may = approval_may_vote(parsed(cases[i].spec), cases[i].actor, parsed(cases[i].groups), &err) == 0;
        if (may != cases[i].may || (!may && (err.code != ERR_DENIED || strstr(err.message, cases[i].actor) == NULL))) {
            fail_msg("%s %s: %s", cases[i].spec, cases[i].actor, err.message);
        }
    }
    struct err err = {0};
    (void)approval_may_vote(parsed("{\"by\":[\"group:leads\"]}"), "bo", parsed("[]"), &err);
    assert_string_equal(err.message, "'bo' may not decide this: it asks [\"group:leads\"]");
}

/* Votes as text: "+eva:leads -bo" (sign, actor, group). */
static size_t votes_of(const char *text, struct approval_vote votes[8])
{
    size_t count = 0;
    struct str rest = str_from(text);
    struct str word = {0};
    while (*text != '\0' && str_cut(&rest, ' ', &word)) {
        struct str actor = {0};
        struct json *groups = arena_one(arena, struct json);
        *groups = json_array();
        bool approve = word.p[0] == '+';
        word = str_slice(word, 1, word.n);
        (void)str_cut(&word, ':', &actor);
        struct str group = {0};
        while (str_cut(&word, ':', &group)) {
            json_push(arena, groups, json_string(arena, group));
        }
        votes[count++] =
            (struct approval_vote){.actor = arena_str(arena, actor).p, .groups = groups, .approve = approve};
    }
    return count;
}

struct decision {
    const char *spec, *votes;
    enum approval_state state;
    const char *missing; /* NULL: not looked at */
};

static void check_decisions(const struct decision *cases, size_t case_count)
{
    for (size_t i = 0; i < case_count; i++) {
        struct approval_vote votes[8];
        size_t count = votes_of(cases[i].votes, votes);
        const struct json *spec = parsed(cases[i].spec);
        const char *missing = approval_missing(spec, votes, count, arena);
        if (approval_decide(spec, votes, count) != cases[i].state ||
            (cases[i].missing != NULL && strcmp(missing, cases[i].missing) != 0)) {
            fail_msg("%s with '%s': state %d, missing '%s'", cases[i].spec, cases[i].votes,
                     (int)approval_decide(spec, votes, count), missing);
        }
    }
}

TEST(votes_add_up_to_a_decision)
{
    static const struct decision cases[] = {
        {"{}", "", APPROVAL_OPEN, "1 more"},
        {"{}", "+eva", APPROVAL_APPROVED, ""},
        {"{}", "-eva", APPROVAL_REJECTED, NULL},
        {"{}", "+bo -eva", APPROVAL_REJECTED, NULL},
        {"{\"quorum\":2}", "+eva", APPROVAL_OPEN, "1 more"},
        {"{\"quorum\":2}", "+eva +bo", APPROVAL_APPROVED, ""},
        {"{\"quorum\":2}", "+eva +eva", APPROVAL_OPEN, "1 more"},
        {"{\"quorum\":0}", "", APPROVAL_OPEN, "1 more"},
        {"{\"quorum\":-1}", "", APPROVAL_OPEN, "1 more"},
        {"{\"by\":[\"eva\"]}", "+bo", APPROVAL_OPEN, "1 more"},
        {"{\"by\":[\"eva\"]}", "-bo", APPROVAL_OPEN, "1 more"},
        {"{\"by\":[\"eva\"]}", "-bo +eva", APPROVAL_APPROVED, ""},
        {"{\"by\":[\"group:leads\"],\"quorum\":2}", "+a:leads +b +c:leads", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":2}}", "", APPROVAL_OPEN,
         "1 more of group:leads, 2 more of group:legal"},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":2}}", "+a:leads +b:legal", APPROVAL_OPEN, "1 more of group:legal"},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":2}}", "+a:leads +b:legal +c:legal", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":2}}", "+a:leads +a:leads", APPROVAL_OPEN, "1 more of group:leads"},
        {"{\"by\":{\"group:leads\":0}}", "", APPROVAL_OPEN, "1 more of group:leads"},
        {"{\"by\":{}}", "", APPROVAL_OPEN, "1 more"},
        {"{\"by\":[]}", "+eva", APPROVAL_OPEN, "1 more"},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"]}", "+eva", APPROVAL_OPEN, "1 more"},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"]}", "-eva", APPROVAL_OPEN, "1 more"},
        {"{\"not_by\":[\"author\"],\"authors\":[\"eva\"],\"waived\":true}", "+eva", APPROVAL_APPROVED, ""},
    };
    check_decisions(cases, sizeof cases / sizeof *cases);
}

TEST(a_person_counts_once_where_that_helps_most_whoever_spoke_first)
{
    static const struct decision cases[] = {
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+a:leads:legal", APPROVAL_OPEN,
         "1 more of group:leads or group:legal"},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+a:leads:legal +b:leads", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+b:leads +a:leads:legal", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+a:leads:legal +b:legal", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+a:leads +b:leads", APPROVAL_OPEN, "1 more of group:legal"},
        {"{\"by\":{\"group:leads\":1,\"group:legal\":1}}", "+a:leads:legal +a:leads:legal", APPROVAL_OPEN,
         "1 more of group:leads or group:legal"},
        {"{\"by\":{\"a\":1,\"group:leads\":1}}", "+a:leads", APPROVAL_OPEN, "1 more of group:leads"},
        {"{\"by\":{\"group:leads\":1,\"a\":1}}", "+a:leads", APPROVAL_OPEN, "1 more of group:leads"},
        {"{\"by\":{\"group:leads\":1,\"a\":1}}", "+a:leads +b:leads", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:leads\":2,\"group:legal\":2}}", "+a:leads:legal", APPROVAL_OPEN,
         "1 more of group:leads, 1 more of group:legal, 1 more of group:leads or group:legal"},
        {"{\"by\":{\"group:x\":1,\"group:y\":1,\"group:z\":1}}", "+a:x:y +b:y:z +c:x", APPROVAL_APPROVED, ""},
        {"{\"by\":{\"group:x\":1,\"group:y\":1,\"group:z\":1}}", "+a:x:y +b:y:z", APPROVAL_OPEN,
         "1 more of group:x or group:y or group:z"},
        {"{\"by\":{\"group:x\":1,\"group:y\":1},\"not_by\":[\"a\"]}", "+a:x:y +b:x", APPROVAL_OPEN,
         "1 more of group:y"},
        {"{\"by\":{\"group:x\":1,\"group:y\":1}}", "+a:x:y -b:x", APPROVAL_REJECTED, NULL},
    };
    check_decisions(cases, sizeof cases / sizeof *cases);
}

TEST(who_is_asked_is_said_in_words)
{
    static const struct {
        const char *spec, *words;
    } cases[] = {
        {"{}", "anybody"},
        {"{\"by\":null}", "anybody"},
        {"{\"by\":\"ada\"}", "ada"},
        {"{\"by\":[\"ada\",\"group:x\"]}", "ada, group:x"},
        {"{\"by\":{\"group:x\":2,\"bob\":1}}", "2 of group:x, 1 of bob"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(approval_asks(parsed(cases[i].spec), arena), cases[i].words);
    }
}

TEST(a_voice_that_somebody_else_raised_counts_unless_he_is_excluded_himself)
{
    static const struct {
        const char *spec, *speaker;
        bool counts;
    } cases[] = {
        {"{\"by\":[\"ada\"],\"not_by\":[\"author\"],\"authors\":[\"bob\"]}", "bob", false},
        {"{\"by\":[\"ada\"],\"not_by\":[\"author\"],\"authors\":[\"bob\"]}", "eve", true},
        {"{\"by\":[\"ada\"],\"not_by\":[\"author\"],\"authors\":[\"bob\"],\"waived\":true}", "bob", true},
        {"{\"by\":{\"ada\":1},\"not_by\":[\"group:makers\"]}", "bob", false},
        {"{\"not_by\":\"starter\",\"starter\":\"bob\"}", "bob", false},
        {"{\"not_by\":[\"bob\"]}", NULL, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct approval_vote vote = {.actor = "ada",
                                           .groups = parsed("[]"),
                                           .approve = true,
                                           .speaker = cases[i].speaker,
                                           .speaker_groups = parsed("[\"makers\"]")};
        enum approval_state found = approval_decide(parsed(cases[i].spec), &vote, 1);
        assert_int_equal(found, cases[i].counts ? APPROVAL_APPROVED : APPROVAL_OPEN);
        const struct approval_vote no = {.actor = "ada",
                                         .groups = vote.groups,
                                         .speaker = vote.speaker,
                                         .speaker_groups = vote.speaker_groups};
        found = approval_decide(parsed(cases[i].spec), &no, 1);
        assert_int_equal(found, cases[i].counts ? APPROVAL_REJECTED : APPROVAL_OPEN);
    }
}

#define ARENA_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TESTS(ARENA_RUN(who_is_asked_may_decide_and_who_made_it_may_not), ARENA_RUN(votes_add_up_to_a_decision),
      ARENA_RUN(who_is_asked_is_said_in_words),
      ARENA_RUN(a_person_counts_once_where_that_helps_most_whoever_spoke_first),
      ARENA_RUN(a_voice_that_somebody_else_raised_counts_unless_he_is_excluded_himself))
