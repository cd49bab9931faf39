/* SPDX-License-Identifier: Apache-2.0
 * The files of runs, models and traces. Their rows are written when the files are on the disk: many at once.
 */
#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "move/import_internal.h"
#include "move/place.h"

#include <stdio.h>
#include <unistd.h>

enum { FILES_AT_ONCE = 500 };

struct pending {
    const char *owner;
    struct artifact file;
};

struct file_job {
    struct import_job *job;
    struct arena *arena; /* of `pending` */
    struct pending *pending;
    size_t count;
    size_t room;
};

static int flush(struct file_job *files, struct err *err)
{
    struct import_job *job = files->job;
    if (files->count == 0) {
        return 0;
    }
    if (move_files_sync(job->options->home, err) < 0 || import_begin(job, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (store_moved_put_file(job->store, files->pending[i].owner, &files->pending[i].file, err) < 0) {
            return -1;
        }
    }
    files->pending = NULL;
    files->count = files->room = 0;
    arena_reset(files->arena);
    return import_commit(job, err);
}

static void add_pending(struct file_job *files, const char *owner, const struct artifact *file)
{
    files->pending = arena_grow(files->arena, files->pending, files->count, &files->room, sizeof *files->pending);
    files->pending[files->count++] = (struct pending){
        arena_strdup(files->arena, owner),
        {arena_strdup(files->arena, file->path), arena_strdup(files->arena, file->sha256), file->size_bytes},
    };
}

/* All files below `from` come into the folder of the record. */
static int bring(struct file_job *files, const struct import_record *record, const char *from, struct err *err)
{
    struct import_job *job = files->job;
    struct artifact *have = NULL;
    struct artifact *rows = NULL;
    size_t have_count = 0;
    size_t count = 0;
    const char *to = arena_printf(job->record, "%s/artifacts/%s", job->options->home, record->folder);
    if (store_artifact_list(job->store, record->here, job->record, &have, &have_count, err) < 0 ||
        move_files_bring(&job->files, from, to, have, have_count, job->record, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        add_pending(files, record->here, &rows[i]);
    }
    return files->count < FILES_AT_ONCE ? 0 : flush(files, err);
}

/* The spans that MLflow keeps in rows, as the file in which its clients look for them. */
static int write_spans(struct file_job *files, const struct import_record *record, struct err *err)
{
    struct import_job *job = files->job;
    const char *text = NULL;
    const char *folder = arena_printf(job->record, "%s/artifacts/%s", job->options->home, record->folder);
    const char *path = path_join(job->record, folder, "traces.json");
    if (job->source->ops->spans == NULL || fs_exists(path)) {
        return 0;
    }
    if (job->source->ops->spans(job->source, record->id, job->record, &text, err) < 0) {
        return -1;
    }
    if (text == NULL) {
        return 0;
    }
    if (fs_make_folders(folder, 0770, err) < 0 || fs_write(path, str_from(text), 0640, false, err) < 0) {
        return -1;
    }
    struct artifact row = {"traces.json", digest_bytes(str_from(text)).hex, (int64_t)strlen(text)};
    add_pending(files, record->here, &row);
    job->files.count++;
    job->files.bytes += row.size_bytes;
    return 0;
}

static int download(struct file_job *files, const struct import_record *record, struct err *err)
{
    struct import_job *job = files->job;
    const char *folder = arena_printf(job->record, "%s/incoming/import.files", job->options->home);
    if (fs_remove(folder, err) < 0 || fs_make_folders(folder, 0700, err) < 0) {
        return -1;
    }
    int result = job->source->ops->download(job->source, record->uri, folder, err) < 0
                     ? -1
                     : bring(files, record, folder, err);
    return fs_remove(folder, result < 0 ? NULL : err) < 0 ? -1 : result;
}

static int count_files(struct file_job *files, const char *folder, struct err *err)
{
    struct fs_list list;
    if (fs_walk(folder, 1000000, files->job->record, &list, err) < 0) {
        return -1;
    }
    files->job->files.count += (int64_t)list.count;
    for (size_t i = 0; i < list.count; i++) {
        files->job->files.bytes += list.entries[i].size_bytes;
    }
    return 0;
}

static int take_files(struct file_job *files, enum moved_kind kind, const struct import_record *record,
                      struct err *err)
{
    struct import_job *job = files->job;
    const struct move_import *options = job->options;
    struct place place;
    if (place_find(record->uri, record->id, job->source->folder, options->artifacts_root, job->record, &place, err) <
        0) {
        return -1;
    }
    bool has_spans = kind == MOVED_TRACE && !options->dry && options->mode != MOVE_REFERENCE;
    if (has_spans && write_spans(files, record, err) < 0) {
        return -1;
    }
    if (place.kind == PLACE_NONE) {
        return 0;
    }
    bool stays = options->mode == MOVE_REFERENCE || place.kind == PLACE_FOREIGN ||
                 (place.kind == PLACE_SERVER && job->source->ops->download == NULL);
    if (stays) {
        job->outcome->references++;
        job->outcome->unreached += place.kind == PLACE_SERVER && options->mode != MOVE_REFERENCE;
        return 0;
    }
    if (place.kind == PLACE_SERVER) {
        return options->dry ? 0 : download(files, record, err);
    }
    if (!fs_is_folder(place.path)) {
        job->outcome->missing_folders++;
        return 0;
    }
    return options->dry ? count_files(files, place.path, err) : bring(files, record, place.path, err);
}

static int take_kind(struct file_job *files, enum moved_kind kind, struct err *err)
{
    struct import_job *job = files->job;
    struct import_list *list = &job->lists[kind];
    for (size_t i = 0; i < list->count; i++) {
        struct import_record *record = &list->items[i];
        struct err wrong = {0};
        arena_reset(job->record);
        if (record->state != IMPORT_LEFT && record->uri != NULL && take_files(files, kind, record, &wrong) < 0) {
            if (!move_error_is_of_record(&wrong) || job->options->strict) {
                return err_set(err, wrong.code, "the files of '%s': %s", record->id, wrong.message);
            }
            job->outcome->counts[kind].differ++;
            move_report_problem(job->options->report, "the files of '%s' are not all imported: %s", record->id,
                                wrong.message);
        }
        import_progress(job, "files of", (int64_t)i + 1, (int64_t)list->count);
    }
    return flush(files, err);
}

int import_files(struct import_job *job, struct err *err)
{
    static const enum moved_kind kinds[] = {MOVED_RUN, MOVED_MODEL, MOVED_TRACE};
    const char *incoming = arena_printf(job->options->arena, "%s/incoming", job->options->home);
    struct file_job files = {.job = job, .arena = arena_new()};
    int result = job->options->dry ? 0 : fs_make_folders(incoming, 0700, err);
    job->files = (struct move_files){
        .mode = job->options->mode,
        .incoming = arena_printf(job->options->arena, "%s/import.file", incoming),
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && result == 0; i++) {
        result = take_kind(&files, kinds[i], err);
    }
    job->outcome->files = job->files.count;
    job->outcome->bytes = job->files.bytes;
    job->outcome->files_before = job->files.before;
    if (job->files.copied_for_link) {
        move_report_note(job->options->report, "no hard links can be made from there to the home (another file "
                         "system): files were copied");
    }
    arena_free(files.arena);
    return result;
}
