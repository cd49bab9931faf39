/* SPDX-License-Identifier: Apache-2.0
 * A host for testing a plugin without sluice: loads the built .so, fills its parameters from JSON as the
 * runner would, records everything the plugin does, and answers its calls from what the test laid out.
 *
 *     struct fake_host fake;
 *     fake_host_open(&fake, "greet");
 *     fake_host_reply(&fake, "digest.file", 0, "{\"sha256\": \"ab\", \"size\": 2}");
 *     assert_int_equal(fake_host_run(&fake, "{\"name\": \"Ada\"}"), STEP_OK);
 *     assert_string_equal(fake_host_output(&fake, "greeted"), "1");
 *     fake_host_close(&fake);
 *
 * Plugins are looked for in the folder that SLUICE_PLUGINS names, else in build/plugins. Include this
 * before or after test.h. One plugin at a time; wrong use fails the test. The plugin runs in the test's
 * own process.
 */
#ifndef SLUICE_FAKE_HOST_H
#define SLUICE_FAKE_HOST_H

/* cmocka has a macro called fail, step.h a member. */
#pragma push_macro("fail")
#undef fail
#include "step.h"
#pragma pop_macro("fail")

#include "base/arena.h"
#include "base/json.h"
#include "test.h"

#include <dlfcn.h>
#include <elf.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { FAKE_HOST_MOST = 4096 };

struct fake_host_pair {
    const char *key;
    const char *value;
};

struct fake_host_reply {
    const char *method;
    int result;
    const char *json;
    bool used;
};

struct fake_host {
    struct step_host host;
    struct step_context context;
    struct arena *arena;
    void *library;
    const struct step_descriptor *plugin;
    const char *manifest; /* the bytes of the section .sluice */
    size_t manifest_size;
    char folder[64];      /* holds step_dir, state_dir, workspace and home */
    struct fake_host_pair outputs[256], params[256], tags[256], artifacts[256];
    size_t output_count, param_count, tag_count, artifact_count;
    struct fake_host_pair calls[256]; /* method and request, in order */
    size_t call_count;
    const char *metric_keys[FAKE_HOST_MOST];
    double metric_values[FAKE_HOST_MOST];
    size_t metric_count;
    struct fake_host_reply replies[64];
    size_t reply_count;
    int http_status; /* 0: no answer comes */
    const char *http_body;
    const char *http_method, *http_url, *http_request; /* of the last request */
    const char *log;           /* all lines */
    const char *failure;       /* the last reason given, or NULL */
    const char *wait, *wait_state;
    bool cancelled;            /* what host->cancelled() answers */
    double progress;
};

static inline struct fake_host *fake_host_of(const struct step_host *host)
{
    return host->ctx;
}

static inline void fake_host_keep(struct fake_host *fake, struct fake_host_pair *pairs, size_t *count, const char *key,
                                  const char *value)
{
    assert_true(*count < 256);
    pairs[(*count)++] = (struct fake_host_pair){arena_strdup(fake->arena, key), arena_strdup(fake->arena, value)};
}

static inline const char *fake_host_find(const struct fake_host_pair *pairs, size_t count, const char *key)
{
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        found = strcmp(pairs[i].key, key) == 0 ? pairs[i].value : found;
    }
    return found;
}

/* ---- JSON to step_value ------------------------------------------------------------------------- */

