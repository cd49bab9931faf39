/* SPDX-License-Identifier: Apache-2.0
 * What an auditor needs of a version, as an archive: the folder that `sluice evidence` writes.
 */
#include "evidence/evidence.h"

#include "api/sluice/routes.h"
#include "base/clock.h"

#include <fcntl.h>
#include <unistd.h>

/* What is in the activity log before the first byte goes out. */
struct made {
    char sha256[65];
};

static int note_in_turn(struct api_call *call, struct err *err)
{
    const struct made *made = rest_ctx(call);
    return evidence_note(call->store, rest_model_name(call), rest_id(call, "version"), made->sha256, rest_actor(call),
                         call->now_ms, err);
}

static int note(struct api_call *call, struct err *err)
{
    return rest_transact(call, note_in_turn, err);
}

/* A file without a name in the home: it costs no memory while it is sent, and is gone when that is done. */
static int open_unnamed(const struct api_call *call, struct err *err)
{
    int fd = openat(call->files->incoming, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? err_errno(err, "making a file for the evidence") : fd;
}

static int write_archive(struct api_call *call, const char *folder, struct made *made, int fd, int64_t *ret_bytes,
                         struct err *err)
{
    struct arena *arena = arena_new();
    struct evidence evidence;
    int64_t now_ms = clock_wall_ms(&clock_system);
    int result = evidence_gather(call->store, rest_model_name(call), rest_id(call, "version"), now_ms, arena, &evidence,
                                 err) < 0
                     ? -1
                     : evidence_tar(&evidence, folder, now_ms, fd, ret_bytes, err);
    if (result == 0) {
        memcpy(made->sha256, evidence.sha256, sizeof made->sha256);
    }
    arena_free(arena);
    return result;
}

static int make(struct api_call *call, struct err *err)
{
    struct made *made = arena_one(call->arena, struct made);
    const char *folder = evidence_folder_name(rest_model_name(call), rest_id(call, "version"), call->arena);
    int64_t bytes = 0;
    if (call->key != NULL) {
        return err_set(err, ERR_INPUT, "evidence is kept nowhere, and so is not given twice: ask without an "
                                       "Idempotency-Key");
    }
    int fd = open_unnamed(call, err);
    if (fd < 0 || write_archive(call, folder, made, fd, &bytes, err) < 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    struct http_answer answer = {
        .status = 200,
        .content_type = "application/x-tar",
        .fd = fd,
        .size = bytes,
        .headers = {{"Content-Disposition", arena_printf(call->arena, "attachment; filename=\"%s.tar\"", folder)},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Cache-Control", "no-store"}},
    };
    rest_reply(call, &answer);
    rest_keep(call, made, NULL);
    rest_then(call, note);
    return 0;
}

static const struct schema_field takes[] = {REST_MODEL_NAME, REST_MODEL_VERSION, {0}};

const struct api_route rest_evidence_routes[] = {
    {HTTP_POST, "/registered-models/{name}/versions/{version}/evidence", API_SLUICE, API_WRITES,
     API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "writeEvidence",
                                      .group = "Models",
                                      .summary = "What an auditor needs of a version, as a tar archive",
                                      .details = "One folder with the files that `sluice evidence` writes: unpacked, "
                                                 "`sluice evidence verify` checks it without the home. For admins, who "
                                                 "alone read the activity log, of which it has an extract. That it was "
                                                 "written is an entry there, before its first byte is sent. With an "
                                                 "Idempotency-Key it is refused.",
                                      .takes = takes,
                                      .media = "application/x-tar",
                                      .flags = REST_APART | REST_COMMANDS),
     .answer = make,
     .note = API_NOTED_INSIDE},
    {0},
};
