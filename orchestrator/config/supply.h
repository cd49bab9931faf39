/* SPDX-License-Identifier: Apache-2.0
 * What a home has for its steps: what config.yaml says, and what the machine has of the rest.
 */
#ifndef SLUICE_CONFIG_SUPPLY_H
#define SLUICE_CONFIG_SUPPLY_H

#include "config/config.h"

/* cpu, memory, gpu and the pools, in the arena of `config`. `root` is "" but in tests: the folder that stands for `/`.
 * Devices are those of CUDA_VISIBLE_DEVICES of our own environment (`visible`, NULL: not set) when a scheduler above
 * us has set it, else those that the kernel's driver has. */
void config_supply(const struct config *config, const char *root, const char *visible,
                   const struct resource_supply **ret, size_t *ret_count);
/* "0", "1", ... */
const struct str *config_devices(int64_t count, struct arena *arena);

#endif
