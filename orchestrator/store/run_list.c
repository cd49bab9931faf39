/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_list.h"

struct run_list run_list_of(const char *const *ids, size_t count, struct arena *arena)
{
    struct run_list list = {.ids = ids, .count = count, .index = str_index_new(arena, count)};
    struct json array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)str_index_add(list.index, str_from(ids[i]));
        json_push(arena, &array, (struct json){.type = JSON_STRING, .u.string = str_from(ids[i])});
    }
    list.json = json_text(arena, &array);
    return list;
}

int run_list_read(const struct run_list *list, struct stmt *s, void (*take)(void *ctx, size_t run, struct stmt *s),
                  void *ctx, struct err *err)
{
    ptrdiff_t run = -1; /* of the row before: mostly it is the same */
    int row = 0;
    stmt_str(s, ":run_ids", list->json);
    while ((row = stmt_step(s, err)) == 1) {
        struct str id = stmt_column_bytes(s, 0);
        if (run < 0 || !str_is(id, list->ids[run])) {
            run = str_index_find(list->index, id);
        }
        if (run >= 0) {
            take(ctx, (size_t)run, s);
        }
    }
    stmt_done(s);
    return row;
}
