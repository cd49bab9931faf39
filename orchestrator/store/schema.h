/* SPDX-License-Identifier: Apache-2.0
 * The migrations of schema/NNN_*.sql, built into the program by the Makefile. Item i brings the store from version i
 * to i + 1.
 */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

extern const char *const store_schema[];
extern const int store_schema_count;
/* What makes an empty store of a version, the newest or one before it, in a third of the time: new_store.sql. */
extern const char store_schema_new[];
extern const int store_schema_new_version;

#endif
