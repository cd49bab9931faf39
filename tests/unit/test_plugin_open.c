/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plugin_open.h"
#include "test.h"

#include "base/fs.h"

#include <elf.h>
#include <stdio.h>
#include <unistd.h>

#define PARAMS(P) P(STRING, name, "required", "Whom.")
#define OUTPUTS(O)                                                                                                     \
    O(STRING, a, "")                                                                                                   \
    O(PATH, b, "") O(BOOL, c, "") O(INT, d, "") O(NUMBER, e, "") O(DURATION, f, "") O(SIZE, g, "") O(ANY, h, "")
STEP_PARAMS_STRUCT(own_params, PARAMS);

static enum step_result run(const struct step_host *host, const void *params)
{
    (void)host;
    (void)params;
    return STEP_OK;
}

STEP_PLUGIN(own, "2.1", "Is this very program.", STEP_REPEATABLE | STEP_GATE, own_params, PARAMS, OUTPUTS, run)

#define HEAD                                                                                                           \
    "sluice-step\0" STEP_ABI_TEXT "\0name\0x\0version\0"                                                               \
    "1\0summary\0s\0flags\0STEP_PLAIN\0"

struct world {
    struct arena *arena;
    struct plugin_facts facts;
    struct err err;
};

TEST(the_rows_of_a_manifest_are_read)
{
    struct world w = {.arena = arena_new()};
    assert_int_equal(
        plugin_facts_parse((struct str){step_manifest_, sizeof step_manifest_ - 1}, w.arena, &w.facts, &w.err), 0);
    assert_string_equal(w.facts.name, "own");
    assert_string_equal(w.facts.version, "2.1");
    assert_string_equal(json_text(w.arena, &w.facts.outputs).p,
                        "{\"a\":\"string\",\"b\":\"path\",\"c\":\"boolean\",\"d\":\"integer\",\"e\":\"number\","
                        "\"f\":\"integer\",\"g\":\"integer\",\"h\":\"json\"}");
    assert_int_equal(sluice_step()->slot_count, 1);
    arena_free(w.arena);
}

TEST(a_manifest_cut_anywhere_is_refused)
{
    for (size_t n = 0; n < sizeof step_manifest_ - sizeof "end"; n++) {
        struct world w = {.arena = arena_new()};
        assert_int_equal(plugin_facts_parse((struct str){step_manifest_, n}, w.arena, &w.facts, &w.err), -1);
        arena_free(w.arena);
    }
}

