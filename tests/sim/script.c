/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "digest/stamp.h"
#include "steps.h"
#include "wire/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ACT_MS = 10 };

/* ---- which acts ------------------------------------------------------------------------------ */

static void add_word(struct world *world, struct execution *step, struct str word)
{
    step->words[step->word_count++] = arena_str(world->arena, str_trim(word)).p;
}

static void add_list(struct world *world, struct execution *step, const struct json *list)
{
    step->words = arena_array(world->arena, list->u.array.count + 1, sizeof *step->words);
    for (size_t i = 0; i < list->u.array.count; i++) {
        add_word(world, step, list->u.array.items[i].u.string);
    }
}

static void add_lines(struct world *world, struct execution *step, struct str text)
{
    struct str line;
    step->words = arena_array(world->arena, text.n + 1, sizeof *step->words);
    while (str_cut(&text, '\n', &line)) {
        add_word(world, step, line);
    }
}

void script_take(struct world *world, struct execution *step, const struct json *spawn)
{
    const struct json *argv = json_get(spawn, "argv");
    const struct json *script = json_get(spawn, "script");
    const struct json *lua = json_get(json_get(spawn, "lua"), "text");
    const struct json *acts = json_get(json_get(spawn, "params"), "acts");
    if (argv != NULL) {
        add_list(world, step, argv);
    } else if (acts != NULL && acts->type == JSON_ARRAY) {
        add_list(world, step, acts);
    } else {
        add_lines(world, step, script != NULL ? script->u.string : lua != NULL ? lua->u.string : STR(""));
    }
    for (size_t i = 0; i < world->executions.count; i++) { /* after a wait: behind it */
        const struct execution *before = world->executions.items[i];
        step->word = before->attempt == step->attempt && before->waited ? before->word : step->word;
    }
    step->artifact_dir = arena_strdup(world->arena, json_get_text(spawn, "artifact_dir", ""));
    step->sha256 = arena_strdup(world->arena, json_get_text(json_get(spawn, "resumed"), "sha256", ""));
    step->models_dir = arena_strdup(world->arena, json_get_text(spawn, "models_dir", ""));
    step->does = (struct behaviour){.obeys_ms = 5};
    step->legs = 1;
}

/* ---- acts ------------------------------------------------------------------------------------ */

static void go_on(struct world *world, struct execution *step)
{
    world_plan(world, ACT_MS, HAPPENS_ACT)->execution = step;
}

static void metrics(struct world *world, struct execution *step, const char *rest)
{
    char key[64] = "";
    int count = 0;
    (void)sscanf(rest, "%63s %d", key, &count);
    for (int i = 0; i < count; i += 10) {
        struct points_writer *points = points_writer_new(4096);
        for (int k = i; k < i + 10 && k < count; k++) {
            struct journal_point point = {
                .key = str_from(key), .value = k, .step = k, .time_ms = clock_wall_ms(&world->clock)};
            (void)points_writer_add(points, &point);
            step->points++;
        }
        steps_append(world, step, JOURNAL_POINTS, points_writer_payload(points));
        points_writer_free(points);
    }
}

static void metric(struct world *world, struct execution *step, const char *rest)
{
    char key[64] = "";
    double value = 0;
    long long at = 0;
    struct points_writer *points = points_writer_new(256);
    long long time_ms = clock_wall_ms(&world->clock);
    (void)sscanf(rest, "%63s %lf %lld %lld", key, &value, &at, &time_ms);
    struct journal_point point = {
        .key = str_from(key), .value = value, .step = at, .time_ms = time_ms};
    (void)points_writer_add(points, &point);
    step->points++;
    steps_append(world, step, JOURNAL_POINTS, points_writer_payload(points));
    points_writer_free(points);
}

