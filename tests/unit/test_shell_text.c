/* SPDX-License-Identifier: Apache-2.0
 * Expressions in scripts: the places where they may stand are run with real shells and hostile values; the others are
 * refused.
 */
#include "pipeline/shell_text.h"

#include "base/fs.h"
#include "base/path.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define V "${{ params.v }}"

static struct arena *arena;
static char folder[] = "/tmp/test_shell_text.XXXXXX";

static int parse(const char *script, struct shell_text *ret, struct diags *diags)
{
    diags_init(diags, arena, "test");
    diags->text = str_from(script);
    return shell_text_parse(str_from(script), (struct pos){1, 1}, diags, ret);
}

static const char *parsed(const char *script)
{
    struct shell_text text;
    struct diags diags;
    if (parse(script, &text, &diags) < 0) {
        fail_msg("%s\nrefused: %s", script, diags.items[0].message);
    }
    return text.text.p;
}

/* ---- run by real shells ------------------------------------------------------------------------------ */

struct accepted {
    const char *where;
    const char *script;
    const char *before; /* what stands around the value in the output; NULL: the value is not shown */
    const char *after;
};

static const struct accepted accepted[] = {
    {"bare", "printf '%s' " V, "", ""},
    {"part of a bare word", "printf '%s' a" V "b", "a", "b"},
    {"double quotes", "printf '%s' \"a" V "b\"", "a", "b"},
    {"single quotes", "printf '%s' 'a" V "b'", "a", "b"},
    {"single quotes in double quotes", "printf '%s' \"x'" V "'y\"", "x'", "'y"},
    {"a here-document", "cat <<END\n(" V ")\nEND\n", "(", ")\n"},
    {"a here-document without tabs", "cat <<-END\n\t(" V ")\n\tEND\n", "(", ")\n"},
    {"two here-documents", "cat <<A; cat <<B\nx\nA\n(" V ")\nB\n", "x\n(", ")\n"},
    {"$( ) in a here-document", "cat <<END\n$(printf '%s.' " V ")\nEND\n", "", ".\n"},
    {"$( )", "x=$(printf '%s.' " V "); printf '%s' \"$x\"", "", "."},
    {"$( ) in double quotes", "printf '%s' \"$(printf '%s.' \"" V "\")\"", "", "."},
    {"single quotes in $( ) in double quotes", "printf '%s' \"$(printf '%s.' 'a" V "')\"", "a", "."},
    {"backquotes", "x=`printf '%s.' " V "`; printf '%s' \"$x\"", "", "."},
    {"a case in $( )", "printf '%s' \"$(case a in b) ;; a) printf '%s.' " V ";; esac)\"", "", "."},
    {"a comment", "# " V "\nprintf '%s' ok # '" V "\n", NULL, "ok"},
    {"an assignment", "x=" V "; printf '%s' \"$x\"", "", ""},
    {"the word of a case", "case " V " in *) printf '%s' " V ";; esac", "", ""},
    {"the words of a loop", "for i in " V " x; do printf '%s,' \"$i\"; done", "", ",x,"},
    {"behind an escape", "printf '%s' \\a" V, "a", ""},
    {"a quoted default", "printf '%s' \"${nothing:-\"" V "\"}\"", "", ""},
    {"an argument of a script's own -c", "f() { printf '%s' \"$2\"; }; f -c " V, "", ""},
    {"a default in quotes behind an operator",
     "printf '%s' \"${nothing:+x}\"; printf '%s' \"${nothing#\"" V "\"}\"", NULL, ""},
    {"a test of two operands", "[ " V " = " V " ] && printf ok", NULL, "ok"},
    {"a number that is none", "[ " V " -eq 1 ] 2>/dev/null || printf ok", NULL, "ok"},
    {"printf behind --", "printf -- %s " V, "", ""},
    {"the value of an exported variable", "export x=" V "; printf '%s' \"$x\"", "", ""},
    {"a prefix assignment", "FOO=" V " sh -c 'printf \"%s\" \"$FOO\"'", "", ""},
    {"env", "env FOO=" V " sh -c 'printf \"%s\" \"$FOO\"'", "", ""},
    {"an argument of sh -c", "sh -c 'printf \"%s\" \"$1\"' sh " V, "", ""},
    {"behind find -exec sh -c", "find . -maxdepth 0 -exec sh -c 'printf \"%s\" \"$1\"' sh " V " ';'", "", ""},
    {"a pipe", "printf '%s.' " V " | cat", "", "."},
    {"a pipe into a script on the command line", "printf '%s.' " V " | sh -c cat", "", "."},
    {"a file of a redirection", "cat 2>/dev/null < /nowhere/" V " || printf ok", NULL, "ok"},
    {"awk -v", "awk -v x=1 'BEGIN { printf \"%s\", ARGV[1] }' " V, "", ""},
};

