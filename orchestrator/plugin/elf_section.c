/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/elf_section.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { SECTION_MAX_BYTES = 1 << 20 };

/* Copies `size` bytes at `offset`; false when they are not all there. */
static bool take(struct str file, uint64_t offset, void *room, size_t size)
{
    if (offset > file.n || size > file.n - offset) {
        return false;
    }
    memcpy(room, file.p + offset, size);
    return true;
}

static bool name_is(struct str file, const Elf64_Shdr *names, uint32_t at, const char *name)
{
    size_t length = strlen(name) + 1;
    if (at >= names->sh_size || length > names->sh_size - at || names->sh_offset > file.n ||
        names->sh_size > file.n - names->sh_offset) {
        return false;
    }
    return memcmp(file.p + names->sh_offset + at, name, length) == 0;
}

int elf_section_read(struct str file, const char *name, struct str *ret_bytes, struct err *err)
{
    Elf64_Ehdr head;
    Elf64_Shdr names;
    if (!take(file, 0, &head, sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return err_set(err, ERR_INPUT, "it is no shared object (no ELF file)");
    }
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
        head.e_shentsize != sizeof(Elf64_Shdr)) {
        return err_set(err, ERR_INPUT, "it is no 64-bit little-endian ELF file");
    }
    if (head.e_shoff > file.n || head.e_shstrndx >= head.e_shnum ||
        !take(file, head.e_shoff + (uint64_t)head.e_shstrndx * sizeof names, &names, sizeof names)) {
        return err_set(err, ERR_INPUT, "its ELF section table is broken");
    }
    for (uint64_t i = 0; i < head.e_shnum; i++) {
        Elf64_Shdr section;
        if (!take(file, head.e_shoff + i * sizeof section, &section, sizeof section)) {
            return err_set(err, ERR_INPUT, "its ELF section table is broken");
        }
        if (section.sh_type == SHT_NOBITS || !name_is(file, &names, section.sh_name, name)) {
            continue;
        }
        if (section.sh_offset > file.n || section.sh_size > file.n - section.sh_offset ||
            section.sh_size > SECTION_MAX_BYTES) {
            return err_set(err, ERR_INPUT, "its section '%s' is broken", name);
        }
        *ret_bytes = (struct str){file.p + section.sh_offset, section.sh_size};
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "it has no section '%s': it is no sluice plugin", name);
}