/* KEY VALUE STEP: as runners of before wrote it, each point with its key (journal.h). */
static void old_metric(struct world *world, struct execution *step, const char *rest)
{
    char payload[2 + 64 + 24];
    char key[64] = "";
    double value = 0;
    long long at = 0;
    (void)sscanf(rest, "%63s %lf %lld", key, &value, &at);
    uint16_t size = (uint16_t)strlen(key);
    int64_t numbers[2] = {at, clock_wall_ms(&world->clock)};
    memcpy(payload, &size, 2);
    memcpy(payload + 2, key, size);
    memcpy(payload + 2 + size, &value, 8);
    memcpy(payload + 10 + size, numbers, sizeof numbers);
    step->points++;
    steps_append(world, step, JOURNAL_METRICS, (struct str){payload, 26 + (size_t)size});
}

static void call(struct world *world, struct execution *step, const char *rest)
{
    char method[64] = "";
    int read = 0;
    (void)sscanf(rest, "%63s %n", method, &read);
    step->asked = (int64_t)step->leg * 100 + (int64_t)step->word;
    const char *params = rest[read] == '\0' ? "" : arena_printf(world->arena, ",\"params\":%s", rest + read);
    steps_append(world, step, JOURNAL_CALL,
                 str_from(arena_printf(world->arena, "{\"seq\":%lld,\"method\":\"%s\"%s}", (long long)step->asked,
                                       method, params)));
}

/* @ARTIFACTS, @MODELS and @HOME are the folders of this attempt. */
static const char *expand(struct world *world, const struct execution *step, const char *text)
{
    const char *const names[][2] = {{"@ARTIFACTS", step->artifact_dir},
                                    {"@MODELS", step->models_dir},
                                    {"@HOME", world->home},
                                    {"@SHA", step->sha256}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (const char *at = strstr(text, names[i][0]); at != NULL; at = strstr(text, names[i][0])) {
            text =
                arena_printf(world->arena, "%.*s%s%s", (int)(at - text), text, names[i][1], at + strlen(names[i][0]));
        }
    }
    return text;
}

/* Makes a file, and the words of a report that tell of it: its digest, its stamp, its size. */
static const char *made_file(struct world *world, const char *path, const char *text)
{
    struct err err = {0};
    if (fs_make_folders(path_dir(world->arena, path), 0700, &err) < 0 ||
        fs_write(path, str_from(text), 0600, false, &err) < 0) {
        world_fail(world, "a step cannot write: %s", err.message);
    }
    return arena_strdup(world->arena, digest_bytes(str_from(text)).hex);
}

/* NAME PATH TEXT: an artifact below the run's own folder; "-" is one that was not declared. */
static void artifact(struct world *world, struct execution *step, const char *rest)
{
    char name[64] = "";
    char path[128] = "";
    int read = 0;
    struct arena *arena = world->arena;
    (void)sscanf(rest, "%63s %127s %n", name, path, &read);
    const char *whole = path_join(arena, step->artifact_dir, path);
    const char *sha256 = made_file(world, whole, rest + read);
    const char *declared = strcmp(name, "-") == 0 ? "" : arena_printf(arena, "\"declared\":\"%s\",", name);
    steps_append(
        world, step, JOURNAL_REPORT,
        str_from(arena_printf(arena,
                              "{\"kind\":\"artifact\",%s\"local\":\"%s\",\"sha256\":\"%s\",\"stamp\":"
                              "\"%s\",\"files\":[{\"path\":\"%s\",\"sha256\":\"%s\",\"size\":%zu}]}",
                              declared, whole, sha256, stamp_take(whole, arena), path, sha256, strlen(rest + read))));
}

