/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/mail.h"

#include "base/parse.h"
#include "fetch/door.h"
#include "fetch/target.h"

struct sending {
    const struct fetch_request *request;
    struct arena *arena;
    CURL *curl;
    struct fetch_target target;
    struct fetch_door door;
    size_t given; /* bytes of the text that libcurl has */
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
    curl_easy_setopt(curl, CURLOPT_URL, s->target.url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, s->error);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)s->request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->request->timeout_ms);
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

/* What the server says to a command is its answer, whatever libcurl makes of it. */
static int explain(const struct sending *s, CURLcode code, long status, struct err *err)
{
    char limit[32];
    const char *place = s->target.place;
    const char *text = fetch_words(s->arena, s->error[0] != '\0' ? s->error : curl_easy_strerror(code));
    if (s->door.refused[0] != '\0') {
        return err_set(err, ERR_DENIED, "%s is refused: %s", place, s->door.refused);
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

static int send_it(struct sending *s, struct fetch_answer *ret_answer, struct err *err)
{
    long status = 0;
    set_options(s);
    struct curl_slist *to = recipients(s);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, to);
    CURLcode code = curl_easy_perform(s->curl);
    curl_slist_free_all(to);
    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
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
    s.curl = curl_easy_init();
    int result = s.curl == NULL ? err_set(err, ERR_INTERNAL, "libcurl cannot be set up") : send_it(&s, ret_answer, err);
    curl_easy_cleanup(s.curl);
    curl_global_cleanup();
    return result;
}
