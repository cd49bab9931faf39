/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/elf_section.h"

#include "test.h"

#include <elf.h>
#include <stdio.h>
#include <unistd.h>

/* A small file with three sections: none, the names, and one of our own. */
struct made {
    Elf64_Ehdr head;
    char names[24];
    char bytes[8];
    Elf64_Shdr sections[3];
};

static struct made make_file(void)
{
    struct made made = {
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_DYN,
                 .e_shoff = offsetof(struct made, sections),
                 .e_shentsize = sizeof(Elf64_Shdr),
                 .e_shnum = 3,
                 .e_shstrndx = 1},
        .names = "\0.shstrtab\0.sluice",
        .bytes = "manifest",
        .sections = {{0},
                     {.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct made, names), .sh_size = 19},
                     {.sh_name = 11, .sh_type = SHT_PROGBITS, .sh_offset = offsetof(struct made, bytes),
                      .sh_size = 8}},
    };
    return made;
}

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int read_bytes(const void *file, size_t size, struct str *ret, struct err *err)
{
    *err = (struct err){0};
    return elf_section_read((struct elf_source){.fd = -1, .bytes = file, .size = size}, ".sluice", arena, ret, err);
}

static int read_made(const struct made *made, size_t size, struct str *ret, struct err *err)
{
    return read_bytes(made, size, ret, err);
}

TEST(a_section_is_found_by_its_name)
{
    struct made made = make_file();
    struct str bytes = {0};
    struct err err;
    assert_int_equal(read_made(&made, sizeof made, &bytes, &err), 0);
    assert_true(str_is(bytes, "manifest"));
}

TEST(a_file_without_the_section_is_no_plugin)
{
    struct made made = make_file();
    struct str bytes = {0};
    struct err err;
    made.names[12] = 'S';
    assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "it has no section '.sluice': it is no sluice plugin");
    made = make_file();
    made.sections[2].sh_type = SHT_NOBITS; /* takes no bytes of the file */
    assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

