/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/url_probe.h"

enum { TIMEOUT_MS = 10000, ANSWER_MAX_BYTES = 1 << 20 };

static struct url_probe *find(const struct url_probes *probes, int64_t wait)
{
    for (size_t i = 0; i < probes->count; i++) {
        if (probes->items[i].wait == wait) {
            return &probes->items[i];
        }
    }
    return NULL;
}

bool url_probe_is_running(const struct url_probes *probes, int64_t wait)
{
    return find(probes, wait) != NULL;
}

static void start(struct url_probes *probes, int64_t wait, const char *fetch, const struct json *spec,
                  struct arena *arena)
{
    struct json request = json_object();
    json_set(arena, &request, "method", json_cstring(arena, "GET"));
    json_set(arena, &request, "url", json_cstring(arena, json_get_text(spec, "url", "")));
    json_set(arena, &request, "timeout_ms", json_int(TIMEOUT_MS));
    json_set(arena, &request, "max_bytes", json_int(ANSWER_MAX_BYTES));
    struct url_probe probe = {.wait = wait};
    if (fetch_child_start(fetch, &request, arena, &probe.child)) {
        vec_push(probes, probe);
    }
}

static bool status_wanted(const struct json *spec, int64_t status)
{
    const struct json *wanted = json_get(spec, "status");
    if (wanted == NULL || wanted->type == JSON_NULL) {
        return status == 200;
    }
    if (wanted->type == JSON_INT) {
        return wanted->u.integer == status;
    }
    for (size_t i = 0; wanted->type == JSON_ARRAY && i < wanted->u.array.count; i++) {
        if (wanted->u.array.items[i].type == JSON_INT && wanted->u.array.items[i].u.integer == status) {
            return true;
        }
    }
    return false;
}

static int read_answer(struct fetch_child *child, const struct json *spec, struct arena *arena, struct json *outcome)
{
    struct json head;
    struct str body;
    fetch_child_take(child, ANSWER_MAX_BYTES, arena, &head, &body);
    int64_t status = json_get_int(&head, "status", 0);
    const char *contains = json_get_text(spec, "contains", "");
    if (!status_wanted(spec, status) || str_find(body, str_from(contains)) < 0) {
        return 0;
    }
    json_set(arena, outcome, "status", json_int(status));
    return 1;
}

int url_probe_look(struct url_probes *probes, int64_t wait, const char *fetch, const struct json *spec,
                   struct arena *arena, struct json *outcome)
{
    struct url_probe *probe = find(probes, wait);
    if (probe == NULL) {
        start(probes, wait, fetch, spec, arena);
        return 0;
    }
    if (!fetch_child_ended(&probe->child)) {
        return 0;
    }
    int met = read_answer(&probe->child, spec, arena, outcome);
    *probe = probes->items[--probes->count];
    return met;
}

void url_probes_clear(struct url_probes *probes)
{
    for (size_t i = 0; i < probes->count; i++) {
        fetch_child_kill(&probes->items[i].child);
    }
    vec_clear(probes);
}