/* ID NAME TEXT: a model of one file, told in its three reports. */
static void model(struct world *world, struct execution *step, const char *rest)
{
    char id[64] = "";
    char name[64] = "";
    int read = 0;
    struct arena *arena = world->arena;
    (void)sscanf(rest, "%63s %63s %n", id, name, &read);
    const char *folder = arena_printf(arena, "%s/%s/artifacts", step->models_dir, id);
    const char *sha256 = made_file(world, path_join(arena, folder, "m.bin"), rest + read);
    struct digest whole;
    int64_t size = 0;
    struct err err = {0};
    (void)digest_tree(folder, &whole, &size, &err);
    const char *head =
        arena_printf(arena, "{\"kind\":\"model\",\"model_id\":\"%s\",\"name\":\"%s\",\"dir\":\"%s\"", id, name, folder);
    const char *const reports[] = {
        arena_printf(arena,
                     "%s,\"model_type\":\"tree\",\"status\":\"PENDING\",\"params\":{\"depth\":3,\"k\":\"v\"},"
                     "\"tags\":{\"t\":1}}",
                     head),
        arena_printf(arena,
                     "%s,\"status\":\"PENDING\",\"files\":[{\"path\":\"m.bin\",\"sha256\":\"%s\",\"size\":%zu}]}", head,
                     sha256, strlen(rest + read)),
        arena_printf(arena, "%s,\"sha256\":\"%s\",\"stamp\":\"%s\",\"size\":%lld,\"status\":\"READY\"}", head,
                     whole.hex, stamp_take(folder, arena), (long long)size),
    };
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        steps_append(world, step, JOURNAL_REPORT, str_from(reports[i]));
    }
}

static void write_file(struct world *world, const char *rest)
{
    char path[128] = "";
    int read = 0;
    struct err err = {0};
    (void)sscanf(rest, "%127s %n", path, &read);
    if (fs_write(path_join(world->arena, world->workspace, path), str_from(rest + read), 0600, false, &err) < 0) {
        world_fail(world, "a step cannot write: %s", err.message);
    }
}

