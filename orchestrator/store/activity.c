/* SPDX-License-Identifier: Apache-2.0 */
#include "store/activity.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "digest/digest.h"
#include "store/events.h"
#include "store/search_sql.h"
#include "store/store_internal.h"

#include <stdio.h>

static const char beginning[] = "sluice activity 1"; /* what the first row is chained to */

void store_activity_set_key(struct store *store, const unsigned char key[32])
{
    memcpy(store->activity_key, key, sizeof store->activity_key);
    store->has_activity_key = true;
}

void store_activity_set_origin(struct store *store, const char *address, const char *means)
{
    (void)snprintf(store->activity_address, sizeof store->activity_address, "%s", address == NULL ? "" : address);
    (void)snprintf(store->activity_means, sizeof store->activity_means, "%s", means == NULL ? "" : means);
}

void store_activity_share_key(struct store *store, const struct store *with)
{
    if (with->has_activity_key) {
        store_activity_set_key(store, with->activity_key);
    }
}

static int need_key(const struct store *store, struct err *err)
{
    return store->has_activity_key
               ? 0
               : err_set(err, ERR_STATE,
                         "the home's key is not there, or may not be read by you: the activity log cannot be chained");
}

int store_key_hmac(const struct store *store, struct str text, struct digest *ret, struct err *err)
{
    if (need_key(store, err) < 0) {
        return -1;
    }
    *ret = digest_hmac((struct str){(const char *)store->activity_key, sizeof store->activity_key}, text);
    return 0;
}

static void add_field(struct strbuf *text, const char *field)
{
    strbuf_printf(text, "%zu:", strlen(field));
    strbuf_add_text(text, field);
}

/* Every field with its length, so that no two rows can look alike. */
static void write_fields(struct strbuf *text, const char *before, const struct activity *a)
{
    char sequence[24];
    char at[24];
    (void)snprintf(sequence, sizeof sequence, "%lld", (long long)a->sequence);
    (void)snprintf(at, sizeof at, "%lld", (long long)a->at_ms);
    const char *fields[] = {before,    sequence,      at,          a->actor,  a->action,         a->object,
                            a->object_id, a->from_state, a->to_state, a->reason, a->evidence_sha256};
    bool is_known = a->means != NULL && a->means[0] != '\0';
    bool is_far = is_known || (a->address != NULL && a->address[0] != '\0');
    strbuf_init(text, 16 << 20);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        add_field(text, fields[i] == NULL ? "" : fields[i]);
    }
    if (is_far) { /* rows without one are chained as they were before there were addresses */
        add_field(text, a->address == NULL ? "" : a->address);
    }
    if (is_known) { /* and so are rows without means; they are the thirteenth field, never the twelfth */
        add_field(text, a->means);
    }
}

static struct digest chain_of(const struct store *store, const char *before, const struct activity *a)
{
    struct strbuf text;
    write_fields(&text, before, a);
    struct str key = {(const char *)store->activity_key, sizeof store->activity_key};
    struct digest digest = digest_hmac(key, strbuf_str(&text));
    strbuf_clear(&text);
    return digest;
}

/* The last row's sequence and chain; 0 and the beginning when there is none. */
static int read_head(struct store *store, int64_t *ret_sequence, char ret_chain[96], struct err *err)
{
    if (store->known.has_head) {
        *ret_sequence = store->known.sequence;
        memcpy(ret_chain, store->known.chain, sizeof store->known.chain);
        return 0;
    }
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "SELECT sequence, chain FROM activity ORDER BY sequence DESC LIMIT 1");
    int row = stmt_step(s, err);
    *ret_sequence = row == 1 ? stmt_column_int(s, 0) : 0;
    (void)snprintf(ret_chain, 96, "%s", row == 1 ? stmt_column_text(s, 1, arena) : beginning);
    stmt_done(s);
    arena_free(arena);
    return row < 0 ? -1 : 0;
}

static void know_head(struct store *store, int64_t sequence, const char *chain)
{
    store->known.has_head = store->in_transaction;
    store->known.sequence = sequence;
    (void)snprintf(store->known.chain, sizeof store->known.chain, "%s", chain);
}

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

