/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gc_visit.h"

#include "base/fs.h"
#include "gc/beside.h"
#include "gc/rows.h"

#include <sys/stat.h>
#include <time.h>

/* So many are offered at once, and as many are taken as there is time for. Between two pieces the holder has its turns
 * for itself. */
enum { OFFERED = 50, OFFERED_OWNERS = 500, PAUSE_MS = 5 };
static const int64_t young_ms = (int64_t)24 * 3600 * 1000;

struct visiting {
    struct visit *visit;
    const struct gc_options *options;
    struct gc_survey *survey;
    struct gc_outcome *outcome;
    struct arena *arena; /* of one question */
};

static struct json request_of(struct arena *arena, const char *step)
{
    struct json request = json_object();
    json_add(arena, &request, "do", json_cstring(arena, "gc"));
    json_add(arena, &request, "step", json_cstring(arena, step));
    return request;
}

int gc_visit_begin(struct visit *visit, const char *policy, struct arena *arena, struct err *err)
{
    struct json request = request_of(arena, "begin");
    struct json document = json_object();
    struct json outcome;
    json_add(arena, &document, "policy", json_cstring(arena, policy));
    return visit_ask_with(visit, &request, json_text(arena, &document), arena, &outcome, err);
}

/* ---- what is told apart only by who is alone -------------------------------------------------------------------- */

static bool is_young(const char *path, int64_t now_ms)
{
    struct stat status;
    return lstat(path, &status) == 0 && (int64_t)status.st_ctim.tv_sec * 1000 + young_ms > now_ms;
}

/* What a removal that was interrupted has left is known by its row. */
static bool is_certain(const struct gc_survey *survey, const struct gc_leftover *leftover, int64_t now_ms)
{
    static const char *const folders[] = {"/runs/", "/artifacts/", "/envs/", "/runner/"};
    struct str rest = str_slice(str_from(leftover->path), strlen(survey->home), strlen(leftover->path));
    bool ours = str_starts(str_from(leftover->path), str_from(survey->home));
    bool below = false;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        below = below || str_starts(rest, str_from(folders[i]));
    }
    return ours && below && (leftover->interrupted || !is_young(leftover->path, now_ms));
}

void gc_visit_narrow(struct gc_survey *survey, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < survey->leftover_count; i++) {
        if (is_certain(survey, &survey->leftovers[i], now_ms)) {
            survey->leftovers[kept++] = survey->leftovers[i];
        }
    }
    survey->leftover_count = kept;
    memset(survey->loose, 0, sizeof survey->loose);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void rest_a_little(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static int ask_piece(struct visiting *v, enum gc_piece what, struct json items, struct json *ret_outcome,
                     struct err *err)
{
    struct json request = request_of(v->arena, "remove");
    struct json document = json_object();
    json_add(v->arena, &document, "what", json_cstring(v->arena, gc_piece_names[what]));
    json_add(v->arena, &document, "items", items);
    if (visit_ask_with(v->visit, &request, json_text(v->arena, &document), v->arena, ret_outcome, err) < 0) {
        return -1;
    }
    rest_a_little();
    return 0;
}

/* Items are made as they are asked for, by their numbers in a list of these. */
struct numbers {
    const size_t *items;
    size_t count;
    struct json (*item)(const struct visiting *v, size_t number);
    void (*hold)(struct visiting *v, size_t number, const char *by); /* NULL: nothing of the kind is held */
    void (*shrink)(struct visiting *v, size_t number, const struct json *rest); /* NULL: it goes at once */
};

static int ask_all(struct visiting *v, enum gc_piece what, const struct numbers *numbers, struct err *err)
{
    for (size_t at = 0; at < numbers->count;) {
        struct json items = json_array();
        struct json outcome;
        arena_reset(v->arena);
        size_t owners = 0; /* of runs: one of many steps is as long as many */
        for (size_t i = at; i < numbers->count && i < at + OFFERED && owners < OFFERED_OWNERS; i++) {
            struct json item = numbers->item(v, numbers->items[i]);
            const struct json *list = json_get(&item, "owners");
            owners += list == NULL ? 0 : list->u.array.count;
            json_push(v->arena, &items, item);
        }
        if (ask_piece(v, what, items, &outcome, err) < 0) {
            return -1;
        }
        const struct json *held = json_get(&outcome, "held");
        for (size_t i = 0; numbers->hold != NULL && held != NULL && i < held->u.array.count; i++) {
            const struct json *one = &held->u.array.items[i];
            size_t number = numbers->items[at + (size_t)json_get_int(one, "index", 0)];
            numbers->hold(v, number, arena_strdup(v->options->arena, json_get_text(one, "by", "")));
        }
        int64_t done = json_get_int(&outcome, "done", 0);
        const struct json *rest = numbers->shrink == NULL ? NULL : json_get(&outcome, "rest");
        if (rest != NULL && at + (size_t)done < numbers->count) {
            numbers->shrink(v, numbers->items[at + (size_t)done], rest);
        } else if (done <= 0) {
            return err_set(err, ERR_INTERNAL, "who holds the home has removed nothing of what was asked");
        }
        at += (size_t)done;
    }
    return 0;
}

/* ---- the kinds -------------------------------------------------------------------------------------------------- */

static struct json entry_item(const struct visiting *v, size_t number)
{
    return json_cstring(v->arena, v->survey->entries[number].key);
}

static struct json run_item(const struct visiting *v, size_t number)
{
    return gc_beside_run_json(v->survey, number, OFFERED_OWNERS, v->arena);
}

static void hold_run(struct visiting *v, size_t number, const char *by)
{
    struct gc_run *run = &v->survey->runs[number];
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        if (run->verdicts[i].fate == GC_GOES) {
            run->verdicts[i] = (struct gc_verdict){.fate = GC_HELD, .why = by};
        }
    }
    for (size_t i = 0; i < v->survey->members[number].owner_count; i++) {
        v->survey->members[number].owners[i].goes = false;
    }
}

