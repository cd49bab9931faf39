/* SPDX-License-Identifier: Apache-2.0
 * sluice-fetch: one HTTP request or mail from standard input, its answer on standard output (fetch/request.h).
 *
 * The only program that links libcurl, and the only way out of sluice: started for one request, gone after it.
 */
#include "base/fd.h"
#include "fetch/mail.h"
#include "fetch/request.h"
#include "fetch/transfer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_answer(const struct fetch_answer *answer, const struct err *wrong, struct arena *arena)
{
    struct json head = json_object();
    if (answer->status != 0) {
        json_set(arena, &head, "status", json_int(answer->status));
        json_set(arena, &head, "headers", answer->headers);
        json_set(arena, &head, "size", json_int((int64_t)answer->body.length));
        json_set(arena, &head, "url", json_string(arena, answer->url));
    }
    if (answer->remark != NULL) {
        json_set(arena, &head, "remark", json_cstring(arena, answer->remark));
    }
    if (wrong->code != ERR_NONE) {
        json_set(arena, &head, "error", json_cstring(arena, wrong->message));
    }
    if (wrong->code == ERR_DENIED) {
        json_set(arena, &head, "refused", json_bool(true));
    }
    if (fd_write_all(STDOUT_FILENO, json_text(arena, &head)) < 0 || fd_write_all(STDOUT_FILENO, STR("\n")) < 0) {
        return -1;
    }
    return answer->status == 0 ? 0 : fd_write_all(STDOUT_FILENO, strbuf_str(&answer->body));
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct strbuf text;
    struct fetch_request request;
    struct fetch_answer answer = {0};
    struct err err = {0};
    int result = -1;
    strbuf_init(&text, FETCH_REQUEST_MAX_BYTES);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1) {
        (void)err_set(&err, ERR_INPUT, "%.100s: expected no arguments: the request comes on standard input", argv[1]);
    } else if (fd_read_all(STDIN_FILENO, "the request", &text, &err) == 0 &&
               fetch_request_read(strbuf_str(&text), arena, &request, &err) == 0) {
        result = request.mail != NULL ? fetch_mail_send(&request, arena, &answer, &err)
                                      : fetch_transfer(&request, arena, &answer, &err);
    }
    int written = write_answer(&answer, &err, arena);
    if (written < 0) {
        (void)fprintf(stderr, "sluice-fetch: cannot write the answer: %s\n", strerror(errno));
    }
    strbuf_clear(&answer.body);
    strbuf_clear(&text);
    arena_free(arena);
    return result < 0 || written < 0 ? 1 : 0;
}