static bool has_gone(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->gone.count; i++) {
        if (strcmp(world->gone.items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void script_go(struct world *world, const char *name)
{
    if (has_gone(world, name)) {
        return;
    }
    vec_push(&world->gone, arena_strdup(world->arena, name));
    for (size_t i = 0; i < world->executions.count; i++) {
        struct execution *step = world->executions.items[i];
        if (step->holds != NULL && strcmp(step->holds, name) == 0) {
            step->holds = NULL;
            go_on(world, step);
        }
    }
}

static void frame(struct world *world, struct execution *step, const char *rest)
{
    int type = 0;
    int read = 0;
    (void)sscanf(rest, "%d %n", &type, &read);
    steps_append(world, step, (enum journal_type)type, str_from(rest + read));
}

static void flood(struct world *world, struct execution *step, size_t size)
{
    char *text = mem_array(size + 1, 1);
    memset(text, 'x', size);
    text[0] = 1; /* the stream */
    steps_append(world, step, JOURNAL_LOG, (struct str){text, size});
    free(text);
}

/* NAME DIR: a folder of two files, published as one. */
static void folder(struct world *world, struct execution *step, const char *rest)
{
    char name[64] = "";
    char below[64] = "";
    struct arena *arena = world->arena;
    struct digest whole;
    int64_t size = 0;
    struct err err = {0};
    (void)sscanf(rest, "%63s %63s", name, below);
    const char *path = path_join(arena, step->artifact_dir, below);
    const char *one = made_file(world, path_join(arena, path, "one.txt"), "one");
    const char *two = made_file(world, path_join(arena, path, "two.txt"), "two");
    (void)digest_tree(path, &whole, &size, &err);
    steps_append(world, step, JOURNAL_REPORT,
                 str_from(arena_printf(arena,
                                       "{\"kind\":\"artifact\",\"declared\":\"%s\",\"local\":\"%s\",\"sha256\":\"%s\","
                                       "\"stamp\":\"%s\",\"files\":[{\"path\":\"%s/"
                                       "one.txt\",\"sha256\":\"%s\",\"size\":"
                                       "3},{\"path\":\"%s/two.txt\",\"sha256\":\"%s\",\"size\":3}]}",
                                       name, path, whole.hex, stamp_take(path, arena), below, one, below, two)));
}

/* It goes on with the answer. */
static void ask(struct world *world, struct execution *step, const char *verb, const char *rest)
{
    if (strcmp(verb, "take") == 0) {
        steps_take(world, step, arena_strdup(world->arena, rest));
    } else {
        call(world, step, rest);
    }
}

/* False when it is over, or something else makes it go on. */
static bool do_act(struct world *world, struct execution *step, const char *verb, const char *rest)
{
    rest = expand(world, step, rest);
    if (strcmp(verb, "artifact") == 0) {
        artifact(world, step, rest);
    } else if (strcmp(verb, "model") == 0) {
        model(world, step, rest);
    } else if (strcmp(verb, "report") == 0) {
        steps_append(world, step, JOURNAL_REPORT, str_from(rest));
    } else if (strcmp(verb, "metric") == 0) {
        metric(world, step, rest);
    } else if (strcmp(verb, "old-metric") == 0) {
        old_metric(world, step, rest);
    } else if (strcmp(verb, "metrics") == 0) {
        metrics(world, step, rest);
    } else if (strcmp(verb, "result") == 0) {
        steps_append(world, step, JOURNAL_RESULT, str_from(rest));
    } else if (strcmp(verb, "frame") == 0) {
        frame(world, step, rest);
    } else if (strcmp(verb, "write") == 0) {
        write_file(world, rest);
    } else if (strcmp(verb, "ghost") == 0) {
        int64_t own = step->attempt;
        step->attempt = 999;
        frame(world, step, rest);
        step->attempt = own;
    } else if (strcmp(verb, "flood") == 0) {
        flood(world, step, (size_t)strtol(rest, NULL, 10));
    } else if (strcmp(verb, "mkdir") == 0) {
        (void)mkdir(rest, 0700);
    } else if (strcmp(verb, "folder") == 0) {
        folder(world, step, rest);
    } else if (strcmp(verb, "freeze") == 0) {
        step->runner->stopped = true;
        step->runner->deaf = strcmp(rest, "deaf") == 0;
        step->runner->hangs = strcmp(rest, "hard") == 0;
    } else if (strcmp(verb, "stubborn") == 0) {
        step->does.obeys_ms = -1;
    } else if (strcmp(verb, "call") == 0 || strcmp(verb, "take") == 0) {
        ask(world, step, verb, rest);
        return false;
    } else if (strcmp(verb, "hold") == 0) {
        step->holds = has_gone(world, rest) ? NULL : arena_strdup(world->arena, rest);
        return step->holds == NULL;
    } else if (strcmp(verb, "hang") == 0) {
        return false;
    } else if (strcmp(verb, "wait") == 0) {
        step->legs = step->leg + 1;
        steps_append(world, step, JOURNAL_WAIT, str_from(rest));
        steps_append(world, step, JOURNAL_RESULT, STR("{\"result\":\"wait\"}"));
        steps_end(world, step, "exited", 0, 0);
        return false;
    } else if (strcmp(verb, "exit") == 0 || strcmp(verb, "signal") == 0 || strcmp(verb, "oom") == 0) {
        int number = (int)strtol(rest, NULL, 10);
        steps_end(world, step,
                  verb[0] == 'e'   ? "exited"
                  : verb[0] == 's' ? "signalled"
                                   : "oom",
                  verb[0] == 'e' ? number : 0, verb[0] == 's' ? number : 0);
        return false;
    }
    return true;
}

void script_act(struct world *world, struct execution *step)
{
    if (step->act++ == 0) {
        steps_started(world, step);
        go_on(world, step);
        return;
    }
    while (step->word < step->word_count) {
        const char *word = step->words[step->word++];
        char verb[32] = "";
        int read = 0;
        (void)sscanf(word, "%31s %n", verb, &read);
        if (strcmp(verb, "once") == 0) {
            word += read;
            read = 0;
            (void)sscanf(step->number == 1 ? word : "", "%31s %n", verb, &read);
        }
        if (!do_act(world, step, verb, word + read)) {
            return;
        }
    }
    steps_end(world, step, "exited", 0, 0);
}
