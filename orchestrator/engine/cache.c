/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "digest/stamp.h"
#include "engine/cache_key.h"
#include "engine/file_digest.h"
#include "run/part_changes.h"
#include "store/cache.h"
#include "store/models.h"
#include "store/published.h"
#include "store/runs.h"

enum { ENTRIES_COMPARED = 20 };

struct lookup {
    struct engine *engine;
    struct open_run *open;
    struct run_place place;
    const struct step *step;
    struct arena *arena;
    struct cache_key key;
    struct run_item kept;
    struct json decision;
};

static struct lookup lookup_of(struct engine *engine, struct open_run *open, struct run_place place)
{
    return (struct lookup){
        .engine = engine,
        .open = open,
        .place = place,
        .step = run_step_at(open->run, place),
        .arena = engine->turn,
        .decision = json_object(),
    };
}

static void say(struct lookup *l, const char *key, const char *text)
{
    json_set(l->arena, &l->decision, key, json_cstring(l->arena, text));
}

/* ---- is the result still whole? ---------------------------------------------------------------------------------- */

/* Files below a folder that was published as one thing are what they were while its stamp is the one that was
 * recorded: then nothing is read. `*sure` is the last path of which that is known. */
static int is_stamped(struct lookup *l, const char *owner, const char *folder, const char *path, const char **sure,
                      struct err *err)
{
    size_t above = strlen(folder);
    if (*sure != NULL && strncmp(path, *sure, strlen(*sure)) == 0 && strchr("/", path[strlen(*sure)]) != NULL) {
        return 1;
    }
    for (size_t n = strlen(path); n >= above; n--) {
        struct published_row row;
        if (path[n] != '/' && path[n] != '\0') {
            continue;
        }
        const char *part = arena_str(l->arena, (struct str){path, n}).p;
        int found = store_published_get(l->engine->options.store, owner, part, l->arena, &row, err);
        if (found < 0) {
            return -1;
        }
        if (found == 1) {
            bool same = row.stamp[0] != '\0' && strcmp(row.stamp, stamp_take(part, l->arena)) == 0;
            *sure = same ? part : *sure;
            return same ? 1 : 0;
        }
    }
    return 0;
}

