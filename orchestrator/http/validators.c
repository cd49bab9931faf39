/* SPDX-License-Identifier: Apache-2.0 */
#include "http/validators.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char weekdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void write_date(int64_t at_s, char ret[HTTP_DATE_BYTES])
{
    time_t at = (time_t)at_s;
    struct tm utc = {0};
    if (gmtime_r(&at, &utc) == NULL || utc.tm_year < -1900 || utc.tm_year > 8099) {
        *ret = '\0';
        return;
    }
    const char *weekday = weekdays + 3 * (ptrdiff_t)utc.tm_wday;
    const char *month = months + 3 * (ptrdiff_t)utc.tm_mon;
    (void)snprintf(ret, HTTP_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", weekday, utc.tm_mday, month,
                   utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void http_validators_of(const struct stat *state, int64_t now_ms, struct http_validators *ret)
{
    const struct timespec *changed = &state->st_ctim;
    int64_t changed_s = (int64_t)changed->tv_sec;
    *ret = (struct http_validators){0};
    if (changed_s < 0 || changed_s > now_ms / 1000 ||
        now_ms - changed_s * 1000 - changed->tv_nsec / 1000000 < HTTP_REST_MS) {
        return;
    }
    (void)snprintf(ret->tag, sizeof ret->tag, "\"%llx-%llx%08lx\"", (unsigned long long)state->st_size,
                   (unsigned long long)changed_s, (unsigned long)changed->tv_nsec);
    ret->modified_s = (int64_t)state->st_mtim.tv_sec;
    if (ret->modified_s <= now_ms / 1000) {
        write_date(ret->modified_s, ret->modified);
    }
}

void http_conditions_read(const struct http_exchange *exchange, struct http_conditions *ret)
{
    *ret = (struct http_conditions){
        .if_match = str_trim(http_header(exchange, "If-Match")),
        .if_unmodified_since = str_trim(http_header(exchange, "If-Unmodified-Since")),
        .if_none_match = str_trim(http_header(exchange, "If-None-Match")),
        .if_modified_since = str_trim(http_header(exchange, "If-Modified-Since")),
        .if_range = str_trim(http_header(exchange, "If-Range")),
        .range = str_trim(http_header(exchange, "Range")),
    };
}

struct http_conditions http_conditions_keep(const struct http_conditions *conditions, struct arena *arena)
{
    return (struct http_conditions){
        .if_match = arena_str(arena, conditions->if_match),
        .if_unmodified_since = arena_str(arena, conditions->if_unmodified_since),
        .if_none_match = arena_str(arena, conditions->if_none_match),
        .if_modified_since = arena_str(arena, conditions->if_modified_since),
        .if_range = arena_str(arena, conditions->if_range),
        .range = arena_str(arena, conditions->range),
    };
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

/* The next tag of a list, with its quotes; commas inside of them are its own. */
static bool next_tag(struct str *list, bool *ret_weak, struct str *ret)
{
    while (list->n > 0 && strchr(" \t,", list->p[0]) != NULL) {
        *list = str_slice(*list, 1, list->n);
    }
    *ret_weak = str_starts(*list, STR("W/"));
    *list = str_slice(*list, *ret_weak ? 2 : 0, list->n);
    ptrdiff_t end = list->n > 0 && list->p[0] == '"' ? str_find_byte(*list, '"', 1) : -1;
    if (end < 0) {
        return false;
    }
    *ret = str_slice(*list, 0, (size_t)end + 1);
    *list = str_slice(*list, (size_t)end + 1, list->n);
    return true;
}

bool http_tags_have(struct str list, const char *tag, bool strongly)
{
    struct str one;
    bool is_weak;
    if (str_is(str_trim(list), "*")) {
        return true;
    }
    while (*tag != '\0' && next_tag(&list, &is_weak, &one)) {
        if (str_is(one, tag) && !(is_weak && strongly)) {
            return true;
        }
    }
    return false;
}

/* ---- dates ------------------------------------------------------------------------------------------------------ */

/* "Sun, 06 Nov 1994 08:49:37 GMT", which is all that programs write since 1999. */
static bool read_date(struct str text, int64_t *ret_s)
{
    char room[64];
    int64_t at_ms = 0;
    for (int i = 0; text.n == 29 && i < 12; i++) {
        if (memcmp(text.p + 8, months + 3 * (ptrdiff_t)i, 3) == 0) {
            (void)snprintf(room, sizeof room, "%.4s-%02d-%.2sT%.8sZ", text.p + 12, i + 1, text.p + 5, text.p + 17);
            bool is_one = memcmp(text.p + 25, " GMT", 4) == 0 && parse_time(str_from(room), &at_ms, NULL) == 0;
            *ret_s = at_ms / 1000;
            return is_one;
        }
    }
    return false;
}

static bool is_later(const struct http_validators *validators, struct str date)
{
    int64_t at_s = 0;
    return *validators->modified != '\0' && read_date(date, &at_s) && validators->modified_s > at_s;
}

static bool is_date_of(const struct http_validators *validators, struct str date)
{
    return *validators->modified != '\0' && str_is(date, validators->modified);
}

/* ---- conditions ------------------------------------------------------------------------------------------------- */

int http_conditions_judge(const struct http_conditions *conditions, const struct http_validators *validators)
{
    if (conditions->if_match.n > 0 ? !http_tags_have(conditions->if_match, validators->tag, true)
                                   : is_later(validators, conditions->if_unmodified_since)) {
        return 412;
    }
    if (conditions->if_none_match.n > 0 ? http_tags_have(conditions->if_none_match, validators->tag, false)
                                        : is_date_of(validators, conditions->if_modified_since)) {
        return 304;
    }
    return 0;
}

struct str http_conditions_range(const struct http_conditions *conditions, const struct http_validators *validators)
{
    struct str of = conditions->if_range;
    bool holds = of.n == 0 || is_date_of(validators, of) || (*validators->tag != '\0' && str_is(of, validators->tag));
    return holds ? conditions->range : STR("");
}