int store_activity_append(struct store *store, const struct activity *activity, struct err *err)
{
    struct activity row = *activity;
    char before[96];
    if (need_key(store, err) < 0 || read_head(store, &row.sequence, before, err) < 0) {
        return -1;
    }
    row.sequence++;
    row.address = activity->address == NULL ? store->activity_address : activity->address;
    row.means = activity->means == NULL ? store->activity_means : activity->means;
    struct digest chain = chain_of(store, before, &row);
    struct stmt *s =
        stmt_get(store, "INSERT INTO activity (sequence, at_ms, actor, action, object, object_id, from_state, "
                        "to_state, reason, evidence_sha256, chain, address, means) "
                        "VALUES (:sequence, :at, :actor, :action, :object, :object_id, :from_state, "
                        ":to_state, :reason, :evidence, :chain, :address, :means)");
    stmt_int(s, ":sequence", row.sequence);
    stmt_int(s, ":at", row.at_ms);
    stmt_text(s, ":actor", text_of(row.actor));
    stmt_text(s, ":action", text_of(row.action));
    stmt_text(s, ":object", text_of(row.object));
    stmt_text(s, ":object_id", text_of(row.object_id));
    stmt_text(s, ":from_state", text_of(row.from_state));
    stmt_text(s, ":to_state", text_of(row.to_state));
    stmt_text(s, ":reason", text_of(row.reason));
    stmt_text(s, ":evidence", text_of(row.evidence_sha256));
    stmt_text(s, ":chain", chain.hex);
    stmt_text(s, ":address", row.address);
    stmt_text(s, ":means", row.means);
    if (stmt_run_one(s, "writing the activity log", err) < 0) {
        return -1;
    }
    know_head(store, row.sequence, chain.hex);
    return store_event_of_activity(store, &row, err);
}

#define COLUMNS                                                                                                        \
    "sequence, at_ms, actor, action, object, object_id, from_state, to_state, reason, evidence_sha256, chain, "        \
    "address, means "

static struct activity read_row(struct stmt *s, struct arena *arena)
{
    return (struct activity){
        .sequence = stmt_column_int(s, 0),
        .at_ms = stmt_column_int(s, 1),
        .actor = stmt_column_text(s, 2, arena),
        .action = stmt_column_text(s, 3, arena),
        .object = stmt_column_text(s, 4, arena),
        .object_id = stmt_column_text(s, 5, arena),
        .from_state = stmt_column_text(s, 6, arena),
        .to_state = stmt_column_text(s, 7, arena),
        .reason = stmt_column_text(s, 8, arena),
        .evidence_sha256 = stmt_column_text(s, 9, arena),
        .chain = stmt_column_text(s, 10, arena),
        .address = stmt_column_text(s, 11, arena),
        .means = stmt_column_text(s, 12, arena),
    };
}

static void add_text(struct sql *sql, const char *condition, const char *value)
{
    if (value != NULL) {
        sql_add(sql, condition);
        sql_text(sql, str_from(value));
    }
}

static void add_int(struct sql *sql, const char *condition, int64_t value)
{
    if (value != 0) {
        sql_add(sql, condition);
        sql_int(sql, value);
    }
}

/* "run.*" is all that begin with "run.". */
static void add_action(struct sql *sql, const char *action)
{
    struct str text = str_from(action == NULL ? "" : action);
    if (!str_ends(text, STR("*"))) {
        add_text(sql, " AND action = ", action);
        return;
    }
    sql_add(sql, " AND substr(action, 1, ");
    sql_int(sql, (int64_t)text.n - 1); /* of bytes, as actions are; what is no ASCII is none */
    sql_add(sql, ") = ");
    sql_text(sql, str_slice(text, 0, text.n - 1));
}

static void add_outcome(struct sql *sql, enum activity_outcome outcome)
{
    static const char *const conditions[] = {
        [ACTIVITY_ANY] = "",
        [ACTIVITY_DONE] = " AND action NOT LIKE '%.refused'",
        [ACTIVITY_REFUSED] = " AND action LIKE '%.refused'",
    };
    sql_add(sql, conditions[outcome]);
}