/* Every file that `owner` has published is as it was recorded: 1; 0 with the reason in `*ret_why`. */
static int files_are_whole(struct lookup *l, const char *owner, const char *folder, const char **ret_why,
                           struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    const char *sure = NULL;
    struct store *store = l->engine->options.store;
    if (store_artifact_list(store, owner, l->arena, &files, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(l->arena, folder, files[i].path);
        struct digest digest;
        struct err wrong = {0};
        if (!fs_is_file(path)) {
            *ret_why = arena_printf(l->arena, "its file '%s' is gone", files[i].path);
            return 0;
        }
        int stamped = is_stamped(l, owner, folder, path, &sure, err);
        if (stamped != 0) {
            if (stamped < 0) {
                return -1;
            }
            continue;
        }
        if (file_digest(store, path, engine_now(l->engine), &digest, &wrong) < 0) {
            if (store_has_failed(&wrong)) {
                *err = wrong;
                return -1;
            }
            *ret_why = arena_strdup(l->arena, wrong.message);
            return 0;
        }
        if (!digest_equal(digest.hex, files[i].sha256)) {
            *ret_why = arena_printf(l->arena, "its file '%s' is not what it was", files[i].path);
            return 0;
        }
    }
    return 1;
}

static int model_is_whole(struct lookup *l, const char **ret_why, struct err *err)
{
    struct logged_model model;
    struct err wrong = {0};
    const char *id = l->kept.model_id;
    if (id == NULL) {
        return 1;
    }
    if (store_model_get(l->engine->options.store, id, l->arena, &model, &wrong) < 0) {
        if (wrong.code != ERR_NOT_FOUND) {
            *err = wrong;
            return -1;
        }
        *ret_why = arena_printf(l->arena, "its model %s is gone", id);
        return 0;
    }
    if (model.status != MODEL_STATUS_READY) {
        *ret_why = arena_printf(l->arena, "its model %s is %s", id, model_status_name(model.status));
        return 0;
    }
    return files_are_whole(l, id, model.artifact_uri, ret_why, err);
}

static int run_is_whole(struct lookup *l, const char **ret_why, struct err *err)
{
    struct run_info info;
    struct err wrong = {0};
    const char *id = l->kept.step_run_id;
    if (id == NULL || store_run_get(l->engine->options.store, id, l->arena, &info, &wrong) < 0) {
        if (id != NULL && store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        *ret_why = "its record is gone";
        return 0;
    }
    return files_are_whole(l, id, info.artifact_uri, ret_why, err);
}

/* Declared artifacts are found by path: a folder of no files has no row. */
static bool paths_exist(struct lookup *l, const char **ret_why)
{
    const struct json *artifacts = &l->kept.artifacts;
    for (size_t i = 0; artifacts->type == JSON_OBJECT && i < artifacts->u.object.count; i++) {
        const struct json *path = &artifacts->u.object.members[i].value;
        if (path->type == JSON_STRING && !fs_exists(path->u.string.p)) {
            *ret_why =
                arena_printf(l->arena, "its artifact '%.*s' is gone", STR_ARG(artifacts->u.object.members[i].key));
            return false;
        }
    }
    return true;
}

/* ---- the entry --------------------------------------------------------------------------------------------------- */

/* The number of the entry's run; NULL when it is no more. */
static int label_of(struct lookup *l, const char *run_id, const char **ret_label, struct err *err)
{
    struct pipeline_run row;
    struct err wrong = {0};
    char label[32];
    *ret_label = NULL;
    if (store_pipeline_run_get(l->engine->options.store, run_id, l->arena, &row, &wrong) < 0) {
        if (store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        return 0;
    }
    pipeline_run_label(&row, label);
    *ret_label = arena_strdup(l->arena, label);
    return 0;
}

static const char *entry_words(struct lookup *l, const char *label)
{
    return arena_printf(l->arena, "%s/%.*s", label, STR_ARG(l->step->id));
}

static bool is_too_old(struct lookup *l, const struct cache_entry *entry, const char *label)
{
    char age[40];
    char most[40];
    int64_t age_ms = engine_now(l->engine) - entry->created_ms;
    int64_t max_ms = l->step->cache->max_age_ms;
    if (max_ms == 0 || age_ms <= max_ms) {
        return false;
    }
    format_duration(age, sizeof age, age_ms);
    format_duration(most, sizeof most, max_ms);
    say(l, "why",
        arena_printf(l->arena, "the result of %s is %s old, max_age is %s", entry_words(l, label), age, most));
    return true;
}

/* 1: l->kept is the result, and it is whole. */
static int take_entry(struct lookup *l, const struct cache_entry *entry, struct err *err)
{
    const char *label = NULL;
    const char *why = NULL;
    if (label_of(l, entry->run_id, &label, err) < 0) {
        return -1;
    }
    if (label == NULL) {
        say(l, "why", "the run whose result was kept is no more");
        return 0;
    }
    say(l, "from", label);
    say(l, "run_id", entry->run_id);
    if (is_too_old(l, entry, label)) {
        return 0;
    }
    int found = store_item_get(l->engine->options.store, entry->run_id, entry->place, l->arena, &l->kept, err);
    int whole = found < 0                                             ? -1
                : found == 0 || l->kept.state != STEP_STATE_SUCCEEDED ? (why = "its record is gone", 0)
                                                                      : run_is_whole(l, &why, err);
    whole = whole == 1 ? model_is_whole(l, &why, err) : whole;
    whole = whole == 1 && !paths_exist(l, &why) ? 0 : whole;
    if (whole == 0) {
        say(l, "why", arena_printf(l->arena, "the result of %s is no longer whole: %s", entry_words(l, label), why));
    }
    return whole;
}

/* ---- what is another than it was --------------------------------------------------------------------------------- */

static const char *matrix_text(const struct lookup *l)
{
    struct strbuf text;
    strbuf_init(&text, (size_t)1 << 30);
    json_write_canonical(&text, &run_item_at(l->open->run, l->place)->matrix);
    const char *kept = arena_str(l->arena, strbuf_str(&text)).p;
    strbuf_clear(&text);
    return kept;
}

/* The newest of the earlier entries that differ least; another item of the matrix is another question. */
static int compare(struct lookup *l, struct err *err)
{
    struct store *store = l->engine->options.store;
    struct cache_entry *entries = NULL;
    size_t count = 0;
    size_t least = SIZE_MAX;
    const struct cache_entry *nearest = NULL;
    struct json differing = json_array();
    if (store_cache_list(store, l->open->row.pipeline, arena_str(l->arena, l->step->id).p, matrix_text(l),
                         ENTRIES_COMPARED, l->arena, &entries, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct step_key before;
        struct json parts;
        int found = store_step_key_get(store, entries[i].run_id, entries[i].place, l->arena, &before, err);
        if (found < 0) {
            return -1;
        }
        if (found == 0 || json_read(str_from(before.parts), (struct json_limits){0}, l->arena, &parts, NULL) < 0) {
            continue;
        }
        struct json changes = part_changes(&parts, &l->key.parts, l->arena);
        size_t distance = changes.u.array.count;
        if (distance < least) {
            least = distance;
            nearest = &entries[i];
            differing = changes;
        }
    }
    const char *label = NULL;
    if (nearest != NULL && label_of(l, nearest->run_id, &label, err) < 0) {
        return -1;
    }
    if (label == NULL) {
        say(l, "why", l->step->matrix != NULL ? "nothing of this item has been kept yet"
                                          : "nothing of this step has been kept yet");
        return 0;
    }
    say(l, "compared_with", label);
    json_set(l->arena, &l->decision, "changes", differing);
    say(l, "why",
        arena_printf(l->arena, "since %s: %s", entry_words(l, label), part_changes_words(&differing, l->arena)));
    return 0;
}

/* ---- deciding ---------------------------------------------------------------------------------------------------- */

static int record(struct lookup *l, const char *outcome, struct err *err)
{
    say(l, "outcome", outcome);
    struct step_key row = {
        .run_id = l->open->row.run_id,
        .place = l->place,
        .key = l->key.key.hex,
        .parts = json_text(l->arena, &l->key.parts).p,
        .files = json_text(l->arena, &l->key.files).p,
        .decision = json_text(l->arena, &l->decision).p,
    };
    return store_step_key_put(l->engine->options.store, &row, err);
}

static int find(struct lookup *l, struct err *err)
{
    struct cache_entry entry;
    if (json_get_bool(&l->open->contexts, "no_cache", false)) {
        say(l, "why", "--no-cache");
        return 0;
    }
    if (str_is(l->step->id, json_get_text(&l->open->contexts, "fresh", ""))) {
        say(l, "why", "it was asked for by name");
        return 0;
    }
    int found = store_cache_get(l->engine->options.store, l->key.key.hex, l->arena, &entry, err);
    return found < 0 ? -1 : found == 1 ? take_entry(l, &entry, err) : compare(l, err);
}

/* On the pipeline's own MLflow run, since there is no nested one. */
static int tag(struct lookup *l, const char *label, struct err *err)
{
    const char *key = l->kept.key;
    const char *name =
        arena_printf(l->arena, "sluice.reused.%.*s%s%s", STR_ARG(l->step->id), *key == '\0' ? "" : ".", key);
    return store_run_tag(l->engine->options.store, l->open->row.run_id, name,
                         arena_printf(l->arena, "%s, MLflow run %s", entry_words(l, label), l->kept.step_run_id), err);
}

int cache_reuse(struct engine *engine, struct open_run *open, struct run_place place, struct err *err)
{
    struct lookup l = lookup_of(engine, open, place);
    struct err wrong = {0};
    if (cache_key_make(engine, open, place, l.arena, &l.key, &wrong) < 0) {
        if (store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        l.key = (struct cache_key){.parts = json_object(), .files = json_object()};
        say(&l, "why", arena_printf(l.arena, "what it is given cannot be told: %s", wrong.message));
        return record(&l, "ran", err);
    }
    int whole = find(&l, err);
    if (whole <= 0) {
        return whole < 0 ? -1 : record(&l, "ran", err);
    }
    const char *label = json_get_text(&l.decision, "from", "");
    struct run_item *item = run_item_at(open->run, place);
    memcpy(l.kept.key, item->key, sizeof l.kept.key);
    struct run_event event = {
        .kind = RUN_EVENT_REUSED, .place = place, .now_ms = engine_now(engine), .kept = &l.kept, .kept_from = label};
    say(&l, "step_run_id", l.kept.step_run_id);
    return tag(&l, label, err) < 0 || record(&l, "reused", err) < 0 || open_run_apply(engine, open, &event, err) < 0
               ? -1
               : 1;
}

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

/* The file that is another now; NULL: none. */
static int changed_file(struct lookup *l, const struct json *files, const char **ret_changed, struct err *err)
{
    *ret_changed = NULL;
    for (size_t i = 0; files->type == JSON_OBJECT && i < files->u.object.count && *ret_changed == NULL; i++) {
        const struct json_member *file = &files->u.object.members[i];
        struct digest digest;
        struct err wrong = {0};
        int result = file_digest(l->engine->options.store, file->key.p, engine_now(l->engine), &digest, &wrong);
        if (result < 0 && store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        if (result < 0 || file->value.type != JSON_STRING || !str_is(file->value.u.string, digest.hex)) {
            *ret_changed = file->key.p;
        }
    }
    return 0;
}

static int keep(struct lookup *l, struct step_key *row, struct err *err)
{
    const char *changed = NULL;
    struct json files = json_object();
    if (json_read(str_from(row->files), (struct json_limits){0}, l->arena, &files, err) < 0 ||
        json_read(str_from(row->decision), (struct json_limits){0}, l->arena, &l->decision, err) < 0 ||
        changed_file(l, &files, &changed, err) < 0) {
        return -1;
    }
    if (changed != NULL) {
        log_warn("engine", "the result of step '%.*s' is not kept: '%s' changed while it ran", STR_ARG(l->step->id),
                 changed);
        say(l, "not_kept", arena_printf(l->arena, "'%s' changed while it ran", changed));
    }
    json_set(l->arena, &l->decision, "kept", json_bool(changed == NULL));
    row->decision = json_text(l->arena, &l->decision).p;
    struct cache_entry entry = {
        .key = row->key,
        .pipeline = l->open->row.pipeline,
        .step = arena_str(l->arena, l->step->id).p,
        .run_id = l->open->row.run_id,
        .place = l->place,
        .matrix = matrix_text(l),
        .created_ms = engine_now(l->engine),
    };
    return store_step_key_put(l->engine->options.store, row, err) < 0 ||
                   (changed == NULL && store_cache_put(l->engine->options.store, &entry, err) < 0)
               ? -1
               : 0;
}

int cache_keep(struct engine *engine, struct open_run *open, struct run_place place, struct err *err)
{
    struct lookup l = lookup_of(engine, open, place);
    struct step_key row;
    int found = store_step_key_get(engine->options.store, open->row.run_id, place, l.arena, &row, err);
    return found == 1 && row.key[0] != '\0' ? keep(&l, &row, err) : found < 0 ? -1 : 0;
}
