/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plugin_host_internal.h"

#include "base/clock.h"
#include "base/path.h"
#include "digest/digest.h"
#include "runner/params_fill.h"
#include "runner/plugin_value.h"
#include "runner/publish.h"
#include "runner/step_artifacts.h"
#include "runner/step_names.h"
#include "runner/step_output.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <math.h>
#include <signal.h>

enum { PROGRESS_EVERY_MS = 100 };

struct plugin_host *plugin_host_of(const struct step_host *host)
{
    return host->ctx;
}

int plugin_host_refuse(const struct plugin_host *self, const struct err *err)
{
    self->sink->log(self->sink->ctx, STEP_LOG_ERROR, str_from(err->message));
    return -1;
}

/* ---- records ---- */

static int report(const struct plugin_host *self, const char *kind, const char *key, struct json value, struct err *err)
{
    struct arena *scratch = arena_new();
    struct json frame = json_object();
    json_set(scratch, &frame, "kind", json_cstring(scratch, kind));
    json_set(scratch, &frame, "key", json_cstring(scratch, key));
    json_set(scratch, &frame, "value", value);
    int result = self->sink->report(self->sink->ctx, &frame, err);
    arena_free(scratch);
    return result;
}

static int record_text(const struct step_host *host, const char *kind, const char *key, const char *value,
                       size_t max_characters)
{
    const struct plugin_host *self = plugin_host_of(host);
    struct err err = {0};
    if (step_key_check(kind, str_from(key), &err) < 0) {
        return plugin_host_refuse(self, &err);
    }
    if (value == NULL) {
        (void)err_set(&err, ERR_INPUT, "%s '%s' has no value", kind, key);
        return plugin_host_refuse(self, &err);
    }
    struct json text = {.type = JSON_STRING, .u.string = str_from(value)};
    if (step_text_check(kind, str_from(key), str_from(value), max_characters, &err) < 0 ||
        report(self, kind, key, text, &err) < 0) {
        return plugin_host_refuse(self, &err);
    }
    return 0;
}

static int host_param(const struct step_host *host, const char *key, const char *value)
{
    return record_text(host, "param", key, value, STEP_PARAM_MAX);
}

static int host_tag(const struct step_host *host, const char *key, const char *value)
{
    return record_text(host, "tag", key, value, STEP_TAG_MAX);
}

static int host_metric(const struct step_host *host, const char *key, double value, int64_t step, int64_t time_ms)
{
    const struct plugin_host *self = plugin_host_of(host);
    struct journal_point point = {.key = str_from(key), .value = value, .step = step, .time_ms = time_ms};
    struct err err = {0};
    if (step_key_check("metric", point.key, &err) < 0 || self->sink->metric(self->sink->ctx, &point, &err) < 0) {
        return plugin_host_refuse(self, &err);
    }
    return 0;
}

static int publish_artifact(const struct plugin_host *self, const char *path, const char *name, struct arena *scratch,
                            struct err *err)
{
    const char *root = json_get_text(self->spawn, "artifact_dir", NULL);
    struct published published;
    if (path == NULL || *path == '\0') {
        return err_set(err, ERR_INPUT, "an artifact without a path");
    }
    if (root == NULL) {
        return err_set(err, ERR_STATE, "this step has no folder for artifacts");
    }
    const char *from = path_join(scratch, self->context.workspace, path);
    const char *as = name == NULL || *name == '\0' ? path_base(path_normal(scratch, from)) : name;
    if (!path_is_below(str_from(as))) {
        return err_set(err, ERR_INPUT, "artifact '%s': expected a relative path without '.', '..' or empty parts", as);
    }
    if (publish_copy(from, root, as, scratch, &published, err) < 0 ||
        step_artifacts_report(NULL, &published, self->sink, scratch, err) < 0) {
        return err_add(err, "artifact '%s'", as);
    }
    return 0;
}

static int host_artifact(const struct step_host *host, const char *path, const char *name)
{
    const struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct err err = {0};
    int result = publish_artifact(self, path, name, scratch, &err);
    arena_free(scratch);
    return result < 0 ? plugin_host_refuse(self, &err) : 0;
}

/* ---- outputs ---- */

static const char *output_type(const struct plugin_host *self, const char *key, struct err *err)
{
    const char *type = json_get_text(&self->facts.outputs, key, NULL);
    if (type == NULL) {
        type = json_get_text(json_get(json_get(self->spawn, "collect"), "outputs"), key, NULL);
    }
    if (type == NULL) {
        (void)err_set(err, ERR_INPUT, "output '%s' is not among the outputs of the plugin '%s'", key, self->facts.name);
    }
    return type;
}

