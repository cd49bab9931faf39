/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout_state.h"

#include "file_text.h"
#include "folder.h"
#include "members.h"
#include "value.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 };

static const char *const phase_names[] = {
    [ROLLOUT_OPEN] = "open", [ROLLOUT_BACK] = "back", [ROLLOUT_DONE] = "done"};

/* The items of a matrix share the folder. */
const char *rollout_state_path(const struct step_host *host, struct scratch *scratch)
{
    const char *item = host->context->item == NULL ? "" : host->context->item;
    return scratch_printf(scratch, "%s/rollout%s%s.json", host->context->state_dir, *item == '\0' ? "" : "-", item);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static const char *kept(struct scratch *scratch, const struct step_value *map, const char *key)
{
    const char *text = value_member_text(map, key);
    return text == NULL ? NULL : scratch_copy(scratch, text, strlen(text));
}

static int64_t whole(const struct step_value *map, const char *key)
{
    const struct step_value *value = step_get(map, key);
    return value == NULL || value->type != STEP_TYPE_INT ? 0 : value->integer;
}

static struct rollout_model read_model(struct scratch *scratch, const struct step_value *map)
{
    struct rollout_model model = {kept(scratch, map, "uri"), kept(scratch, map, "model_id"),
                                  kept(scratch, map, "name"), kept(scratch, map, "sha256")};
    model.model_id = model.model_id == NULL ? "" : model.model_id;
    return model;
}

static int read_phase(const char *text, enum rollout_phase *ret)
{
    for (size_t i = 0; text != NULL && i < sizeof phase_names / sizeof phase_names[0]; i++) {
        if (strcmp(text, phase_names[i]) == 0) {
            *ret = (enum rollout_phase)i;
            return 0;
        }
    }
    return -1;
}

int rollout_state_read(const struct step_host *host, struct scratch *scratch, struct rollout_state *ret,
                       struct fault *fault)
{
    const char *path = rollout_state_path(host, scratch);
    const struct step_value *map = NULL;
    char *text = NULL;
    size_t size = 0;
    struct rollout_state state = {0};
    if (file_text_read(scratch, path, MOST_BYTES, &text, &size, fault) < 0) {
        return -1;
    }
    if (host->parse_json(host, text, size, &map) < 0 ||
        read_phase(value_member_text(map, "phase"), &state.phase) < 0) {
        return fault_set(fault, "'%.300s' is not what a deployment in stages has written: what is deployed must be "
                         "looked at by hand",
                         path);
    }
    state.attempt = whole(map, "attempt");
    state.stage = whole(map, "stage");
    state.touched = whole(map, "touched");
    state.began_ms = whole(map, "began_ms");
    state.left_ms = whole(map, "left_ms");
    state.model = read_model(scratch, step_get(map, "model"));
    state.previous = read_model(scratch, step_get(map, "previous"));
    state.before = kept(scratch, map, "before");
    state.reason = kept(scratch, map, "reason");
    const struct step_value *refused = step_get(map, "refused");
    state.refused = refused != NULL && refused->boolean;
    if (state.model.uri == NULL || state.model.name == NULL || state.model.sha256 == NULL || state.stage < 0) {
        return fault_set(fault, "'%.300s' does not say which model it is about", path);
    }
    *ret = state;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put_model(struct members *members, const char *key, const struct rollout_model *model)
{
    struct members one = {0};
    if (model->uri != NULL) {
        members_text(&one, "uri", model->uri);
        members_text(&one, "model_id", model->model_id);
        members_text(&one, "name", model->name);
        members_text(&one, "sha256", model->sha256);
        members_raw(members, key, members_json(&one));
    }
    members_free(&one);
}

int rollout_state_write(const struct step_host *host, const struct rollout_state *state, struct fault *fault)
{
    struct scratch scratch = {0};
    struct members map = {0};
    const char *path = rollout_state_path(host, &scratch);
    members_text(&map, "phase", phase_names[state->phase]);
    members_whole(&map, "attempt", state->attempt);
    members_whole(&map, "stage", state->stage);
    members_whole(&map, "touched", state->touched);
    members_whole(&map, "began_ms", state->began_ms);
    members_whole(&map, "left_ms", state->left_ms);
    put_model(&map, "model", &state->model);
    put_model(&map, "previous", &state->previous);
    members_text(&map, "before", state->before);
    members_text(&map, "reason", state->reason);
    members_bool(&map, "refused", state->refused);
    int result = folder_make(host->context->state_dir, fault);
    if (result == 0) {
        result = file_text_replace(path, members_json(&map), 0600, fault);
    }
    members_free(&map);
    scratch_free(&scratch);
    return result;
}

int rollout_state_remove(const struct step_host *host, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *path = rollout_state_path(host, &scratch);
    int result = unlink(path) < 0 && errno != ENOENT
                     ? fault_set(fault, "cannot remove '%.300s': %s", path, strerror(errno))
                     : folder_sync(host->context->state_dir, fault);
    scratch_free(&scratch);
    return result;
}
