/* SPDX-License-Identifier: Apache-2.0
 * How long what runs leave is kept: `gc` of config.yaml, and the options of `sluice gc` that stand in its place. What
 * the rules mean is decided in gc/plan.h.
 */
#ifndef SLUICE_CONFIG_RETENTION_H
#define SLUICE_CONFIG_RETENTION_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum retention_kind {
    RETENTION_RUNS,
    RETENTION_LOGS,
    RETENTION_ARTIFACTS,
    RETENTION_CACHE,
    RETENTION_DELETED,
    RETENTION_TRIGGERS,
    RETENTION_KINDS
};

/* A rule: what is older goes, and the oldest while all of it is larger; the newest of each pipeline stay. Without an
 * age and a size, all but the newest go. */
struct retention {
    bool given; /* false: everything is kept */
    int64_t older_than_ms; /* -1: not said */
    int64_t keep_last;     /* of each pipeline; of kept results: of each step and item. -1: not said */
    int64_t max_bytes;     /* -1: not said */
};
extern const struct retention retention_none;

struct retention_row {
    const char *name; /* "runs", as in config.yaml and as an option */
    const char *doc;
    bool has_last;    /* keep_last may be said of it */
    bool has_size;    /* max_size may be said of it */
};
extern const struct retention_row retention_rows[RETENTION_KINDS];

struct loader;
struct yaml_node;

/* Nothing is said of any of them. */
void retention_clear(struct retention rules[RETENTION_KINDS]);
/* The map KIND: {older_than, keep_last, max_size} of config.yaml, for `rules`, and `every`. */
void retention_load(struct loader *loader, const struct yaml_node *node, struct retention rules[RETENTION_KINDS],
                    int64_t *ret_every_ms);
/* "older_than=90d,keep_last=50", or "none": of an option. */
int retention_parse(enum retention_kind kind, struct str text, struct retention *ret, struct err *err);
/* The same for people: "older than 90d, keep the last 50"; "none". */
const char *retention_words(const struct retention *rule, struct arena *arena);

/* Rows for the table of keys in config.c. */
#define RETENTION_DOCS(ROW)                                                                                            \
    ROW("gc.", "every", 0, NULL, "duration", "How often 'sluice serve' removes by these rules; never by default.")     \
    ROW("gc.KIND.", "older_than", 0, NULL, "duration", "What ended, or was last used, longer ago goes.")               \
    ROW("gc.KIND.", "keep_last", 0, NULL, "integer", "The newest so many of each pipeline stay, however old.")         \
    ROW("gc.KIND.", "max_size", 0, NULL, "size", "The oldest go while all of it together is larger.")

#endif
