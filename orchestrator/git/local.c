/* SPDX-License-Identifier: Apache-2.0 */
#include "git/local.h"

#include "base/path.h"
#include "base/percent.h"
#include "base/str_index.h"
#include "base/vec.h"
#include "git/lenders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BY_STREAM_BYTES = 1 << 20, /* objects of this size are copied for themselves */
    CHUNK_BYTES = 1 << 18,
    WORTH_A_PACK = 10,         /* a pack is copied when one in so many of its objects is needed */
    ROUNDS = 3,                /* they may pack anew meanwhile */
};

/* The objects that are reachable, in a table by id; `missing` says which of them are not here. */
struct objects {
    struct arena *arena;
    struct str_index *ids;
    struct {
        VEC_OF(bool)
    } missing;
    size_t missing_count;
};

struct copy {
    git_repository *ours;
    git_odb *to, *from;
    const struct local_watch *watch;
    struct objects objects;
    char *chunk;
    int64_t bytes, object_count;           /* that have come, with parts that are over */
    int64_t part_bytes, part_object_count; /* of the part that goes on */
    struct err why;                        /* the watch has ended it */
};

const char *local_path(const char *url, struct arena *arena)
{
    static const char *const prefixes[] = {"file:///", "file://localhost/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct str path;
        size_t n = strlen(prefixes[i]);
        if (strncmp(url, prefixes[i], n) == 0) {
            return percent_decode(str_from(url + n - 1), false, arena, &path) ? path.p : NULL;
        }
    }
    return url[0] == '/' ? url : NULL;
}

static int fault(const struct copy *copy, struct err *err)
{
    const git_error *error = git_error_last();
    if (copy->why.code != ERR_NONE) {
        return err_set(err, copy->why.code, "the fetch failed: %s", copy->why.message);
    }
    return err_set(err, ERR_IO, "the fetch failed: %.400s",
                   error == NULL || error->message == NULL ? "no reason is known" : error->message);
}

/* ---- what has come ---------------------------------------------------------------------------------------------- */

/* Of the part that goes on. */
static int came(struct copy *copy, int64_t bytes, int64_t objects)
{
    const struct local_watch *watch = copy->watch;
    copy->part_bytes = bytes;
    copy->part_object_count = objects;
    return watch->came(watch->ctx, copy->bytes + bytes, copy->object_count + objects, &copy->why) < 0 ? GIT_EUSER : 0;
}

static int on_progress(const git_indexer_progress *progress, void *payload)
{
    return came(payload, (int64_t)progress->received_bytes, progress->received_objects);
}

static void part_came(struct copy *copy)
{
    copy->bytes += copy->part_bytes;
    copy->object_count += copy->part_object_count;
    copy->part_bytes = copy->part_object_count = 0;
}

/* ---- what is reachable ------------------------------------------------------------------------------------------ */

static ptrdiff_t find_object(const struct objects *objects, const git_oid *id)
{
    return str_index_find(objects->ids, (struct str){(const char *)id->id, sizeof id->id});
}

/* False when it is known. */
static bool add_object(struct copy *copy, const git_oid *id)
{
    struct objects *objects = &copy->objects;
    if (find_object(objects, id) >= 0) {
        return false;
    }
    (void)str_index_add(objects->ids, arena_str(objects->arena, (struct str){(const char *)id->id, sizeof id->id}));
    vec_push(&objects->missing, git_odb_exists_ext(copy->to, id, GIT_ODB_LOOKUP_NO_REFRESH) != 1);
    objects->missing_count += objects->missing.items[objects->missing.count - 1];
    return true;
}

static void object_came(struct objects *objects, size_t i)
{
    objects->missing_count -= objects->missing.items[i];
    objects->missing.items[i] = false;
}

struct trees {
    VEC_OF(git_oid)
};

