/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/elf_section.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { SECTION_MAX_BYTES = 1 << 20 };

/* Copies `size` bytes at `offset`; false when they are not all there. */
static bool take(const struct elf_source *file, uint64_t offset, void *room, size_t size)
{
    if (offset > file->size || size > file->size - offset) {
        return false;
    }
    if (file->fd < 0) {
        memcpy(room, file->bytes + offset, size);
        return true;
    }
    size_t done = 0;
    ssize_t got = 1;
    while (done < size && got > 0) {
        got = pread(file->fd, (char *)room + done, size - done, (off_t)(offset + done));
        done += got > 0 ? (size_t)got : 0;
    }
    return done == size;
}

/* The bytes of a section in the arena; false when they are not all there, or too many. */
static bool take_section(const struct elf_source *file, const Elf64_Shdr *section, struct arena *arena, struct str *ret)
{
    if (section->sh_size > SECTION_MAX_BYTES) {
        return false;
    }
    char *bytes = arena_alloc(arena, section->sh_size + 1);
    *ret = (struct str){bytes, section->sh_size};
    return take(file, section->sh_offset, bytes, section->sh_size);
}

static bool name_is(struct str names, uint32_t at, const char *name)
{
    size_t length = strlen(name) + 1;
    return at < names.n && length <= names.n - at && memcmp(names.p + at, name, length) == 0;
}

int elf_section_read(struct elf_source file, const char *name, struct arena *arena, struct str *ret_bytes,
                     struct err *err)
{
    Elf64_Ehdr head;
    if (!take(&file, 0, &head, sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return err_set(err, ERR_INPUT, "it is no shared object (no ELF file)");
    }
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
        head.e_shentsize != sizeof(Elf64_Shdr)) {
        return err_set(err, ERR_INPUT, "it is no 64-bit little-endian ELF file");
    }
    Elf64_Shdr *sections = arena_array(arena, head.e_shnum, sizeof *sections);
    if (head.e_shstrndx >= head.e_shnum || !take(&file, head.e_shoff, sections, head.e_shnum * sizeof *sections)) {
        return err_set(err, ERR_INPUT, "its ELF section table is broken");
    }
    struct str names = STR("");
    if (!take_section(&file, &sections[head.e_shstrndx], arena, &names)) {
        names = STR(""); /* names that are not there are no names */
    }
    for (size_t i = 0; i < head.e_shnum; i++) {
        if (sections[i].sh_type == SHT_NOBITS || !name_is(names, sections[i].sh_name, name)) {
            continue;
        }
        return take_section(&file, &sections[i], arena, ret_bytes)
                 ? 0
                 : err_set(err, ERR_INPUT, "its section '%s' is broken", name);
    }
    return err_set(err, ERR_NOT_FOUND, "it has no section '%s': it is no sluice plugin", name);
}
