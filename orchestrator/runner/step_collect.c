/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_collect.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/fs.h"
#include "base/path.h"
#include "runner/metrics_file.h"
#include "runner/model_file.h"
#include "digest/stamp.h"
#include "runner/step_artifacts.h"
#include "runner/step_calls.h"
#include "runner/step_names.h"
#include "runner/step_output.h"

#include <sys/stat.h>

enum { LOG_WARN_LEVEL = 2 /* STEP_LOG_WARN */ };

static const size_t metrics_file_max_bytes = (size_t)256 << 20;

struct collecting {
    const struct json *spawn;
    const struct json *collect;
    const char *cwd;
    const struct step_sink *sink;
    struct arena *arena;
};

/* ---- outputs ---- */

/* A step that goes on after a wait has set some of its outputs before it: those are the engine's already. */
static struct json still_declared(const struct collecting *c, const struct step_output_list *list)
{
    const struct json *declared = json_get(c->collect, "outputs");
    const struct json *resumed = json_get(c->spawn, "resumed");
    struct json out = json_object();
    bool all = resumed == NULL || resumed->type == JSON_NULL;
    for (size_t i = 0; declared != NULL && declared->type == JSON_OBJECT && i < declared->u.object.count; i++) {
        const struct json_member *member = &declared->u.object.members[i];
        bool in_file = false;
        for (size_t e = 0; e < list->count; e++) {
            in_file = in_file || str_eq(list->entries[e].key, member->key);
        }
        if (all || in_file) {
            json_set(c->arena, &out, member->key.p, member->value);
        }
    }
    return out;
}

/* As it was given to the step, which has nothing to say. */
static bool is_empty_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

static int check_outputs(const struct collecting *c, const struct json *set, struct json *ret_values, struct err *err)
{
    const char *path = json_get_text(c->spawn, "output_file", NULL);
    struct step_output_list list = {0};
    struct str text = STR("");
    struct err wrong = {0};
    if (path != NULL && !is_empty_file(path) &&
        fs_read_file(path, STEP_OUTPUT_MAX_BYTES + 1, c->arena, &text, &wrong) < 0 && wrong.code != ERR_NOT_FOUND) {
        return wrong.code == ERR_LIMIT
                   ? err_set(err, ERR_LIMIT,
                             "$SLUICE_OUTPUT: it has over 1 MiB: write a file and declare it under 'artifacts'")
                   : err_set(err, wrong.code, "$SLUICE_OUTPUT: %s", wrong.message);
    }
    if (step_output_parse(text, c->arena, &list, err) < 0) {
        return err_add(err, "$SLUICE_OUTPUT");
    }
    struct json declared = still_declared(c, &list);
    return step_output_settle(&declared, &list, set, c->arena, ret_values, err);
}

static int report_outputs(const struct collecting *c, const struct json *values, struct err *err)
{
    for (size_t i = 0; i < values->u.object.count; i++) {
        struct json report = json_object();
        json_set(c->arena, &report, "kind", json_cstring(c->arena, "output"));
        json_set(c->arena, &report, "key", json_string(c->arena, values->u.object.members[i].key));
        json_set(c->arena, &report, "value", values->u.object.members[i].value);
        if (c->sink->report(c->sink->ctx, &report, err) < 0) {
            return err_add(err, "output '%.*s'", STR_ARG(values->u.object.members[i].key));
        }
    }
    return 0;
}

/* ---- metrics ---- */

struct metrics_pass {
    const struct collecting *collecting;
    bool checking; /* the first pass: nothing is reported yet */
};

static int take_point(void *ctx, const struct journal_point *point, struct err *err)
{
    const struct metrics_pass *pass = ctx;
    const struct step_sink *sink = pass->collecting->sink;
    if (pass->checking) {
        return step_key_check("metric", point->key, err);
    }
    return sink->metric(sink->ctx, point, err);
}

static void take_skipped(void *ctx, const char *text)
{
    const struct metrics_pass *pass = ctx;
    if (pass->checking) {
        pass->collecting->sink->log(pass->collecting->sink->ctx, LOG_WARN_LEVEL, str_from(text));
    }
}

static int metrics_of_file(const struct collecting *c, const char *path, bool checking, struct err *err)
{
    struct metrics_pass pass = {.collecting = c, .checking = checking};
    struct metrics_file_taker taker = {.ctx = &pass, .point = take_point, .skipped = take_skipped};
    struct arena *arena = arena_new();
    struct str text;
    int result = fs_read_file(path, metrics_file_max_bytes, arena, &text, err);
    if (result == 0) {
        result = metrics_file_read(path, text, &taker, arena, err);
    }
    arena_free(arena);
    return result;
}

