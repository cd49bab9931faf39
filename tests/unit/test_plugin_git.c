/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "git/known_hosts.h"
#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>

/* libgit2 1.5 does not free what a regular expression of its own allocated when it did not match. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpcre2";
}

/* Keeps libgit2 loaded until the end: a library that is gone has no name that could be suppressed. */
static void stay_loaded(struct fake_host *fake)
{
    const char *folder = getenv("SLUICE_PLUGINS");
    const char *path = arena_printf(fake->arena, "%s/git.so", folder == NULL ? "./build/plugins" : folder);
    assert_non_null(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
}

/* Runs shell text in the test's folder. */
static void shell(struct fake_host *fake, const char *text)
{
    const char *line = arena_printf(
        fake->arena,
        "cd '%s' && export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b "
        "GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b && (%s) >/dev/null 2>&1",
        fake->folder, text);
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What a shell command prints, without its line end. */
static const char *ask(struct fake_host *fake, const char *text)
{
    shell(fake, arena_printf(fake->arena, "%s > .answer", text));
    const char *answer = fake_host_read(fake, arena_printf(fake->arena, "%s/.answer", fake->folder));
    return arena_dup(fake->arena, answer, strcspn(answer, "\n"));
}

static void open_with_repository(struct fake_host *fake)
{
    fake_host_open(fake, "git");
    stay_loaded(fake);
    shell(fake, "git init -q -b main repo && cd repo && echo one > a && git add a && git commit -qm one && git tag -a "
                "v1 -m v1 && "
                "echo two > a && git commit -qam two && git checkout -qb side && echo side > b && git add b && "
                "git commit -qm side && git checkout -q main");
}

static const char *file(struct fake_host *fake, const char *path)
{
    return fake_host_read(fake, arena_printf(fake->arena, "%s/%s", fake->folder, path));
}

TEST(git_clones_the_default_branch)
{
    struct fake_host fake;
    open_with_repository(&fake);
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\"}"), STEP_OK);
    assert_string_equal(file(&fake, "repository/a"), "two\n");
    assert_string_equal(fake_host_output(&fake, "commit"),
                        arena_printf(fake.arena, "\"%s\"", ask(&fake, "git -C repo rev-parse main")));
    assert_string_equal(fake_host_output(&fake, "ref"), "\"refs/heads/main\"");
    assert_string_equal(fake_host_output(&fake, "changed"), "true");
    assert_int_not_equal(access(arena_printf(fake.arena, "%s/repository.cloning", fake.folder), F_OK), 0);
    fake_host_close(&fake);
}

TEST(git_finds_branches_tags_and_commits)
{
    struct fake_host fake;
    open_with_repository(&fake);
    const char *one = ask(&fake, "git -C repo rev-parse v1^{commit}");
    const char *url = arena_printf(fake.arena, "file://%s/repo", fake.folder);
    const struct {
        const char *ref, *a, *full;
    } cases[] = {
        {"side", "two\n", "\"refs/heads/side\""},
        {"v1", "one\n", "\"refs/tags/v1\""},
        {"refs/tags/v1", "one\n", "\"refs/tags/v1\""},
        {one, "one\n", "null"},
        {arena_dup(fake.arena, one, 9), "one\n", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            fake_host_run(&fake, arena_printf(fake.arena, "{\"url\": \"%s\", \"ref\": \"%s\", \"path\": \"c%zu/x/\"}",
                                              url, cases[i].ref, i)),
            STEP_OK);
        assert_string_equal(file(&fake, arena_printf(fake.arena, "c%zu/x/a", i)), cases[i].a);
        assert_string_equal(fake_host_output(&fake, "ref"), cases[i].full);
    }
    fake_host_close(&fake);
}

TEST(git_brings_all_that_branches_and_tags_name_when_it_looks_for_a_commit)
{
    struct fake_host fake;
    open_with_repository(&fake);
    shell(&fake, "cd repo && git tag -a -m nested v1-again v1 && git tag of-tree 'main^{tree}' && "
                 "git tag of-file main:a && git gc -q && echo loose > a && git commit -qam loose");
    const char *loose = ask(&fake, "git -C repo rev-parse --short=12 main");
    const char *params =
        arena_printf(fake.arena, "{\"url\": \"repo\", \"path\": \"src\", \"ref\": \"%s\"}", loose);
    assert_int_equal(fake_host_run(&fake, params), STEP_OK);
    assert_string_equal(file(&fake, "src/a"), "loose\n");
    static const char listed[] = "git -C %s for-each-ref --format='%%(refname) %%(objectname)' | sed "
                                 "s,remotes/origin,heads, | sort | cksum";
    assert_string_equal(ask(&fake, arena_printf(fake.arena, listed, "src")),
                        ask(&fake, arena_printf(fake.arena, listed, "repo")));
    shell(&fake, "rm -r repo && git -C src fsck --full --strict");
    fake_host_close(&fake);
}