/* Null is what a plugin has to say when there is nothing to say; text is made of what is no text. */
static int output_value(const struct plugin_host *self, const char *key, const char *json, struct arena *scratch,
                        struct json *ret, struct err *err)
{
    if (key == NULL || json == NULL) {
        return err_set(err, ERR_INPUT, "an output without a key or a value");
    }
    const char *type = output_type(self, key, err);
    if (type == NULL) {
        return -1;
    }
    if (json_read(str_from(json), (struct json_limits){0}, scratch, ret, err) < 0) {
        return err_add(err, "output '%s'", key);
    }
    bool text = strcmp(type, "string") == 0 || strcmp(type, "path") == 0;
    if (text && (ret->type == JSON_INT || ret->type == JSON_NUMBER || ret->type == JSON_BOOL)) {
        *ret = json_string(scratch, json_text(scratch, ret));
    }
    return ret->type == JSON_NULL || step_output_check(type, ret, err) == 0 ? 0 : err_add(err, "output '%s'", key);
}

static int host_output(const struct step_host *host, const char *key, const char *json)
{
    struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct json value = json_null();
    struct err err = {0};
    int result = output_value(self, key, json, scratch, &value, &err);
    if (result == 0 && report(self, "output", key, value, &err) < 0) {
        result = err_add(&err, "output '%s'", key);
    }
    if (result == 0) {
        (void)pthread_mutex_lock(&self->mutex);
        json_set(self->arena, &self->outcome->outputs, arena_strdup(self->arena, key), json_copy(self->arena, &value));
        (void)pthread_mutex_unlock(&self->mutex);
    }
    arena_free(scratch);
    return result < 0 ? plugin_host_refuse(self, &err) : 0;
}

/* ---- words ---- */

/* Of a step that counts to a million, ten a second are enough to see. */
static void host_progress(const struct step_host *host, double fraction, const char *text)
{
    struct plugin_host *self = plugin_host_of(host);
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    double part = isnan(fraction) || fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    (void)pthread_mutex_lock(&self->mutex);
    bool due = part >= 1 || self->progress_at_ms == 0 || now_ms - self->progress_at_ms >= PROGRESS_EVERY_MS;
    self->progress_at_ms = due ? now_ms : self->progress_at_ms;
    (void)pthread_mutex_unlock(&self->mutex);
    if (!due) {
        return;
    }
    struct arena *scratch = arena_new();
    struct json frame = json_object();
    json_set(scratch, &frame, "kind", json_cstring(scratch, "progress"));
    json_set(scratch, &frame, "fraction", json_number(part));
    json_set(scratch, &frame, "text", json_cstring(scratch, text == NULL ? "" : text));
    (void)self->sink->report(self->sink->ctx, &frame, NULL);
    arena_free(scratch);
}

static void host_log(const struct step_host *host, enum step_log_level level, const char *text)
{
    const struct plugin_host *self = plugin_host_of(host);
    enum step_log_level known = level < STEP_LOG_DEBUG || level > STEP_LOG_ERROR ? STEP_LOG_INFO : level;
    self->sink->log(self->sink->ctx, (int)known, str_from(text == NULL ? "" : text));
}

static void host_fail(const struct step_host *host, const char *reason)
{
    struct plugin_host *self = plugin_host_of(host);
    (void)pthread_mutex_lock(&self->mutex);
    step_outcome_reason(self->outcome, reason);
    (void)pthread_mutex_unlock(&self->mutex);
}

/* A signal handler has nowhere else to put what it knows. */
static volatile sig_atomic_t stop_has_come;

static void note_stop(int number)
{
    (void)number;
    stop_has_come = 1;
}

static bool host_cancelled(const struct step_host *host)
{
    const struct plugin_host *self = plugin_host_of(host);
    const int numbers[] = {SIGTERM, (int)json_get_int(json_get(self->spawn, "stop"), "signal", SIGTERM)};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now;
        /* What the plugin has installed itself stays. */
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
            struct sigaction noting = {.sa_handler = note_stop, .sa_flags = SA_RESTART};
            (void)sigemptyset(&noting.sa_mask);
            (void)sigaction(numbers[i], &noting, NULL);
        }
    }
    return stop_has_come != 0;
}

/* ---- life ---- */

/* The child is a fork of the runner: its program is the runner's. */
static const char *own_program(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    return arena_dup(arena, path, size < 0 ? 0 : (size_t)size);
}

static void set_context(struct plugin_host *self)
{
    const struct json *context = json_get(self->spawn, "context");
    self->context = (struct step_context){
        .size = sizeof self->context,
        .pipeline = json_get_text(context, "pipeline", ""),
        .run_id = json_get_text(context, "run_id", json_get_text(self->spawn, "run_id", "")),
        .run_number = json_get_int(context, "run_number", 0),
        .step = json_get_text(context, "step", ""),
        .item = json_get_text(context, "item", ""),
        .attempt = json_get_int(context, "attempt", 1),
        .step_run_id = json_get_text(context, "step_run_id", ""),
        .workspace = json_get_text(self->spawn, "cwd", "/"),
        .step_dir = json_get_text(self->spawn, "step_dir", ""),
        .state_dir = json_get_text(self->spawn, "state_dir", ""),
        .home = json_get_text(context, "home", ""),
        .runner = own_program(self->arena),
    };
}

