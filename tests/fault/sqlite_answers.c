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

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **message)
{
    int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
    *(void **)&exec = real("sqlite3_exec");
    int result = answer;
    depth++;
    if (strcmp(sql, "COMMIT") != 0 || !is_next("commit")) {
        result = exec(db, sql, row, ctx, message);
    } else if (strcmp(what, "commits") == 0) {
        note(what);
        (void)exec(db, sql, row, ctx, message);
    } else {
        note(what);
        if (answer != SQLITE_BUSY) {
            (void)exec(db, "ROLLBACK", NULL, NULL, NULL); /* as SQLite does by itself then */
        }
    }
    depth--;
    return result;
}

int sqlite3_step(sqlite3_stmt *statement)
{
    int (*step)(sqlite3_stmt *);
    *(void **)&step = real("sqlite3_step");
    if (depth > 0 || !is_next("step")) {
        return step(statement);
    }
    note("step");
    if ((answer == SQLITE_FULL || answer == SQLITE_IOERR) && sqlite3_stmt_readonly(statement) == 0) {
        (void)sqlite3_exec(sqlite3_db_handle(statement), "ROLLBACK", NULL, NULL, NULL);
    }
    return answer;
}
