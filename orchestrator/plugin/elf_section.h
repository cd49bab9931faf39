/* SPDX-License-Identifier: Apache-2.0
 * Reads one named section of an ELF file, without loading or mapping it (System V ABI, chapter 4).
 *
 * For 64-bit little-endian files of any machine; every offset and size is checked against the file's length.
 */
#ifndef SLUICE_PLUGIN_ELF_SECTION_H
#define SLUICE_PLUGIN_ELF_SECTION_H

#include "base/arena.h"
#include "base/err.h"

/* ERR_INPUT when the bytes are no such file, ERR_NOT_FOUND when it has no section `name`; at most 1 MiB. */
int elf_section_read(struct str file, const char *name, struct str *ret_bytes, struct err *err);

#endif
