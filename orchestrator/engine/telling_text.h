/* SPDX-License-Identifier: Apache-2.0
 * An event (engine/telling.h) in words, for people: as a message of Slack's shape, and as a mail.
 */
#ifndef SLUICE_ENGINE_TELLING_TEXT_H
#define SLUICE_ENGINE_TELLING_TEXT_H

#include "base/json.h"

#include <stdint.h>

/* One line: "run wine 12 failed". */
const char *telling_title(const struct json *event, struct arena *arena);
/* {"text", "blocks"}: the JSON of an incoming webhook. Nothing in it calls anybody or is a link but the run's own. */
const char *telling_slack(const struct json *event, struct arena *arena);

/* A mail (RFC 5322) in plain text of UTF-8, with CRLF. Its id is the delivery's: the same at each try. */
struct telling_mail {
    struct str from;
    const struct str *to;
    size_t to_count;
    const char *delivery_id;
    int64_t at_ms;
};
const char *telling_mail(const struct json *event, const struct telling_mail *mail, struct arena *arena);

#endif
