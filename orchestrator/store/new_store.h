/* SPDX-License-Identifier: Apache-2.0
 * A new store.
 */
#ifndef SLUICE_STORE_NEW_STORE_H
#define SLUICE_STORE_NEW_STORE_H

#include "base/err.h"

struct store;

/* Fills an empty file that is open for writing, in one transaction of its own: afterwards it is a store of the version
 * store_image_version. ERR_STATE when it has tables already. Half the time of running new_store.sql, most of which is
 * SQLite's parser. */
int store_make_new(struct store *store, struct err *err);

#endif