static int metrics(const struct collecting *c, bool checking, struct err *err)
{
    const struct json *globs = json_get(c->collect, "metrics");
    size_t count = globs != NULL && globs->type == JSON_ARRAY ? globs->u.array.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct json *glob = &globs->u.array.items[i];
        struct step_matches matches;
        if (glob->type != JSON_STRING ||
            step_artifacts_match(c->spawn, glob->u.string.p, c->arena, &matches, err) < 0) {
            return err_add(err, "metrics");
        }
        for (size_t m = 0; m < matches.count; m++) {
            if (!fs_is_folder(matches.paths[m]) && metrics_of_file(c, matches.paths[m], checking, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* ---- the model ---- */

static int check_keys(const struct json *map, const char *what, struct err *err)
{
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        if (step_key_check(what, map->u.object.members[i].key, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_model(const struct collecting *c, const struct json *model, const char **ret_path, struct err *err)
{
    const char *given = json_get_text(model, "path", "");
    *ret_path = path_join(c->arena, c->cwd, given);
    if (*given == '\0') {
        return err_set(err, ERR_INPUT, "model: its 'path' is empty");
    }
    if (!fs_exists(*ret_path)) {
        return err_set(err, ERR_NOT_FOUND, "model: there is no file or folder '%s'", *ret_path);
    }
    return step_model_name_check(str_from(json_get_text(model, "name", "")), err) < 0 ||
                   check_keys(json_get(model, "params"), "param", err) < 0 ||
                   check_keys(json_get(model, "tags"), "tag", err) < 0
               ? err_add(err, "model")
               : 0;
}

static struct json model_report(const struct collecting *c, const struct json *model, const char *status)
{
    struct json report = json_object();
    json_set(c->arena, &report, "kind", json_cstring(c->arena, "model"));
    json_set(c->arena, &report, "status", json_cstring(c->arena, status));
    json_set(c->arena, &report, "model_id", json_cstring(c->arena, json_get_text(model, "id", "")));
    return report;
}

/* In the journal before anything is copied: what ends in the middle leaves a model that is known, and was never READY.
 */
static int announce_model(const struct collecting *c, const struct json *model, struct err *err)
{
    static const char *const told[] = {"name", "dir", "model_type", "params", "tags"};
    struct json report = model_report(c, model, "PENDING");
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        const struct json *value = json_get(model, told[i]);
        if (value != NULL) {
            json_set(c->arena, &report, told[i], *value);
        }
    }
    struct json nothing = json_object();
    struct json answer;
    return c->sink->report(c->sink->ctx, &report, err) < 0
               ? -1
               : c->sink->call(c->sink->ctx, STEP_CALL_JOURNALED, &nothing, c->arena, &answer, err);
}

static int copy_model(const struct collecting *c, const struct json *model, const char *path, struct published *ret,
                      struct err *err)
{
    struct model_file file = {
        .model_id = json_get_text(model, "id", ""),
        .dir = json_get_text(model, "dir", ""),
        .run_id = json_get_text(json_get(c->spawn, "context"), "step_run_id", ""),
        .flavor = json_get_text(model, "flavor", NULL),
    };
    struct err wrong = {0};
    if (model_file_publish(&file, path, clock_wall_ms(&clock_system), c->arena, ret, &wrong) == 0) {
        return 0;
    }
    struct json failed = model_report(c, model, "UPLOAD_FAILED");
    json_set(c->arena, &failed, "message", json_cstring(c->arena, wrong.message));
    (void)c->sink->report(c->sink->ctx, &failed, NULL);
    return err_set(err, wrong.code, "%s", wrong.message);
}

static int publish_model(const struct collecting *c, const struct json *model, const char *path, struct err *err)
{
    struct published published;
    struct json about = model_report(c, model, "PENDING");
    struct json ready = model_report(c, model, "READY");
    crash_point_pass("step_before_model");
    if (announce_model(c, model, err) < 0 || copy_model(c, model, path, &published, err) < 0 ||
        step_files_report(&about, &published, c->sink, c->arena, err) < 0) {
        return err_add(err, "model");
    }
    json_set(c->arena, &ready, "sha256", json_cstring(c->arena, published.digest.hex));
    json_set(c->arena, &ready, "dir", json_cstring(c->arena, published.local));
    json_set(c->arena, &ready, "stamp", json_cstring(c->arena, stamp_take(published.local, c->arena)));
    json_set(c->arena, &ready, "size", json_int(published.size_bytes));
    return c->sink->report(c->sink->ctx, &ready, err) < 0 ? err_add(err, "model") : 0;
}

/* ---- the whole ---- */

static int collect_all(const struct collecting *c, const struct json *set, struct err *err)
{
    const struct json *model = json_get(c->collect, "model");
    struct json outputs = json_object();
    struct step_artifact_plan plan = {0};
    const char *model_path = NULL;
    if (check_outputs(c, set, &outputs, err) < 0 || step_artifacts_plan(c->spawn, c->arena, &plan, err) < 0 ||
        metrics(c, true, err) < 0 || (model != NULL && check_model(c, model, &model_path, err) < 0)) {
        return -1;
    }
    if (step_artifacts_stage(c->spawn, &plan, c->arena, err) < 0) {
        return -1;
    }
    /* The large copies come first, so that a disk that is full is met before anything is published. */
    int result = model != NULL && publish_model(c, model, model_path, err) < 0 ? -1 : 0;
    if (result == 0 && (report_outputs(c, &outputs, err) < 0 ||
                        step_artifacts_publish(&plan, c->sink, c->arena, err) < 0 || metrics(c, false, err) < 0)) {
        result = -1;
    }
    step_artifacts_drop(&plan);
    crash_point_pass("step_collected");
    return result;
}

int step_collect(const struct json *spawn, const struct json *set, const struct step_sink *sink, struct err *err)
{
    const struct json *collect = json_get(spawn, "collect");
    if (collect == NULL || collect->type != JSON_OBJECT) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct collecting c = {
        .spawn = spawn,
        .collect = collect,
        .cwd = json_get_text(spawn, "cwd", "/"),
        .sink = sink,
        .arena = arena,
    };
    int result = collect_all(&c, set, err);
    arena_free(arena);
    return result;
}
