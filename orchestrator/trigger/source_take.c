/* SPDX-License-Identifier: Apache-2.0
 * What an answer of sluice-git comes to: a commit in force, or refused, and the pushes that it fires.
 */
#include "base/fs.h"
#include "base/log.h"
#include "base/str_index.h"
#include "trigger/push.h"
#include "trigger/sources_internal.h"

#include <string.h>

/* An answer, while it is taken; all lives in `arena`. */
struct taking {
    struct sources *sources;
    struct triggers *t;
    struct source *source;
    struct engine *engine;
    struct arena *arena;
    struct source_row row;
    const struct json *fetch; /* of the answer */
    const char *commit, *repo, *actor;
    struct json problems;
    const char *unread; /* why one of its files could not be read, which is no fault of the commit; NULL */
    struct read_file *files; /* of the reading, if there is one */
    size_t count;
    struct str_index *paths; /* of the files */
};

static struct json read_json(const char *text, enum json_type type, struct arena *arena)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL) == 0 && value.type == type;
    return good ? value : type == JSON_ARRAY ? json_array() : json_object();
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

int source_row_of(struct sources *sources, const struct source *source, struct arena *arena, struct source_row *ret,
                  struct err *err)
{
    const struct source_spec *spec = &source->spec;
    struct source_row row = {.at_branch = "", .seen = "", .about = "{}", .in_force = "", .problems = "[]", .error = ""};
    int found = store_source_find(sources->triggers->options.store, spec->name, arena, &row, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1 && (strcmp(row.url, spec->url) != 0 || strcmp(row.branch, spec->branch) != 0)) {
        row.seen = row.at_branch = "";
    }
    row.name = spec->name;
    row.url = spec->url;
    row.branch = spec->branch;
    row.path = spec->path;
    row.page = spec->page;
    row.every_ms = spec->every_ms;
    *ret = row;
    return 0;
}

static const char *source_words(const struct taking *k)
{
    return arena_printf(k->arena, "source %s", k->source->spec.name);
}

static int record(struct taking *k, const char *action, const char *from, const char *to, const char *reason,
                  struct err *err)
{
    return engine_record(k->engine, k->actor, action, source_words(k), k->source->spec.name, from, to, reason, err);
}

/* ---- its pipelines ---------------------------------------------------------------------------------------------- */

static void add_name_problem(struct taking *k, struct read_file *file, const char *words)
{
    json_push(k->arena, &file->problems, source_problem(file->file.path, words, k->arena));
}

/* Names are unique in a home. */
static int check_name(struct taking *k, struct read_file *file, struct str_index *names, struct err *err)
{
    struct pipeline_in_force row;
    size_t number = (size_t)(file - k->files);
    /* One that does not validate has no name to take from others. */
    struct str name = str_from(file->pipeline == NULL ? arena_printf(k->arena, "/%zu", number) : file->name);
    size_t first = str_index_add(names, name);
    if (file->pipeline == NULL) {
        return 0;
    }
    if (first != number) {
        add_name_problem(k, file,
                         arena_printf(k->arena,
                                      "'%s' is also what %s is called: names of pipelines are unique in a home",
                                      file->name, k->files[first].file.path));
        return 0;
    }
    int found = store_in_force_find(k->t->options.store, file->name, k->arena, &row, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1 && strcmp(row.source, k->source->spec.name) != 0) {
        add_name_problem(k, file,
                         arena_printf(k->arena,
                                      "a pipeline '%s' is in force already, from %s: names of pipelines are unique in "
                                      "a home",
                                      file->name, row.file));
    }
    return 0;
}

/* Of what was read in turns before this one, what depends on what else is in force. */
static int take_files(struct taking *k, struct err *err)
{
    const struct reading *reading = k->source->reading;
    const char *refused = json_get_text(k->fetch, "refused", NULL);
    k->problems = json_array();
    k->files = reading->files;
    k->count = reading->count;
    k->unread = reading->unread;
    k->paths = str_index_new(k->arena, k->count);
    struct str_index *names = str_index_new(k->arena, k->count);
    if (refused != NULL) {
        json_push(k->arena, &k->problems, source_problem("", refused, k->arena));
        return 0;
    }
    if (k->count == 0) {
        const char *path = k->source->spec.path;
        const char *words = arena_printf(k->arena, "the commit has no pipeline: expected %s",
                                         *path == '\0'
                                             ? "sluice.yaml, pipelines/NAME.yaml or pipelines/NAME/sluice.yaml"
                                             : path);
        json_push(k->arena, &k->problems, source_problem(path, words, k->arena));
    }
    if (k->unread == NULL && !fs_is_folder(reading->checkout)) {
        k->unread = "the commit's files were removed while they were read";
    }
    for (size_t i = 0; k->unread == NULL && i < k->count; i++) {
        (void)str_index_add(k->paths, str_from(k->files[i].file.path));
        if (check_name(k, &k->files[i], names, err) < 0) {
            return -1;
        }
        for (size_t p = 0; p < k->files[i].problems.u.array.count; p++) {
            json_push(k->arena, &k->problems, k->files[i].problems.u.array.items[p]);
        }
    }
    return 0;
}

