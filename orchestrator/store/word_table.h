/* SPDX-License-Identifier: Apache-2.0
 * Which characters are letters or digits in any script, as Python's \w has it: MLflow's names are checked by it, and
 * the C library's answer would depend on the locale. Inside store/ only.
 */
#ifndef SLUICE_STORE_WORD_TABLE_H
#define SLUICE_STORE_WORD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* True for '_' and for code points of Unicode's categories L* and N*. */
bool word_table_has(uint32_t code);

#endif
