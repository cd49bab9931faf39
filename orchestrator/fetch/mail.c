/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/mail.h"

#include "base/clock.h"
#include "base/parse.h"
#include "fetch/door.h"
#include "fetch/target.h"

struct sending {
    const struct fetch_request *request;
    struct arena *arena;
    CURL *curl;
    struct fetch_target target;
    struct fetch_door door;
    int64_t end_ms;
    size_t given; /* bytes of the text that libcurl has */
    bool leaves;  /* QUIT was said */
    char error[CURL_ERROR_SIZE];
};

static size_t give_text(char *room, size_t size, size_t count, void *ctx)
{
    struct sending *s = ctx;
    struct str rest = str_slice(s->request->mail->text, s->given, s->request->mail->text.n);
    size_t n = rest.n < size * count ? rest.n : size * count;
    memcpy(room, rest.p, n);
    s->given += n;
    return n;
}

/* What a server says is not kept. */
static size_t pass_over(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * count;
}

static int see_what_is_said(CURL *curl, curl_infotype what, char *bytes, size_t size, void *ctx)
{
    static const struct str goodbye = {"QUIT", 4};
    struct sending *s = ctx;
    (void)curl;
    s->leaves = s->leaves || (what == CURLINFO_HEADER_OUT && str_starts((struct str){bytes, size}, goodbye));
    return 0;
}

/* Called each second while libcurl waits. For the answer to QUIT it would wait two minutes; nothing that matters is
 * said there, so it is given up at the next call. */
static int wait_no_more(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct sending *s = ctx;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return s->leaves ? 1 : 0;
}

static const char *bracketed(const struct sending *s, struct str address)
{
    return arena_printf(s->arena, "<%.*s>", STR_ARG(address));
}

static struct curl_slist *recipients(const struct sending *s)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < s->request->mail->to_count; i++) {
        list = curl_slist_append(list, bracketed(s, s->request->mail->to[i]));
    }
    return list;
}

static void set_options(struct sending *s)
{
    CURL *curl = s->curl;
    const struct fetch_mail *mail = s->request->mail;
    int64_t left_ms = s->end_ms - clock_monotonic_ms(&clock_system);
    long timeout_ms = left_ms < 1 ? 1 : (long)left_ms; /* 0 would be none */
    curl_easy_setopt(curl, CURLOPT_URL, s->target.url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, s->error);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L); /* so that it says QUIT before curl_easy_perform returns */
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, see_what_is_said);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, s);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, wait_no_more);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(mail->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, bracketed(s, mail->from));
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->text.n);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_text);
    curl_easy_setopt(curl, CURLOPT_READDATA, s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over);
    if (mail->user.n > 0) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, arena_str(s->arena, mail->user).p);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, arena_str(s->arena, mail->password).p);
    }
    fetch_door_set(curl, &s->door);
}

/* What the server says to a command is its answer, whatever libcurl makes of it: 4xx is for now, also to STARTTLS and a
 * password (RFC 3207, 4; RFC 4954, 6). */
static int explain(const struct sending *s, CURLcode code, long status, struct err *err)
{
    char limit[32];
    const char *place = s->target.place;
    const char *text = fetch_words(s->arena, s->error[0] != '\0' ? s->error : curl_easy_strerror(code));
    if (s->door.refused[0] != '\0') {
        return err_set(err, ERR_DENIED, "%s is refused: %s", place, s->door.refused);
    }
    if (status >= 400 && status < 500) {
        return err_set(err, ERR_IO, "%s answered %ld", place, status);
    }
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(err, ERR_DENIED, "the certificate of %s is not accepted: %.200s", place, text);
    case CURLE_USE_SSL_FAILED:
        return err_set(err, ERR_DENIED, "%s does not encrypt: expected STARTTLS", place);
    case CURLE_LOGIN_DENIED:
        return err_set(err, ERR_DENIED, "%s does not take the user's password", place);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, ERR_IO, "could not find the address of '%.255s'", s->target.host);
    case CURLE_OPERATION_TIMEDOUT:
        format_duration(limit, sizeof limit, s->request->timeout_ms);
        return err_set(err, ERR_LIMIT, "%s did not take it within %s", place, limit);
    default:
        return status >= 400 ? err_set(err, ERR_IO, "%s answered %ld", place, status)
                             : err_set(err, ERR_IO, "%s: %.300s", place, text);
    }
}

/* The server's last status is in `*ret_status`, 0 when it said nothing. */
static CURLcode perform(struct sending *s, bool some_may_fail, long *ret_status)
{
    set_options(s);
    struct curl_slist *to = recipients(s);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, some_may_fail ? 1L : 0L);
    CURLcode code = curl_easy_perform(s->curl);
    curl_slist_free_all(to);
    *ret_status = 0;
    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, ret_status);
    return code;
}

/* An address that the server refuses for good does not keep the mail from the others. One that it refuses for now does:
 * the mail is sent to all of them later, since those who had it by then would get it twice. */
static int send_it(struct sending *s, struct fetch_answer *ret_answer, struct err *err)
{
    long status = 0;
    CURLcode code = perform(s, false, &status);
    if (code == CURLE_SEND_ERROR && status >= 500 && s->request->mail->to_count > 1) {
        long first = status;
        s->given = 0;
        s->leaves = false;
        code = perform(s, true, &status);
        ret_answer->remark = code != CURLE_OK ? NULL
                                              : arena_printf(s->arena, "an address was refused: %s answered %ld",
                                                             s->target.place, first);
    }
    ret_answer->url = str_from(s->target.url);
    if (code != CURLE_OK) {
        ret_answer->status = status >= 400 ? (int)status : 0;
        return explain(s, code, status, err);
    }
    ret_answer->status = status == 0 ? 250 : (int)status;
    return 0;
}

int fetch_mail_send(const struct fetch_request *request, struct arena *arena, struct fetch_answer *ret_answer,
                    struct err *err)
{
    struct sending s = {.request = request, .arena = arena, .door.policy = &request->policy};
    *ret_answer = (struct fetch_answer){.headers = json_object()};
    strbuf_init(&ret_answer->body, 1);
    if (fetch_target_parse_mail(request->url.p, &request->policy, arena, &s.target, err) < 0) {
        return -1;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(err, ERR_INTERNAL, "libcurl cannot be set up");
    }
    s.end_ms = clock_monotonic_ms(&clock_system) + request->timeout_ms;
    s.curl = curl_easy_init();
    int result = s.curl == NULL ? err_set(err, ERR_INTERNAL, "libcurl cannot be set up") : send_it(&s, ret_answer, err);
    curl_easy_cleanup(s.curl);
    curl_global_cleanup();
    return result;
}
