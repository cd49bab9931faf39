/* SPDX-License-Identifier: Apache-2.0
 * Reads one named section of an ELF file, without loading or mapping it (System V ABI, chapter 4).
 *
 * For 64-bit little-endian files of any machine; every offset and size is checked against the file's length. Of the
 * file only its head, its table of sections, their names and the section itself are read.
 */
#ifndef SLUICE_PLUGIN_ELF_SECTION_H
#define SLUICE_PLUGIN_ELF_SECTION_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>

/* An open file, or bytes in memory. */
struct elf_source {
    int fd;            /* -1: the bytes are at `bytes` */
    const char *bytes;
    uint64_t size;
};

/* Puts a copy of the section into the arena. ERR_INPUT when it is no such file, ERR_NOT_FOUND when it has no section
 * `name`; at most 1 MiB. */
int elf_section_read(struct elf_source file, const char *name, struct arena *arena, struct str *ret_bytes,
                     struct err *err);

#endif
