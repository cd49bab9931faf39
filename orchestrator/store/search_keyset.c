/* SPDX-License-Identifier: Apache-2.0 */
#include "store/search_keyset.h"

#include <assert.h>

/* ---- the order ------------------------------------------------------------------------------------------ */

void keyset_add(struct keyset *keys, bool descending, bool may_be_null)
{
    assert(keys->count < KEYSET_MAX);
    keys->keys[keys->count].descending = descending;
    keys->keys[keys->count++].may_be_null = may_be_null;
}

/* Begins with a bound on the first key alone, by which an index finds the place. */
static void first_bound(struct sql *sql, const struct keyset *keys, const struct sql_value *values)
{
    if (!keys->keys[0].may_be_null) {
        sql_printf(sql, "k0 %s ", keys->keys[0].descending ? "<=" : ">=");
        sql_value(sql, values[0]);
        sql_add(sql, " AND ");
    }
}

void keyset_after(struct sql *sql, const struct keyset *keys, const struct sql_value *values)
{
    first_bound(sql, keys, values);
    for (size_t i = 0; i < keys->count; i++) {
        bool last = i + 1 == keys->count;
        if (values[i].type == SQL_NULL) {
            sql_printf(sql, last ? "(0" : "(k%zu IS NULL AND ", i);
            continue;
        }
        sql_printf(sql, "(k%zu %s ", i, keys->keys[i].descending ? "<" : ">");
        sql_value(sql, values[i]);
        if (keys->keys[i].may_be_null) {
            sql_printf(sql, " OR k%zu IS NULL", i);
        }
        if (!last) {
            sql_printf(sql, " OR k%zu = ", i);
            sql_value(sql, values[i]);
            sql_add(sql, " AND ");
        }
    }
    for (size_t i = 0; i < keys->count; i++) {
        sql_add(sql, ")");
    }
}

void keyset_order(struct sql *sql, const struct keyset *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        sql_printf(sql, "%sk%zu%s%s", i == 0 ? " ORDER BY " : ", ", i, keys->keys[i].descending ? " DESC" : "",
                   keys->keys[i].may_be_null ? " NULLS LAST" : "");
    }
}

void keyset_read(struct stmt *s, int from, const struct keyset *keys, struct arena *arena, struct sql_value *ret)
{
    for (size_t i = 0; i < keys->count; i++) {
        ret[i] = sql_column(s, from + (int)i, arena);
    }
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

enum { SUM_BYTES = 16, TOKEN_BYTES_MAX = 1 << 20 };

static void add_number(struct strbuf *out, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        strbuf_add_byte(out, (char)(number >> shift & 0xff));
    }
}

static void add_value(struct strbuf *out, const struct sql_value *value)
{
    uint64_t bits = 0;
    strbuf_add_byte(out, (char)('0' + value->type));
    switch (value->type) {
    case SQL_NULL:
        return;
    case SQL_INT:
        add_number(out, (uint64_t)value->integer);
        return;
    case SQL_REAL:
        memcpy(&bits, &value->real, sizeof bits);
        add_number(out, bits);
        return;
    case SQL_TEXT:
        add_number(out, value->text.n);
        strbuf_add_str(out, value->text);
    }
}

static bool take_number(struct str *bytes, uint64_t *ret)
{
    if (bytes->n < 8) {
        return false;
    }
    *ret = 0;
    for (size_t i = 0; i < 8; i++) {
        *ret = *ret << 8 | (unsigned char)bytes->p[i];
    }
    *bytes = str_slice(*bytes, 8, bytes->n);
    return true;
}