static void set_table(struct plugin_host *self)
{
    const struct json *resumed = json_get(self->spawn, "resumed");
    bool goes_on = resumed != NULL && resumed->type != JSON_NULL;
    self->table = (struct step_host){
        .abi = STEP_ABI,
        .size = sizeof self->table,
        .ctx = self,
        .context = &self->context,
        .resumed = goes_on ? plugin_value(resumed, self->arena) : NULL,
        .param = host_param,
        .metric = host_metric,
        .tag = host_tag,
        .artifact = host_artifact,
        .output = host_output,
        .progress = host_progress,
        .log = host_log,
        .fail = host_fail,
        .cancelled = host_cancelled,
        .call = plugin_host_call,
        .http = plugin_host_http,
        .wait = plugin_host_wait,
        .parse_json = plugin_host_parse_json,
    };
}

/* What the file system says of the plugin's file; "" when there is none. */
static void take_stamp(const char *path, char room[STAMP_BYTES])
{
    struct stat status;
    *room = '\0';
    if (stat(path, &status) == 0) {
        stamp_write(&status, room);
    }
}

static int read_facts(struct plugin_host *self, struct err *err)
{
    take_stamp(self->path, self->stamp);
    const char *name = json_get_text(json_get(self->spawn, "plugin"), "name", "");
    return plugin_facts_read(self->path, name, self->arena, &self->facts, err);
}

/* Since the facts were read, the file may have been made, or replaced. */
static int renew_facts(struct plugin_host *self, struct err *err)
{
    char stamp[STAMP_BYTES];
    take_stamp(self->path, stamp);
    return self->stamp[0] != '\0' && strcmp(stamp, self->stamp) == 0 ? 0 : read_facts(self, err);
}

/* Which code it was, for whoever asks when it is not the file whose digest the engine has recorded. */
static int tell_digest(const struct plugin_host *self, struct err *err)
{
    struct digest digest;
    int64_t size = 0;
    char stamp[STAMP_BYTES];
    take_stamp(self->path, stamp);
    if (strcmp(stamp, json_get_text(json_get(self->spawn, "plugin"), "stamp", "-")) == 0) {
        return 0;
    }
    if (digest_file(self->path, &digest, &size, err) < 0) {
        return -1;
    }
    const char *text = arena_printf(self->arena, "%s %s sha256:%s", self->facts.name, self->facts.version, digest.hex);
    return report(self, "tag", "sluice.plugin", (struct json){.type = JSON_STRING, .u.string = str_from(text)}, err);
}

static int prepare(struct plugin_host *self, const struct step_descriptor **ret_descriptor, void **ret_params,
                   struct err *err)
{
    if (*self->path == '\0') {
        return err_set(err, ERR_INPUT, "a plugin step without the path of its plugin");
    }
    if (renew_facts(self, err) < 0 || plugin_load(self->path, &self->facts, ret_descriptor, err) < 0 ||
        tell_digest(self, err) < 0) {
        return -1;
    }
    return params_fill(*ret_descriptor, json_get(self->spawn, "params"), self->context.workspace, self->arena,
                       ret_params, err);
}

struct plugin_host *plugin_host_new(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                                    struct step_outcome *outcome)
{
    struct plugin_host *self = arena_alloc(arena, sizeof *self);
    *self = (struct plugin_host){.spawn = spawn, .sink = sink, .arena = arena, .outcome = outcome};
    self->path = json_get_text(json_get(spawn, "plugin"), "path", "");
    set_context(self);
    set_table(self);
    if (read_facts(self, NULL) == 0) {
        plugin_load_ahead(self->path);
    } else {
        self->stamp[0] = '\0';
    }
    return self;
}

void plugin_host_run(struct plugin_host *self)
{
    struct step_outcome *outcome = self->outcome;
    const struct step_descriptor *descriptor = NULL;
    void *params = NULL;
    struct err err = {0};
    if (prepare(self, &descriptor, &params, &err) < 0) {
        outcome->result = STEP_FAILED;
        step_outcome_reason(outcome, err.message);
        return;
    }
    (void)pthread_mutex_init(&self->mutex, NULL);
    outcome->result = descriptor->run(&self->table, params);
    if (outcome->result == STEP_FAILED && outcome->reason[0] == '\0') {
        step_outcome_reason(outcome, arena_printf(self->arena, "the plugin '%s' failed and gave no reason",
                                                  self->facts.name));
    }
}
