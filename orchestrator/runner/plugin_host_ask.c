/* SPDX-License-Identifier: Apache-2.0
 * What a plugin asks of its host: the store, the network, time, and JSON.
 */
#include "base/fs.h"
#include "base/path.h"
#include "runner/fetch_client.h"
#include "runner/plugin_host_internal.h"
#include "runner/plugin_value.h"
#include "runner/step_calls.h"

enum {
    TIMEOUT_DEFAULT_MS = 30000,
    BODY_DEFAULT_BYTES = 16 << 20,
    FILE_DEFAULT_BYTES = 1 << 30,
    STATE_MAX_BYTES = 64 << 10
};

/* A value that lives until the plugin's run returns. */
static const struct step_value *keep_value(struct plugin_host *self, const struct json *json)
{
    (void)pthread_mutex_lock(&self->mutex);
    const struct step_value *value = plugin_value(json, self->arena);
    (void)pthread_mutex_unlock(&self->mutex);
    return value;
}

/* ---- the store ---- */

int plugin_host_call(const struct step_host *host, const char *method, const char *json,
                     const struct step_value **reply)
{
    struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct json params = json_object();
    struct json answer = json_object();
    struct err err = {0};
    int result = 0;
    if (method == NULL || *method == '\0') {
        result = err_set(&err, ERR_INPUT, "a call without a method");
    } else if (json != NULL && json_read(str_from(json), (struct json_limits){0}, scratch, &params, &err) < 0) {
        result = err_add(&err, "call '%s'", method);
    }
    if (result < 0) {
        json_set(scratch, &answer, "error", json_cstring(scratch, err_code_name(err.code)));
        json_set(scratch, &answer, "message", json_cstring(scratch, err.message));
    } else {
        result = step_call(self->spawn, self->sink, method, &params, scratch, &answer);
    }
    if (reply != NULL) {
        *reply = keep_value(self, &answer);
    }
    arena_free(scratch);
    return result;
}

/* ---- the network ---- */

static struct json http_request(const struct step_http_request *request, struct arena *scratch)
{
    struct json headers = json_array();
    struct json out = json_object();
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
        json_push(scratch, &headers, json_cstring(scratch, request->headers[i]));
    }
    int64_t max_bytes = request->max_bytes > 0     ? request->max_bytes
                        : request->to_file != NULL ? FILE_DEFAULT_BYTES
                                                   : BODY_DEFAULT_BYTES;
    json_set(scratch, &out, "method", json_cstring(scratch, request->method == NULL ? "GET" : request->method));
    json_set(scratch, &out, "url", json_cstring(scratch, request->url));
    json_set(scratch, &out, "headers", headers);
    json_set(scratch, &out, "timeout_ms", json_int(request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_DEFAULT_MS));
    json_set(scratch, &out, "max_bytes", json_int(max_bytes));
    if (request->body != NULL) {
        fetch_client_set_body(scratch, &out, (struct str){request->body, request->body_size});
    }
    return out;
}

/* Where an answer may be written: below the step's own folder only. */
static const char *answer_path(const struct plugin_host *self, const char *to_file, struct arena *scratch,
                               struct err *err)
{
    const char *folder = path_normal(scratch, self->context.step_dir);
    const char *path = path_normal(scratch, path_join(scratch, folder, to_file));
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0 || path[length] != '/') {
        (void)err_set(err, ERR_INPUT, "'%s': expected a path below the step's folder '%s'", to_file, folder);
        return NULL;
    }
    return path;
}

static int http(struct plugin_host *self, const struct step_http_request *request, struct arena *scratch,
                struct step_http_response *response, struct err *err)
{
    if (request->url == NULL || *request->url == '\0') {
        return err_set(err, ERR_INPUT, "a request without a url");
    }
    const char *path = request->to_file == NULL ? NULL : answer_path(self, request->to_file, scratch, err);
    if (request->to_file != NULL && path == NULL) {
        return -1;
    }
    struct json frame = http_request(request, scratch);
    struct json head = json_null();
    struct str body = STR("");
    if (self->sink->fetch(self->sink->ctx, &frame, scratch, &head, &body, err) < 0) {
        return -1;
    }
    if (path != NULL && fs_write(path, body, 0644, false, err) < 0) {
        return -1;
    }
    response->status = (int)json_get_int(&head, "status", 0);
    response->body_size = body.n;
    if (path == NULL) {
        (void)pthread_mutex_lock(&self->mutex);
        response->body = arena_dup(self->arena, body.p, body.n);
        (void)pthread_mutex_unlock(&self->mutex);
    }
    return 0;
}

int plugin_host_http(const struct step_host *host, const struct step_http_request *request,
                     struct step_http_response *response)
{
    struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct err err = {0};
    *response = (struct step_http_response){.body = "", .error = ""};
    int result = http(self, request, scratch, response, &err);
    if (result < 0) {
        (void)pthread_mutex_lock(&self->mutex);
        *response = (struct step_http_response){.body = "", .error = arena_strdup(self->arena, err.message)};
        (void)pthread_mutex_unlock(&self->mutex);
    }
    arena_free(scratch);
    return result;
}

/* ---- time ---- */

static int read_wait(const char *wait_json, const char *state_json, struct arena *scratch, struct json *ret_wait,
                     struct json *ret_state, struct err *err)
{
    if (wait_json == NULL || json_read(str_from(wait_json), (struct json_limits){0}, scratch, ret_wait, err) < 0) {
        return wait_json == NULL ? err_set(err, ERR_INPUT, "a wait without what it is for") : err_add(err, "wait");
    }
    if (*json_get_text(ret_wait, "kind", "") == '\0') {
        return err_set(err, ERR_INPUT, "wait: expected {\"kind\": ...}");
    }
    if (state_json == NULL) {
        return 0;
    }
    if (strlen(state_json) > STATE_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "wait: its state has over 64 KiB: keep it in a file of the state folder");
    }
    return json_read(str_from(state_json), (struct json_limits){0}, scratch, ret_state, err) < 0
               ? err_add(err, "wait: its state")
               : 0;
}

int plugin_host_wait(const struct step_host *host, const char *wait_json, const char *state_json)
{
    struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct json wait = json_null();
    struct json state = json_null();
    struct err err = {0};
    int result = read_wait(wait_json, state_json, scratch, &wait, &state, &err);
    if (result == 0) {
        (void)pthread_mutex_lock(&self->mutex);
        self->outcome->wait = json_copy(self->arena, &wait);
        self->outcome->state = json_copy(self->arena, &state);
        (void)pthread_mutex_unlock(&self->mutex);
    }
    arena_free(scratch);
    return result < 0 ? plugin_host_refuse(self, &err) : 0;
}

/* ---- JSON ---- */

int plugin_host_parse_json(const struct step_host *host, const char *text, size_t size, const struct step_value **value)
{
    struct plugin_host *self = plugin_host_of(host);
    struct arena *scratch = arena_new();
    struct json json = json_null();
    struct err err = {0};
    int result = json_read((struct str){text == NULL ? "" : text, text == NULL ? 0 : size}, (struct json_limits){0},
                           scratch, &json, &err);
    if (result == 0) {
        *value = keep_value(self, &json);
    }
    arena_free(scratch);
    return result < 0 ? plugin_host_refuse(self, &err) : 0;
}