int store_activity_find(struct store *store, const struct activity_filter *filter, struct arena *arena,
                        struct activity **ret, size_t *ret_count, struct err *err)
{
    struct sql sql;
    struct activity *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    sql_init(&sql, store, arena);
    sql_add(&sql, "SELECT " COLUMNS "FROM activity WHERE 1");
    add_text(&sql, " AND object_id = ", filter->object_id);
    add_text(&sql, " AND actor = ", filter->actor);
    add_text(&sql, " AND address = ", filter->address);
    add_action(&sql, filter->action);
    add_outcome(&sql, filter->outcome);
    add_int(&sql, " AND at_ms >= ", filter->since_ms);
    add_int(&sql, " AND at_ms < ", filter->until_ms);
    add_int(&sql, filter->newest_first ? " AND sequence < " : " AND sequence > ", filter->from_sequence);
    add_int(&sql, " AND sequence <= ", filter->last_sequence);
    sql_add(&sql, filter->newest_first ? " ORDER BY sequence DESC LIMIT " : " ORDER BY sequence LIMIT ");
    sql_int(&sql, (int64_t)filter->limit);
    struct stmt *s = sql_stmt(&sql);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = read_row(s, arena);
    }
    stmt_done(s);
    sql_clear(&sql);
    *ret = items;
    *ret_count = count;
    return row;
}

int store_activity_list(struct store *store, const char *object_id, bool newest_first, int64_t from_sequence,
                        size_t limit, struct arena *arena, struct activity **ret, size_t *ret_count, struct err *err)
{
    const struct activity_filter filter = {
        .object_id = object_id, .newest_first = newest_first, .from_sequence = from_sequence, .limit = limit};
    return store_activity_find(store, &filter, arena, ret, ret_count, err);
}

int store_activity_head_text(struct store *store, int64_t *ret_sequence, char ret_head[96], struct err *err)
{
    char chain[96];
    if (read_head(store, ret_sequence, chain, err) < 0) {
        return -1;
    }
    (void)snprintf(ret_head, 96, "%lld:%.64s", (long long)*ret_sequence, *ret_sequence == 0 ? "" : chain);
    return 0;
}

/* ---- verifying ------------------------------------------------------------------------------------------ */

struct expected_head {
    int64_t sequence; /* 0: none */
    struct str chain;
};

static int parse_head(const char *text, struct expected_head *ret, struct err *err)
{
    struct str rest = str_from(text);
    struct str sequence = {0};
    *ret = (struct expected_head){0};
    if (text == NULL) {
        return 0;
    }
    if (!str_cut(&rest, ':', &sequence) || rest.n != 64 ||
        parse_int(sequence, 1, INT64_MAX, &ret->sequence, NULL) < 0) {
        return err_set(err, ERR_INPUT, "head '%s': expected SEQUENCE:HEX as 'sluice activity verify' prints it", text);
    }
    ret->chain = rest;
    return 0;
}

static int check_row(const struct store *store, const struct activity *row, int64_t sequence, const char *before,
                     const struct expected_head *head, struct err *err)
{
    if (row->sequence != sequence) {
        return err_set(err, ERR_CORRUPT, "the activity log is broken: row %lld is missing, row %lld follows",
                       (long long)sequence, (long long)row->sequence);
    }
    struct digest chain = chain_of(store, before, row);
    if (!digest_equal(chain.hex, row->chain)) {
        return err_set(err, ERR_CORRUPT, "the activity log is broken: row %lld is not what was written ('%s' by '%s')",
                       (long long)sequence, row->action, row->actor);
    }
    if (head->sequence == sequence && !str_is(head->chain, row->chain)) {
        return err_set(err, ERR_CORRUPT,
                       "the activity log is not the one that had this head: row %lld has another chain",
                       (long long)sequence);
    }
    return 0;
}

static const char rows_oldest[] =
    "SELECT " COLUMNS "FROM activity WHERE sequence > :from ORDER BY sequence LIMIT :limit";

/* ---- segments --------------------------------------------------------------------------------------------------- */

/* The rows that were walked. */
struct walked {
    int64_t sequence; /* of the last one */
    char chain[96];   /* of it, or the beginning */
    char fold[65];    /* the digest of them all, or "" */
};