static bool take_value(struct str *bytes, struct sql_value *ret)
{
    uint64_t number = 0;
    char type = bytes->n == 0 ? '\0' : bytes->p[0];
    *bytes = str_slice(*bytes, 1, bytes->n);
    *ret = (struct sql_value){.type = SQL_NULL};
    if (type == '0' + SQL_NULL) {
        return true;
    }
    if (type < '0' + SQL_INT || type > '0' + SQL_TEXT || !take_number(bytes, &number)) {
        return false;
    }
    if (type == '0' + SQL_INT) {
        *ret = (struct sql_value){.type = SQL_INT, .integer = (int64_t)number};
    } else if (type == '0' + SQL_REAL) {
        ret->type = SQL_REAL;
        memcpy(&ret->real, &number, sizeof ret->real);
    } else {
        if (number > bytes->n) {
            return false;
        }
        *ret = (struct sql_value){.type = SQL_TEXT, .text = str_slice(*bytes, 0, number)};
        *bytes = str_slice(*bytes, number, bytes->n);
    }
    return true;
}

/* ---- base64 with '-' and '_' (RFC 4648, 5), without padding --------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct strbuf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t count = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (j < count ? (unsigned char)bytes.p[i + j] : 0);
        }
        for (size_t j = 0; j <= count; j++) {
            strbuf_add_byte(out, alphabet[group >> (18 - 6 * j) & 63]);
        }
    }
}

static bool decode(struct strbuf *out, struct str text)
{
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = memchr(alphabet, text.p[i], 64);
        if (at == NULL) {
            return false;
        }
        group = group << 6 | (uint32_t)(at - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            strbuf_add_byte(out, (char)(group >> bits & 0xff));
        }
    }
    return text.n % 4 != 1 && (group & ((1u << bits) - 1)) == 0;
}

/* ---- tokens --------------------------------------------------------------------------------------------- */

/* Over the query and the values: so a token of another query, and one that was changed, are both known. */
static struct digest sum_of(const struct digest *query, struct str values)
{
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, str_from(query->hex));
    digest_builder_add(builder, values);
    return digest_builder_take(builder);
}

const char *keyset_token(const struct digest *query, const struct keyset *keys, const struct sql_value *values,
                         struct arena *arena)
{
    struct strbuf bytes;
    struct strbuf text;
    strbuf_init(&bytes, TOKEN_BYTES_MAX);
    strbuf_init(&text, 2 * TOKEN_BYTES_MAX);
    for (size_t i = 0; i < keys->count; i++) {
        add_value(&bytes, &values[i]);
    }
    struct digest sum = sum_of(query, strbuf_str(&bytes));
    strbuf_add(&bytes, sum.hex, SUM_BYTES);
    encode(&text, strbuf_str(&bytes));
    const char *token = arena_dup(arena, text.data, text.length);
    strbuf_clear(&bytes);
    strbuf_clear(&text);
    return token;
}

static bool read_token(struct str bytes, const struct digest *query, const struct keyset *keys, struct sql_value *ret)
{
    if (bytes.n < SUM_BYTES) {
        return false;
    }
    struct str values = str_slice(bytes, 0, bytes.n - SUM_BYTES);
    struct digest sum = sum_of(query, values);
    if (memcmp(sum.hex, values.p + values.n, SUM_BYTES) != 0) {
        return false;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (!take_value(&values, &ret[i])) {
            return false;
        }
    }
    return values.n == 0;
}

int keyset_token_read(const char *token, const struct digest *query, const struct keyset *keys, struct arena *arena,
                      struct sql_value *ret, struct err *err)
{
    struct str text = str_from(token);
    struct strbuf bytes;
    strbuf_init(&bytes, TOKEN_BYTES_MAX);
    bool is_base64 = text.n <= TOKEN_BYTES_MAX && decode(&bytes, text);
    struct str copy = arena_str(arena, strbuf_str(&bytes));
    strbuf_clear(&bytes);
    if (!is_base64) {
        return err_set(err, ERR_INPUT, "Invalid page token, could not base64-decode");
    }
    if (!read_token(copy, query, keys, ret)) {
        return err_set(err, ERR_INPUT, "Invalid page token: it is of another search, or none that a page gave");
    }
    return 0;
}
