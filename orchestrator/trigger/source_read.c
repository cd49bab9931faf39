/* SPDX-License-Identifier: Apache-2.0
 * The pipelines of a commit, read and checked: some in each turn, so that whoever has a request waits for those alone.
 */
#include "base/fs.h"
#include "base/path.h"
#include "trigger/sources_internal.h"

enum {
    FILE_MAX_BYTES = 16 << 20,
    TURN_FILES = 20, /* in one turn, and no more when TURN_MS have passed */
    TURN_MS = 4,
};

/* ---- problems --------------------------------------------------------------------------------------------------- */

struct json source_problem(const char *file, const char *message, struct arena *arena)
{
    struct json one = json_object();
    json_add(arena, &one, "file", json_cstring(arena, file));
    json_add(arena, &one, "line", json_int(0));
    json_add(arena, &one, "column", json_int(0));
    json_add(arena, &one, "code", json_cstring(arena, ""));
    json_add(arena, &one, "message", json_cstring(arena, message));
    json_add(arena, &one, "hint", json_null());
    return one;
}

/* Those of in_force_check, with the file's name. */
static struct json problems_of(const char *file, const char *problems, struct arena *arena)
{
    struct json found;
    struct json list = json_array();
    if (json_read(str_from(problems), (struct json_limits){0}, arena, &found, NULL) < 0 || found.type != JSON_ARRAY) {
        return list;
    }
    for (size_t i = 0; i < found.u.array.count; i++) {
        struct json one = json_object();
        const struct json *from = &found.u.array.items[i];
        json_add(arena, &one, "file", json_cstring(arena, file));
        for (size_t m = 0; m < from->u.object.count; m++) {
            json_add_str(arena, &one, from->u.object.members[m].key, from->u.object.members[m].value);
        }
        json_push(arena, &list, one);
    }
    return list;
}

/* ---- what is to be read ----------------------------------------------------------------------------------------- */

static const char *git_of(const struct json *fetch, const char *repo, struct arena *arena)
{
    struct json git = json_object();
    json_add(arena, &git, "commit", json_cstring(arena, json_get_text(fetch, "commit", "")));
    json_add(arena, &git, "branch", json_cstring(arena, json_get_text(fetch, "branch", "")));
    json_add(arena, &git, "repo", json_cstring(arena, repo));
    return json_text(arena, &git).p;
}

static void list_files(struct reading *reading, const struct source_spec *spec, const struct json *fetch)
{
    struct arena *arena = reading->arena;
    const struct json *paths = json_get(fetch, "files");
    const char *repo = source_repo(spec->url, arena);
    const char *git = git_of(fetch, repo, arena);
    const char *stamp = arena_printf(arena, "%s %s", SLUICE_VERSION, json_get_text(fetch, "commit", ""));
    bool refused = json_get_text(fetch, "refused", NULL) != NULL;
    reading->count = refused || paths == NULL || paths->type != JSON_ARRAY ? 0 : paths->u.array.count;
    reading->files = arena_array(arena, reading->count, sizeof *reading->files);
    for (size_t i = 0; i < reading->count; i++) {
        const struct json *item = &paths->u.array.items[i];
        const char *path = item->type == JSON_STRING ? item->u.string.p : "";
        reading->files[i] = (struct read_file){
            .file = {.source = spec->name,
                     .path = path,
                     .file = arena_printf(arena, "%s#%s", repo, path),
                     .folder = path_dir(arena, path_join(arena, reading->checkout, path)),
                     .workspace = reading->checkout,
                     .git = git,
                     .stamp = stamp},
            .name = "",
            .problems = json_array(),
        };
    }
}

struct reading *reading_new(const struct sources *sources, const struct source *source, const struct json *answer)
{
    const struct json *fetch = json_get(answer, "fetch");
    bool failed = json_get_text(answer, "error", NULL) != NULL;
    if (!source->fetches || failed || fetch == NULL || !json_get_bool(fetch, "looked", false)) {
        return NULL;
    }
    struct arena *arena = arena_new();
    struct reading *reading = arena_one(arena, struct reading);
    *reading = (struct reading){.arena = arena, .answer = json_copy(arena, answer)};
    fetch = json_get(&reading->answer, "fetch");
    reading->checkout = source_checkout(sources->triggers->options.home, source->spec.name,
                                        json_get_text(fetch, "commit", ""), arena);
    list_files(reading, &source->spec, fetch);
    return reading;
}

void reading_free(struct reading *reading)
{
    if (reading != NULL) {
        arena_free(reading->arena);
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void read_one(struct reading *reading, struct triggers *triggers, struct read_file *file)
{
    struct err wrong = {0};
    struct arena *arena = reading->arena;
    const char *full = path_join(arena, reading->checkout, file->file.path);
    if (fs_read_file(full, FILE_MAX_BYTES, arena, &file->file.text, &wrong) < 0) {
        reading->unread = arena_strdup(arena, wrong.message);
        return;
    }
    struct checked_file checked = in_force_check(triggers, &file->file, arena);
    file->pipeline = checked.pipeline;
    file->name = checked.name;
    if (file->pipeline == NULL) {
        reading->unread = checked.unread;
        file->problems = problems_of(file->file.path, checked.problems, arena);
    }
}

bool reading_go_on(struct reading *reading, const struct sources *sources, const struct engine *engine)
{
    int64_t begun_ms = engine_monotonic_ms(engine);
    size_t last = reading->next + TURN_FILES < reading->count ? reading->next + TURN_FILES : reading->count;
    while (reading->unread == NULL && reading->next < last) {
        read_one(reading, sources->triggers, &reading->files[reading->next++]);
        if (engine_monotonic_ms(engine) - begun_ms >= TURN_MS) {
            break;
        }
    }
    return reading->unread != NULL || reading->next == reading->count;
}
