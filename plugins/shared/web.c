/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include "textbuf.h"
#include "value.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2: a token. */
static bool is_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool is_value(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7F) {
            return false;
        }
    }
    return true;
}

static int read_header(struct scratch *scratch, const char *name, const struct step_value *value, const char **ret_line,
                       struct fault *fault)
{
    if (!is_name(name)) {
        return fault_set(fault, "headers: '%.60s' is no header's name", name);
    }
    if (value->type == STEP_TYPE_NULL || value->type == STEP_TYPE_LIST || value->type == STEP_TYPE_MAP) {
        return fault_set(fault, "headers: '%.60s' is %s: expected a text", name, value_type_name(value));
    }
    struct textbuf text = {0};
    value_put_plain(&text, value);
    bool good = is_value(textbuf_text(&text));
    *ret_line = scratch_printf(scratch, "%s: %s", name, textbuf_text(&text));
    textbuf_free(&text);
    return good ? 0 : fault_set(fault, "headers: the value of '%.60s' has a line break or a control character", name);
}

int web_headers(struct scratch *scratch, const struct step_value *headers, const char *content_type,
                const char *const **ret_lines, struct fault *fault)
{
    if (headers != NULL && headers->type != STEP_TYPE_MAP) {
        return fault_set(fault, "headers: expected a map, got %s", value_type_name(headers));
    }
    size_t count = headers == NULL ? 0 : headers->count;
    const char **lines = scratch_array(scratch, count + 2, sizeof *lines);
    bool typed = false;
    for (size_t i = 0; i < count; i++) {
        if (read_header(scratch, headers->keys[i], &headers->items[i], &lines[i], fault) < 0) {
            return -1;
        }
        typed = typed || strcasecmp(headers->keys[i], "Content-Type") == 0;
    }
    if (content_type != NULL && !typed) {
        lines[count] = scratch_printf(scratch, "Content-Type: %s", content_type);
    }
    *ret_lines = lines;
    return 0;
}

static bool is_status(const struct step_value *value)
{
    return value->type == STEP_TYPE_INT && value->integer >= 100 && value->integer <= 599;
}

int web_check_statuses(const struct step_value *statuses, const char *what, struct fault *fault)
{
    bool good = statuses == NULL || is_status(statuses) || (statuses->type == STEP_TYPE_LIST && statuses->count > 0);
    for (size_t i = 0; good && statuses != NULL && statuses->type == STEP_TYPE_LIST && i < statuses->count; i++) {
        good = is_status(&statuses->items[i]);
    }
    return good ? 0 : fault_set(fault, "%s: expected an HTTP status such as 200, or a list of them", what);
}

bool web_is_wanted(const struct step_value *statuses, int status)
{
    if (statuses == NULL) {
        return status >= 200 && status <= 299;
    }
    bool wanted = statuses->type == STEP_TYPE_INT && statuses->integer == status;
    for (size_t i = 0; statuses->type == STEP_TYPE_LIST && i < statuses->count; i++) {
        wanted = wanted || statuses->items[i].integer == status;
    }
    return wanted;
}

int web_check_url(const char *url, const char *what, struct fault *fault)
{
    size_t start = url == NULL                              ? 0
                   : strncasecmp(url, "http://", 7) == 0  ? 7
                   : strncasecmp(url, "https://", 8) == 0 ? 8
                                                          : 0;
    bool good = start > 0 && url[start] != '\0';
    for (const char *p = url; good && *p != '\0'; p++) {
        good = (unsigned char)*p > 0x20 && *p != 0x7F;
    }
    return good ? 0
                : fault_set(fault, "%s: '%.200s' is no URL: expected http://... or https://...", what,
                            url == NULL ? "" : url);
}