/* Its removal has begun, and so much is left. */
static void shrink_run(struct visiting *v, size_t number, const struct json *rest)
{
    struct gc_members *members = &v->survey->members[number];
    size_t owners = (size_t)json_get_int(rest, "owners", 0);
    size_t runs = (size_t)json_get_int(rest, "runs", 0);
    v->survey->runs[number].leaving = true;
    members->owner_count = owners < members->owner_count ? owners : members->owner_count;
    members->run_count = runs < members->run_count ? runs : members->run_count;
}

static struct json deleted_item(const struct visiting *v, size_t number)
{
    return gc_beside_deleted_json(&v->survey->deleted[number], v->arena);
}

static void hold_deleted(struct visiting *v, size_t number, const char *by)
{
    v->survey->deleted[number].verdict = (struct gc_verdict){.fate = GC_HELD, .why = by};
}

static struct json digest_item(const struct visiting *v, size_t number)
{
    return json_cstring(v->arena, v->survey->digests[number]);
}

static struct json leftover_item(const struct visiting *v, size_t number)
{
    return gc_beside_leftover_json(&v->survey->leftovers[number], v->arena);
}

static void hold_leftover(struct visiting *v, size_t number, const char *by)
{
    (void)by;
    v->survey->leftovers[number].path = NULL;
}

/* The numbers of those that go; runs newest first, as in gc_collect. */
static size_t *all_that_go(const struct visiting *v, enum gc_piece what, size_t *ret_count)
{
    const struct gc_survey *s = v->survey;
    size_t total = what == GC_PIECE_CACHE     ? s->entry_count
                   : what == GC_PIECE_RUNS    ? s->run_count
                   : what == GC_PIECE_DELETED ? s->deleted_count
                   : what == GC_PIECE_DIGESTS ? s->digest_count
                                              : s->leftover_count;
    size_t *numbers = arena_array(v->options->arena, total, sizeof *numbers);
    *ret_count = 0;
    for (size_t i = 0; i < total; i++) {
        size_t number = what == GC_PIECE_RUNS ? total - 1 - i : i;
        bool goes = what == GC_PIECE_CACHE     ? s->entries[number].verdict.fate == GC_GOES
                    : what == GC_PIECE_RUNS    ? gc_is_touched(&s->runs[number], &s->members[number])
                    : what == GC_PIECE_DELETED ? s->deleted[number].verdict.fate == GC_GOES
                                               : true;
        if (goes) {
            numbers[(*ret_count)++] = number;
        }
    }
    return numbers;
}

