/* SPDX-License-Identifier: Apache-2.0
 * What runners may begin by themselves without a record that outlives a power cut: a list for each run that has some.
 */
#ifndef SLUICE_STORE_FREE_HEIRS_H
#define SLUICE_STORE_FREE_HEIRS_H

#include "store/store.h"

/* 1 with the list and the boot in which it was given out, 0 when the run has none, -1. */
int store_free_heirs_get(struct store *store, const char *run_id, struct arena *arena, const char **ret_boot_id,
                         const char **ret_orders, struct err *err);
/* The run's list from now on; `orders` NULL: it has none. */
int store_free_heirs_put(struct store *store, const char *run_id, const char *boot_id, const char *orders,
                         struct err *err);

#endif
