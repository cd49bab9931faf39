/* SPDX-License-Identifier: Apache-2.0
 * Time zones: compiled zone files (TZif, RFC 8536, versions 1 to 4) as the system's tzdata has them.
 *
 * The process's TZ and libc's zone state are not used: any number of zones live side by side. A zone is immutable and
 * lives as long as the arena it was read into.
 */
#ifndef SLUICE_TIME_TZIF_H
#define SLUICE_TIME_TZIF_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "time/tz_rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TZIF_NAME_MAX = 100,
    TZIF_FILE_MAX = 256 * 1024,
    /* The bounds of RFC 8536 3.2 for an offset from UTC: more than -25 h, less than 26 h. */
    TZIF_OFFSET_MIN = -89999,
    TZIF_OFFSET_MAX = 93599,
};

/* Where distributions keep tzdata. */
#define TZIF_FOLDER "/usr/share/zoneinfo"

/* A stretch of time with one offset: [from, to) in epoch seconds, INT64_MIN and INT64_MAX where it has no end.
 * Neighbouring spans may have the same offset. */
struct tzif_span {
    int64_t from;
    int64_t to;
    int32_t offset_seconds; /* local minus UTC */
    bool dst;
    char abbreviation[TZ_RULE_NAME_MAX + 1];
};

struct tzif;

/* UTC, which needs no file. */
const struct tzif *tzif_utc(void);

/* The zone of an IANA name ("Europe/Copenhagen"), below TZIF_FOLDER. "UTC" and "Etc/UTC" always work. ERR_INPUT for a
 * name that cannot be one (empty parts, "..", a leading '/') or is not a zone; ERR_NOT_FOUND for an unknown one, with
 * the nearest known name, or, where the machine has no tzdata, with the name of the package. */
int tzif_load(struct str name, struct arena *arena, const struct tzif **ret_zone, struct err *err);
/* The same below another folder. */
int tzif_load_from(const char *folder, struct str name, struct arena *arena, const struct tzif **ret_zone,
                   struct err *err);

/* A zone from the bytes of a TZif file, which may be hostile: every count and index is checked, ERR_CORRUPT says what
 * is wrong. `name` is copied, for messages. Files that count leap seconds ("right/...") are refused. */
int tzif_parse(struct str bytes, struct str name, struct arena *arena, const struct tzif **ret_zone, struct err *err);

struct str tzif_name(const struct tzif *zone);
/* The span that holds an instant. After the last transition of the file its footer (a POSIX TZ rule) goes on. */
struct tzif_span tzif_span_at(const struct tzif *zone, int64_t epoch_seconds);

/* The release of the machine's tzdata ("2025b") into `room`; false, and an empty text, where none can be told. */
bool tzif_release(char *room, size_t size);

#endif