/* Only in bash. */
static const struct accepted accepted_by_bash[] = {
    {"an array", "x=(" V " b); printf '%s' \"${x[0]}\"", "", ""},
    {"a declared array", "declare -a x=(" V " b); printf '%s' \"${x[0]}\"", "", ""},
    {"declare", "declare x=" V "; printf '%s' \"$x\"", "", ""},
    {"local", "f() { local x=" V "; printf '%s' \"$x\"; }; f", "", ""},
    {"a here-string", "cat <<< " V, "", "\n"},
    {"read from a here-string", "IFS= read -r -d '' x <<< " V " || printf '%s' \"$x\"", "", "\n"},
    {"mapfile", "mapfile -t x <<< " V "; printf ok", NULL, "ok"},
    {"a process substitution", "cat <(printf '%s.' " V ")", "", "."},
    {"a test", "[ -v x ] || printf '%s' " V, "", ""},
    {"behind [[ ]]", "[[ a =~ [[:alpha:]] && \"]]\" == ?? ]] && printf '%s' " V, "", ""},
};

static const char *const hostile[] = {
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "x\ntouch pwned\ny",
    "END\ntouch pwned",
    "&& touch pwned",
    "a[$(touch pwned)]",
    "-va[$(touch pwned)]",
    "($(touch pwned))",
    "$(shell touch pwned)",
    "}$(touch pwned){",
    "]+a[$(touch pwned)]",
    "-v",
    "!",
    "${x:=$(touch pwned)}",
    "a  b\t* ?",
    "-n",
    "\\",
    "\xc3\xa6\xe2\x82\xac",
    "",
    "#'\"`$(",
};

static const char *row_name;

static void run_shell(const char *shell, const char *value, char *out, size_t room)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        bool ready = chdir(folder) == 0 && setenv("__1", value, 1) == 0 && setenv("__2", value, 1) == 0;
        if (ready) {
            (void)execlp(shell, shell, "script", (char *)NULL);
        }
        _exit(127);
    }
    (void)close(ends[1]);
    size_t length = 0;
    for (ssize_t n = 1; n > 0; length += (size_t)n) {
        n = read(ends[0], out + length, room - 1 - length);
        n = n < 0 ? 0 : n;
    }
    out[length] = '\0';
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("%s, value '%s': %s ended with %d", row_name, value, shell, status);
    }
}

static void write_script(const char *text)
{
    const char *path = path_join(arena, folder, "script");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void check_run(const char *shell, const struct accepted *row, const char *value)
{
    char out[4096];
    row_name = row->where;
    run_shell(shell, value, out, sizeof out);
    const char *expected =
        row->before == NULL ? row->after : arena_printf(arena, "%s%s%s", row->before, value, row->after);
    if (strcmp(out, expected) != 0) {
        fail_msg("%s, %s, value '%s': expected '%s', found '%s'", row->where, shell, value, expected, out);
    }
    if (access(path_join(arena, folder, "pwned"), F_OK) == 0) {
        fail_msg("%s, %s: the value '%s' was run", row->where, shell, value);
    }
}

TEST(a_value_is_one_word_and_never_code_wherever_it_may_stand)
{
    arena = arena_new();
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        write_script(parsed(accepted[i].script));
        for (size_t v = 0; v < sizeof hostile / sizeof hostile[0]; v++) {
            check_run("dash", &accepted[i], hostile[v]);
            check_run("bash", &accepted[i], hostile[v]);
        }
    }
    for (size_t i = 0; i < sizeof accepted_by_bash / sizeof accepted_by_bash[0]; i++) {
        write_script(parsed(accepted_by_bash[i].script));
        for (size_t v = 0; v < sizeof hostile / sizeof hostile[0]; v++) {
            check_run("bash", &accepted_by_bash[i], hostile[v]);
        }
    }
    (void)unlink(path_join(arena, folder, "script"));
    (void)rmdir(folder);
    arena_free(arena);
}

/* ---- refused ----------------------------------------------------------------------------------------------- */

