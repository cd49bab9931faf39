/* SPDX-License-Identifier: Apache-2.0
 * The inside of a store handle, for store.c, stmt.c, and families that need more than store.h.
 */
#ifndef SLUICE_STORE_STORE_INTERNAL_H
#define SLUICE_STORE_STORE_INTERNAL_H

#include "base/err.h"
#include "base/histogram.h"
#include "run/guard.h"
#include "store/stmt.h"

#include <sqlite3.h>
#include <stdint.h>

enum { STMT_NAMES = 32 };

/* What a connection that writes is opened with. */
extern const char store_writer_pragmas[];

struct stmt {
    struct store *store;
    const char *sql; /* its address is the key */
    sqlite3_stmt *handle;
    int failed; /* SQLite code of a preparation or binding that failed, else 0 */
    /* The parameters in the order in which they are bound, which is always the same: found once. */
    const char *names[STMT_NAMES];
    int indices[STMT_NAMES];
    unsigned next_name;
    struct stmt *next;
    uint64_t used; /* of a text made at run time: when it was last asked for */
};

enum { STORE_STATEMENT_SLOTS = 256, STORE_TEXTS = 64, STORE_QUEUES = 32 };

/* Of rows that are kept in memory elsewhere: the version is another one after each change, and after changes that were
 * taken back. */
struct store_changes {
    uint64_t version;
    bool pending; /* something was changed in this transaction */
};

/* What config.yaml guards (store/guards.h). */
struct store_guards {
    struct arena *arena; /* of the rest; NULL: nothing was set */
    struct json list;
    struct json groups; /* {group: [actor, ...]} */
    struct guard *items;
    size_t count;
    bool single_user;   /* by config.yaml and the home's folder */
    const char *owner;  /* the account whose home it is; NULL: not known */
    bool expected; /* they will be set, and have not been yet */
};

/* What a new store owes the disk (store/first_sync.h). */
struct store_first_sync {
    bool is_due;
    bool is_older; /* another process made it: SQLite would not sync the folder */
    bool is_put_off;
    int changes;   /* sqlite3_total_changes, of what needs no sync */
    int beside_fd; /* 0: none */
};

/* What was read or written in the transaction and is asked for again and again in it: nobody else can change it
 * meanwhile. Forgotten with the transaction, and when a part of it is taken back. */
struct store_known {
    bool has_head; /* of the activity log: */
    int64_t sequence;
    char chain[96];
    bool has_telling, is_telling;
    bool has_experiment; /* which is there, and not deleted: */
    int64_t experiment;
};

/* What is known of deliveries to a receiver without looking at all of them (store/deliveries.c). */
struct store_queue {
    char receiver[80];     /* the beginning of a longer one is nobody's: it is never known */
    int64_t counted_at_id; /* the newest delivery there was when those that wait were counted */
    int64_t roomy_to_id;   /* before there is this one, not too many wait */
    unsigned ended;        /* how many have ended since */
};

struct store {
    sqlite3 *db;
    bool writable;
    int log_pages;  /* of the write-ahead log */
    int wal_pages;  /* the same, until they are in the database file: then 0 */
    int tidy_pages; /* at how many they are to be copied there */
    bool is_tidied; /* somebody calls store_tidy */
    int cache_kib;  /* of pages in memory, mostly */
    bool shortens;  /* the file of that log is to be cut once nobody reads it */
    bool is_wide;   /* more pages are kept in memory than mostly */
    bool has_many_pages; /* the transaction asks for that */
    bool in_transaction;
    bool is_reading; /* in a transaction that only reads */
    struct store_known known; /* of the transaction; nothing outside of one */
    struct err broken; /* what has failed in this transaction: nothing more is done in it */
    struct stmt *statements[STORE_STATEMENT_SLOTS];
    struct stmt *texts[STORE_TEXTS]; /* made at run time; they own their `sql` */
    uint64_t text_uses;
    struct store_queue queues[STORE_QUEUES];
    uint64_t delivery_changes; /* counts what happens to the outbox: store_deliveries_changes */
    uint64_t source_changes;   /* counts jobs that wait and runs to be pinned: store_sources_changes */
    uint64_t event_changes;    /* counts what is to be told to channels: store_events_changes */
    uint64_t trigger_changes;  /* counts pending triggers that have come: store_triggers_changes */
    struct store_changes users, permissions;
    bool has_activity_key;
    unsigned char activity_key[32];
    struct histogram commits; /* how long they took */
    int64_t activity_foreign; /* store_activity_foreign */
    char activity_address[64]; /* where what is done now was asked from; "": here */
    char activity_means[32];   /* by what the actor is known; "": as an account of this machine */
    struct store_guards guards;
    struct store_first_sync first;
};

/* Turns an SQLite result code into an err: FULL is ERR_LIMIT ("the disk is full"), BUSY is ERR_BUSY, CORRUPT and NOTADB
 * are ERR_CORRUPT, CONSTRAINT is ERR_STATE, the rest ERR_IO. Returns -1. A failure of the store breaks the transaction
 * that it came in: SQLite may have ended it, and what came after would be written at once, each by itself. */
int store_fail(struct store *store, int code, const char *doing, struct err *err);
/* -1 with what broke the transaction, until it is rolled back; or with why that has not been possible yet. */
int store_check_usable(struct store *store, struct err *err);
/* Copies the write-ahead log into the database, and cuts it if that is wanted. */
void store_copy_log(struct store *store);
/* Before a commit: syncs what is due, if something was written that is worth it. */
int store_first_sync(struct store *store, struct err *err);
/* When the store was opened for writing. */
void store_first_sync_begin(struct store *store, bool is_new);
/* To be called beside each change of such rows. */
void store_changes_note(struct store_changes *changes);
/* The functions that SQL of searches calls (search_functions.c). */
int search_functions_add(struct store *store, struct err *err);
/* Frees the statements of texts. */
void stmt_texts_clear(struct store *store);
/* The transaction will write hundreds of pages, and so may the next: they are kept in memory until one is committed
 * that did not ask for it. */
void store_expect_many_pages(struct store *store);

#endif
