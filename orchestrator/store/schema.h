/* SPDX-License-Identifier: Apache-2.0
 * The migrations of schema/NNN_*.sql, built into the program by the Makefile. Item i brings the store from version i
 * to i + 1. And a new store as it lies in its file, made by image/make_image.c when sluice is built.
 */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

#include <stddef.h>

extern const char *const store_schema[];
extern const int store_schema_count;

/* What new_store.sql defines, in tables without a row: bytes for some places of the file, all others are zero. */
struct store_image_part {
    unsigned at, count;
};
extern const struct store_image_part store_image_parts[];
extern const size_t store_image_part_count;
extern const unsigned char store_image_bytes[]; /* of all parts, in their order */
extern const size_t store_image_size;           /* of the file */
extern const char store_image_rows[];           /* the SQL of its first rows */
extern const int store_image_version;           /* the newest, or one before it */

#endif