TEST(a_file_of_another_kind_is_told_as_such)
{
    struct made made = make_file();
    struct str bytes = {0};
    struct err err;
    static const struct {
        size_t at;
        unsigned char value;
        const char *says;
    } rows[] = {
        {0, '#', "no ELF file"},
        {3, 'f', "no ELF file"},
        {EI_CLASS, ELFCLASS32, "no 64-bit little-endian ELF file"},
        {EI_CLASS, 0, "no 64-bit little-endian ELF file"},
        {EI_DATA, ELFDATA2MSB, "no 64-bit little-endian ELF file"},
        {offsetof(Elf64_Ehdr, e_shentsize), 40, "no 64-bit little-endian ELF file"},
        {offsetof(Elf64_Ehdr, e_shstrndx), 3, "section table is broken"},
        {offsetof(Elf64_Ehdr, e_shstrndx) + 1, 0xff, "section table is broken"},
        {offsetof(Elf64_Ehdr, e_shnum), 0, "section table is broken"},
        {offsetof(Elf64_Ehdr, e_shnum), 200, "section table is broken"},
        {offsetof(Elf64_Ehdr, e_shoff) + 7, 0xff, "section table is broken"},
        {offsetof(Elf64_Ehdr, e_shoff) + 3, 0x7f, "section table is broken"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made = make_file();
        made.names[12] = rows[i].value == 200 ? 'S' : 's'; /* not found before the end of the table */
        ((unsigned char *)&made)[rows[i].at] = rows[i].value;
        if (read_made(&made, sizeof made, &bytes, &err) == 0 || err.code != ERR_INPUT ||
            strstr(err.message, rows[i].says) == NULL) {
            fail_msg("byte %zu = %u: expected '%s', found '%s'", rows[i].at, rows[i].value, rows[i].says, err.message);
        }
    }
}

TEST(offsets_beyond_the_file_are_refused)
{
    static const uint64_t wrong[] = {sizeof(struct made) - 7, sizeof(struct made) + 1, INT64_MAX, UINT64_MAX - 7,
                                     UINT64_MAX};
    struct str bytes = {0};
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct made made = make_file();
        made.sections[2].sh_offset = wrong[i];
        assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
        assert_string_equal(err.message, "its section '.sluice' is broken");
        made = make_file();
        made.sections[2].sh_size = wrong[i];
        assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
        made = make_file();
        made.sections[1].sh_offset = wrong[i]; /* names that are not there are no names */
        assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
        made = make_file();
        made.sections[1].sh_size = wrong[i];
        assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
        made = make_file();
        made.sections[2].sh_name = (uint32_t)wrong[i];
        assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
}

TEST(a_name_that_the_table_cuts_off_is_none)
{
    struct made made = make_file();
    struct str bytes = {0};
    struct err err;
    made.sections[1].sh_size = 18; /* without the NUL behind it */
    assert_int_equal(read_made(&made, sizeof made, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* Each length in a block of its own, so that the sanitizer sees a byte beyond it. */
TEST(a_file_cut_anywhere_is_refused)
{
    const struct made made = make_file();
    for (size_t size = 0; size < sizeof made; size++) {
        struct str bytes = {0};
        struct err err = {0};
        char *cut = malloc(size == 0 ? 1 : size);
        assert_non_null(cut);
        memcpy(cut, &made, size);
        assert_int_equal(read_bytes(cut, size, &bytes, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        free(cut);
    }
}

TEST(a_section_over_1_mib_is_refused)
{
    struct str bytes = {0};
    struct err err = {0};
    struct made made = make_file();
    size_t size = sizeof made + (1 << 20) + 1;
    char *large = calloc(1, size);
    assert_non_null(large);
    made.sections[2].sh_offset = sizeof made;
    made.sections[2].sh_size = (1 << 20) + 1;
    memcpy(large, &made, sizeof made);
    assert_int_equal(read_bytes(large, size, &bytes, &err), -1);
    made.sections[2].sh_size = 1 << 20;
    memcpy(large, &made, sizeof made);
    assert_int_equal(read_bytes(large, size, &bytes, &err), 0);
    assert_int_equal(bytes.n, 1 << 20);
    free(large);
}

/* Only what is needed of it is read: of 64 GiB that are a hole, a few hundred bytes. */
TEST(an_open_file_is_read_in_pieces)
{
    struct made made = make_file();
    struct str bytes = {0};
    struct err err = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    const off_t far = (off_t)64 << 30;
    made.sections[2].sh_offset = (uint64_t)far;
    assert_int_equal(pwrite(fileno(file), &made, sizeof made, 0), sizeof made);
    assert_int_equal(pwrite(fileno(file), made.bytes, sizeof made.bytes, far), sizeof made.bytes);
    struct elf_source source = {.fd = fileno(file), .size = (uint64_t)far + sizeof made.bytes};
    assert_int_equal(elf_section_read(source, ".sluice", arena, &bytes, &err), 0);
    assert_true(str_is(bytes, "manifest"));
    source.size += 8; /* it was longer a moment ago */
    made.sections[2].sh_size += 8;
    assert_int_equal(pwrite(fileno(file), &made, sizeof made, 0), sizeof made);
    assert_int_equal(elf_section_read(source, ".sluice", arena, &bytes, &err), -1);
    assert_string_equal(err.message, "its section '.sluice' is broken");
    fclose(file);
}

#define ELF_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TESTS(ELF_RUN(a_section_is_found_by_its_name), ELF_RUN(a_file_without_the_section_is_no_plugin),
      ELF_RUN(a_file_of_another_kind_is_told_as_such), ELF_RUN(offsets_beyond_the_file_are_refused),
      ELF_RUN(a_name_that_the_table_cuts_off_is_none), ELF_RUN(a_file_cut_anywhere_is_refused),
      ELF_RUN(a_section_over_1_mib_is_refused), ELF_RUN(an_open_file_is_read_in_pieces))
