/* SPDX-License-Identifier: Apache-2.0
 * Hides secrets in what a step writes, and in what its client says: each occurrence becomes "***".
 *
 * A mask knows the forms in which the values of an attempt's secrets may appear: as they are, each line of a value of
 * several lines, escaped as in JSON (once, or twice by the same writer) and in URLs, quoted as shells and Python show a
 * text, as hex digits, and in base64 and base64url wherever the value lies in the encoded text (three alignments; of a
 * group shared with a neighbour, the shared character stays); hex and base64 also in lines, or otherwise spaced. All
 * forms are looked for at once, in one pass (Aho and Corasick 1975), however the text is cut into writes. Of a value in
 * lines whose first line shows less than 8 characters of it those stay: the line is not held back for them.
 *
 * Values under 4 bytes are not looked for (they would hide every log), those under 8 bytes only as they are, and
 * values over 64 KiB only as they are and by their lines.
 */
#ifndef SLUICE_BASE_MASK_H
#define SLUICE_BASE_MASK_H

#include "base/json.h"
#include "base/strbuf.h"

struct mask;

/* For `secrets`, {"NAME": "value"}; NULL or empty gives a mask that hides nothing. */
struct mask *mask_new(const struct json *secrets);
/* Overwrites the forms, then frees. NULL is allowed. */
void mask_free(struct mask *mask);
/* Overwrites the forms, for a child that must not know them; the mask can then only be freed. */
void mask_wipe(struct mask *mask);
/* False when there is nothing to hide. */
bool mask_is_active(const struct mask *mask);

/* A text that comes in pieces. Zeroed is the beginning. */
struct mask_stream {
    uint32_t state;
    bool hiding;         /* the last byte given out was of a secret */
    struct strbuf held;  /* bytes that may be the beginning of a secret */
    struct strbuf flags; /* for each of them: 1 when it is of a secret */
    size_t marked_from;  /* the last found secret, as offsets into `held` */
    size_t marked_to;
    uint32_t spaced;     /* the state of the search that leaves blanks out */
    uint64_t seen;       /* bytes so far */
    uint64_t solid;      /* those of them that are no blanks */
    uint64_t *places;    /* a ring: where the last of those stand */
    size_t gap;          /* blanks since the last of those */
    bool broken;         /* a line ends among them */
};

/* Appends to `out` what is decided; keeps back what may be the beginning of a secret. */
void mask_feed(const struct mask *mask, struct mask_stream *stream, struct str bytes, struct strbuf *out);
/* The text has ended: appends what was kept back. */
void mask_finish(const struct mask *mask, struct mask_stream *stream, struct strbuf *out);
void mask_stream_clear(struct mask_stream *stream);

/* A whole text at once. */
void mask_text(const struct mask *mask, struct str text, struct strbuf *out);
/* Does it hold a secret? */
bool mask_finds(const struct mask *mask, struct str text);
/* A copy of `value` in `arena` with its strings and keys masked. */
struct json mask_json(const struct mask *mask, struct arena *arena, const struct json *value);

#endif