TEST(git_follows_a_head_that_is_on_no_branch)
{
    struct fake_host fake;
    open_with_repository(&fake);
    shell(&fake, "git -C repo checkout -q v1");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_OK);
    assert_string_equal(file(&fake, "src/a"), "one\n");
    assert_string_equal(fake_host_output(&fake, "ref"), "\"HEAD\"");
    assert_string_equal(ask(&fake, "git -C src rev-parse refs/sluice/HEAD"), ask(&fake, "git -C repo rev-parse HEAD"));
    fake_host_close(&fake);
}

TEST(git_moves_a_clone_that_is_there)
{
    struct fake_host fake;
    open_with_repository(&fake);
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_OK);
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "changed"), "false");
    shell(&fake, "cd repo && echo three > a && git commit -qam three; touch ../src/unknown");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_OK);
    assert_string_equal(file(&fake, "src/a"), "three\n");
    assert_string_equal(fake_host_output(&fake, "changed"), "true");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\", \"ref\": \"side\"}"), STEP_OK);
    assert_string_equal(file(&fake, "src/b"), "side\n");
    assert_string_equal(ask(&fake, "git -C src status --porcelain"), "?? unknown");
    fake_host_close(&fake);
}

TEST(git_overwrites_changes_only_when_it_is_forced)
{
    struct fake_host fake;
    open_with_repository(&fake);
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_OK);
    shell(&fake, "echo mine > src/a");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "has 1 changed files, such as 'a': expected none, or 'force: true'"));
    assert_string_equal(file(&fake, "src/a"), "mine\n");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\", \"force\": true}"), STEP_OK);
    assert_string_equal(file(&fake, "src/a"), "two\n");
    fake_host_close(&fake);
}

TEST(git_needs_no_remote_for_a_commit_that_is_here)
{
    struct fake_host fake;
    open_with_repository(&fake);
    const char *run = arena_printf(fake.arena, "{\"url\": \"repo\", \"path\": \"src\", \"ref\": \"%s\"}",
                                   ask(&fake, "git -C repo rev-parse main"));
    assert_int_equal(fake_host_run(&fake, run), STEP_OK);
    shell(&fake, "rm -rf repo");
    assert_int_equal(fake_host_run(&fake, run), STEP_OK);
    fake_host_close(&fake);
}

TEST(git_refuses_submodules_and_lfs_and_leaves_nothing)
{
    static const struct {
        const char *make, *reason;
    } cases[] = {
        {"git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),lib/sub && git commit -qm s",
         "'lib/sub' is a submodule, which is not fetched"},
        {"mkdir d && echo '*.bin filter=lfs -text' > d/.gitattributes && git add d && git commit -qm l",
         "'d/.gitattributes' keeps files in Git LFS, which is not fetched"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        open_with_repository(&fake);
        shell(&fake, arena_printf(fake.arena, "cd repo && %s", cases[i].make));
        assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_FAILED);
        assert_non_null(strstr(fake.failure, cases[i].reason));
        assert_string_equal(ask(&fake, "ls -d src* | wc -l"), "0");
        fake_host_close(&fake);
    }
}

