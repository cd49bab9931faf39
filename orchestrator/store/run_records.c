/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_records.h"

#include "store/metrics_internal.h"
#include "store/run_list.h"
#include "store/runs_internal.h"

struct reading {
    struct arena *arena;
    struct run_record *records; /* of each run of the list */
    bool *there;
    size_t *param_room, *tag_room;
};

static void take_info(void *ctx, size_t run, struct stmt *s)
{
    struct reading *reading = ctx;
    reading->records[run].info = run_info_of_row(s, reading->arena);
    reading->there[run] = true;
}

static struct run_pair *add_pair(const struct reading *reading, struct run_pair *pairs, size_t *count, size_t *room,
                                 struct stmt *s)
{
    pairs = arena_grow(reading->arena, pairs, *count, room, sizeof *pairs);
    pairs[(*count)++] = (struct run_pair){arena_str(reading->arena, stmt_column_bytes(s, 1)),
                                          arena_str(reading->arena, stmt_column_bytes(s, 2))};
    return pairs;
}

static void take_param(void *ctx, size_t run, struct stmt *s)
{
    struct reading *reading = ctx;
    struct run_record *record = &reading->records[run];
    record->params = add_pair(reading, record->params, &record->param_count, &reading->param_room[run], s);
}

static void take_tag(void *ctx, size_t run, struct stmt *s)
{
    struct reading *reading = ctx;
    struct run_record *record = &reading->records[run];
    record->tags = add_pair(reading, record->tags, &record->tag_count, &reading->tag_room[run], s);
}

static int read_rows(struct store *store, const struct run_list *list, struct reading *reading, struct err *err)
{
    static const char infos[] = RUN_INFO_SELECT " WHERE r.run_id IN " RUN_LIST;
    static const char params[] =
        "SELECT run_id, key, value FROM run_params WHERE run_id IN " RUN_LIST " ORDER BY run_id, key";
    static const char tags[] =
        "SELECT run_id, key, value FROM run_tags WHERE run_id IN " RUN_LIST " ORDER BY run_id, key";
    return run_list_read(list, stmt_get(store, infos), take_info, reading, err) < 0 ||
                   run_list_read(list, stmt_get(store, params), take_param, reading, err) < 0
               ? -1
               : run_list_read(list, stmt_get(store, tags), take_tag, reading, err);
}

int store_runs_read(struct store *store, const char *const *run_ids, size_t count, struct arena *arena,
                    struct run_record *ret, size_t *ret_count, struct err *err)
{
    struct run_list list = run_list_of(run_ids, count, arena);
    struct metric_latest_list *metrics = arena_array(arena, count, sizeof *metrics);
    struct run_links *links = arena_array(arena, count, sizeof *links);
    struct reading reading = {.arena = arena,
                              .records = arena_array(arena, count, sizeof *reading.records),
                              .there = arena_array(arena, count, sizeof *reading.there),
                              .param_room = arena_array(arena, count, sizeof *reading.param_room),
                              .tag_room = arena_array(arena, count, sizeof *reading.tag_room)};
    if (read_rows(store, &list, &reading, err) < 0 || metrics_of_runs(store, &list, arena, metrics, err) < 0 ||
        run_links_of_list(store, &list, arena, links, err) < 0) {
        return -1;
    }
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (reading.there[i]) {
            struct run_record *record = &ret[(*ret_count)++];
            *record = reading.records[i];
            record->metrics = metrics[i].items;
            record->metric_count = metrics[i].count;
            record->links = links[i];
        }
    }
    return 0;
}

int store_run_read(struct store *store, const char *run_id, struct arena *arena, struct run_record *ret,
                   struct err *err)
{
    size_t count = 0;
    return store_runs_read(store, &run_id, 1, arena, ret, &count, err) < 0 ? -1
           : count == 0                                                    ? run_not_found(run_id, err)
                                                                           : 0;
}
