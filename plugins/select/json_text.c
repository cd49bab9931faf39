/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

static void put_list(struct textbuf *out, const struct step_value *value)
{
    textbuf_put(out, "[");
    for (size_t i = 0; i < value->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        json_text_put(out, &value->items[i]);
    }
    textbuf_put(out, "]");
}

static void put_map(struct textbuf *out, const struct step_value *value)
{
    textbuf_put(out, "{");
    for (size_t i = 0; i < value->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        textbuf_json_string(out, value->keys[i]);
        textbuf_put(out, ":");
        json_text_put(out, &value->items[i]);
    }
    textbuf_put(out, "}");
}

void json_text_put(struct textbuf *out, const struct step_value *value)
{
    switch (value->type) {
    case STEP_TYPE_NULL:
        textbuf_put(out, "null");
        break;
    case STEP_TYPE_BOOL:
        textbuf_put(out, value->boolean ? "true" : "false");
        break;
    case STEP_TYPE_INT:
        textbuf_printf(out, "%lld", (long long)value->integer);
        break;
    case STEP_TYPE_NUMBER:
        textbuf_json_number(out, value->number);
        break;
    case STEP_TYPE_STRING:
        textbuf_json_string(out, value->string);
        break;
    case STEP_TYPE_LIST:
        put_list(out, value);
        break;
    case STEP_TYPE_MAP:
        put_map(out, value);
        break;
    }
}