static inline struct step_value fake_host_value(struct arena *arena, const struct json *json)
{
    struct step_value value = {.type = STEP_TYPE_NULL};
    switch (json->type) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        value.type = STEP_TYPE_BOOL;
        value.boolean = json->u.boolean;
        break;
    case JSON_INT:
        value.type = STEP_TYPE_INT;
        value.integer = json->u.integer;
        value.number = (double)json->u.integer;
        break;
    case JSON_NUMBER:
        value.type = STEP_TYPE_NUMBER;
        value.number = json->u.number;
        break;
    case JSON_STRING:
        value.type = STEP_TYPE_STRING;
        value.string = arena_dup(arena, json->u.string.p, json->u.string.n);
        value.count = json->u.string.n;
        break;
    case JSON_ARRAY: {
        value.type = STEP_TYPE_LIST;
        value.count = json->u.array.count;
        struct step_value *items = arena_array(arena, value.count + 1, sizeof *items);
        for (size_t i = 0; i < value.count; i++) {
            items[i] = fake_host_value(arena, &json->u.array.items[i]);
        }
        value.items = items;
        break;
    }
    case JSON_OBJECT: {
        value.type = STEP_TYPE_MAP;
        value.count = json->u.object.count;
        struct step_value *items = arena_array(arena, value.count + 1, sizeof *items);
        const char **keys = arena_array(arena, value.count + 1, sizeof *keys);
        for (size_t i = 0; i < value.count; i++) {
            const struct json_member *member = &json->u.object.members[i];
            items[i] = fake_host_value(arena, &member->value);
            keys[i] = arena_dup(arena, member->key.p, member->key.n);
        }
        value.items = items;
        value.keys = keys;
        break;
    }
    }
    return value;
}

static inline const struct step_value *fake_host_parse(struct fake_host *fake, const char *text)
{
    struct json json;
    struct err err = {0};
    if (json_read(str_from(text), (struct json_limits){0}, fake->arena, &json, &err) < 0) {
        fail_msg("the test's JSON: %s: %s", err.message, text);
    }
    struct step_value *value = arena_one(fake->arena, struct step_value);
    *value = fake_host_value(fake->arena, &json);
    return value;
}

/* ---- what the plugin may ask ---------------------------------------------------------------------- */

static inline int fake_host_on_param(const struct step_host *host, const char *key, const char *value)
{
    struct fake_host *fake = fake_host_of(host);
    fake_host_keep(fake, fake->params, &fake->param_count, key, value);
    return 0;
}

static inline int fake_host_on_tag(const struct step_host *host, const char *key, const char *value)
{
    struct fake_host *fake = fake_host_of(host);
    fake_host_keep(fake, fake->tags, &fake->tag_count, key, value);
    return 0;
}

static inline int fake_host_on_metric(const struct step_host *host, const char *key, double value, int64_t step,
                                      int64_t time_ms)
{
    (void)step;
    (void)time_ms;
    struct fake_host *fake = fake_host_of(host);
    assert_true(fake->metric_count < FAKE_HOST_MOST);
    fake->metric_keys[fake->metric_count] = arena_strdup(fake->arena, key);
    fake->metric_values[fake->metric_count++] = value;
    return 0;
}

static inline int fake_host_on_artifact(const struct step_host *host, const char *path, const char *name)
{
    struct fake_host *fake = fake_host_of(host);
    if (access(path, R_OK) != 0) {
        fail_msg("the artifact '%s' is not at '%s'", name, path);
    }
    fake_host_keep(fake, fake->artifacts, &fake->artifact_count, name, path);
    return 0;
}

static inline int fake_host_on_output(const struct step_host *host, const char *key, const char *json)
{
    struct fake_host *fake = fake_host_of(host);
    (void)fake_host_parse(fake, json); /* fails the test when it is no JSON */
    fake_host_keep(fake, fake->outputs, &fake->output_count, key, json);
    return 0;
}

static inline void fake_host_on_progress(const struct step_host *host, double fraction, const char *text)
{
    (void)text;
    fake_host_of(host)->progress = fraction;
}

static inline void fake_host_on_log(const struct step_host *host, enum step_log_level level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct fake_host *fake = fake_host_of(host);
    fake->log = arena_printf(fake->arena, "%s%s: %s\n", fake->log, names[level], text);
}

static inline void fake_host_on_fail(const struct step_host *host, const char *reason)
{
    struct fake_host *fake = fake_host_of(host);
    fake->failure = arena_strdup(fake->arena, reason);
}

static inline bool fake_host_on_cancelled(const struct step_host *host)
{
    return fake_host_of(host)->cancelled;
}

