/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_fake_host.h"

#include "base/fs.h"
#include "base/path.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const level_words[] = {"debug", "info", "warn", "error"};

/* ---- what a script says ---- */

static void say(const struct lua_fake_host *host, const char *kind, struct str name, const char *value)
{
    if (host->print_to != NULL) {
        (void)fprintf(host->print_to, "%-8s  %.*s = %s\n", kind, STR_ARG(name), value);
    }
}

static void keep_artifact(struct lua_fake_host *host, const struct json *report)
{
    const struct json *files = json_get(report, "files");
    for (size_t i = 0; files != NULL && files->type == JSON_ARRAY && i < files->u.array.count; i++) {
        struct json file = json_object();
        const char *path = json_get_text(&files->u.array.items[i], "path", "");
        int64_t size = json_get_int(&files->u.array.items[i], "size", 0);
        json_set(host->arena, &file, "path", json_cstring(host->arena, path));
        json_set(host->arena, &file, "size", json_int(size));
        json_push(host->arena, &host->artifacts, file);
        if (host->print_to != NULL) {
            (void)fprintf(host->print_to, "artifact  %s (%lld bytes)\n", path, (long long)size);
        }
    }
}

static int fake_report(void *ctx, const struct json *report, struct err *err)
{
    struct lua_fake_host *host = ctx;
    (void)err;
    const char *kind = json_get_text(report, "kind", "");
    if (strcmp(kind, "artifact") == 0) {
        keep_artifact(host, report);
        return 0;
    }
    if (strcmp(kind, "progress") == 0) {
        if (host->print_to != NULL) {
            (void)fprintf(host->print_to, "progress  %3.0f %% %s\n", 100 * json_get_number(report, "fraction", 0),
                          json_get_text(report, "text", ""));
        }
        return 0;
    }
    const char *key = arena_strdup(host->arena, json_get_text(report, "key", ""));
    const struct json *value = json_get(report, "value");
    if (value == NULL) {
        return 0;
    }
    struct json *kept = strcmp(kind, "param") == 0 ? &host->params : strcmp(kind, "tag") == 0 ? &host->tags : NULL;
    if (kept != NULL) {
        json_set(host->arena, kept, key, json_copy(host->arena, value));
    }
    say(host, kind, str_from(key), value->type == JSON_STRING ? value->u.string.p : json_text(host->arena, value).p);
    return 0;
}

/* Changed in place: a script may log a million points. */
static struct json_member *metric_of(struct lua_fake_host *host, struct str key)
{
    for (size_t i = 0; i < host->metrics.u.object.count; i++) {
        if (str_eq(host->metrics.u.object.members[i].key, key)) {
            return host->metrics.u.object.members[i].value.u.object.members;
        }
    }
    struct json metric = json_object();
    json_set(host->arena, &metric, "value", json_null());
    json_set(host->arena, &metric, "step", json_int(0));
    json_set(host->arena, &metric, "count", json_int(0));
    json_set(host->arena, &host->metrics, arena_str(host->arena, key).p, metric);
    return metric_of(host, key);
}

static int fake_metric(void *ctx, const struct journal_point *point, struct err *err)
{
    struct lua_fake_host *host = ctx;
    (void)err;
    struct json_member *metric = metric_of(host, point->key);
    metric[0].value = json_number(point->value);
    metric[1].value = json_int(point->step);
    metric[2].value.u.integer++;
    if (host->print_to != NULL) {
        (void)fprintf(host->print_to, "metric    %.*s = %.6g (step %lld)\n", STR_ARG(point->key), point->value,
                      (long long)point->step);
    }
    return 0;
}

static void fake_log(void *ctx, int level, struct str text)
{
    struct lua_fake_host *host = ctx;
    struct str rest = text;
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        if (host->log != NULL) {
            strbuf_printf(host->log, "    %.*s\n", STR_ARG(line));
        }
        FILE *to = host->print_to != NULL ? host->print_to : host->log_to;
        if (to != NULL) {
            (void)fprintf(to, "%-8s  %.*s\n", level_words[level & 3], STR_ARG(line));
        }
    }
}

static int fake_call(void *ctx, const char *method, const struct json *params, struct arena *arena,
                     struct json *ret_answer, struct err *err)
{
    (void)ctx;
    (void)params;
    (void)arena;
    (void)ret_answer;
    return err_set(err, ERR_STATE, "there is no store here to ask '%s': run the pipeline, or replace the function in "
                   "the test", method);
}

static int fake_fetch(void *ctx, const struct json *request, struct arena *arena, struct json *ret_head,
                      struct str *ret_body, struct err *err)
{
    (void)ctx;
    (void)request;
    (void)arena;
    (void)ret_head;
    (void)ret_body;
    return err_set(err, ERR_STATE, "there is no network here: run the pipeline, or replace sluice.http in the test");
}

/* ---- the spawn message ---- */

static struct json folders_of(struct lua_fake_host *host, const struct lua_fake_options *options, const char *cwd)
{
    struct json folders = json_array();
    const char *own = path_dir(host->arena, path_join(host->arena, cwd, options->file));
    json_push(host->arena, &folders, json_cstring(host->arena, own));
    if (strcmp(own, cwd) != 0) {
        json_push(host->arena, &folders, json_cstring(host->arena, cwd));
    }
    if (options->lua_folder != NULL) {
        json_push(host->arena, &folders, json_cstring(host->arena, path_join(host->arena, cwd, options->lua_folder)));
    }
    return folders;
}

