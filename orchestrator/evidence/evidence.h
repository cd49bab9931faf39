/* SPDX-License-Identifier: Apache-2.0
 * What an auditor needs of a model version, as a folder of files that can be checked without the home
 * (docs/governance.md says what the check proves).
 */
#ifndef SLUICE_EVIDENCE_EVIDENCE_H
#define SLUICE_EVIDENCE_EVIDENCE_H

#include "base/json.h"
#include "store/store.h"

enum { EVIDENCE_FILES_MAX = 16, EVIDENCE_FILE_BYTES = 256 << 20, EVIDENCE_FORMAT = 1, EVIDENCE_KEY_BYTES = 32 };

/* The names of the files beside the records. */
#define EVIDENCE_MANIFEST "manifest.json"
#define EVIDENCE_SHA256 "manifest.sha256"
#define EVIDENCE_HMAC "manifest.hmac"
#define EVIDENCE_ACTIVITY "activity.jsonl"

/* One file of the folder, before it is written. */
struct evidence_file {
    const char *name;
    struct str text;
};

/* All files of the version's folder, the manifest last: in the arena. */
struct evidence {
    struct evidence_file files[EVIDENCE_FILES_MAX];
    size_t count;
    char sha256[65];  /* of the manifest */
    const char *head; /* "SEQUENCE:HEX": the last entry of the activity log then */
};
/* The manifest is signed by the store's key (store_activity_set_key): ERR_STATE when it has none. */
int evidence_gather(struct store *store, const char *name, int64_t version, int64_t now_ms, struct arena *arena,
                    struct evidence *ret, struct err *err);
/* Writes it into a folder that is made, or is empty. */
int evidence_write(const struct evidence *evidence, const char *folder, struct arena *arena, struct err *err);
/* That it was written stands in the activity log, with the digest of its manifest. In the caller's transaction. */
int evidence_note(struct store *store, const char *name, int64_t version, const char *sha256, const char *actor,
                  int64_t now_ms, struct err *err);
/* The folder as a tar archive (POSIX ustar), written to a file from its beginning on. The names in it, folder and file,
 * are of letters, digits and "-_." alone, whatever the model is called: "evidence-wine-3/manifest.json". */
int evidence_tar(const struct evidence *evidence, const char *folder, int64_t at_ms, int fd, int64_t *ret_bytes,
                 struct err *err);
/* "evidence-wine-3" */
const char *evidence_folder_name(const char *name, int64_t version, struct arena *arena);

struct evidence_check {
    const unsigned char *key; /* the home's; NULL: it is not there */
    const char *head;         /* one that was published, "SEQUENCE:HEX"; NULL: none */
};
struct evidence_finding {
    int64_t files;
    int64_t rows;        /* of the activity log */
    bool signed_by_key;  /* the manifest and each row are what the key had written */
    bool meets_head;     /* the row of that number has that chain */
    const char *head;    /* what the manifest says */
    const char *model;   /* "wine/3" */
    const char *sha256;  /* of the manifest */
};
/* 0 when everything that can be checked holds; ERR_CORRUPT naming the first file, or row, that does not. */
int evidence_verify(const char *folder, const struct evidence_check *check, struct arena *arena,
                    struct evidence_finding *ret, struct err *err);

#endif