/* Also of trees that are here: what is below them may have come in part, from a fetch that was killed. */
static int add_entries(struct copy *copy, git_repository *theirs, const git_oid *id, struct trees *open)
{
    git_tree *tree = NULL;
    if (git_tree_lookup(&tree, theirs, id) < 0) {
        return -1;
    }
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        git_object_t type = git_tree_entry_type(entry);
        bool new = type != GIT_OBJECT_COMMIT && add_object(copy, git_tree_entry_id(entry));
        if (new && type == GIT_OBJECT_TREE) {
            vec_push(open, *git_tree_entry_id(entry));
        }
    }
    git_tree_free(tree);
    return 0;
}

static int add_tree(struct copy *copy, git_repository *theirs, const git_oid *id)
{
    struct trees open = {0};
    int result = 0;
    if (add_object(copy, id)) {
        vec_push(&open, *id);
    }
    while (result == 0 && open.count > 0) {
        git_oid tree = open.items[--open.count];
        result = add_entries(copy, theirs, &tree, &open);
    }
    vec_clear(&open);
    return result;
}

static int add_commit(struct copy *copy, git_repository *theirs, const git_oid *id)
{
    git_commit *commit = NULL;
    if (git_commit_lookup(&commit, theirs, id) < 0) {
        return -1;
    }
    (void)add_object(copy, id);
    int result = add_tree(copy, theirs, git_commit_tree_id(commit));
    git_commit_free(commit);
    return result;
}

/* A tag may name a tag, and any of them what is no commit. */
static int add_tip(struct copy *copy, git_repository *theirs, git_revwalk *walk, git_oid id)
{
    git_object *object = NULL;
    int result = git_object_lookup(&object, theirs, &id, GIT_OBJECT_ANY);
    while (result == 0 && git_object_type(object) == GIT_OBJECT_TAG) {
        (void)add_object(copy, &id);
        git_oid_cpy(&id, git_tag_target_id((const git_tag *)object));
        git_object_free(object);
        object = NULL;
        result = git_object_lookup(&object, theirs, &id, GIT_OBJECT_ANY);
    }
    git_object_t type = result == 0 ? git_object_type(object) : GIT_OBJECT_INVALID;
    if (type == GIT_OBJECT_COMMIT) {
        result = git_revwalk_push(walk, &id);
    } else if (type == GIT_OBJECT_TREE) {
        result = add_tree(copy, theirs, &id);
    } else if (type == GIT_OBJECT_BLOB) {
        (void)add_object(copy, &id);
    }
    git_object_free(object);
    return result;
}

/* Those commits that refs of ours reach need not be looked at; refs whose commit they have no more are of no use. */
static int hide_ours(git_revwalk *walk, git_repository *ours)
{
    git_reference_iterator *refs = NULL;
    git_reference *ref = NULL;
    if (git_reference_iterator_new(&refs, ours) < 0) {
        return -1;
    }
    while (git_reference_next(&ref, refs) == 0) {
        const git_oid *id = git_reference_target(ref);
        if (id != NULL) {
            (void)git_revwalk_hide(walk, id);
        }
        git_reference_free(ref);
    }
    git_reference_iterator_free(refs);
    return 0;
}

static int find_reachable(struct copy *copy, git_repository *theirs, const git_oid *tips, size_t tip_count,
                          struct err *err)
{
    git_revwalk *walk = NULL;
    git_oid id;
    int next = git_revwalk_new(&walk, theirs) < 0 ? -1 : 0;
    for (size_t i = 0; next == 0 && i < tip_count; i++) {
        next = add_tip(copy, theirs, walk, tips[i]) < 0 ? -1 : 0;
    }
    next = next < 0 || hide_ours(walk, copy->ours) < 0 ? -1 : 0;
    while (next == 0 && (next = git_revwalk_next(&id, walk)) == 0) {
        next = add_commit(copy, theirs, &id);
    }
    git_revwalk_free(walk);
    return next == GIT_ITEROVER ? 0 : fault(copy, err);
}

/* ---- packs as they are ------------------------------------------------------------------------------------------ */

struct pack {
    struct copy *copy;
    size_t count;
    struct {
        VEC_OF(size_t)
    } needed;
};

static int count_object(const git_oid *id, void *payload)
{
    struct pack *pack = payload;
    const struct objects *objects = &pack->copy->objects;
    ptrdiff_t i = find_object(objects, id);
    pack->count++;
    if (i >= 0 && objects->missing.items[i]) {
        vec_push(&pack->needed, (size_t)i);
    }
    return 0;
}