TEST(what_is_wrong_with_a_manifest_is_said)
{
    static const struct {
        struct str text;
        const char *message;
    } cases[] = {
        {STR(""), "its manifest is not that of a sluice plugin"},
        {STR("other\0001\0name"), "its manifest is not that of a sluice plugin"},
        {STR("sluice-step\0007\0name\0x\0"),
         "it is built for ABI 7; this sluice speaks ABI 1: build it again with this version's step.h"},
        {STR("sluice-step\0one\0"),
         "it is built for ABI one; this sluice speaks ABI 1: build it again with this version's step.h"},
        {STR("sluice-step\0" STEP_ABI_TEXT "\0name\0x\0summary\0s\0"), "its manifest has no 'version'"},
        {STR(HEAD "input\0a\0INT\0\0end"), "its manifest has the unknown row 'input'"},
        {STR(HEAD "output\0a\0COLOUR\0doc\0end"), "its output 'a' has the unknown type 'COLOUR'"},
        {STR(HEAD "output\0a\0INT\0doc\0"), "its manifest has the unknown row ''"},
        {STR(HEAD "output\0a\0INT\0doc"), "its manifest has no end"},
        {STR(HEAD "output\0a"), "its manifest ends in a row"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = {.arena = arena_new()};
        assert_int_equal(plugin_facts_parse(cases[i].text, w.arena, &w.facts, &w.err), -1);
        assert_string_equal(w.err.message, cases[i].message);
        arena_free(w.arena);
    }
}

/* This test is a position-independent program, so an ELF file of the same type as a plugin, with a manifest. */
TEST(the_section_is_found_in_an_elf_file)
{
    struct world w = {.arena = arena_new()};
    struct str manifest = {0};
    assert_int_equal(plugin_manifest_read("/proc/self/exe", w.arena, &manifest, &w.err), 0);
    assert_int_equal(manifest.n, sizeof step_manifest_);
    assert_memory_equal(manifest.p, step_manifest_, sizeof step_manifest_);
    assert_int_equal(plugin_manifest_read("/no/such.so", w.arena, &manifest, &w.err), -1);
    assert_int_equal(w.err.code, ERR_NOT_FOUND);
    arena_free(w.arena);
}

/* A file of `size` bytes of `head`, at a path that the caller removes. */
static const char *file_of(struct arena *arena, const void *bytes, size_t size)
{
    char *path = arena_strdup(arena, "/tmp/sluice-plugin-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
    return path;
}

TEST(hostile_elf_files_are_refused)
{
    Elf64_Ehdr good = {.e_type = ET_DYN, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 2, .e_shoff = sizeof good};
    memcpy(good.e_ident, ELFMAG, SELFMAG);
    good.e_ident[EI_CLASS] = ELFCLASS64;
    good.e_ident[EI_DATA] = ELFDATA2LSB;
    Elf64_Ehdr cases[7];
    for (size_t i = 0; i < 7; i++) {
        cases[i] = good;
    }
    cases[0].e_ident[EI_CLASS] = ELFCLASS32;
    cases[1].e_type = ET_EXEC;
    cases[2].e_shentsize = 1;
    cases[3].e_shoff = UINT64_MAX - 10;
    cases[4].e_shstrndx = 2;
    cases[5].e_shnum = 0;
    cases[6].e_shoff = INT64_MAX;
    for (size_t i = 0; i < 7; i++) {
        struct world w = {.arena = arena_new()};
        struct str manifest = {0};
        const char *path = file_of(w.arena, &cases[i], sizeof cases[i]);
        assert_int_equal(plugin_manifest_read(path, w.arena, &manifest, &w.err), -1);
        assert_int_equal(w.err.code, ERR_INPUT);
        (void)unlink(path);
        arena_free(w.arena);
    }
}

TEST(a_section_that_says_it_is_vast_is_refused)
{
    struct {
        Elf64_Ehdr head;
        Elf64_Shdr sections[2];
        char names[16];
    } file = {.head = {.e_type = ET_DYN,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 2,
                       .e_shstrndx = 1,
                       .e_shoff = sizeof(Elf64_Ehdr)},
              .sections = {{.sh_type = SHT_PROGBITS, .sh_size = UINT64_MAX, .sh_offset = 64},
                           {.sh_type = SHT_STRTAB, .sh_offset = offsetof(__typeof__(file), names), .sh_size = 16}},
              .names = ".sluice"};
    memcpy(file.head.e_ident, ELFMAG, SELFMAG);
    file.head.e_ident[EI_CLASS] = ELFCLASS64;
    file.head.e_ident[EI_DATA] = ELFDATA2LSB;
    static const uint64_t sizes[] = {UINT64_MAX, (1 << 20) + 1, 4096};
    for (size_t i = 0; i < 3; i++) {
        struct world w = {.arena = arena_new()};
        struct str manifest = {0};
        file.sections[0].sh_size = sizes[i];
        const char *path = file_of(w.arena, &file, sizeof file);
        assert_int_equal(plugin_manifest_read(path, w.arena, &manifest, &w.err), -1);
        assert_string_equal(w.err.message, "its section '.sluice' is broken");
        (void)unlink(path);
        arena_free(w.arena);
    }
}

TESTS(RUN(the_rows_of_a_manifest_are_read), RUN(a_manifest_cut_anywhere_is_refused),
      RUN(what_is_wrong_with_a_manifest_is_said), RUN(the_section_is_found_in_an_elf_file),
      RUN(hostile_elf_files_are_refused), RUN(a_section_that_says_it_is_vast_is_refused))
