/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/model_file.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

static const size_t text_max_bytes = 64 << 10;

/* A JSON string is a YAML double-quoted scalar as well. */
static void put_text(struct strbuf *out, const char *key, const char *value)
{
    strbuf_printf(out, "%s: ", key);
    json_write_string(out, str_from(value));
    strbuf_add_byte(out, '\n');
}

char *model_file_text(const struct model_file *model, int64_t size_bytes, int64_t now_ms, struct arena *arena)
{
    char time[32];
    format_time(time, sizeof time, now_ms); /* 2026-11-24T10:15:00.123Z */
    struct strbuf out;
    strbuf_init(&out, text_max_bytes);
    put_text(&out, "artifact_path", model->dir);
    strbuf_add_text(&out, "flavors:\n  ");
    json_write_string(&out, str_from(model->flavor == NULL ? "sluice" : model->flavor));
    strbuf_add_text(&out, ":\n    data: .\n");
    put_text(&out, "model_id", model->model_id);
    strbuf_printf(&out, "model_size_bytes: %lld\n", (long long)size_bytes);
    put_text(&out, "run_id", model->run_id);
    put_text(&out, "sluice_version", SLUICE_VERSION);
    strbuf_printf(&out, "utc_time_created: '%.10s %.12s000'\n", time, time + 11);
    char *text = arena_dup(arena, out.data, out.length);
    strbuf_clear(&out);
    return text;
}

static int fill_stage(const struct model_file *model, const char *from, const char *stage, int64_t now_ms,
                      struct arena *arena, struct err *err)
{
    if (fs_is_folder(from)) {
        if (fs_copy(from, stage, err) < 0) {
            return -1;
        }
    } else if (fs_make_folders(stage, 0775, err) < 0 ||
               fs_copy(from, path_join(arena, stage, path_base(from)), err) < 0) {
        return -1;
    }
    const char *path = path_join(arena, stage, "MLmodel");
    if (fs_exists(path)) {
        return 0;
    }
    struct fs_list list = {0};
    int64_t size = 0;
    if (fs_walk(stage, PUBLISH_MAX_FILES, arena, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        size += list.entries[i].size_bytes;
    }
    return fs_write(path, str_from(model_file_text(model, size, now_ms, arena)), 0644, false, err);
}

int model_file_publish(const struct model_file *model, const char *from, int64_t now_ms, struct arena *arena,
                       struct published *ret, struct err *err)
{
    const char *stage = publish_stage(model->dir, arena, err);
    if (stage == NULL) {
        return -1;
    }
    if (fill_stage(model, from, stage, now_ms, arena, err) < 0) {
        (void)fs_remove(stage, NULL);
        return -1;
    }
    return publish_move(stage, model->dir, "", arena, ret, err);
}
