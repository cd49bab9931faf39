/* SPDX-License-Identifier: Apache-2.0 */
#include "api/long_list.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

struct sending {
    struct http_source source;
    struct long_list list;
    struct api_call call; /* for the parts, each in its arena */
    bool begun, ended;
};

static void write_end(struct sending *sending, struct strbuf *part)
{
    const char *token = sending->list.next_page_token;
    strbuf_add_text(part, "]");
    if (token != NULL) {
        strbuf_add_text(part, ",\"next_page_token\":");
        json_write_string(part, str_from(token));
    }
    strbuf_add_text(part, "}");
    sending->ended = true;
}

static int next(struct http_source *source, struct strbuf *part)
{
    struct sending *sending = (struct sending *)source; /* its first member */
    struct json items = json_array();
    struct err err = {0};
    if (sending->ended) {
        return 0;
    }
    arena_reset(sending->call.arena);
    int taken = store_read_begin(sending->call.store, &err);
    taken = taken < 0 ? -1 : sending->list.take(&sending->list, &sending->call, &items, &err);
    store_read_end(sending->call.store);
    if (taken < 0) {
        log_error("api", "an answer is cut: %s", err.message);
        return -1;
    }
    if (!sending->begun) {
        strbuf_printf(part, "{\"%s\":[", sending->list.name);
    }
    for (size_t i = 0; i < items.u.array.count; i++) {
        strbuf_add_text(part, i > 0 || sending->begun ? "," : "");
        json_write(part, &items.u.array.items[i]);
    }
    sending->begun = true;
    if (items.u.array.count == 0) {
        write_end(sending, part);
    }
    return 0;
}

static void drop(struct http_source *source)
{
    struct sending *sending = (struct sending *)source;
    arena_free(sending->list.arena);
    arena_free(sending->call.arena);
    free(sending);
}

void long_list_answer(struct api_call *call, const struct long_list *list)
{
    struct sending *sending = mem_alloc(sizeof *sending);
    *sending = (struct sending){.source = {.next = next, .drop = drop}, .list = *list, .call = *call};
    sending->call.exchange = NULL; /* it is gone before the last part */
    sending->call.step = NULL;
    sending->call.params = json_object();
    sending->call.arena = arena_new();
    struct http_answer answer = {
        .status = 200, .content_type = "application/json", .fd = -1, .source = &sending->source};
    http_answer(call->exchange, &answer);
}
