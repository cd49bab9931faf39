/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_trial.h"

#include "base/fs.h"
#include "base/path.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "view/run_view.h"
#include "wire/journal.h"

#include <math.h>

static const double METRIC_TOLERANCE = 1e-9; /* relative */

struct trial {
    struct session *session;
    const struct plugin_case *one;
    struct arena *arena;
    const char *complaints;
};

__attribute__((format(printf, 2, 3))) static void complain(struct trial *trial, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *line = arena_vprintf(trial->arena, format, args);
    va_end(args);
    trial->complaints = arena_printf(trial->arena, "%s%s\n", trial->complaints, line);
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static void check_part(struct trial *trial, const char *what, struct str expected, const char *found)
{
    if (expected.n > 0 && (found == NULL || str_find(str_from(found), expected) < 0)) {
        complain(trial, "%s: expected '%.*s' in it, found %s%s%s", what, STR_ARG(expected), found == NULL ? "" : "'",
                 found == NULL ? "nothing" : found, found == NULL ? "" : "'");
    }
}

static void check_values(struct trial *trial, const char *what, const struct json *expected, const struct json *found)
{
    for (size_t i = 0; expected->type == JSON_OBJECT && i < expected->u.object.count; i++) {
        const struct json_member *member = &expected->u.object.members[i];
        const struct json *value = json_get_str(found, member->key);
        if (value == NULL || !json_equal(value, &member->value)) {
            complain(trial, "%s '%.*s': expected %s, found %s", what, STR_ARG(member->key),
                     json_text(trial->arena, &member->value).p,
                     value == NULL ? "nothing" : json_text(trial->arena, value).p);
        }
    }
}

static bool is_near(double a, double b)
{
    return a == b || fabs(a - b) <= METRIC_TOLERANCE * fmax(fabs(a), fabs(b));
}

static int check_metrics(struct trial *trial, const char *run_id, struct err *err)
{
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    const struct json *expected = &trial->one->metrics;
    if (expected->type != JSON_OBJECT) {
        return 0;
    }
    if (store_metrics_of_run(trial->session->home.store, run_id, trial->arena, &metrics, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < expected->u.object.count; i++) {
        const struct json_member *member = &expected->u.object.members[i];
        const struct metric_latest *found = NULL;
        double wanted = 0;
        (void)json_as_number(&member->value, &wanted);
        for (size_t k = 0; k < count; k++) {
            found = str_is(member->key, metrics[k].key) ? &metrics[k] : found;
        }
        if (found == NULL || !is_near(found->value, wanted)) {
            complain(trial, "metric '%.*s': expected %.17g, found %s", STR_ARG(member->key), wanted,
                     found == NULL ? "none" : arena_printf(trial->arena, "%.17g", found->value));
        }
    }
    return 0;
}

static int check_artifacts(struct trial *trial, const char *run_id, struct err *err)
{
    struct artifact *artifacts = NULL;
    size_t count = 0;
    const struct json *expected = &trial->one->artifacts;
    if (expected->type != JSON_ARRAY) {
        return 0;
    }
    if (store_artifact_list(trial->session->home.store, run_id, trial->arena, &artifacts, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < expected->u.array.count; i++) {
        bool found = false;
        const char *there = "";
        for (size_t k = 0; k < count; k++) {
            found = found || str_is(expected->u.array.items[i].u.string, artifacts[k].path);
            there = arena_printf(trial->arena, "%s%s%s", there, k == 0 ? "" : ", ", artifacts[k].path);
        }
        if (!found) {
            complain(trial, "artifact %s is not there; there %s %s",
                     json_text(trial->arena, &expected->u.array.items[i]).p, count == 1 ? "is" : "are",
                     count == 0 ? "none" : there);
        }
    }
    return 0;
}

static int check_records(struct trial *trial, const char *run_id, struct err *err)
{
    struct store *store = trial->session->home.store;
    struct json params = json_object();
    struct json tags = json_object();
    if (store_run_params(store, run_id, trial->arena, &params, err) < 0 ||
        store_run_tags(store, run_id, trial->arena, &tags, err) < 0) {
        return -1;
    }
    check_values(trial, "param", &trial->one->params, &params);
    check_values(trial, "tag", &trial->one->tags, &tags);
    return check_metrics(trial, run_id, err) < 0 ? -1 : check_artifacts(trial, run_id, err);
}

/* All that the step printed and logged. */
static const char *log_of(struct trial *trial, const char *run_id)
{
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    struct err ignored = {0};
    struct strbuf text;
    const char *path = arena_printf(trial->arena, "%s/runs/%s/journal", trial->session->home.path, run_id);
    strbuf_init(&text, 16 << 20);
    if (journal_reader_open(path, 0, 0, &reader, &ignored) == 0) {
        while (journal_next(reader, &frame, &ignored) == 1) {
            if (frame.type == JOURNAL_LOG && frame.payload.n > 0) {
                size_t head = frame.payload.p[0] == JOURNAL_HOST ? 2 : 1;
                strbuf_add_str(&text, str_slice(frame.payload, head, frame.payload.n));
            }
        }
        journal_reader_close(reader);
    }
    const char *copy = arena_str(trial->arena, strbuf_str(&text)).p;
    strbuf_clear(&text);
    return copy;
}

/* ---- running -------------------------------------------------------------------------------------------------- */

static const char *result_of(const struct run_item *item)
{
    if (item->state == STEP_STATE_WAITING) {
        return "waiting";
    }
    if (item->refused_by != NULL) {
        return "refused";
    }
    return item->state == STEP_STATE_SUCCEEDED ? "ok" : "failed";
}

static int write_files(const struct plugin_case *one, const char *workspace, struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < one->files.u.object.count; i++) {
        const struct json_member *file = &one->files.u.object.members[i];
        const char *path = path_join(arena, workspace, arena_str(arena, file->key).p);
        if (fs_make_folders(path_dir(arena, path), 0755, err) < 0 ||
            fs_write(path, file->value.u.string, 0644, false, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A pipeline of the one step. NULL when the plugin does not take these inputs; `*ret_reason` then says why. */
static const struct pipeline *make_pipeline(struct trial *trial, const char *uses, const char *workspace,
                                            const char **ret_reason)
{
    struct arena *arena = trial->arena;
    struct json step = json_object();
    struct json steps = json_object();
    struct json file = json_object();
    json_set(arena, &step, "uses", json_cstring(arena, uses));
    json_set(arena, &step, "with", trial->one->with);
    json_set(arena, &step, "timeout", json_cstring(arena, arena_printf(arena, "%ds", PLUGIN_TRIAL_TIMEOUT_S)));
    json_set(arena, &steps, "test", step);
    json_set(arena, &file, "name", json_cstring(arena, "plugin-test"));
    json_set(arena, &file, "steps", steps);
    struct diags *diags = arena_one(arena, struct diags);
    diags_init(diags, arena, "plugin-test");
    diags->text = json_text(arena, &file);
    struct pipeline_world world = {.plugins = &trial->session->catalogue, .folder = workspace, .root = workspace};
    const struct pipeline *pipeline = pipeline_load(diags, &world);
    const char *reason = "";
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].level == DIAG_ERROR) {
            reason = arena_printf(arena, "%s%s%s", reason, *reason == '\0' ? "" : "; ", diags->items[i].message);
        }
    }
    *ret_reason = reason;
    return pipeline;
}

/* To the end, or to where the step waits; then it is cancelled, so that nothing is left behind. */
static int run_to_rest(struct session *session, const char *run_id, bool *ret_waits, struct err *err)
{
    struct engine *engine = session->engine;
    const struct run *run = NULL;
    *ret_waits = false;
    while ((run = engine_find_run(engine, run_id)) != NULL) {
        if (run->steps[0].expanded && run->steps[0].items[0].state == STEP_STATE_WAITING && !*ret_waits) {
            *ret_waits = true;
            if (engine_cancel(engine, run_id, session->actor, "a test only looks whether it waits", err) < 0) {
                return -1;
            }
            continue;
        }
        if (engine_turn(engine, -1, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int compare(struct trial *trial, const char *run_id, bool waits, struct err *err)
{
    struct run_view view;
    int result = -1;
    if (run_view_load(trial->session->home.store, &trial->session->catalogue, run_id, &view, err) < 0) {
        return -1;
    }
    const struct run_item *item = &view.run->steps[0].items[0];
    const char *found = waits ? "waiting" : result_of(item);
    if (!str_is(trial->one->result, found)) {
        complain(trial, "expected the result '%.*s', found '%s'%s%s", STR_ARG(trial->one->result), found,
                 item->reason == NULL ? "" : ": ", item->reason == NULL ? "" : item->reason);
    }
    check_part(trial, "reason", trial->one->reason, item->reason);
    check_part(trial, "log", trial->one->log, log_of(trial, run_id));
    check_values(trial, "output", &trial->one->outputs, &item->outputs);
    result = item->step_run_id == NULL ? 0 : check_records(trial, item->step_run_id, err);
    run_view_clear(&view);
    return result;
}

int plugin_try(struct session *session, const char *uses, const struct plugin_case *one, const char *workspace,
               struct arena *arena, const char **ret_complaints, struct err *err)
{
    struct trial trial = {.session = session, .one = one, .arena = arena, .complaints = ""};
    const char *reason = NULL;
    char run_id[40];
    bool waits = false;
    if (write_files(one, workspace, arena, err) < 0) {
        return -1;
    }
    const struct pipeline *pipeline = make_pipeline(&trial, uses, workspace, &reason);
    if (pipeline == NULL) {
        if (!str_is(one->result, "invalid")) {
            complain(&trial, "expected the result '%.*s', found 'invalid': %s", STR_ARG(one->result), reason);
        }
        check_part(&trial, "reason", one->reason, reason);
        *ret_complaints = trial.complaints;
        return 0;
    }
    struct engine_submission submission = {.pipeline = pipeline,
                                           .workspace = workspace,
                                           .params = json_object(),
                                           .trigger = "test",
                                           .actor = session->actor,
                                           .git = json_object()};
    if (engine_submit(session->engine, &submission, run_id, err) < 0 ||
        run_to_rest(session, run_id, &waits, err) < 0 || compare(&trial, run_id, waits, err) < 0) {
        return -1;
    }
    *ret_complaints = trial.complaints;
    return 0;
}
