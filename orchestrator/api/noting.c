/* SPDX-License-Identifier: Apache-2.0 */
#include "api/noting.h"

#include "base/utf8.h"
#include "store/activity.h"
#include "store/pipeline_runs.h"

#include <stdio.h>

enum { WORDS_MAX_BYTES = 300 };

/* What the fields name, in words. */
static const struct {
    const char *field, *words;
} things[] = {
    {"experiment_id", "experiment"}, {"run_id", "run"},         {"model_id", "logged model"},
    {"name", "model"},               {"webhook_id", "webhook"}, {"dataset_id", "dataset"},
};

const char *noting_actor(const struct api_call *call)
{
    char label[32];
    if (call->step == NULL) {
        return call->actor != NULL ? call->actor : call->who != NULL ? call->who->name : "anonymous";
    }
    pipeline_run_label(call->step->row, label);
    return arena_printf(call->arena, "step %.*s of run %s %s", STR_ARG(call->step->step), call->step->row->pipeline,
                        label);
}

static const char *means_of(const struct api_call *call)
{
    const struct auth_who *who = call->who;
    return call->step != NULL          ? "step"
           : who == NULL               ? ""
           : who->token_id[0] != '\0' ? arena_printf(call->arena, "token %s", who->token_id)
                                       : "password";
}

void noting_begin(struct store *store, const struct api_call *call)
{
    char peer[HTTP_PEER_BYTES];
    if (call == NULL) {
        store_activity_set_origin(store, NULL, NULL);
        return;
    }
    http_peer(call->exchange, peer);
    store_activity_set_origin(store, peer, means_of(call));
}

/* Of the request, of the answer, or of the object that the answer is about; "" when it is in none. */
static const char *find_text(const struct api_call *call, const char *field)
{
    const struct json *found = json_get(&call->params, field);
    found = found != NULL ? found : json_get(&call->answer, field);
    const struct json *answer = &call->answer;
    for (size_t i = 0; found == NULL && answer->type == JSON_OBJECT && i < answer->u.object.count; i++) {
        found = json_get(&answer->u.object.members[i].value, field);
    }
    if (found == NULL) {
        return "";
    }
    return found->type == JSON_STRING ? found->u.string.p
           : found->type == JSON_INT  ? arena_printf(call->arena, "%lld", (long long)found->u.integer)
                                      : "";
}

/* One line, and not without end: it is told in the words of whoever asked. */
static const char *shorten(const struct api_call *call, const char *text)
{
    struct str whole = str_from(text);
    whole.n = whole.n < WORDS_MAX_BYTES ? whole.n : WORDS_MAX_BYTES;
    for (int i = 0; i < 3 && !utf8_valid(whole); i++) { /* no part of a character */
        whole.n--;
    }
    char *line = arena_printf(call->arena, "%.*s", STR_ARG(whole));
    utf8_one_line(line);
    return line;
}

static void fill_object(const struct api_call *call, const struct api_note *note, struct activity *entry)
{
    if (note->object == NULL) {
        entry->object_id = "";
        entry->object =
            shorten(call, arena_printf(call->arena, "file %.*s", STR_ARG(call->exchange->path)));
        return;
    }
    const char *words = "";
    const char *id = find_text(call, note->object);
    const char *version = strcmp(note->object, "name") == 0 ? find_text(call, "version") : "";
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        words = strcmp(things[i].field, note->object) == 0 ? things[i].words : words;
    }
    entry->object_id = shorten(call, id);
    entry->object = shorten(
        call, arena_printf(call->arena, "%s %s%s%s", words, id, *version == '\0' ? "" : "/", version));
}

int noting_write(const struct api_call *call, const struct api_note *note, struct err *err)
{
    if (note == NULL || note->how != API_NOTE_HERE) {
        return 0;
    }
    struct activity entry = {.at_ms = call->now_ms, .actor = noting_actor(call), .action = note->action};
    fill_object(call, note, &entry);
    const char *value = note->detail != NULL && strcmp(note->detail, "key") == 0 ? find_text(call, "value") : "";
    const char *detail = note->detail == NULL ? "" : find_text(call, note->detail);
    entry.reason =
        shorten(call, arena_printf(call->arena, "%s%s%s", detail, *value == '\0' ? "" : " = ", value));
    return store_activity_append(call->store, &entry, err);
}
