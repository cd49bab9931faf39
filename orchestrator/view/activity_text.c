/* SPDX-License-Identifier: Apache-2.0 */
#include "view/activity_text.h"

#include "base/json.h"
#include "base/parse.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *const activity_formats[] = {"jsonl", "csv", NULL};
const char *const activity_outcomes[] = {"done", "refused", NULL};

int activity_outcome_parse(const char *word, enum activity_outcome *ret, struct err *err)
{
    for (int i = 0; activity_outcomes[i] != NULL; i++) {
        if (strcmp(activity_outcomes[i], word) == 0) {
            *ret = (enum activity_outcome)(i + ACTIVITY_DONE);
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "outcome '%.100s': expected done or refused", word);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

/* Texts at their offset, but for the two that are not. */
enum { IS_SEQUENCE = -1, IS_TIME = -2 };
static const struct {
    const char *name;
    ptrdiff_t offset;
} columns[] = {
    {"sequence", IS_SEQUENCE},
    {"at", IS_TIME},
    {"actor", offsetof(struct activity, actor)},
    {"address", offsetof(struct activity, address)},
    {"means", offsetof(struct activity, means)},
    {"action", offsetof(struct activity, action)},
    {"object", offsetof(struct activity, object)},
    {"object_id", offsetof(struct activity, object_id)},
    {"from", offsetof(struct activity, from_state)},
    {"to", offsetof(struct activity, to_state)},
    {"reason", offsetof(struct activity, reason)},
    {"evidence_sha256", offsetof(struct activity, evidence_sha256)},
    {"chain", offsetof(struct activity, chain)},
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

static const char *text_of(const struct activity *row, size_t column, char room[40])
{
    ptrdiff_t offset = columns[column].offset;
    if (offset == IS_SEQUENCE) {
        (void)snprintf(room, 40, "%lld", (long long)row->sequence);
        return room;
    }
    if (offset == IS_TIME) {
        format_time(room, 40, row->at_ms);
        return room;
    }
    const char *text = NULL;
    memcpy(&text, (const char *)row + offset, sizeof text);
    return text == NULL ? "" : text;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void write_json(const struct activity *row, struct arena *arena, struct strbuf *out)
{
    char room[40];
    struct json object = json_object();
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        bool is_number = columns[i].offset == IS_SEQUENCE;
        json_add(arena, &object, columns[i].name,
                 is_number ? json_int(row->sequence) : json_cstring(arena, text_of(row, i, room)));
    }
    json_write(out, &object);
    strbuf_add_text(out, "\n");
}

/* ---- CSV -------------------------------------------------------------------------------------------------------- */

static void write_cell(const char *text, struct strbuf *out)
{
    bool formula = *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    if (!formula && strpbrk(text, "\",\r\n") == NULL) {
        strbuf_add_text(out, text);
        return;
    }
    strbuf_add_text(out, formula ? "\"'" : "\"");
    for (const char *p = text; *p != '\0'; p++) {
        strbuf_add_text(out, *p == '"' ? "\"" : "");
        strbuf_add_byte(out, *p);
    }
    strbuf_add_text(out, "\"");
}

void activity_text_head(enum activity_format format, struct strbuf *out)
{
    for (size_t i = 0; format == ACTIVITY_CSV && i < COLUMN_COUNT; i++) {
        strbuf_add_text(out, i == 0 ? "" : ",");
        strbuf_add_text(out, columns[i].name);
    }
    strbuf_add_text(out, format == ACTIVITY_CSV ? "\r\n" : "");
}

void activity_text_row(enum activity_format format, const struct activity *row, struct arena *arena,
                       struct strbuf *out)
{
    char room[40];
    if (format == ACTIVITY_JSONL) {
        write_json(row, arena, out);
        return;
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        strbuf_add_text(out, i == 0 ? "" : ",");
        write_cell(text_of(row, i, room), out);
    }
    strbuf_add_text(out, "\r\n");
}
