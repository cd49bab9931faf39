/* SPDX-License-Identifier: Apache-2.0
 * One output stream of a step, from bytes as they come to payloads of JOURNAL_LOG frames.
 *
 * Secrets are hidden first, over the borders of lines and writes. Then the text is cut into lines; a line beyond 64 KiB
 * becomes several. What is given out is valid UTF-8: a NUL is shown as U+2400, other bytes that are no UTF-8 as U+FFFD.
 */
#ifndef SLUICE_RUNNER_CAPTURE_H
#define SLUICE_RUNNER_CAPTURE_H

#include "base/strbuf.h"
#include "base/mask.h"
#include "wire/journal.h"

enum { CAPTURE_LINE_BYTES = 64 << 10, CAPTURE_FRAME_BYTES = 256 << 10 /* before cleaning, which can treble it */ };

/* Receives one payload of a JOURNAL_LOG frame: the stream's byte and whole lines. Borrowed for the call. */
typedef void capture_emit(void *ctx, struct str payload);

struct capture {
    enum journal_stream stream;
    const struct mask *mask;
    capture_emit *emit;
    void *ctx;
    struct mask_stream masked;
    struct strbuf text; /* the line that has not ended */
};

void capture_init(struct capture *capture, enum journal_stream stream, const struct mask *mask, capture_emit *emit,
                  void *ctx);
void capture_feed(struct capture *capture, struct str bytes);
/* The stream has ended: gives out what was held back, and is ready for another beginning. */
void capture_finish(struct capture *capture);
/* Overwrites and frees. */
void capture_clear(struct capture *capture);

/* Appends `text` as valid UTF-8 without NULs, as said above. */
void capture_clean(struct str text, struct strbuf *out);

#endif
