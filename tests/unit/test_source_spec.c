/* SPDX-License-Identifier: Apache-2.0 */
#include "git/pipeline_path.h"
#include "git/request.h"
#include "store/sources.h"
#include "test.h"
#include "trigger/push.h"
#include "trigger/source_spec.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

TEST(the_page_of_a_commit_is_what_its_host_has)
{
    static const struct {
        const char *url, *page, *expected;
    } cases[] = {
        {"https://github.com/a/b.git", "", "https://github.com/a/b/commit/" COMMIT},
        {"git@github.com:a/b.git", "", "https://github.com/a/b/commit/" COMMIT},
        {"ssh://git@gitlab.example.org:2222/a/b/c.git/", "", "https://gitlab.example.org/a/b/c/-/commit/" COMMIT},
        {"https://gitea.example.org:3000/a/b", "", "https://gitea.example.org:3000/a/b/commit/" COMMIT},
        {"https://bitbucket.org/a/b.git", "", "https://bitbucket.org/a/b/commits/" COMMIT},
        {"https://notgitlab.example.org/a/b", "", NULL},
        {"https://evil.example/github.com/b", "", NULL},
        {"file:///srv/github.com/b.git", "", NULL},
        {"/srv/b.git", "", NULL},
        {"/srv/b.git", "https://h/{commit}/x", "https://h/" COMMIT "/x"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *page = source_commit_page(cases[i].url, cases[i].page, COMMIT, arena);
        if (cases[i].expected == NULL) {
            assert_null(page);
        } else {
            assert_string_equal(page, cases[i].expected);
        }
    }
    assert_null(source_commit_page("https://github.com/a/b", "", "", arena));
    assert_string_equal(source_repo("ssh://git@h:22/a.git", arena), "ssh://h:22/a.git");
    assert_string_equal(source_repo("git@h:a.git", arena), "git@h:a.git");
    arena_free(arena);
}

TEST(pipelines_of_a_commit_are_known_by_their_paths)
{
    static const struct {
        const char *path, *file;
        bool is;
    } cases[] = {
        {"", "sluice.yaml", true},          {"", "pipelines/a.yml", true},   {"", "pipelines/a/sluice.yaml", true},
        {"", "pipelines/a/b.yaml", false},  {"", "docker-compose.yaml", false}, {"", "pipelines/.a.yaml", false},
        {"flows", "flows/a.yaml", true},    {"flows", "flowsx/a.yaml", false}, {"flows", "flows/a.txt", false},
        {".", "a.yaml", true},              {".", ".pre-commit-config.yaml", false},
        {"x/y.yaml", "x/y.yaml", true},     {"x/y.yaml", "x/z.yaml", false},
        {"**/*.yaml", "a/b/c.yaml", true},  {"a/*.yaml", "a/b/c.yaml", false}, {"a/*", "a/b.txt", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (is_pipeline_path(cases[i].path, cases[i].file) != cases[i].is) {
            fail_msg("'%s' of '%s'", cases[i].file, cases[i].path);
        }
    }
}

static struct json json_of(struct arena *arena, const char *text)
{
    struct json value;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL), 0);
    return value;
}

TEST(a_push_is_wanted_by_its_branch_and_its_paths)
{
    static const struct {
        const char *settings, *told;
        bool wanted;
    } cases[] = {
        {"{}", "{\"paths\": []}", true},
        {"{\"branches\": [\"main\"]}", "{\"paths\": []}", true},
        {"{\"branches\": [\"release/*\"]}", "{\"paths\": []}", false},
        {"{\"branches\": [\"x\", \"ma*\"], \"paths\": [\"train/**\"]}", "{\"paths\": [\"train/a/b.py\"]}", true},
        {"{\"paths\": [\"train/**\"]}", "{\"paths\": [\"README.md\"]}", false},
        {"{\"paths\": [\"train/**\"]}", "{\"paths\": []}", false},
        {"{\"paths\": [\"train/**\"]}", "{\"paths\": [\"README.md\"], \"more_paths\": true}", true},
        {"{\"branches\": [\"dev\"], \"paths\": [\"**\"]}", "{\"paths\": [\"a\"], \"more_paths\": true}", false},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json settings = json_of(arena, cases[i].settings);
        struct json told = json_of(arena, cases[i].told);
        struct push push = {.source = "s", .repo = "r", .branch = "main", .after = COMMIT, .told = &told};
        if (push_is_wanted(&settings, &push) != cases[i].wanted) {
            fail_msg("%s: %s", cases[i].settings, cases[i].told);
        }
    }
    struct json told = json_of(arena, "{\"before\": \"b\", \"forced\": true, \"paths\": [\"a\"], \"commits\": "
                                      "[{\"id\": \"c\", \"author\": \"Ann\", \"at_ms\": 1000, \"message\": \"m\"}]}");
    struct push push = {.source = "s", .repo = "r", .branch = "main", .after = COMMIT, .told = &told};
    struct json event = push_event(&push, arena);
    assert_string_equal(json_text(arena, &event).p,
                        "{\"type\":\"push\",\"source\":\"s\",\"repo\":\"r\",\"branch\":\"main\",\"before\":\"b\","
                        "\"after\":\"" COMMIT "\",\"forced\":true,\"paths\":[\"a\"],\"more_paths\":false,\"commits\":"
                        "[{\"id\":\"c\",\"author\":\"Ann\",\"email\":\"\",\"time\":\"1970-01-01T00:00:01Z\","
                        "\"message\":\"m\"}],\"more_commits\":false}");
    arena_free(arena);
}

TEST(a_checkout_says_whose_commit_it_is)
{
    struct arena *arena = arena_new();
    const char *source = NULL;
    const char *commit = NULL;
    const char *folder = source_checkout("/home/x", "wine", COMMIT, arena);
    assert_true(source_of_checkout("/home/x", folder, arena, &source, &commit));
    assert_string_equal(source, "wine");
    assert_string_equal(commit, COMMIT);
    static const char *const others[] = {"/home/x/repos/wine", "/home/x/repos//commits/" COMMIT,
                                         "/other/commits/" COMMIT,
                                         "/home/x/repos/wine/commits/" COMMIT "0",
                                         "/home/x/repos/wine/commits/HEAD"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(source_of_checkout("/home/x", others[i], arena, &source, &commit));
    }
    assert_true(git_is_commit(COMMIT));
    assert_false(git_is_commit("HEAD"));
    arena_free(arena);
}

TESTS(RUN(the_page_of_a_commit_is_what_its_host_has), RUN(pipelines_of_a_commit_are_known_by_their_paths),
      RUN(a_push_is_wanted_by_its_branch_and_its_paths), RUN(a_checkout_says_whose_commit_it_is))
