/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/survey.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/str_index.h"
#include "digest/stamp.h"
#include "gc/disk.h"

#include <ctype.h>

enum { ID_DIGITS = 32 };

struct surveying {
    struct store *store;
    struct gc_survey *survey;
    struct gc_ids ids;
    size_t id_room;
    struct arena *arena;
};

const char *gc_run_folder(const char *home, const char *run_id, struct arena *arena)
{
    return path_join(arena, path_join(arena, home, "runs"), run_id);
}

/* ---- ids -------------------------------------------------------------------------------------------------------- */

/* Its number, with room for what is known of it. */
static size_t add_id(struct surveying *s, const char *id)
{
    size_t before = s->id_room;
    size_t at = str_index_add(s->ids.index, str_from(id));
    if (at < before) {
        return at;
    }
    size_t room = at < 64 ? 128 : at * 2;
    size_t *runs = arena_array(s->arena, room, sizeof *runs);
    struct gc_owner **owners = arena_array(s->arena, room, sizeof(struct gc_owner *));
    size_t *deleted = arena_array(s->arena, room, sizeof *deleted);
    bool *keeps = arena_array(s->arena, room, sizeof *keeps);
    for (size_t i = 0; i < room; i++) {
        runs[i] = i < before ? s->ids.run[i] : SIZE_MAX;
        owners[i] = i < before ? s->ids.owner[i] : NULL;
        deleted[i] = i < before ? s->ids.deleted[i] : SIZE_MAX;
        keeps[i] = i < before && s->ids.keeps_files[i];
    }
    s->ids.run = runs;
    s->ids.owner = owners;
    s->ids.deleted = deleted;
    s->ids.keeps_files = keeps;
    s->id_room = room;
    return at;
}

static size_t run_of_id(const struct surveying *s, struct str id, struct gc_owner **ret_owner)
{
    ptrdiff_t at = str_index_find(s->ids.index, id);
    if (ret_owner != NULL) {
        *ret_owner = at < 0 ? NULL : s->ids.owner[at];
    }
    return at < 0 ? SIZE_MAX : s->ids.run[at];
}

/* ---- runs and what they own ------------------------------------------------------------------------------------- */

static size_t root_of(const struct holding_run *rows, size_t i, const struct str_index *by_id)
{
    for (int depth = 0; rows[i].parent_run != NULL && depth < 1000; depth++) {
        ptrdiff_t parent = str_index_find(by_id, str_from(rows[i].parent_run));
        if (parent < 0) {
            break;
        }
        i = (size_t)parent;
    }
    return i;
}

static const char *label_of(const struct holding_run *row, struct arena *arena)
{
    return row->revision > 1 ? arena_printf(arena, "%s/%lld.%lld", row->pipeline, (long long)row->number,
                                            (long long)row->revision)
                             : arena_printf(arena, "%s/%lld", row->pipeline, (long long)row->number);
}

static void add_member(struct surveying *s, size_t run, const struct holding_run *row)
{
    struct gc_members *members = &s->survey->members[run];
    members->run_ids = arena_grow(s->arena, members->run_ids, members->run_count, &members->run_room,
                                  sizeof *members->run_ids);
    members->run_ids[members->run_count++] = row->run_id;
    s->survey->runs[run].open = s->survey->runs[run].open || row->open;
    s->survey->runs[run].leaving = s->survey->runs[run].leaving || row->leaving;
    size_t at = add_id(s, row->run_id);
    s->ids.run[at] = run;
}

