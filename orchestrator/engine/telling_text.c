/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/telling_text.h"

#include "base/strbuf.h"
#include "base/utf8.h"

#include <stdio.h>
#include <time.h>

enum {
    TEXT_MAX = 1 << 20,
    SECTION_MAX = 2900, /* Slack takes 3000 characters of a section */
    WORD_BYTES = 42,    /* of an encoded word in a header, which may have 75 characters */
    QUOTED_COLUMNS = 73,
};

static const char *take(struct strbuf *buf, struct arena *arena)
{
    const char *text = arena_dup(arena, buf->data == NULL ? "" : buf->data, buf->length);
    strbuf_clear(buf);
    return text;
}

/* What steps and people wrote, for people to read: it changes nothing of how the rest is shown. */
static const char *calmed(const char *text, struct arena *arena)
{
    char *copy = arena_strdup(arena, text);
    utf8_lines(copy);
    return copy;
}

/* --- in words ----------------------------------------------------------------------------------------------------- */

static const struct json *data_of(const struct json *event)
{
    return json_get(event, "data");
}

static const char *text_of(const struct json *event, const char *key)
{
    return json_get_text(data_of(event), key, "");
}

/* Others have an action that can be read as it is: "alias.moved" of "model wine@champion". */
static const struct {
    const char *type;
    const char *words;
} sayings[] = {
    {"run.started", "has started"},
    {"run.succeeded", "succeeded"},
    {"run.failed", "failed"},
    {"run.cancelled", "was cancelled"},
    {"run.refused", "was refused"},
    {"run.recovered", "succeeded, after a failure"},
    {"run.late", "is late"},
    {"approval.requested", "waits for approval"},
    {"approval.approved", "was approved"},
    {"approval.rejected", "was rejected"},
    {"approval.expired", "was not approved in time"},
    {"schedule.missed", "was missed"},
    {"model_version.created", "is a new version"},
    {"model.commented", "was commented on"},
    {"channel.test", "is a test"},
    {"address.confirmation", "has to be agreed to"},
};

const char *telling_title(const struct json *event, struct arena *arena)
{
    const char *type = json_get_text(event, "type", "");
    const char *subject = text_of(event, "subject");
    const char *to = text_of(event, "to");
    const char *words = NULL;
    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++) {
        words = strcmp(sayings[i].type, type) == 0 ? sayings[i].words : words;
    }
    char *title = words != NULL ? arena_printf(arena, "%s %s", subject, words)
                                : arena_printf(arena, "%s: %s%s%s", subject, type, *to == '\0' ? "" : " to ", to);
    utf8_one_line(title);
    return title;
}

static void add_list(struct strbuf *out, const struct json *list, const char *member)
{
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        const char *text = member != NULL ? json_get_text(item, member, "")
                           : item->type == JSON_STRING ? item->u.string.p
                                                       : "";
        strbuf_printf(out, "%s%s", i == 0 ? "" : "\n", text);
    }
}

static const char *list_text(const struct json *event, const char *key, const char *member, struct arena *arena)
{
    struct strbuf out;
    strbuf_init(&out, TEXT_MAX);
    add_list(&out, json_get(data_of(event), key), member);
    return calmed(take(&out, arena), arena);
}

/* "train: exit code 3", or the reason of the whole. */
static const char *reason_of(const struct json *event, struct arena *arena)
{
    const struct json *failed = json_get(data_of(event), "failed");
    const char *reason = text_of(event, "reason");
    const char *step = json_get_text(failed, "step", "");
    const char *why = json_get_text(failed, "reason", "");
    const char *words = *step == '\0' || strstr(reason, why) != NULL ? reason
                        : *reason == '\0' ? arena_printf(arena, "%s: %s", step, why)
                                          : arena_printf(arena, "%s (%s: %s)", reason, step, why);
    return calmed(words, arena);
}

static const char *by_whom(const struct json *event, struct arena *arena)
{
    const char *actor = text_of(event, "actor");
    return *actor == '\0' || strcmp(actor, "sluice") == 0 ? "" : calmed(arena_printf(arena, "by %s", actor), arena);
}

/* --- Slack -------------------------------------------------------------------------------------------------------- */