static int read_index(const char *index, struct pack *pack)
{
    git_odb *odb = NULL;
    git_odb_backend *backend = NULL;
    int result = git_odb_new(&odb) < 0 || git_odb_backend_one_pack(&backend, index) < 0 ? -1 : 0;
    if (result == 0 && git_odb_add_backend(odb, backend, 1) == 0) {
        result = git_odb_foreach(odb, count_object, pack);
    }
    git_odb_free(odb);
    return result;
}

/* A pack of ours that comes into being from bytes of one. libgit2 leaves it to us to count them. */
struct indexing {
    git_indexer *indexer;
    git_indexer_progress progress;
};

static int begin_pack(struct copy *copy, struct indexing *ret)
{
    git_indexer_options options;
    git_buf folder = {0};
    *ret = (struct indexing){0};
    (void)git_indexer_options_init(&options, GIT_INDEXER_OPTIONS_VERSION);
    options.progress_cb = on_progress;
    options.progress_cb_payload = copy;
    int result = git_repository_item_path(&folder, copy->ours, GIT_REPOSITORY_ITEM_OBJECTS);
    if (result == 0) {
        result = git_indexer_new(&ret->indexer, path_join(copy->objects.arena, folder.ptr, "pack"), 0, NULL, &options);
    }
    git_buf_dispose(&folder);
    return result;
}

static int add_to_pack(void *bytes, size_t n, void *payload)
{
    struct indexing *indexing = payload;
    indexing->progress.received_bytes += n;
    return git_indexer_append(indexing->indexer, bytes, n, &indexing->progress);
}

/* With `result` of what was added: less than 0: it is not to be. */
static int end_pack(struct copy *copy, struct indexing *indexing, int result)
{
    if (result >= 0) {
        result = git_indexer_commit(indexing->indexer, &indexing->progress);
    }
    git_indexer_free(indexing->indexer);
    part_came(copy);
    return result;
}

static int index_pack(struct copy *copy, int fd, const char *file, struct err *err)
{
    struct indexing indexing;
    ssize_t n = 0;
    int result = begin_pack(copy, &indexing);
    while (result == 0 && ((n = read(fd, copy->chunk, CHUNK_BYTES)) > 0 || (n < 0 && errno == EINTR))) {
        result = n > 0 ? add_to_pack(copy->chunk, (size_t)n, &indexing) : 0;
    }
    if (n < 0) {
        (void)err_errno(&copy->why, "reading '%s'", file);
        result = -1;
    }
    return end_pack(copy, &indexing, result) < 0 ? fault(copy, err) : 0;
}

/* A pack is taken when it is worth it, and no larger than what may still come: it may be full of what no branch of ours
 * needs. One that has gone meanwhile is not an error: 1. */
static int copy_pack(struct copy *copy, const char *index, struct err *err)
{
    const char *file = arena_printf(copy->objects.arena, "%.*s.pack", (int)(strlen(index) - strlen(".idx")), index);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat status;
    struct pack pack = {.copy = copy};
    if (fd < 0) {
        return errno == ENOENT ? 1 : err_errno(err, "opening '%s'", file);
    }
    int result = fstat(fd, &status) < 0 ? err_errno(err, "'%s'", file) : 0;
    bool plain = result == 0 && S_ISREG(status.st_mode);
    if (plain && status.st_size <= copy->watch->max_bytes - copy->bytes && read_index(index, &pack) == 0 &&
        pack.needed.count > 0 && pack.needed.count >= pack.count / WORTH_A_PACK) {
        result = index_pack(copy, fd, file, err);
        for (size_t i = 0; result == 0 && i < pack.needed.count; i++) {
            object_came(&copy->objects, pack.needed.items[i]);
        }
    }
    vec_clear(&pack.needed);
    (void)close(fd);
    return result;
}