/* Roots become runs, in the order of their age; then each row becomes a member of its root. */
static int take_runs(struct surveying *s, struct err *err)
{
    struct holding_run *rows = NULL;
    size_t count = 0;
    struct gc_survey *survey = s->survey;
    if (store_holding_runs(s->store, s->arena, &rows, &count, err) < 0) {
        return -1;
    }
    struct str_index *by_id = str_index_new(s->arena, count);
    struct str_index *pipelines = str_index_new(s->arena, 64);
    size_t *number = arena_array(s->arena, count, sizeof *number);
    size_t *last_good = arena_array(s->arena, count, sizeof *last_good); /* of each pipeline, plus one */
    survey->runs = arena_array(s->arena, count, sizeof *survey->runs);
    survey->members = arena_array(s->arena, count, sizeof *survey->members);
    for (size_t i = 0; i < count; i++) {
        (void)str_index_add(by_id, str_from(rows[i].run_id));
    }
    for (size_t i = 0; i < count; i++) {
        if (root_of(rows, i, by_id) == i) {
            number[i] = survey->run_count++;
            survey->runs[number[i]] = (struct gc_run){
                .label = label_of(&rows[i], s->arena), .pipeline = rows[i].pipeline, .ended_ms = rows[i].ended_ms};
            size_t name = str_index_add(pipelines, str_from(rows[i].pipeline));
            last_good[name] = rows[i].succeeded ? number[i] + 1 : last_good[name];
            add_member(s, number[i], &rows[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t root = root_of(rows, i, by_id);
        if (root != i) {
            add_member(s, number[root], &rows[i]);
        }
        if (last_good[i] > 0) {
            survey->runs[last_good[i] - 1].last_good = true;
        }
    }
    return 0;
}

/* The folder of its own that an artifact folder lies in, when that is below the home's artifacts. A home that was moved
 * has rows that name another place: nothing is removed there. */
static const char *owner_folder(struct surveying *s, const struct holding_owner *row)
{
    const char *artifacts = path_join(s->arena, s->survey->home, "artifacts/");
    const char *folder = path_dir(s->arena, row->artifact_uri);
    bool ours = str_starts(str_from(folder), str_from(artifacts)) && strcmp(path_base(folder), row->id) == 0;
    return ours && strstr(folder, "/..") == NULL ? folder : NULL;
}

/* Which run of a pipeline an MLflow run or a model is of: that of what it is nested in, or was made by. */
static size_t run_of_owner(const struct surveying *s, const struct holding_owner *rows, size_t i,
                           const struct str_index *by_id)
{
    for (int depth = 0; depth < 1000; depth++) {
        size_t run = run_of_id(s, str_from(rows[i].id), NULL);
        ptrdiff_t parent = rows[i].parent == NULL ? -1 : str_index_find(by_id, str_from(rows[i].parent));
        if (run != SIZE_MAX || parent < 0) {
            return run;
        }
        i = (size_t)parent;
    }
    return SIZE_MAX;
}

static void add_owner(struct surveying *s, size_t run, const struct holding_owner *row)
{
    struct gc_members *members = &s->survey->members[run];
    members->owners =
        arena_grow(s->arena, members->owners, members->owner_count, &members->owner_room, sizeof *members->owners);
    members->owners[members->owner_count++] =
        (struct gc_owner){.id = row->id, .folder = owner_folder(s, row), .is_model = row->is_model};
}

static struct gc_deleted *new_deleted(struct surveying *s)
{
    struct gc_survey *survey = s->survey;
    survey->deleted = arena_grow(s->arena, survey->deleted, survey->deleted_count, &survey->deleted_room,
                                 sizeof *survey->deleted);
    return &survey->deleted[survey->deleted_count++];
}

/* Files of a model that is itself deleted are leftovers, whatever becomes of its row. */
static void add_deleted(struct surveying *s, size_t run, const struct holding_owner *row)
{
    *new_deleted(s) = (struct gc_deleted){
        .kind = row->is_model ? GC_DELETED_MODEL : GC_DELETED_RUN,
        .id = row->id,
        .label = arena_printf(s->arena, "%s %s", row->is_model ? "model" : "run", row->id),
        .experiment = row->experiment,
        .deleted_ms = row->deleted_ms,
        .folder = row->keeps_files ? owner_folder(s, row) : NULL,
        .of_run = run == SIZE_MAX ? NULL : &s->survey->runs[run],
    };
}

static int take_deleted_experiments(struct surveying *s, struct err *err)
{
    struct holding_experiment *rows = NULL;
    size_t count = 0;
    if (store_holding_experiments(s->store, s->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *id = arena_printf(s->arena, "%lld", (long long)rows[i].id);
        *new_deleted(s) = (struct gc_deleted){
            .kind = GC_DELETED_EXPERIMENT,
            .id = id,
            .label = arena_printf(s->arena, "experiment %s", rows[i].name),
            .experiment = rows[i].id,
            .deleted_ms = rows[i].deleted_ms,
            .folder = path_join(s->arena, path_join(s->arena, s->survey->home, "artifacts"), id),
        };
    }
    return 0;
}

static int take_owners(struct surveying *s, struct err *err)
{
    struct holding_owner *rows = NULL;
    size_t count = 0;
    if (store_holding_owners(s->store, s->arena, &rows, &count, err) < 0) {
        return -1;
    }
    struct str_index *by_id = str_index_new(s->arena, count);
    size_t *run = arena_array(s->arena, count, sizeof *run);
    for (size_t i = 0; i < count; i++) {
        (void)str_index_add(by_id, str_from(rows[i].id));
    }
    for (size_t i = 0; i < count; i++) {
        run[i] = run_of_owner(s, rows, i, by_id);
        if (run[i] != SIZE_MAX) {
            add_owner(s, run[i], &rows[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = add_id(s, rows[i].id);
        s->ids.run[at] = run[i];
        s->ids.keeps_files[at] = rows[i].keeps_files;
        if (rows[i].deleted_ms >= 0) {
            s->ids.deleted[at] = s->survey->deleted_count;
            add_deleted(s, run[i], &rows[i]);
        }
    }
    /* Where the owners lie is settled now. */
    for (size_t r = 0; r < s->survey->run_count; r++) {
        struct gc_members *members = &s->survey->members[r];
        for (size_t i = 0; i < members->owner_count; i++) {
            size_t at = add_id(s, members->owners[i].id);
            s->ids.owner[at] = &members->owners[i];
        }
    }
    return 0;
}

/* ---- what refers to what ---------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_';
}

static size_t hex_run(struct str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.n && isxdigit((unsigned char)text.p[at + n]) != 0) {
        n++;
    }
    return n;
}

/* The next id in the text: 32 hex digits that stand alone, or "m-" and 32 of them. */
bool gc_next_id(struct str *rest, struct str *ret_id)
{
    for (size_t at = 0; at + ID_DIGITS <= rest->n; at++) {
        bool begins = at == 0 || !is_word(rest->p[at - 1]);
        size_t digits = begins ? hex_run(*rest, at) : 0;
        if (digits == ID_DIGITS && (at + digits == rest->n || !is_word(rest->p[at + digits]))) {
            bool model = at >= 2 && rest->p[at - 1] == '-' && rest->p[at - 2] == 'm';
            *ret_id = str_slice(*rest, model ? at - 2 : at, at + digits);
            *rest = str_slice(*rest, at + digits, rest->n);
            return true;
        }
        at += digits > 0 ? digits - 1 : 0;
    }
    return false;
}

static void add_user(struct surveying *s, size_t run, size_t user)
{
    struct gc_run *used = &s->survey->runs[run];
    struct gc_members *members = &s->survey->members[run];
    if (used->user_count > 0 && used->users[used->user_count - 1] == user) {
        return;
    }
    members->users =
        arena_grow(s->arena, members->users, used->user_count, &members->user_room, sizeof *members->users);
    members->users[used->user_count++] = user;
    used->users = members->users;
}

static void hold(struct surveying *s, size_t run, const char *words)
{
    if (s->survey->runs[run].holder == NULL) {
        s->survey->runs[run].holder = words;
    }
}

static struct gc_deleted *deleted_of(const struct surveying *s, struct str id)
{
    ptrdiff_t at = str_index_find(s->ids.index, id);
    return at < 0 || s->ids.deleted[at] == SIZE_MAX ? NULL : &s->survey->deleted[s->ids.deleted[at]];
}

/* What a client deleted is held by versions and by users that stay; `from` is the run of a pipeline that `id` is of. */
static void hold_deleted(struct surveying *s, enum holding_kind kind, const char *id, size_t from, struct str named)
{
    struct gc_deleted *item = deleted_of(s, named);
    bool user = kind != HOLDING_VERSION && (from != SIZE_MAX || deleted_of(s, str_from(id)) == NULL);
    if (item != NULL && item->holder == NULL && (user || kind == HOLDING_VERSION)) {
        item->holder = kind == HOLDING_VERSION ? arena_printf(s->arena, "model version %s", id)
                       : from != SIZE_MAX      ? arena_printf(s->arena, "run %s uses it", s->survey->runs[from].label)
                                               : arena_printf(s->arena, "MLflow run %s uses it", id);
    }
}

static void take_reference(void *ctx, enum holding_kind kind, const char *id, struct str text)
{
    struct surveying *s = ctx;
    struct str named = {0};
    size_t from = run_of_id(s, str_from(id), NULL);
    while (gc_next_id(&text, &named)) {
        struct gc_owner *owner = NULL;
        size_t run = run_of_id(s, named, &owner);
        if (run == SIZE_MAX) {
            hold_deleted(s, kind, id, from, named);
            continue;
        }
        if (kind == HOLDING_VERSION) {
            hold(s, run, arena_printf(s->arena, "model version %s", id));
        } else if (kind == HOLDING_USE && from == SIZE_MAX) {
            hold(s, run, arena_printf(s->arena, "MLflow run %s uses it", id));
        } else if (kind == HOLDING_USE && from != run) {
            add_user(s, run, from);
        }
        if (owner != NULL && owner->is_model && (kind == HOLDING_VERSION || (kind == HOLDING_USE && from != run))) {
            owner->held = true;
        }
        /* Gates and approvals of what is a version: their run is evidence for it. Versions are read before them. */
        bool evidence = kind == HOLDING_JUDGED || kind == HOLDING_APPROVED;
        if (evidence && from != SIZE_MAX && owner != NULL && owner->is_model && owner->held) {
            hold(s, from, arena_printf(s->arena, "%s of model %s", kind == HOLDING_JUDGED ? "the gate" : "the approval",
                                       owner->id));
        }
    }
}

static int take_references(struct surveying *s, struct err *err)
{
    static const enum holding_kind kinds[] = {HOLDING_VERSION, HOLDING_JUDGED, HOLDING_APPROVED, HOLDING_USE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (store_holding_each(s->store, kinds[i], take_reference, s, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int take_entries(struct surveying *s, const struct retention *rule, int64_t now_ms, struct err *err)
{
    struct holding_entry *rows = NULL;
    size_t count = 0;
    if (store_holding_entries(s->store, s->arena, &rows, &count, err) < 0) {
        return -1;
    }
    struct gc_entry *entries = arena_array(s->arena, count, sizeof *entries);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct gc_entry){
            .key = rows[i].key,
            .step = arena_printf(s->arena, "%s/%s", rows[i].pipeline, rows[i].step),
            .place = arena_printf(s->arena, "%s/%s/%s", rows[i].pipeline, rows[i].step, rows[i].matrix),
            .used_ms = rows[i].used_ms,
        };
    }
    gc_plan_cache(entries, count, rule, now_ms, s->arena);
    for (size_t i = 0; i < count; i++) {
        struct gc_owner *model = NULL;
        size_t run = run_of_id(s, str_from(rows[i].run_id), NULL);
        if (entries[i].verdict.fate == GC_GOES || run == SIZE_MAX) {
            continue;
        }
        hold(s, run, arena_printf(s->arena, "the cache: %s", rows[i].step));
        if (rows[i].model_id != NULL && run_of_id(s, str_from(rows[i].model_id), &model) != SIZE_MAX && model != NULL) {
            model->held = true;
        }
    }
    s->survey->entries = entries;
    s->survey->entry_count = count;
    return 0;
}

/* ---- what it weighs --------------------------------------------------------------------------------------------- */

struct staging {
    struct surveying *s;
    const struct gc_owner *owner;
    struct err *err;
    bool failed;
};

static bool take_stage(void *ctx, const char *path)
{
    struct staging *staging = ctx;
    const char *base = path_join(staging->s->arena, staging->owner->folder, "artifacts/");
    const char *below = str_starts(str_from(path), str_from(base)) ? path + strlen(base) : path;
    int published = store_holding_publishes(staging->s->store, staging->owner->id, below, staging->err);
    staging->failed = staging->failed || published < 0;
    if (published == 0) {
        gc_add_leftover(staging->s->survey, arena_strdup(staging->s->arena, path), "publishing it was interrupted",
                        staging->s->arena);
    }
    return published == 0;
}

static void add_weight(struct gc_weight *sum, const struct gc_weight *weight)
{
    sum->files += weight->files;
    sum->bytes += weight->bytes;
}

static int weigh(struct surveying *s, struct gc_run *run, struct gc_members *members, struct err *err)
{
    struct gc_weight *logs = &run->weights[RETENTION_LOGS];
    struct gc_weight *artifacts = &run->weights[RETENTION_ARTIFACTS];
    for (size_t i = 0; i < members->run_count; i++) {
        const char *folder = gc_run_folder(s->survey->home, members->run_ids[i], s->arena);
        run->has[RETENTION_LOGS] = run->has[RETENTION_LOGS] || fs_exists(folder);
        disk_weigh(folder, NULL, NULL, logs);
    }
    for (size_t i = 0; i < members->owner_count; i++) {
        struct gc_owner *owner = &members->owners[i];
        struct staging staging = {.s = s, .owner = owner, .err = err};
        if (owner->folder == NULL || !fs_exists(owner->folder) ||
            (owner->is_model && !s->ids.keeps_files[str_index_find(s->ids.index, str_from(owner->id))])) {
            continue; /* what is left of a model that is no more is a leftover */
        }
        run->has[RETENTION_ARTIFACTS] = true;
        disk_weigh(owner->folder, run->open ? NULL : take_stage, &staging, &owner->weight);
        add_weight(artifacts, &owner->weight);
        if (staging.failed) {
            return -1;
        }
    }
    run->has[RETENTION_RUNS] = true;
    add_weight(&run->weights[RETENTION_RUNS], logs);
    add_weight(&run->weights[RETENTION_RUNS], artifacts);
    return 0;
}

/* Of an experiment, what is neither of its runs nor of its models: those have their own. */
static void weigh_deleted(struct surveying *s)
{
    for (size_t i = 0; i < s->survey->deleted_count; i++) {
        struct gc_deleted *item = &s->survey->deleted[i];
        if (item->verdict.fate == GC_GOES && item->folder != NULL) {
            disk_weigh(item->kind == GC_DELETED_EXPERIMENT ? path_join(s->arena, item->folder, "traces") : item->folder,
                       NULL, NULL, &item->weight);
        }
    }
}

/* What holds a model came when its run was leaving, else it would hold the run. */
static void keep_models(const struct gc_run *run, struct gc_members *members)
{
    for (size_t i = 0; i < members->owner_count; i++) {
        members->owners[i].stays = run->leaving && members->owners[i].is_model && members->owners[i].held;
    }
}

/* Models that nobody holds, of a run whose artifacts the rule picks and something else of the run holds. */
static void free_models(struct gc_run *run, struct gc_members *members)
{
    bool free = run->verdicts[RETENTION_ARTIFACTS].fate == GC_HELD && !run->last_good;
    for (size_t i = 0; i < members->owner_count && free; i++) {
        struct gc_owner *owner = &members->owners[i];
        owner->goes = owner->is_model && !owner->held && owner->weight.bytes > 0;
    }
}

/* ---- digests of files ------------------------------------------------------------------------------------------- */

/* One is of use while the file has the stamp that it was taken with. */
static int take_digests(struct surveying *s, struct err *err)
{
    struct holding_digest *rows = NULL;
    size_t count = 0;
    size_t room = 0;
    if (store_holding_digests(s->store, s->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        char stamp[STAMP_BYTES] = "";
        if (stat(rows[i].path, &status) == 0) {
            stamp_write(&status, stamp);
        }
        if (strcmp(stamp, rows[i].stamp) != 0) {
            s->survey->digests = arena_grow(s->arena, s->survey->digests, s->survey->digest_count, &room,
                                            sizeof *s->survey->digests);
            s->survey->digests[s->survey->digest_count++] = rows[i].path;
        }
    }
    return 0;
}

int gc_survey(struct store *store, const char *home, const struct retention rules[RETENTION_KINDS], int64_t now_ms,
              struct arena *arena, struct gc_survey *ret, struct err *err)
{
    *ret = (struct gc_survey){.home = home};
    struct surveying s = {
        .store = store, .survey = ret, .ids = {.index = str_index_new(arena, 1024)}, .arena = arena};
    if (take_runs(&s, err) < 0 || take_owners(&s, err) < 0 || take_deleted_experiments(&s, err) < 0 ||
        take_references(&s, err) < 0 ||
        take_entries(&s, &rules[RETENTION_CACHE], now_ms, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ret->run_count; i++) {
        if (weigh(&s, &ret->runs[i], &ret->members[i], err) < 0) {
            return -1;
        }
    }
    gc_plan_runs(ret->runs, ret->run_count, rules, now_ms, arena);
    gc_plan_deleted(ret->deleted, ret->deleted_count, &rules[RETENTION_DELETED], now_ms, arena);
    weigh_deleted(&s);
    for (size_t i = 0; i < ret->run_count; i++) {
        free_models(&ret->runs[i], &ret->members[i]);
        keep_models(&ret->runs[i], &ret->members[i]);
    }
    const struct retention *of_triggers = &rules[RETENTION_TRIGGERS];
    ret->triggers_before_ms = of_triggers->given ? now_ms - of_triggers->older_than_ms : 0;
    return gc_find_leftovers(store, ret, &s.ids, arena, now_ms, err) < 0 || take_digests(&s, err) < 0 ||
                   store_loose_rows(store, false, ret->loose, err) < 0
               ? -1
               : store_old_triggers_count(store, ret->triggers_before_ms, &ret->old, err);
}