/* ---- refused ---------------------------------------------------------------------------------------------------- */

/* "pipelines/a.yaml:7: unknown key 'stpes', and 2 more" */
static const char *problem_words(const struct taking *k)
{
    const struct json *first = &k->problems.u.array.items[0];
    const char *file = json_get_text(first, "file", "");
    int64_t line = json_get_int(first, "line", 0);
    size_t more = k->problems.u.array.count - 1;
    const char *place = *file == '\0' ? ""
                        : line == 0   ? arena_printf(k->arena, "%s: ", file)
                                      : arena_printf(k->arena, "%s:%lld: ", file, (long long)line);
    const char *words = arena_printf(k->arena, "%s%s", place, json_get_text(first, "message", ""));
    return more == 0 ? words : arena_printf(k->arena, "%s, and %zu more", words, more);
}

static const char *with_page(const struct taking *k, const char *words)
{
    const char *page = source_commit_page(k->source->spec.url, k->source->spec.page, k->commit, k->arena);
    return page == NULL ? words : arena_printf(k->arena, "%s (%s)", words, page);
}

static int forget_refused(struct taking *k, struct err *err)
{
    struct refused_file *rows = NULL;
    size_t count = 0;
    struct store *store = k->t->options.store;
    if (store_refused_list(store, k->source->spec.name, k->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (store_refused_remove(store, rows[i].source, rows[i].path, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int refuse(struct taking *k, const char **ret_words, struct err *err)
{
    const char *problems = json_text(k->arena, &k->problems).p;
    bool known = strcmp(k->row.seen, k->commit) == 0 && strcmp(k->row.problems, problems) == 0;
    if (forget_refused(k, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < k->count; i++) {
        struct refused_file row = {
            .source = k->source->spec.name,
            .path = k->files[i].file.path,
            .name = k->files[i].name,
            .problems = json_text(k->arena, &k->files[i].problems).p,
            .stamp = k->files[i].file.stamp,
            .since_ms = engine_time(k->engine),
        };
        if (k->files[i].problems.u.array.count > 0 && store_refused_put(k->t->options.store, &row, err) < 0) {
            return -1;
        }
    }
    const char *words = with_page(k, problem_words(k));
    *ret_words = arena_printf(k->arena, "refused: %s", words);
    k->row.problems = problems;
    k->source->is_refused = true;
    if (known) {
        return 0;
    }
    log_warn("sources", "%s: commit %.12s is refused, and what was in force stays: %s", k->source->spec.name, k->commit,
             words);
    return record(k, "source.refused", k->row.in_force, k->commit, words, err);
}

/* ---- in force --------------------------------------------------------------------------------------------------- */

static const struct read_file *file_of(const struct taking *k, const char *path)
{
    ptrdiff_t at = str_index_find(k->paths, str_from(path));
    return at < 0 ? NULL : &k->files[at];
}

/* What is not in the commit any more, or is called otherwise in it; also so that names can be exchanged. */
static int end_others(struct taking *k, struct err *err)
{
    struct pipeline_in_force *rows = NULL;
    size_t count = 0;
    if (store_in_force_list(k->t->options.store, k->source->spec.name, k->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct read_file *now = file_of(k, rows[i].path);
        bool same = now != NULL && strcmp(now->name, rows[i].name) == 0;
        if (!same && in_force_end(k->t, k->engine, &rows[i], k->actor, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_files(struct taking *k, struct err *err)
{
    for (size_t i = 0; i < k->count; i++) {
        const struct read_file *file = &k->files[i];
        struct pipeline_in_force row;
        int found =
            store_in_force_of_file(k->t->options.store, file->file.source, file->file.path, k->arena, &row, err);
        bool same = found == 1 && strcmp(row.stamp, file->file.stamp) == 0 && strcmp(row.git, file->file.git) == 0 &&
                    strcmp(row.file, file->file.file) == 0 && strcmp(row.workspace, file->file.workspace) == 0;
        if (found < 0 ||
            (!same && in_force_put(k->t, k->engine, &file->file, file->pipeline, k->actor, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* With the definitions of the commit, which are in force now. */
static int fire_pushes(struct taking *k, struct err *err)
{
    struct store *store = k->t->options.store;
    const struct json *told = json_get(k->fetch, "push");
    struct push push = {.source = k->source->spec.name,
                        .repo = k->repo,
                        .branch = k->row.at_branch,
                        .after = k->commit,
                        .told = told};
    if (told == NULL || told->type != JSON_OBJECT) {
        return 0;
    }
    for (size_t i = 0; i < k->count; i++) {
        struct subscription row;
        struct trigger_row fired;
        int found = store_subscription_find(store, "push", k->files[i].name, k->arena, &row, err);
        if (found < 0) {
            return -1;
        }
        struct json settings = found == 0 ? json_object() : read_json(row.settings, JSON_OBJECT, k->arena);
        if (found == 0 || !push_is_wanted(&settings, &push)) {
            continue;
        }
        const struct trigger_event event = {
            .pipeline = k->files[i].name,
            .kind = "push",
            .trigger_id = "push",
            .key = arena_printf(k->arena, "%s %s", k->source->spec.name, k->commit),
            .event = push_event(&push, k->arena),
            .actor = k->actor,
        };
        if (trigger_fire(k->t, k->engine, &event, &fired, err) < 0) {
            return -1;
        }
        engine_crash_point(k->engine, "in_push");
    }
    return 0;
}

static int put_in_force(struct taking *k, const char **ret_words, struct err *err)
{
    const char *before = k->row.in_force;
    bool new = strcmp(before, k->commit) != 0;
    if (forget_refused(k, err) < 0 || end_others(k, err) < 0 || put_files(k, err) < 0) {
        return -1;
    }
    k->row.problems = "[]";
    k->row.in_force = k->commit;
    k->row.since_ms = new ? engine_time(k->engine) : k->row.since_ms;
    k->source->is_refused = false;
    const char *words = arena_printf(k->arena, "%zu pipeline%s", k->count, k->count == 1 ? "" : "s");
    *ret_words = arena_printf(k->arena, "%s in force: %s", new ? "" : "still", words);
    *ret_words = new ? arena_printf(k->arena, "in force: %s", words) : *ret_words;
    if (!new) {
        return 0;
    }
    log_info("sources", "%s: commit %.12s is in force, with %s", k->source->spec.name, k->commit, words);
    return record(k, "source.in_force", before, k->commit, with_page(k, words), err) < 0 ? -1 : fire_pushes(k, err);
}

/* ---- what came -------------------------------------------------------------------------------------------------- */

static const char *about_of(const struct taking *k)
{
    struct json about = json_object();
    json_add(k->arena, &about, "author", json_cstring(k->arena, json_get_text(k->fetch, "author", "")));
    json_add(k->arena, &about, "message", json_cstring(k->arena, json_get_text(k->fetch, "message", "")));
    json_add(k->arena, &about, "at_ms", json_int(json_get_int(k->fetch, "at_ms", 0)));
    return json_text(k->arena, &about).p;
}

static int look_at(struct taking *k, const char **ret_words, struct err *err)
{
    int result = k->problems.u.array.count > 0 ? refuse(k, ret_words, err) : put_in_force(k, ret_words, err);
    k->row.seen = k->commit;
    k->row.about = about_of(k);
    engine_crash_point(k->engine, "in_source");
    return result;
}

static int take_failure(struct taking *k, const char *words, struct err *err)
{
    int64_t now_ms = engine_time(k->engine);
    bool first = k->row.failures == 0;
    k->row.error = words;
    k->row.failures++;
    k->row.failing_ms = first ? now_ms : k->row.failing_ms;
    if (!first) {
        return 0;
    }
    log_error("sources", "%s cannot be fetched, and what is in force stays: %s", k->source->spec.name, words);
    return record(k, "source.failed", "", "", words, err);
}

static int take_success(struct taking *k, struct err *err)
{
    bool failed = k->row.failures > 0;
    k->row.error = "";
    k->row.failures = k->row.failing_ms = 0;
    k->row.fetched_ms = engine_time(k->engine);
    if (!failed) {
        return 0;
    }
    log_info("sources", "%s can be fetched again", k->source->spec.name);
    return record(k, "source.recovered", "", "", "", err);
}

static int take_fetch(struct taking *k, const char *failure, const char **ret_words, struct err *err)
{
    bool looked = failure == NULL && k->source->reading != NULL;
    k->row.tried_ms = engine_time(k->engine);
    if (failure == NULL) {
        k->row.at_branch = json_get_text(k->fetch, "branch", "");
    }
    if (looked) {
        k->source->looked_ms = engine_time(k->engine);
        if (take_files(k, err) < 0) {
            return -1;
        }
    }
    *ret_words = failure != NULL ? failure : k->unread != NULL ? k->unread : "nothing new";
    if (failure != NULL || k->unread != NULL) {
        return take_failure(k, *ret_words, err);
    }
    return take_success(k, err) < 0 ? -1 : looked ? look_at(k, ret_words, err) : 0;
}

/* Those of commits that are nowhere any more are asked for once. */
static int take_pins(struct taking *k, const struct json *answer, struct err *err)
{
    const struct json *pinned = json_get(answer, "pinned");
    struct source_run *runs = NULL;
    size_t count = 0;
    struct store *store = k->t->options.store;
    if (pinned == NULL || pinned->type != JSON_ARRAY) {
        return 0;
    }
    for (size_t i = 0; i < pinned->u.array.count; i++) {
        const struct json *run = &pinned->u.array.items[i];
        if (run->type == JSON_STRING && store_source_run_pinned(store, run->u.string.p, err) < 0) {
            return -1;
        }
    }
    if (store_source_runs_unpinned(store, k->source->spec.name, 1, k->arena, &runs, &count, err) < 0) {
        return -1;
    }
    k->source->unpinned = count > 0;
    return 0;
}

int source_take(struct sources *sources, struct source *source, struct engine *engine, const struct json *answer,
                const char **ret_words, const char **ret_commit, bool *ret_failed, struct err *err)
{
    struct taking k = {.sources = sources,
                       .t = sources->triggers,
                       .source = source,
                       .engine = engine,
                       .arena = engine_arena(engine),
                       .fetch = json_get(answer, "fetch")};
    bool has_fetch = k.fetch != NULL && k.fetch->type == JSON_OBJECT;
    const char *failure = json_get_text(answer, "error", has_fetch || !source->fetches ? NULL
                                                         : "sluice-git ended without an answer");
    k.commit = has_fetch ? json_get_text(k.fetch, "commit", "") : "";
    k.repo = source_repo(source->spec.url, k.arena);
    k.actor = arena_printf(k.arena, "source %s", source->spec.name);
    *ret_words = "";
    *ret_commit = k.commit;
    *ret_failed = failure != NULL;
    if (engine_write(engine, err) < 0 || source_row_of(sources, source, k.arena, &k.row, err) < 0 ||
        (source->fetches && take_fetch(&k, failure, ret_words, err) < 0) || take_pins(&k, answer, err) < 0) {
        return -1;
    }
    *ret_failed = *ret_failed || k.unread != NULL;
    return source->fetches ? store_source_put(k.t->options.store, &k.row, err) : 0;
}

/* ---- those that are gone ---------------------------------------------------------------------------------------- */

static int take_out(struct sources *sources, struct engine *engine, const struct source_row *row, struct err *err)
{
    struct triggers *t = sources->triggers;
    struct arena *arena = engine_arena(engine);
    struct pipeline_in_force *rows = NULL;
    struct refused_file *refused = NULL;
    size_t count = 0;
    size_t refused_count = 0;
    if (engine_write(engine, err) < 0 ||
        store_in_force_list(t->options.store, row->name, arena, &rows, &count, err) < 0 ||
        store_refused_list(t->options.store, row->name, arena, &refused, &refused_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (in_force_end(t, engine, &rows[i], "sluice", err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < refused_count; i++) {
        if (store_refused_remove(t->options.store, row->name, refused[i].path, err) < 0) {
            return -1;
        }
    }
    return store_source_remove(t->options.store, row->name, err) < 0
               ? -1
               : engine_record(engine, "sluice", "source.removed", arena_printf(arena, "source %s", row->name),
                               row->name, row->in_force, "", "config.yaml has it no more", err);
}

int sources_take_out(struct sources *sources, struct engine *engine, struct err *err)
{
    struct source_row *rows = NULL;
    size_t count = 0;
    if (store_source_list(sources->triggers->options.store, engine_arena(engine), &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (sources_find(sources, rows[i].name) == NULL && take_out(sources, engine, &rows[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}
