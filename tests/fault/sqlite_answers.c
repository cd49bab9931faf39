/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a store that answers badly.
 *
 *   SQLITE_ANSWER=WHAT:NTH:TIMES:CODE   the NTH and the following TIMES - 1 calls of WHAT come to CODE
 *
 * WHAT is `commit` (COMMIT and nothing else), `commits` (the same, but the commit is carried out, and then said to have
 * failed), or `step` (any statement that is run). A line is added to the file $SQLITE_ANSWER_LOG for each such answer.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char what[16];
static long nth, times, seen;
static int answer;
static int depth; /* of sqlite3_exec, which runs statements by sqlite3_step itself */

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("SQLITE_ANSWER");
    if (text != NULL && sscanf(text, "%15[a-z]:%ld:%ld:%d", what, &nth, &times, &answer) != 4) {
        what[0] = '\0';
    }
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool is_next(const char *call)
{
    if (strncmp(what, call, strlen(call)) != 0) {
        return false;
    }
    seen++;
    return seen >= nth && seen - nth < times;
}

static void note(const char *call)
{
    const char *path = getenv("SQLITE_ANSWER_LOG");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        char line[80];
        int n = snprintf(line, sizeof line, "%s %ld %d\n", call, seen, answer);
        (void)!write(fd, line, (size_t)n);
        (void)close(fd);
    }
}

static int exec_really(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                       char **message)
{
    int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
    *(void **)&exec = real("sqlite3_exec");
    depth++;
    int result = exec(db, sql, row, ctx, message);
    depth--;
    return result;
}

static int step_really(sqlite3_stmt *statement)
{
    int (*step)(sqlite3_stmt *);
    *(void **)&step = real("sqlite3_step");
    return step(statement);
}

/* As SQLite does by itself then. */
static void roll_back(sqlite3 *db)
{
    if (answer == SQLITE_FULL || answer == SQLITE_IOERR) {
        (void)exec_really(db, "ROLLBACK", NULL, NULL, NULL);
    }
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **message)
{
    if (strcmp(sql, "COMMIT") != 0 || !is_next("commit")) {
        return exec_really(db, sql, row, ctx, message);
    }
    note(what);
    if (strcmp(what, "commits") == 0) {
        (void)exec_really(db, sql, row, ctx, message);
    } else {
        roll_back(db);
    }
    return answer;
}

/* What is asked of a statement is looked up by name: the runner, which has no SQLite, gets this library, too. */
int sqlite3_step(sqlite3_stmt *statement)
{
    const char *(*text_of)(sqlite3_stmt *);
    int (*only_reads)(sqlite3_stmt *);
    sqlite3 *(*database_of)(sqlite3_stmt *);
    *(void **)&text_of = real("sqlite3_sql");
    *(void **)&only_reads = real("sqlite3_stmt_readonly");
    *(void **)&database_of = real("sqlite3_db_handle");
    if (depth > 0) {
        return step_really(statement);
    }
    const char *text = text_of(statement);
    bool commits = text != NULL && strcmp(text, "COMMIT") == 0;
    if (!is_next(commits && what[0] == 'c' ? "commit" : "step")) {
        return step_really(statement);
    }
    note(what);
    if (strcmp(what, "commits") == 0) {
        (void)step_really(statement);
    } else if (commits || only_reads(statement) == 0) {
        roll_back(database_of(statement));
    }
    return answer;
}