static int ask_kinds(struct visiting *v, struct err *err)
{
    static const struct {
        enum gc_piece what;
        struct json (*item)(const struct visiting *v, size_t number);
        void (*hold)(struct visiting *v, size_t number, const char *by);
        void (*shrink)(struct visiting *v, size_t number, const struct json *rest);
    } kinds[] = {
        {GC_PIECE_CACHE, entry_item, NULL, NULL},
        {GC_PIECE_RUNS, run_item, hold_run, shrink_run},
        {GC_PIECE_DELETED, deleted_item, hold_deleted, NULL},
        {GC_PIECE_DIGESTS, digest_item, NULL, NULL},
        {GC_PIECE_LEFTOVERS, leftover_item, hold_leftover, NULL},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct numbers numbers = {.item = kinds[i].item, .hold = kinds[i].hold, .shrink = kinds[i].shrink};
        numbers.items = all_that_go(v, kinds[i].what, &numbers.count);
        if (ask_all(v, kinds[i].what, &numbers, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int ask_triggers(struct visiting *v, struct err *err)
{
    bool more = v->survey->triggers_before_ms != 0;
    while (more) {
        struct json items = json_array();
        struct json outcome;
        arena_reset(v->arena);
        json_push(v->arena, &items, json_int(v->survey->triggers_before_ms));
        if (ask_piece(v, GC_PIECE_TRIGGERS, items, &outcome, err) < 0) {
            return -1;
        }
        more = json_get_bool(&outcome, "more", false);
    }
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int say_gone(struct visiting *v, struct json *gone, struct err *err)
{
    struct json outcome;
    while (gone->u.array.count > 0) {
        if (ask_piece(v, GC_PIECE_GONE, *gone, &outcome, err) < 0) {
            return -1;
        }
        size_t done = (size_t)json_get_int(&outcome, "done", 0);
        struct json rest = json_array();
        for (size_t i = done == 0 ? 1 : done; i < gone->u.array.count; i++) {
            json_push(v->arena, &rest, gone->u.array.items[i]);
        }
        *gone = rest;
    }
    return 0;
}

static int remove_files(struct visiting *v, struct err *err)
{
    struct removal *rows = NULL;
    size_t count = 0;
    if (store_removal_list(v->options->store, v->options->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t at = 0; at < count; at += OFFERED) {
        struct json gone = json_array();
        arena_reset(v->arena);
        for (size_t i = at; i < count && i < at + OFFERED; i++) {
            if (gc_remove_path(v->options, v->survey->home, rows[i].path, v->outcome)) {
                json_push(v->arena, &gone, json_cstring(v->arena, rows[i].path));
            }
        }
        if (say_gone(v, &gone, err) < 0) {
            return -1;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < v->survey->leftover_count; i++) {
        const struct gc_leftover leftover = v->survey->leftovers[i];
        if (leftover.path != NULL) {
            if (fs_exists(leftover.path)) {
                (void)gc_remove_path(v->options, v->survey->home, leftover.path, v->outcome);
            }
            v->survey->leftovers[kept++] = leftover;
        }
    }
    v->survey->leftover_count = kept;
    return 0;
}

int gc_visit_collect(struct visit *visit, const struct gc_options *options, struct gc_survey *survey,
                     struct gc_outcome *ret, struct err *err)
{
    *ret = (struct gc_outcome){0};
    struct visiting v = {visit, options, survey, ret, arena_new()};
    int64_t unused = 0;
    int result = ask_triggers(&v, err) < 0 || ask_kinds(&v, err) < 0 || remove_files(&v, err) < 0 ||
                         store_space(options->store, &ret->bytes_before, &unused, err) < 0
                     ? -1
                     : 0;
    ret->bytes_after = ret->bytes_before;
    struct json request = request_of(v.arena, "end");
    struct json nothing = json_object();
    struct json outcome;
    result = result < 0 ? -1
                        : visit_ask_with(visit, &request, json_text(v.arena, &nothing), v.arena, &outcome, err);
    arena_free(v.arena);
    return result;
}