/* The digest of a row, its chain included, and of all before it. */
static void fold_row(struct walked *walked, const struct activity *row)
{
    struct strbuf text;
    write_fields(&text, walked->fold, row);
    strbuf_add_text(&text, row->chain);
    struct digest digest = digest_bytes(strbuf_str(&text));
    (void)snprintf(walked->fold, sizeof walked->fold, "%s", digest.hex);
    strbuf_clear(&text);
}

static bool begins_segment(const struct store *store, const struct walked *before, const struct activity *row)
{
    return strcmp(row->action, ACTIVITY_RESTORED) == 0 && row->sequence == before->sequence + 1 &&
           digest_equal(before->fold, row->evidence_sha256) &&
           digest_equal(chain_of(store, before->chain, row).hex, row->chain);
}

static int check_foreign(const struct activity *row, const struct walked *before, const struct expected_head *head,
                         struct err *err)
{
    return row->sequence != before->sequence + 1
               ? err_set(err, ERR_CORRUPT, "the activity log is broken: row %lld is missing, row %lld follows",
                         (long long)before->sequence + 1, (long long)row->sequence)
           : head->sequence == row->sequence && !str_is(head->chain, row->chain)
               ? err_set(err, ERR_CORRUPT,
                         "the activity log is not the one that had this head: row %lld has another chain",
                         (long long)row->sequence)
               : 0;
}

/* Goes through all rows: `take` is told of each, with those before it; -1 from it ends the walk. */
static int walk(struct store *store, struct walked *walked, bool folds,
                int (*take)(void *ctx, const struct walked *before, const struct activity *row, struct err *err),
                void *ctx, struct err *err)
{
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, rows_oldest);
    int row = 0;
    *walked = (struct walked){0};
    (void)snprintf(walked->chain, sizeof walked->chain, "%s", beginning);
    stmt_int(s, ":from", 0);
    stmt_int(s, ":limit", INT64_MAX);
    while ((row = stmt_step(s, err)) == 1) {
        struct activity activity = read_row(s, arena);
        if (take != NULL && take(ctx, walked, &activity, err) < 0) {
            row = -1;
            break;
        }
        if (folds) {
            fold_row(walked, &activity);
        }
        walked->sequence = activity.sequence;
        (void)snprintf(walked->chain, sizeof walked->chain, "%s", activity.chain);
        arena_reset(arena);
    }
    stmt_done(s);
    arena_free(arena);
    return row < 0 ? -1 : 0;
}

int store_activity_fold(struct store *store, char ret_sha256[65], struct err *err)
{
    struct walked walked;
    if (walk(store, &walked, true, NULL, NULL, err) < 0) {
        return -1;
    }
    (void)snprintf(ret_sha256, 65, "%s", walked.fold);
    return 0;
}

int64_t store_activity_foreign(const struct store *store)
{
    return store->activity_foreign;
}

struct verification {
    const struct store *store;
    struct expected_head head;
    int64_t foreign; /* rows up to here are held by the one behind them */
};

static int verify_row(void *ctx, const struct walked *before, const struct activity *row, struct err *err)
{
    const struct verification *v = ctx;
    return row->sequence <= v->foreign
               ? check_foreign(row, before, &v->head, err)
               : check_row(v->store, row, before->sequence + 1, before->chain, &v->head, err);
}

/* Notes the last row that begins a segment. */
static int find_segment(void *ctx, const struct walked *before, const struct activity *row, struct err *err)
{
    struct verification *v = ctx;
    (void)err;
    v->foreign = begins_segment(v->store, before, row) ? before->sequence : v->foreign;
    return 0;
}

/* The usual home has one key: nothing is folded for it. */
static int verify_all(struct store *store, struct verification *v, struct walked *ret, struct err *err)
{
    struct err broken = {0};
    if (walk(store, ret, false, verify_row, v, &broken) == 0) {
        return 0;
    }
    if (broken.code == ERR_CORRUPT && walk(store, ret, true, find_segment, v, err) < 0) {
        return -1;
    }
    if (v->foreign == 0) {
        return err_set(err, broken.code, "%s", broken.message);
    }
    return walk(store, ret, false, verify_row, v, err);
}