static const char *const refused[] = {
    "cat <<'END'\n" V "\nEND\n",
    "cat <<\"END\"\n" V "\nEND\n",
    "cat <<\\END\n" V "\nEND\n",
    "echo $((" V " + 1))",
    "echo \"$((" V " + 1))\"",
    "cat <<END\n$((" V "))\nEND\n",
    "echo $[" V "]",
    "((x = " V "))",
    "for ((i = 0; i < " V "; i++)); do :; done",
    "[[ " V " -eq 1 ]]",
    "echo ${x:-" V "}",
    "echo \"${x:-" V "}\"",
    "echo $'" V "'",
    "arr[" V "]=1",
    "let x=" V,
    "declare -i x=" V,
    "eval " V,
    "eval \"echo " V "\"",
    "eval 'echo " V "'",
    "sh -c " V,
    "bash -c \"echo " V "\"",
    "bash -ec 'echo " V "'",
    "bash -o pipefail -c 'echo " V "'",
    "bash --norc -c 'echo " V "'",
    "/bin/bash -c 'echo " V "'",
    "sudo -u bob bash -c 'echo " V "'",
    "timeout 5 sh -c \"" V "\"",
    "find . -exec sh -c 'echo " V "' \\;",
    "xargs -I{} sh -c 'echo " V "'",
    "docker run image bash -c \"" V "\"",
    "bash -c \"$(cat file) " V "\"",
    "bash -c \"`cat file` " V "\"",
    "if true; then bash -c '" V "'; fi",
    "x=1 bash -c '" V "'",
    "true && eval " V,
    "echo \"$(eval " V ")\"",
    "echo \"$(case x in y) bash -c '" V "';; esac)\"",
    "ssh host " V,
    "ssh host <<END\n" V "\nEND\n",
    "trap '" V "' EXIT",
    "python -c " V,
    "python3.11 -c 'print(" V ")'",
    "python3 -c'print(" V ")'",
    "python3 - <<END\nprint(" V ")\nEND\n",
    "bash <<END\n" V "\nEND\n",
    "bash <<< " V,
    "perl -e 'print " V "'",
    "perl -ne \"" V "\"",
    "node --eval " V,
    "node --eval=" V,
    "awk '{ print " V " }' file",
    "awk -F: -v x=1 \"{ print " V " }\"",
    "sed -i s/a/" V "/ file",
    "sed -e s/a/b/ -e \"s/c/" V "/\"",
    "psql db -c \"select " V "\"",
    "jq \".[] | " V "\" file",
    "sqlite3 file \"select " V "\"",
    "env -S \"sh -c " V "\"",
    "env -Ssh" V,
    "env sh -c " V,
    "nohup bash -c " V,
    "/a/very/long/path/to/some/environment/of/python/that/goes/on/and/on/bin/python3 -c " V,
    "$PYTHON -c " V,
    "\"${PYTHON:-python3}\" -c \"print(" V ")\"",
    V " -c \"print(" V ")\"",
    "flock file -c " V,
    "x=(sh -c " V ")",
    "compgen -W " V,
    "PS4=" V "; set -x",
    "BASH_ENV=" V " bash x",
    "RANDOM=" V,
    "declare -i y x=" V,
    "declare -a x=" V,
    "local -A x=" V,
    "readonly -a x=" V,
    "declare -ai x=(" V ")",
    "declare -n x=" V,
    "test -v " V,
    "[ -v " V " ]",
    "[ x -a -v " V " ]",
    "[ ! -v x" V " ]",
    "printf -v " V " x",
    "printf -v x " V,
    "printf " V " x",
    "printf \"" V "\"",
    "read " V,
    "read -r x " V,
    "read -a " V,
    "echo x | read " V,
    "unset " V,
    "unset -v x " V,
    "wait -n -p " V,
    "wait " V,
    "declare " V "=1",
    "declare " V,
    "f() { local " V "=1; }",
    "typeset x" V "=1",
    "x=([" V "]=1)",
    "x=(a b [" V "]=1)",
    "x=({a,b} [" V "]=1)",
    "x+=([\"" V "\"]=1)",
    "unset \"x[" V "]\"",
    "echo ${x[\"" V "\"]}",
    "echo ${x:\"" V "\"}",
    "echo ${x:0:\"" V "\"}",
    "echo \"${x:-${a[\"" V "\"]}}\"",
    "echo $(( ${x:-\"" V "\"} ))",
    "[[ \"" V "\" -eq 1 ]]",
    "[[ \"]]\" && -v " V " ]]",
    "[[ a =~ [[:alpha:]] && -v " V " ]]",
    "[[ $(echo " V ") -eq 1 ]]",
    "echo $(( $(echo " V ") ))",
    "eval \"$(echo " V ")\"",
    "eval `echo " V "`",
    "source <(echo " V ")",
    ". <(printf '%s' " V ")",
    "bash <(echo " V ")",
    "echo " V " | sh",
    "echo " V " | tee x | bash -s",
    "printf '%s' " V " |\n  sudo bash",
    "cat <<< " V " | sh",
    "cat <<E | sh\n" V "\nE\n",
    "{ echo " V "; } | sh",
    "(echo " V ") | sh",
    "for i in 1 2; do\n  echo " V "\ndone | sh",
    "if true; then echo " V "; fi | sh",
    "echo " V " | xargs -I{} sh -c 'echo {}'",
    "echo " V " | python3 -",
    "echo " V " | ssh host",
};