static struct json inputs_of(struct lua_fake_host *host, const struct json *given, const char *cwd)
{
    struct json inputs = json_object();
    for (size_t i = 0; given != NULL && given->type == JSON_OBJECT && i < given->u.object.count; i++) {
        const struct json_member *input = &given->u.object.members[i];
        struct json value = input->value;
        if (value.type == JSON_STRING) {
            value = json_cstring(host->arena, path_join(host->arena, cwd, value.u.string.p));
        }
        json_set(host->arena, &inputs, input->key.p, value);
    }
    return inputs;
}

static struct json context_of(struct lua_fake_host *host, const char *file)
{
    struct json context = json_object();
    const char *base = path_base(file);
    size_t size = strlen(base);
    const char *step = arena_printf(host->arena, "%.*s", (int)(size > 4 ? size - 4 : size), base);
    json_set(host->arena, &context, "step", json_cstring(host->arena, step));
    json_set(host->arena, &context, "item", json_cstring(host->arena, ""));
    json_set(host->arena, &context, "attempt", json_int(1));
    json_set(host->arena, &context, "pipeline", json_cstring(host->arena, "lua"));
    return context;
}

static void make_spawn(struct lua_fake_host *host, const struct lua_fake_options *options, const char *cwd)
{
    struct arena *arena = host->arena;
    struct json lua = json_object();
    struct json contexts = json_object();
    json_set(arena, &lua, "folders", folders_of(host, options, cwd));
    json_set(arena, &contexts, "inputs", inputs_of(host, options->inputs, cwd));
    json_set(arena, &host->spawn, "lua", lua);
    json_set(arena, &host->spawn, "contexts", contexts);
    json_set(arena, &host->spawn, "context", context_of(host, options->file));
    json_set(arena, &host->spawn, "params", options->params == NULL ? json_object() : *options->params);
    json_set(arena, &host->spawn, "cwd", json_cstring(arena, cwd));
    const char *step_dir = options->out != NULL ? path_join(arena, cwd, options->out)
                                                : path_join(arena, host->folder, "step");
    json_set(arena, &host->spawn, "step_dir", json_cstring(arena, step_dir));
    json_set(arena, &host->spawn, "state_dir", json_cstring(arena, path_join(arena, host->folder, "state")));
    json_set(arena, &host->spawn, "artifact_dir", json_cstring(arena, path_join(arena, host->folder, "artifacts")));
}

/* ---- life ---- */

int lua_fake_host_open(struct lua_fake_host *host, const struct lua_fake_options *options, struct err *err)
{
    char cwd[PATH_MAX];
    const char *temporary = getenv("TMPDIR");
    *host = (struct lua_fake_host){
        .sink = {host, fake_report, fake_metric, fake_log, fake_call, fake_fetch},
        .outcome = {.outputs = json_object(), .wait = json_null(), .state = json_null()},
        .spawn = json_object(),
        .params = json_object(),
        .tags = json_object(),
        .metrics = json_object(),
        .artifacts = json_array(),
        .arena = arena_new(),
    };
    int size = snprintf(host->folder, sizeof host->folder, "%s/sluice-lua-XXXXXX",
                        temporary == NULL || strlen(temporary) > 40 || *temporary != '/' ? "/tmp" : temporary);
    if (size < 0 || mkdtemp(host->folder) == NULL || getcwd(cwd, sizeof cwd) == NULL) {
        host->folder[0] = '\0';
        return err_errno(err, "cannot make a folder for the script");
    }
    make_spawn(host, options, cwd);
    static const char *const folders[] = {"step_dir", "state_dir", "artifact_dir"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (fs_make_folders(json_get_text(&host->spawn, folders[i], ""), 0700, err) < 0) {
            return -1;
        }
    }
    return 0;
}

void lua_fake_host_close(struct lua_fake_host *host)
{
    if (host->folder[0] != '\0') {
        (void)fs_remove(host->folder, NULL);
    }
    arena_free(host->arena);
    *host = (struct lua_fake_host){0};
}

struct json lua_fake_host_summary(struct lua_fake_host *host)
{
    static const char *const words[] = {
        [STEP_OK] = "succeeded", [STEP_FAILED] = "failed", [STEP_WAIT] = "waiting", [STEP_REFUSED] = "refused"};
    struct arena *arena = host->arena;
    struct json out = json_object();
    json_set(arena, &out, "status", json_cstring(arena, words[host->outcome.result]));
    json_set(arena, &out, "reason", json_cstring(arena, host->outcome.reason));
    json_set(arena, &out, "params", host->params);
    json_set(arena, &out, "tags", host->tags);
    json_set(arena, &out, "metrics", host->metrics);
    json_set(arena, &out, "outputs", host->outcome.outputs);
    json_set(arena, &out, "artifacts", host->artifacts);
    if (host->outcome.wait.type != JSON_NULL) {
        json_set(arena, &out, "wait", host->outcome.wait);
    }
    return out;
}