TEST(git_says_what_is_wrong)
{
    static const struct {
        const char *make, *params, *reason;
    } cases[] = {
        {"true", "{\"url\": \"nowhere\"}", "/nowhere' cannot be reached: "},
        {"true", "{\"url\": \"repo\", \"ref\": \"mian\"}",
         "ref: there is no branch or tag 'mian': expected one, or a commit of 7 to 40 hex digits"},
        {"true", "{\"url\": \"repo\", \"ref\": \"0123456789abcdef0123456789abcdef01234567\"}",
         "ref: no branch or tag leads to a commit '0123456789abcdef0123456789abcdef01234567'"},
        {"git init -q empty", "{\"url\": \"empty\"}", "the repository is empty: there is no branch"},
        {"mkdir src && touch src/x", "{\"url\": \"repo\", \"path\": \"src\"}",
         "/src' is there and cannot be opened as a clone"},
        {"git clone -q repo src", "{\"url\": \"other\", \"path\": \"src\"}", "/src' is a clone of '"},
        {"git init -q src", "{\"url\": \"repo\", \"path\": \"src\"}",
         "/src' is a repository without a remote 'origin': expected a clone"},
        {"true", "{\"url\": \"https://me:secret@h/r\"}",
         "url: it holds a password: expected it as 'password', from a secret"},
        {"true", "{\"url\": \"git://h/r\"}", "url: 'git': expected https, http, ssh or file"},
        {"true", "{\"url\": \"https://h\"}", "url: 'https://h' names no repository"},
        {"true", "{\"url\": \"file://h/r\"}", "url: 'file://h/r': expected file:///PATH"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        open_with_repository(&fake);
        shell(&fake, cases[i].make);
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        if (strstr(fake.failure, cases[i].reason) == NULL) {
            assert_string_equal(fake.failure, cases[i].reason);
        }
        assert_null(strstr(fake.failure, "secret@"));
        fake_host_close(&fake);
    }
}

TEST(git_ends_when_it_is_cancelled)
{
    struct fake_host fake;
    open_with_repository(&fake);
    fake.cancelled = true;
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"repo\", \"path\": \"src\"}"), STEP_FAILED);
    assert_string_equal(fake.failure, "cancelled");
    assert_string_equal(ask(&fake, "ls -d src* | wc -l"), "0");
    fake_host_close(&fake);
}

TEST(known_hosts_know_a_key_by_its_bytes)
{
    static const struct {
        const char *lines, *host;
        enum known_hosts_result result;
    } cases[] = {
        {"h ssh-ed25519 AAECAwQ=\n", "h", KNOWN_HOSTS_KNOWN}, /* 00 01 02 03 04 */
        {"# h\n\nother,H ssh-ed25519 AAECAwQ comment\n", "h", KNOWN_HOSTS_KNOWN},
        {"[h]:2222 ssh-ed25519 AAECAwQ=", "h", KNOWN_HOSTS_KNOWN},
        {"h ssh-rsa AAEC\nh ssh-ed25519 AAECAwQ=", "h", KNOWN_HOSTS_KNOWN},
        {"h ssh-ed25519 AAECAwU=\n", "h", KNOWN_HOSTS_OTHER},
        {"h ssh-ed25519 AAECAw==\n", "h", KNOWN_HOSTS_OTHER},
        {"h ssh-ed25519 AAECAwQF\n", "h", KNOWN_HOSTS_OTHER},
        {"h ssh-ed25519 AA!CAwQ=\n", "h", KNOWN_HOSTS_OTHER},
        {"hh ssh-ed25519 AAECAwQ=\n", "h", KNOWN_HOSTS_UNKNOWN},
        {"@revoked h ssh-ed25519 AAECAwQ=\n", "h", KNOWN_HOSTS_UNKNOWN},
        {"#h ssh-ed25519 AAECAwQ=\n", "#h", KNOWN_HOSTS_UNKNOWN},
        {"h ssh-ed25519\nAAECAwQ=\n", "h", KNOWN_HOSTS_UNKNOWN},
        {"", "h", KNOWN_HOSTS_UNKNOWN},
    };
    static const unsigned char key[] = {0, 1, 2, 3, 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(known_hosts_check(cases[i].lines, cases[i].host, key, sizeof key), cases[i].result);
    }
}

TESTS(RUN(git_clones_the_default_branch), RUN(git_finds_branches_tags_and_commits),
      RUN(git_brings_all_that_branches_and_tags_name_when_it_looks_for_a_commit),
      RUN(git_follows_a_head_that_is_on_no_branch), RUN(git_moves_a_clone_that_is_there),
      RUN(git_overwrites_changes_only_when_it_is_forced), RUN(git_needs_no_remote_for_a_commit_that_is_here),
      RUN(git_refuses_submodules_and_lfs_and_leaves_nothing), RUN(git_says_what_is_wrong),
      RUN(git_ends_when_it_is_cancelled), RUN(known_hosts_know_a_key_by_its_bytes))