TEST(an_expression_that_would_be_code_is_refused)
{
    arena = arena_new();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct shell_text text;
        struct diags diags;
        if (parse(refused[i], &text, &diags) == 0 || diags.count != 1 || diags.items[0].code != DIAG_SHELL) {
            fail_msg("%s\nwas not refused", refused[i]);
        }
        assert_non_null(diags.items[0].hint);
    }
    arena_free(arena);
}

TEST(what_only_looks_like_code_is_accepted)
{
    static const char *const scripts[] = {
        "python train.py -c " V " -e " V,
        "python -m trainer -c " V,
        "python3 train.py <<END\n" V "\nEND\n",
        "bash script.sh " V,
        "bash -c 'echo \"$1\"' -- " V,
        "awk -v x=" V " '{ print x }' " V,
        "awk -f program.awk " V,
        "sed -n 3p " V,
        "sed -e s/a/b/ " V,
        "echo eval " V,
        "pip install python-dateutil==" V,
        "git commit -m " V,
        "cat > script.py <<END\nx = '" V "'\nEND\n",
        "eval ls; echo " V,
        "eval ls\necho " V,
        "x=$(python -c 'print(1)') echo " V,
        "python -c 'print(1)' " V,
        "[ " V " -eq 1 ]",
        "ls 2>&1 " V,
        "echo [[ " V,
    };
    arena = arena_new();
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        (void)parsed(scripts[i]);
    }
    arena_free(arena);
}

/* ---- forms and positions ------------------------------------------------------------------------------------- */

TEST(the_form_of_a_reference_follows_the_quotes_around_it)
{
    arena = arena_new();
    assert_string_equal(parsed("echo " V " \"" V "\" '" V "'"), "echo \"$__1\" \"${__2}\" ''\"$__3\"''");
    assert_string_equal(parsed("echo a # " V "\n" V), "echo a # \n\"$__1\"");
    assert_string_equal(parsed("echo $${{ x }} " V), "echo ${{ x }} \"$__1\"");
    arena_free(arena);
}

TEST(a_script_without_expressions_stays_as_it_is)
{
    static const char script[] =
        "set -u\ncat <<'E' | sort # it's\n$x `y` ${z}\nE\necho \"a $(b 'c)' \"d\") e\" ${f:-'}'} $((1 << 2))\n";
    arena = arena_new();
    assert_string_equal(parsed(script), script);
    arena_free(arena);
}

TEST(a_secret_is_refused_everywhere_in_a_script)
{
    struct shell_text text;
    struct diags diags;
    arena = arena_new();
    assert_int_equal(parse("echo x\necho ${{ secrets.TOKEN }}", &text, &diags), -1);
    assert_int_equal(diags.items[0].code, DIAG_SECRET);
    assert_int_equal(diags.items[0].pos.line, 2);
    assert_int_equal(diags.items[0].pos.column, 10);
    arena_free(arena);
}

TEST(errors_stand_where_the_expression_is)
{
    struct shell_text text;
    struct diags diags;
    arena = arena_new();
    assert_int_equal(parse("echo \xc3\xa6\n  eval " V, &text, &diags), -1);
    assert_int_equal(diags.items[0].pos.line, 2);
    assert_int_equal(diags.items[0].pos.column, 8);
    assert_int_equal(parse("echo ${{ params.v", &text, &diags), -1);
    assert_int_equal(diags.items[0].code, DIAG_EXPR_SYNTAX);
    assert_int_equal(diags.items[0].pos.column, 6);
    arena_free(arena);
}

TEST(quotes_nested_beyond_the_bound_are_an_error)
{
    struct shell_text text;
    struct diags diags;
    struct strbuf script;
    arena = arena_new();
    strbuf_init(&script, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        strbuf_add_text(&script, "$(");
    }
    assert_int_equal(parse(script.data, &text, &diags), 0); /* with nothing to find a place for */
    strbuf_add_text(&script, V);
    assert_int_equal(parse(script.data, &text, &diags), -1);
    assert_int_equal(diags.items[0].code, DIAG_BOUND);
    strbuf_clear(&script);
    arena_free(arena);
}

TESTS(RUN(a_value_is_one_word_and_never_code_wherever_it_may_stand), RUN(an_expression_that_would_be_code_is_refused),
      RUN(what_only_looks_like_code_is_accepted), RUN(the_form_of_a_reference_follows_the_quotes_around_it),
      RUN(a_script_without_expressions_stays_as_it_is), RUN(a_secret_is_refused_everywhere_in_a_script),
      RUN(errors_stand_where_the_expression_is), RUN(quotes_nested_beyond_the_bound_are_an_error))
