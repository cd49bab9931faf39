/* SPDX-License-Identifier: Apache-2.0
 * What an answer of sluice-git comes to: a commit in force, or refused.
 */
#include "base/fs.h"
#include "base/log.h"
#include "base/str_index.h"
#include "store/coming.h"
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
};

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

/* What other sources have in force, by name. */
struct others {
    struct pipeline_in_force *rows;
    struct str_index *names;
};

static int read_others(const struct taking *k, struct others *ret, struct err *err)
{
    size_t count = 0;
    const char *source = k->source->spec.name;
    if (store_in_force_of_others(k->t->options.store, source, k->arena, &ret->rows, &count, err) < 0) {
        return -1;
    }
    ret->names = str_index_new(k->arena, count);
    for (size_t i = 0; i < count; i++) {
        (void)str_index_add(ret->names, str_from(ret->rows[i].name));
    }
    return 0;
}

/* Names are unique in a home. */
static void check_name(struct taking *k, struct read_file *file, struct str_index *names, const struct others *others)
{
    size_t number = (size_t)(file - k->files);
    /* One that does not validate has no name to take from others. */
    struct str name = str_from(file->pipeline == NULL ? arena_printf(k->arena, "/%zu", number) : file->name);
    size_t first = str_index_add(names, name);
    if (file->pipeline == NULL) {
        return;
    }
    if (first != number) {
        add_name_problem(k, file,
                         arena_printf(k->arena,
                                      "'%s' is also what %s is called: names of pipelines are unique in a home",
                                      file->name, k->files[first].file.path));
        return;
    }
    ptrdiff_t other = str_index_find(others->names, name);
    if (other >= 0) {
        add_name_problem(k, file,
                         arena_printf(k->arena,
                                      "a pipeline '%s' is in force already, from %s: names of pipelines are unique in "
                                      "a home",
                                      file->name, others->rows[other].file));
    }
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
    struct others others;
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
    if (read_others(k, &others, err) < 0) {
        return -1;
    }
    for (size_t i = 0; k->unread == NULL && i < k->count; i++) {
        check_name(k, &k->files[i], names, &others);
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

static int refuse(struct taking *k, const char **ret_words, struct err *err)
{
    const char *problems = json_text(k->arena, &k->problems).p;
    bool known = strcmp(k->row.seen, k->commit) == 0 && strcmp(k->row.problems, problems) == 0;
    if (store_refused_clear(k->t->options.store, k->source->spec.name, err) < 0) {
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

/* What pipelines are told of a push; "{}": there was none. */
static const char *push_of(const struct taking *k, bool new)
{
    struct json push = json_object();
    const struct json *told = json_get(k->fetch, "push");
    if (new && told != NULL && told->type == JSON_OBJECT) {
        json_add(k->arena, &push, "repo", json_cstring(k->arena, k->repo));
        json_add(k->arena, &push, "branch", json_cstring(k->arena, k->row.at_branch));
        json_add(k->arena, &push, "after", json_cstring(k->arena, k->commit));
        json_add(k->arena, &push, "told", *told);
    }
    return json_text(k->arena, &push).p;
}

/* All that was written of it counts from here on. */
static int let_count(struct taking *k, bool new, struct err *err)
{
    if (!k->source->reading->writes) {
        return 0;
    }
    triggers_forget(k->t);
    return store_coming_counts(k->t->options.store, k->source->spec.name, engine_time(k->engine), push_of(k, new), err);
}

static int put_in_force(struct taking *k, const char **ret_words, struct err *err)
{
    const char *before = k->row.in_force;
    bool new = strcmp(before, k->commit) != 0;
    if (store_refused_clear(k->t->options.store, k->source->spec.name, err) < 0 || let_count(k, new, err) < 0) {
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
    return record(k, "source.in_force", before, k->commit, with_page(k, words), err);
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
    struct store *store = t->options.store;
    triggers_forget(t);
    t->settling = true;
    return engine_write(engine, err) < 0 ||
                   store_coming_none(store, row->name, "sluice", engine_time(engine), err) < 0 ||
                   store_refused_clear(store, row->name, err) < 0 || store_source_remove(store, row->name, err) < 0
               ? -1
               : engine_record(engine, "sluice", "source.removed",
                               arena_printf(engine_arena(engine), "source %s", row->name), row->name, row->in_force, "",
                               "config.yaml has it no more", err);
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