/* Its three characters that make mentions and links; and in code what would end it. */
static void add_escaped(struct strbuf *out, const char *text, bool is_code)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '&') {
            strbuf_add_text(out, "&amp;");
        } else if (*p == '<') {
            strbuf_add_text(out, "&lt;");
        } else if (*p == '>') {
            strbuf_add_text(out, "&gt;");
        } else {
            strbuf_add_byte(out, is_code && *p == '`' ? '\'' : *p);
        }
    }
}

/* Between characters, and not inside of "&amp;". */
static void cut_section(struct strbuf *text)
{
    size_t n = SECTION_MAX;
    if (text->length <= n) {
        return;
    }
    while (n > 0 && ((unsigned char)text->data[n] & 0xc0) == 0x80) {
        n--;
    }
    for (size_t i = n; i + 6 > n && i > 0; i--) {
        if (text->data[i - 1] == '&') {
            n = memchr(text->data + i, ';', n - i) == NULL ? i - 1 : n;
            break;
        }
    }
    strbuf_truncate(text, n);
    strbuf_add_text(text, "\u2026");
}

/* What stands in it is escaped by the caller. */
static void push_section(struct json *blocks, const char *type, const char *text, struct arena *arena)
{
    struct json section = json_object();
    struct json body = json_object();
    json_set(arena, &body, "type", json_cstring(arena, type));
    json_set(arena, &body, "text", json_cstring(arena, text));
    if (strcmp(type, "mrkdwn") == 0) { /* else Slack makes links of what looks like a URL or the name of a channel */
        json_set(arena, &body, "verbatim", json_bool(true));
    }
    json_set(arena, &section, "type", json_cstring(arena, "section"));
    json_set(arena, &section, "text", body);
    json_push(arena, blocks, section);
}

static const char *escaped(const char *text, struct arena *arena)
{
    struct strbuf out;
    strbuf_init(&out, TEXT_MAX);
    add_escaped(&out, text, true);
    cut_section(&out);
    return take(&out, arena);
}

/* Shown letter by letter; nothing for no text. */
static void push_plain(struct json *blocks, const char *text, struct arena *arena)
{
    if (*text != '\0') {
        struct strbuf out;
        strbuf_init(&out, TEXT_MAX);
        strbuf_add_text(&out, text);
        cut_section(&out);
        push_section(blocks, "plain_text", take(&out, arena), arena);
    }
}

static void push_code(struct json *blocks, const char *before, const char *text, struct arena *arena)
{
    if (*text != '\0') {
        push_section(blocks, "mrkdwn", arena_printf(arena, "%s```%s```", before, escaped(text, arena)), arena);
    }
}

const char *telling_slack(const struct json *event, struct arena *arena)
{
    struct json message = json_object();
    struct json blocks = json_array();
    struct strbuf text;
    const char *title = telling_title(event, arena);
    const char *last_good = text_of(event, "last_good");
    const char *url = text_of(event, "url");
    strbuf_init(&text, TEXT_MAX);
    add_escaped(&text, title, false);
    push_plain(&blocks, title, arena);
    push_plain(&blocks, reason_of(event, arena), arena);
    push_plain(&blocks, by_whom(event, arena), arena);
    push_code(&blocks, "", list_text(event, "log", NULL, arena), arena);
    push_code(&blocks, arena_printf(arena, "Since run %s, the last good one:\n", last_good),
              list_text(event, "changes", "words", arena), arena);
    if (*url != '\0') {
        push_section(&blocks, "mrkdwn", arena_printf(arena, "<%s>", url), arena);
    }
    json_set(arena, &message, "text", json_cstring(arena, take(&text, arena)));
    json_set(arena, &message, "blocks", blocks);
    json_set(arena, &message, "mrkdwn", json_bool(false)); /* of `text`, which stands where blocks are not shown */
    json_set(arena, &message, "unfurl_links", json_bool(false));
    json_set(arena, &message, "unfurl_media", json_bool(false));
    return json_text(arena, &message).p;
}