int store_activity_verify(struct store *store, const char *expect_head, int64_t *ret_count, char ret_head[96],
                          struct err *err)
{
    struct verification v = {.store = store};
    struct walked walked;
    store->activity_foreign = 0;
    if (need_key(store, err) < 0 || parse_head(expect_head, &v.head, err) < 0 ||
        verify_all(store, &v, &walked, err) < 0) {
        return -1;
    }
    if (v.head.sequence > walked.sequence) {
        return err_set(err, ERR_CORRUPT,
                       "the activity log ends at row %lld, but row %lld was there: its tail was cut off",
                       (long long)walked.sequence, (long long)v.head.sequence);
    }
    store->activity_foreign = v.foreign;
    *ret_count = walked.sequence;
    (void)snprintf(ret_head, 96, "%lld:%.64s", (long long)walked.sequence,
                   walked.sequence == 0 ? "" : walked.chain);
    return 0;
}

/* ---- in slices -------------------------------------------------------------------------------------------------- */

int store_activity_verify_begin(struct store *store, const char *expect_head, struct activity_check *ret,
                                struct err *err)
{
    struct expected_head head;
    *ret = (struct activity_check){0};
    if (need_key(store, err) < 0 || parse_head(expect_head, &head, err) < 0) {
        return -1;
    }
    (void)snprintf(ret->chain, sizeof ret->chain, "%s", beginning);
    (void)snprintf(ret->expected, sizeof ret->expected, "%s", expect_head == NULL ? "" : expect_head);
    return 0;
}

/* A row that does not hold may lie before a segment that does: then all of it is walked at once. */
static int verify_whole(struct store *store, struct activity_check *check, const char *expected, struct err *err)
{
    char head[96];
    if (store_activity_verify(store, expected, &check->sequence, head, err) < 0) {
        return -1;
    }
    (void)snprintf(check->chain, sizeof check->chain, "%s", check->sequence == 0 ? beginning : strchr(head, ':') + 1);
    return 0;
}

int store_activity_verify_some(struct store *store, struct activity_check *check, size_t rows, struct err *err)
{
    const char *expected = check->expected[0] == '\0' ? NULL : check->expected;
    struct expected_head head;
    struct err broken = {0};
    if (parse_head(expected, &head, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, rows_oldest);
    size_t count = 0;
    int row = 0;
    stmt_int(s, ":from", check->sequence);
    stmt_int(s, ":limit", (int64_t)rows);
    while ((row = stmt_step(s, &broken)) == 1) {
        struct activity activity = read_row(s, arena);
        if (check_row(store, &activity, check->sequence + 1, check->chain, &head, &broken) < 0) {
            row = -1;
            break;
        }
        check->sequence++;
        (void)snprintf(check->chain, sizeof check->chain, "%s", activity.chain);
        arena_reset(arena);
        count++;
    }
    stmt_done(s);
    arena_free(arena);
    if (row == 0 && count == rows) {
        return 1;
    }
    if (row == 0 && head.sequence <= check->sequence) {
        return 0;
    }
    return broken.code == ERR_NONE || broken.code == ERR_CORRUPT ? verify_whole(store, check, expected, err)
                                                                 : err_set(err, broken.code, "%s", broken.message);
}

/* ---- proofs of single rows --------------------------------------------------------------------------------------- */

int store_activity_before(struct store *store, int64_t sequence, char ret_chain[96], struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT chain FROM activity WHERE sequence = :sequence");
    struct arena *arena = arena_new();
    stmt_int(s, ":sequence", sequence - 1);
    int row = stmt_step(s, err);
    (void)snprintf(ret_chain, 96, "%s", row == 1 ? stmt_column_text(s, 0, arena) : beginning);
    stmt_done(s);
    arena_free(arena);
    return row < 0 ? -1 : 0;
}

bool activity_row_holds(const unsigned char key[32], const char *before, const struct activity *row)
{
    struct store keyed = {.has_activity_key = true}; /* the chain needs nothing else of a store */
    memcpy(keyed.activity_key, key, sizeof keyed.activity_key);
    bool holds = digest_equal(chain_of(&keyed, before, row).hex, row->chain);
    explicit_bzero(keyed.activity_key, sizeof keyed.activity_key);
    return holds;
}