static int copy_packs(struct copy *copy, const char *folder, struct err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int result = 0;
    if (dir == NULL) {
        return errno == ENOENT ? 0 : err_errno(err, "opening '%s'", folder);
    }
    while (result >= 0 && copy->objects.missing_count > 0 && (entry = readdir(dir)) != NULL) {
        if (str_ends(str_from(entry->d_name), STR(".idx"))) {
            int copied = copy_pack(copy, path_join(copy->objects.arena, folder, entry->d_name), err);
            result = copied < 0 ? -1 : result | copied;
        }
    }
    (void)closedir(dir);
    return result;
}

static int copy_packs_of_all(struct copy *copy, const struct lenders *lenders, struct err *err)
{
    int result = 0;
    for (size_t i = 0; result >= 0 && i < lenders->count; i++) {
        int copied = copy_packs(copy, path_join(copy->objects.arena, lenders->folders[i], "pack"), err);
        result = copied < 0 ? -1 : result | copied;
    }
    return result;
}

static int copy_their_packs(struct copy *copy, git_repository *theirs, struct err *err)
{
    git_buf objects = {0};
    struct lenders lenders;
    int result = 1;
    if (git_repository_item_path(&objects, theirs, GIT_REPOSITORY_ITEM_OBJECTS) < 0) {
        return fault(copy, err);
    }
    lenders_find(arena_strdup(copy->objects.arena, objects.ptr), copy->objects.arena, &lenders);
    git_buf_dispose(&objects);
    for (int round = 0; result == 1 && round < ROUNDS; round++) {
        result = copy_packs_of_all(copy, &lenders, err);
    }
    return result < 0 ? -1 : 0;
}

/* ---- objects by themselves -------------------------------------------------------------------------------------- */

static git_oid id_of(const struct objects *objects, size_t i)
{
    git_oid id;
    memcpy(id.id, str_index_texts(objects->ids)[i].p, sizeof id.id);
    return id;
}

static int pour(struct copy *copy, git_odb_stream *in, git_odb_stream *out, size_t size)
{
    while (size > 0) {
        int n = git_odb_stream_read(in, copy->chunk, size < CHUNK_BYTES ? size : CHUNK_BYTES);
        if (n <= 0 || (size_t)n > size || git_odb_stream_write(out, copy->chunk, (size_t)n) < 0 ||
            came(copy, copy->part_bytes + n, copy->part_object_count) != 0) {
            return -1;
        }
        size -= (size_t)n;
    }
    return 0;
}

/* One that lies in a pack cannot be read by stream. */
static int copy_whole(struct copy *copy, const git_oid *id, git_oid *ret)
{
    git_odb_object *object = NULL;
    if (git_odb_read(&object, copy->from, id) < 0) {
        return -1;
    }
    size_t size = git_odb_object_size(object);
    int result = came(copy, (int64_t)size, 0) != 0
                     ? -1
                     : git_odb_write(ret, copy->to, git_odb_object_data(object), size, git_odb_object_type(object));
    git_odb_object_free(object);
    return result;
}

static int copy_large(struct copy *copy, const git_oid *id, struct err *err)
{
    git_odb_stream *in = NULL;
    git_odb_stream *out = NULL;
    git_object_t type = GIT_OBJECT_INVALID;
    git_oid came = {{0}};
    size_t size = 0;
    int result = 0;
    if (git_odb_open_rstream(&in, &size, &type, copy->from, id) < 0) {
        result = copy_whole(copy, id, &came);
    } else {
        result = git_odb_open_wstream(&out, copy->to, size, type) < 0 || pour(copy, in, out, size) < 0 ||
                         git_odb_stream_finalize_write(&came, out) < 0
                     ? -1
                     : 0;
    }
    git_odb_stream_free(out);
    git_odb_stream_free(in);
    if (result < 0) {
        return fault(copy, err);
    }
    copy->part_object_count = 1;
    part_came(copy);
    return git_oid_equal(&came, id)
               ? 0
               : err_set(err, ERR_INPUT, "the fetch failed: an object is not what it is called");
}

static int write_pack(struct copy *copy, git_packbuilder *builder, struct err *err)
{
    struct indexing indexing;
    int result = begin_pack(copy, &indexing);
    if (result == 0) {
        result = git_packbuilder_foreach(builder, add_to_pack, &indexing);
    }
    return end_pack(copy, &indexing, result) < 0 ? fault(copy, err) : 0;
}

