/* SPDX-License-Identifier: Apache-2.0
 * Whose voice somebody has, and whether his word would add anything: what deciding accepts, and what the inbox lists.
 */
#include "run/voice.h"

#include "test.h"

enum { MOST = 3 };

/* In a case: "name group" has one group, "name!" is barred, "name+voice" has spoken for a voice. */
struct row {
    const char *spec, *asks;
    const char *givers[MOST];
    const char *votes[MOST];
    const char *voice; /* whose it is; NULL: he may not */
    bool said;
    const char *words; /* why he may not */
};

static const char leads[] = "{\"by\":[\"group:leads\"]}";
static const char no_author[] = "{\"not_by\":[\"author\"],\"authors\":[\"ann\"]}";
static const char leads_no_author[] = "{\"by\":[\"group:leads\"],\"not_by\":[\"author\"],\"authors\":[\"ann\"]}";
static const char demands[] = "{\"by\":{\"group:leads\":1,\"group:legal\":1}}";

static const struct row rows[] = {
    /* his own voice */
    {"{}", "ann", {0}, {0}, "ann", false, NULL},
    {leads, "ann leads", {0}, {0}, "ann", false, NULL},
    {leads, "ann", {0}, {0}, NULL, false, "'ann' may not decide this: it asks [\"group:leads\"]"},
    {leads, "ann leads!", {0}, {0}, NULL, false, "ann has no right"},
    {leads, "ann leads!", {"eva leads"}, {0}, NULL, false, "ann has no right"},
    /* who made it */
    {no_author, "ann", {0}, {0}, NULL, false, "'ann' may not decide this: not_by excludes who made it"},
    {leads_no_author, "ann", {"eva leads"}, {0}, NULL, false, "'ann' may not decide this: it asks [\"group:leads\"]"},
    {leads_no_author, "bob", {"ann leads"}, {0}, NULL, false, "'bob' may not decide this: it asks [\"group:leads\"]"},
    {leads_no_author, "bob", {"ann leads", "eva leads"}, {0}, "eva", false, NULL},
    /* in the place of others */
    {leads, "bob", {"ann leads"}, {0}, "ann", false, NULL},
    {leads, "bob", {"ann"}, {0}, NULL, false, "'bob' may not decide this: it asks [\"group:leads\"]"},
    {leads, "bob", {"ann leads!"}, {0}, NULL, false,
     "it would be in the place of 'ann', who may not decide this himself: ann has no right"},
    {leads, "bob", {"ann leads!", "eva leads"}, {0}, "eva", false, NULL},
    {leads, "bob", {"ann!", "eva leads!"}, {0}, NULL, false,
     "it would be in the place of 'eva', who may not decide this himself: eva has no right"},
    {leads, "bob leads", {"ann leads"}, {0}, "bob", false, NULL},
    /* what has been said */
    {leads, "ann leads", {0}, {"ann+ann"}, "ann", true, NULL},
    {leads, "ann leads", {0}, {"eva+eva"}, "ann", false, NULL},
    {leads, "ann leads", {0}, {"bob+ann"}, "ann", true, NULL},
    {leads, "bob", {"ann leads"}, {"bob+ann"}, "ann", true, NULL},
    {leads, "bob", {"ann leads"}, {"ann+ann"}, "ann", true, NULL},
    {leads, "bob", {"ann leads", "eva leads"}, {"ann+ann"}, "eva", false, NULL},
    {leads, "bob", {"ann leads", "eva leads"}, {"ann+ann", "eva+eva"}, "ann", true, NULL},
    {leads, "bob", {"ann leads", "eva leads"}, {"bob+ann"}, "ann", true, NULL}, /* not for another, too */
    {leads, "bob leads", {0}, {"bob+ann"}, "bob", true, NULL},
    /* a demand that is met is no reason: another word may still say no */
    {demands, "ann leads", {0}, {"eva+eva"}, "ann", false, NULL},
    {demands, "bob", {"ann legal"}, {"eva+eva"}, "ann", false, NULL},
};

static struct arena *arena;

static struct json list_of(const char *text)
{
    struct json list = json_array();
    if (*text != '\0') {
        json_push(arena, &list, json_cstring(arena, text));
    }
    return list;
}

/* "name group!" */
static struct voice_person person(const char *text)
{
    struct str rest = str_from(text);
    bool barred = str_ends(rest, STR("!"));
    rest.n -= barred ? 1 : 0;
    const char *space = memchr(rest.p, ' ', rest.n);
    size_t size = space == NULL ? rest.n : (size_t)(space - rest.p);
    const char *name = arena_str(arena, str_slice(rest, 0, size)).p;
    struct json *groups = arena_one(arena, struct json);
    *groups = list_of(space == NULL ? "" : arena_str(arena, str_slice(rest, size + 1, rest.n)).p);
    return (struct voice_person){name, groups, barred ? arena_printf(arena, "%s has no right", name) : NULL};
}

/* "speaker+voice" */
static struct approval_vote vote(const char *text)
{
    const char *plus = strchr(text, '+');
    const char *speaker = arena_str(arena, (struct str){text, (size_t)(plus - text)}).p;
    struct json *groups = arena_one(arena, struct json);
    *groups = list_of("leads");
    return (struct approval_vote){.actor = plus + 1,
                                  .groups = groups,
                                  .approve = true,
                                  .speaker = strcmp(speaker, plus + 1) == 0 ? NULL : speaker,
                                  .speaker_groups = groups};
}

TEST(the_voice_is_ones_own_or_that_of_one_who_gave_it_and_may_decide_himself)
{
    arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct json spec;
        struct voice_person givers[MOST];
        struct approval_vote votes[MOST];
        struct voice_found found = {0};
        struct err err = {0};
        assert_int_equal(json_read(str_from(row->spec), (struct json_limits){0}, arena, &spec, NULL), 0);
        struct voice_question question = {.spec = &spec, .asks = person(row->asks), .givers = givers, .votes = votes};
        while (question.giver_count < MOST && row->givers[question.giver_count] != NULL) {
            givers[question.giver_count] = person(row->givers[question.giver_count]);
            question.giver_count++;
        }
        while (question.vote_count < MOST && row->votes[question.vote_count] != NULL) {
            votes[question.vote_count] = vote(row->votes[question.vote_count]);
            question.vote_count++;
        }
        int result = voice_find(&question, &found, &err);
        print_message("case %zu: %s\n", i, result < 0 ? err.message : "a voice");
        assert_int_equal(result, row->voice == NULL ? -1 : 0);
        if (row->voice == NULL) {
            assert_int_equal(err.code, ERR_DENIED);
            assert_string_equal(err.message, row->words);
            continue;
        }
        assert_string_equal(found.giver == NULL ? question.asks.name : found.giver->name, row->voice);
        assert_int_equal(found.said, row->said);
    }
    arena_free(arena);
}

TESTS(RUN(the_voice_is_ones_own_or_that_of_one_who_gave_it_and_may_decide_himself))