/* --- mail --------------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f) {
            return false;
        }
    }
    return strlen(text) <= 60 && strstr(text, "=?") == NULL;
}

static void add_base64(struct strbuf *out, const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (i + k < size ? (unsigned char)bytes[i + k] : 0U);
        }
        for (size_t k = 0; k < 4; k++) {
            strbuf_add_byte(out, i + k > size ? '=' : digits[group >> (18 - 6 * k) & 63]);
        }
    }
}

/* RFC 2047: words of whole characters, folded. */
static void add_subject(struct strbuf *out, const char *title)
{
    size_t size = strlen(title);
    if (is_plain(title)) {
        strbuf_printf(out, "Subject: %s\r\n", title);
        return;
    }
    strbuf_add_text(out, "Subject:");
    for (size_t at = 0; at < size;) {
        size_t n = size - at < WORD_BYTES ? size - at : WORD_BYTES;
        while (n > 1 && ((unsigned char)title[at + n] & 0xc0) == 0x80) {
            n--;
        }
        strbuf_printf(out, "%s=?UTF-8?B?", at == 0 ? " " : "\r\n ");
        add_base64(out, title + at, n);
        strbuf_add_text(out, "?=");
        at += n;
    }
    strbuf_add_text(out, "\r\n");
}

/* RFC 2045, 6.7. A line that begins with a '.' has it escaped, too, so that nobody on its way takes it for the end. */
static void add_quoted(struct strbuf *out, const char *text)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n') {
            strbuf_add_text(out, "\r\n");
            column = 0;
            continue;
        }
        bool at_end = p[1] == '\n' || p[1] == '\0';
        bool plain = (c > ' ' && c < 0x7f && c != '=' && !(c == '.' && column == 0)) || (c == ' ' && !at_end);
        if (column + 3 > QUOTED_COLUMNS) {
            strbuf_add_text(out, "=\r\n");
            column = 0;
            plain = plain && c != '.';
        }
        if (plain) {
            strbuf_add_byte(out, (char)c);
        } else {
            strbuf_printf(out, "=%02X", c);
        }
        column += plain ? 1 : 3;
    }
}

static const char *mail_text(const struct json *event, const char *title, struct arena *arena)
{
    struct strbuf out;
    const char *reason = reason_of(event, arena);
    const char *who = by_whom(event, arena);
    const char *log = list_text(event, "log", NULL, arena);
    const char *changes = list_text(event, "changes", "words", arena);
    const char *step = json_get_text(json_get(data_of(event), "failed"), "step", "");
    strbuf_init(&out, TEXT_MAX);
    strbuf_printf(&out, "%s\n", title);
    strbuf_printf(&out, "%s%s", reason, *reason == '\0' ? "" : "\n");
    strbuf_printf(&out, "%s%s", who, *who == '\0' ? "" : "\n");
    if (*log != '\0') {
        strbuf_printf(&out, "\nLast lines of %s:\n\n%s\n", step, log);
    }
    if (*changes != '\0') {
        strbuf_printf(&out, "\nSince run %s, the last good one:\n\n%s\n", text_of(event, "last_good"), changes);
    }
    if (*text_of(event, "url") != '\0') {
        strbuf_printf(&out, "\n%s\n", text_of(event, "url"));
    }
    return take(&out, arena);
}

/* In English, whatever the locale. */
static void add_date(struct strbuf *out, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&at, &tm);
    strbuf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                  tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

const char *telling_mail(const struct json *event, const struct telling_mail *mail, struct arena *arena)
{
    struct strbuf out;
    const char *title = telling_title(event, arena);
    ptrdiff_t at = str_find_byte(mail->from, '@', 0);
    strbuf_init(&out, TEXT_MAX);
    strbuf_printf(&out, "From: sluice <%.*s>\r\nTo: ", STR_ARG(mail->from));
    for (size_t i = 0; i < mail->to_count; i++) {
        strbuf_printf(&out, "%s%.*s", i == 0 ? "" : ",\r\n ", STR_ARG(mail->to[i]));
    }
    strbuf_add_text(&out, "\r\n");
    add_subject(&out, title);
    add_date(&out, mail->at_ms);
    strbuf_printf(&out, "Message-ID: <%s@%.*s>\r\n", mail->delivery_id,
                  STR_ARG(str_slice(mail->from, (size_t)at + 1, mail->from.n)));
    strbuf_add_text(&out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n"
                          "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    add_quoted(&out, mail_text(event, title, arena));
    return take(&out, arena);
}