/* Single objects are not compared with each other: it takes minutes. libgit2 reads the size from which on it does not
 * do so from pack.deltaCacheSize (up to 1.9 at least), and settings only from files: this one is in memory, while it
 * is open. */
static int set_packing(git_repository *repository, int *ret_fd)
{
    static const char settings[] = "[core]\n\tbigFileThreshold = 1\n[pack]\n\tdeltaCacheSize = 1\n";
    git_config *config = NULL;
    char path[40];
    int fd = memfd_create("sluice-packing", MFD_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    *ret_fd = fd;
    int result = fd < 0 || write(fd, settings, strlen(settings)) < 0 ? -1 : git_config_open_ondisk(&config, path);
    if (result == 0) {
        result = git_repository_set_config(repository, config);
    }
    git_config_free(config);
    return result;
}

/* By a repository of their objects and of no settings: theirs are not obeyed. */
static int copy_objects(struct copy *copy, struct err *err)
{
    const struct objects *objects = &copy->objects;
    git_repository *bare = NULL;
    git_packbuilder *builder = NULL;
    int settings = -1;
    int result = git_repository_wrap_odb(&bare, copy->from) < 0 || set_packing(bare, &settings) < 0 ||
                         git_packbuilder_new(&builder, bare) < 0
                     ? fault(copy, err)
                     : 0;
    for (size_t i = 0; result == 0 && i < objects->missing.count; i++) {
        size_t size = 0;
        git_object_t type;
        git_oid id = id_of(objects, i);
        if (!objects->missing.items[i]) {
            continue;
        }
        if (git_odb_read_header(&size, &type, copy->from, &id) < 0) {
            result = fault(copy, err);
        } else if (size >= BY_STREAM_BYTES) {
            result = copy_large(copy, &id, err);
        } else if (git_packbuilder_insert(builder, &id, NULL) < 0) {
            result = fault(copy, err);
        }
    }
    if (result == 0 && git_packbuilder_object_count(builder) > 0) {
        result = write_pack(copy, builder, err);
    }
    git_packbuilder_free(builder);
    git_repository_free(bare);
    if (settings >= 0) {
        (void)close(settings);
    }
    return result;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static int check_whole(const struct copy *copy, struct err *err)
{
    char name[GIT_OID_HEXSZ + 1];
    (void)git_odb_refresh(copy->to);
    for (size_t i = 0; i < copy->objects.missing.count; i++) {
        git_oid id = id_of(&copy->objects, i);
        if (git_odb_exists_ext(copy->to, &id, GIT_ODB_LOOKUP_NO_REFRESH) != 1) {
            return err_set(err, ERR_INPUT, "the fetch failed: the object %s is not in the pack that should have it",
                           git_oid_tostr(name, sizeof name, &id));
        }
    }
    return 0;
}

int local_fetch(git_repository *ours, const char *path, const git_oid *tips, size_t tip_count,
                const struct local_watch *watch, struct err *err)
{
    git_repository *theirs = NULL;
    struct copy copy = {.ours = ours, .watch = watch, .objects.arena = arena_new()};
    copy.objects.ids = str_index_new(copy.objects.arena, 0);
    copy.chunk = arena_array(copy.objects.arena, CHUNK_BYTES, 1);
    int result = git_repository_open(&theirs, path) < 0 || git_repository_odb(&copy.from, theirs) < 0 ||
                         git_repository_odb(&copy.to, ours) < 0
                     ? fault(&copy, err)
                     : 0;
    if (result == 0) {
        result = find_reachable(&copy, theirs, tips, tip_count, err) < 0 || copy_their_packs(&copy, theirs, err) < 0 ||
                         copy_objects(&copy, err) < 0 || check_whole(&copy, err) < 0
                     ? -1
                     : 0;
    }
    git_odb_free(copy.to);
    git_odb_free(copy.from);
    git_repository_free(theirs);
    vec_clear(&copy.objects.missing);
    arena_free(copy.objects.arena);
    return result;
}
