/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/onlooker.h"

#include "base/mem.h"
#include "view/run_view.h"

#include <stdlib.h>

struct onlooker {
    struct session *session;
    const char *run_id;
    struct run_view view; /* its definition is read once, its steps again and again */
    int64_t version;      /* of the store, when the steps were read */
    struct arena *answer; /* of the last look */
    bool blocked;
    const struct json *progress; /* list of {step, item, value, text}; NULL: none */
};

/* What the drawing is headed with. */
static void give_name(const struct onlooker *onlooker)
{
    const struct run_view *view = &onlooker->view;
    struct arena *arena = view->run->arena;
    view->run->info = json_object();
    json_set(arena, &view->run->info, "name",
             json_cstring(arena, arena_printf(arena, "%s-%s", view->row.pipeline, view->label)));
}

int onlooker_new(struct session *session, const char *run_id, struct onlooker **ret_onlooker, struct err *err)
{
    struct onlooker *onlooker = mem_alloc(sizeof *onlooker);
    *onlooker = (struct onlooker){.session = session, .run_id = run_id, .answer = arena_new()};
    if (store_data_version(session->home.store, &onlooker->version, err) < 0 ||
        run_view_load(session->home.store, &session->catalogue, run_id, &onlooker->view, err) < 0) {
        onlooker_free(onlooker);
        return -1;
    }
    give_name(onlooker);
    *ret_onlooker = onlooker;
    return 0;
}

void onlooker_free(struct onlooker *onlooker)
{
    if (onlooker != NULL) {
        if (onlooker->view.arena != NULL) {
            run_view_clear(&onlooker->view);
        }
        arena_free(onlooker->answer);
        free(onlooker);
    }
}

/* The row first: when it says that the run has ended, the steps that are read after it are the last. */
static int read_steps(struct onlooker *onlooker, struct err *err)
{
    struct store *store = onlooker->session->home.store;
    int64_t version = 0;
    struct pipeline_run row;
    struct arena *arena = arena_new();
    int result = -1;
    if (store_data_version(store, &version, err) < 0 ||
        (version != onlooker->version && (store_check_version(store, err) < 0 ||
                                          store_pipeline_run_get(store, onlooker->run_id, arena, &row, err) < 0))) {
        goto done;
    }
    if (version != onlooker->version) {
        struct run_options options = {0};
        struct run *run = run_new(onlooker->view.pipeline, onlooker->run_id, &options);
        if (store_steps_load(store, run, err) < 0) {
            run_free(run);
            goto done;
        }
        run_free(onlooker->view.run);
        run->state = row.state;
        run->reason = row.reason == NULL ? NULL : arena_strdup(run->arena, row.reason);
        onlooker->view.run = run;
        give_name(onlooker);
        onlooker->view.row.state = row.state;
        onlooker->version = version;
    }
    result = 0;
done:
    arena_free(arena);
    return result;
}

static int ask_holder(struct onlooker *onlooker, struct err *err)
{
    struct arena *arena = onlooker->answer;
    struct json request = json_object();
    struct json *outcome = arena_one(arena, struct json);
    json_set(arena, &request, "do", json_cstring(arena, "look"));
    json_set(arena, &request, "run", json_cstring(arena, onlooker->run_id));
    json_set(arena, &request, "follows", json_bool(true));
    if (visit_ask(onlooker->session->visit, &request, arena, outcome, err) < 0) {
        return -1;
    }
    onlooker->blocked = json_get_bool(outcome, "blocked", false);
    onlooker->progress = json_get(outcome, "progress");
    return 0;
}

int onlooker_look(struct onlooker *onlooker, struct err *err)
{
    arena_reset(onlooker->answer);
    onlooker->blocked = false;
    onlooker->progress = NULL;
    struct err gone = {0};
    int answered = ask_holder(onlooker, &gone); /* before the look: who leaves has written all he will */
    if (answered < 0 && gone.code != ERR_BUSY) {
        *err = gone;
        return -1;
    }
    if (read_steps(onlooker, err) < 0) {
        return -1;
    }
    if (run_state_is_terminal(onlooker->view.row.state)) {
        return 0;
    }
    if (answered < 0) {
        *err = gone;
        return -1;
    }
    return 1;
}

const struct run *onlooker_run(const struct onlooker *onlooker)
{
    return onlooker->view.run;
}

bool onlooker_is_blocked(const struct onlooker *onlooker)
{
    return onlooker->blocked;
}

double onlooker_progress(const struct onlooker *onlooker, struct run_place place, const char **ret_text)
{
    const struct json *list = onlooker->progress;
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *one = &list->u.array.items[i];
        if (json_get_int(one, "step", -1) == (int64_t)place.step &&
            json_get_int(one, "item", -1) == (int64_t)place.item) {
            *ret_text = json_get_text(one, "text", "");
            return json_get_number(one, "value", -1);
        }
    }
    *ret_text = "";
    return -1;
}