static inline int fake_host_on_call(const struct step_host *host, const char *method, const char *json,
                                    const struct step_value **reply)
{
    struct fake_host *fake = fake_host_of(host);
    (void)fake_host_parse(fake, json);
    fake_host_keep(fake, fake->calls, &fake->call_count, method, json);
    struct fake_host_reply *chosen = NULL;
    for (size_t i = 0; i < fake->reply_count; i++) {
        struct fake_host_reply *candidate = &fake->replies[i];
        if (strcmp(candidate->method, method) == 0 && (chosen == NULL || chosen->used)) {
            chosen = candidate;
        }
    }
    if (chosen == NULL) {
        if (strcmp(method, "guard.check") == 0) { /* nothing is guarded, where the test says nothing of it */
            *reply = fake_host_parse(fake, "{\"guards\": 0, \"lacks\": \"\", \"wait\": null}");
            return 0;
        }
        if (strcmp(method, "target.take") == 0) { /* and nobody else deploys */
            *reply = fake_host_parse(fake, "{\"taken\": true, \"held_by\": null}");
            return 0;
        }
        *reply = fake_host_parse(fake, "{\"error\": \"unknown_method\", \"message\": \"the test has no reply\"}");
        return -1;
    }
    chosen->used = true;
    *reply = fake_host_parse(fake, chosen->json);
    return chosen->result;
}

static inline int fake_host_on_http(const struct step_host *host, const struct step_http_request *request,
                                    struct step_http_response *response)
{
    struct fake_host *fake = fake_host_of(host);
    fake->http_method = arena_strdup(fake->arena, request->method);
    fake->http_url = arena_strdup(fake->arena, request->url);
    fake->http_request = arena_dup(fake->arena, request->body == NULL ? "" : request->body, request->body_size);
    if (fake->http_status == 0) {
        *response = (struct step_http_response){.body = "", .error = "no answer"};
        return -1;
    }
    const char *body = fake->http_body == NULL ? "" : fake->http_body;
    *response = (struct step_http_response){fake->http_status, body, strlen(body), ""};
    return 0;
}

static inline int fake_host_on_wait(const struct step_host *host, const char *wait_json, const char *state_json)
{
    struct fake_host *fake = fake_host_of(host);
    (void)fake_host_parse(fake, wait_json);
    fake->wait = arena_strdup(fake->arena, wait_json);
    fake->wait_state = state_json == NULL ? NULL : arena_strdup(fake->arena, state_json);
    return 0;
}

static inline int fake_host_on_parse_json(const struct step_host *host, const char *text, size_t size,
                                          const struct step_value **value)
{
    struct fake_host *fake = fake_host_of(host);
    struct json json;
    struct err err = {0};
    if (json_read((struct str){text, size}, (struct json_limits){0}, fake->arena, &json, &err) < 0) {
        fake_host_on_log(host, STEP_LOG_ERROR, err.message);
        return -1;
    }
    struct step_value *kept = arena_one(fake->arena, struct step_value);
    *kept = fake_host_value(fake->arena, &json);
    *value = kept;
    return 0;
}

#include "fake_host_params.h"

/* ---- for tests ---------------------------------------------------------------------------------------- */

/* Loads the plugin and makes its folders. */
static inline void fake_host_open(struct fake_host *fake, const char *plugin)
{
    static struct fake_host blank;
    *fake = blank;
    fake->arena = arena_new();
    fake->log = "";
    const char *folder = getenv("SLUICE_PLUGINS");
    const char *path = arena_printf(fake->arena, "%s/%s.so", folder == NULL ? "./build/plugins" : folder, plugin);
    fake_host_read_manifest(fake, path);
    fake->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (fake->library == NULL) {
        fail_msg("%s", dlerror());
    }
    union {
        void *symbol;
        const struct step_descriptor *(*describe)(void);
    } entry = {.symbol = dlsym(fake->library, "sluice_step")};
    assert_non_null(entry.symbol);
    fake->plugin = entry.describe();
    assert_int_equal(fake->plugin->abi, STEP_ABI);
    (void)snprintf(fake->folder, sizeof fake->folder, "/tmp/sluice-test-plugin-XXXXXX");
    assert_non_null(mkdtemp(fake->folder));
    fake->context = (struct step_context){.size = sizeof fake->context, .pipeline = "test", .run_number = 1,
                                          .run_id = "00000000000000000000000000000001", .step = "step", .item = "",
                                          .attempt = 1, .step_run_id = "00000000000000000000000000000002",
                                          .workspace = fake->folder, .step_dir = fake->folder,
                                          .state_dir = fake->folder, .home = fake->folder};
    fake->host = (struct step_host){
        STEP_ABI,           sizeof fake->host,       fake,
        &fake->context,     NULL,                    fake_host_on_param,
        fake_host_on_metric, fake_host_on_tag,       fake_host_on_artifact,
        fake_host_on_output, fake_host_on_progress,  fake_host_on_log,
        fake_host_on_fail,  fake_host_on_cancelled,  fake_host_on_call,
        fake_host_on_http,  fake_host_on_wait,       fake_host_on_parse_json,
    };
}

/* What `method` is answered, with result 0 or -1. Several for one method are given in turn; the last stays. */
static inline void fake_host_reply(struct fake_host *fake, const char *method, int result, const char *json)
{
    assert_true(fake->reply_count < sizeof fake->replies / sizeof *fake->replies);
    fake->replies[fake->reply_count++] = (struct fake_host_reply){
        arena_strdup(fake->arena, method), result, arena_strdup(fake->arena, json), false};
}

/* What the plugin finds in host->resumed. */
static inline void fake_host_resume(struct fake_host *fake, const char *json)
{
    fake->host.resumed = fake_host_parse(fake, json);
}

/* Writes a file into the plugin's folder and returns its path. */
static inline const char *fake_host_file(struct fake_host *fake, const char *name, const char *text)
{
    const char *path = arena_printf(fake->arena, "%s/%s", fake->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* The text of a file, in the arena. */
static inline const char *fake_host_read(struct fake_host *fake, const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = arena_alloc(fake->arena, 1024 * 1024);
    size_t size = fread(text, 1, 1024 * 1024 - 1, file);
    (void)fclose(file);
    return arena_dup(fake->arena, text, size);
}

/* Runs the plugin once with a JSON object of parameters; absent ones get their defaults. */
static inline enum step_result fake_host_run(struct fake_host *fake, const char *params_json)
{
    const struct step_value *given = fake_host_parse(fake, params_json);
    char *params = arena_alloc(fake->arena, fake->plugin->params_size);
    fake_host_check_names(fake, given);
    for (size_t i = 0; i < fake->plugin->slot_count; i++) {
        const struct step_param_slot *slot = &fake->plugin->slots[i];
        const struct step_value *value = step_get(given, slot->name);
        fake_host_fill(params, slot, value != NULL ? value : fake_host_default_value(fake, slot));
    }
    return fake->plugin->run(&fake->host, params);
}

/* The JSON text of an output, or NULL. */
static inline const char *fake_host_output(const struct fake_host *fake, const char *key)
{
    return fake_host_find(fake->outputs, fake->output_count, key);
}

/* The last value of a metric, or NaN. */
static inline double fake_host_metric(const struct fake_host *fake, const char *key)
{
    double value = NAN;
    for (size_t i = 0; i < fake->metric_count; i++) {
        value = strcmp(fake->metric_keys[i], key) == 0 ? fake->metric_values[i] : value;
    }
    return value;
}

/* The path behind an artifact's name, or NULL. */
static inline const char *fake_host_artifact(const struct fake_host *fake, const char *name)
{
    return fake_host_find(fake->artifacts, fake->artifact_count, name);
}

/* The JSON text of the last request of a method, or NULL when it was not called. */
static inline const char *fake_host_called(const struct fake_host *fake, const char *method)
{
    return fake_host_find(fake->calls, fake->call_count, method);
}

static inline int fake_host_remove(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline void fake_host_close(struct fake_host *fake)
{
    (void)nftw(fake->folder, fake_host_remove, 16, FTW_DEPTH | FTW_PHYS);
    (void)dlclose(fake->library);
    arena_free(fake->arena);
}

#endif
