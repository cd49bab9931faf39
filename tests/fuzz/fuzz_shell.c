/* SPDX-License-Identifier: Apache-2.0
 * Shell scripts of any text: one without expressions stays as it is, byte for byte; of one with expressions nothing is
 * left of them but references to variables, one for each.
 */
#include "pipeline/shell_text.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_references(const struct shell_text *text)
{
    for (size_t i = 0; i < text->expr_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "__%zu", i + 1);
        check(text->exprs[i] != NULL && str_find(text->text, str_from(name)) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct shell_text text;
    struct diags diags;
    struct str script = arena_str(arena, (struct str){(const char *)bytes, size});
    diags_init(&diags, arena, "fuzz.yaml");
    diags.text = script;
    int result = shell_text_parse(script, (struct pos){1, 1}, &diags, &text);
    check((result < 0) == (diags.errors > 0));
    if (result == 0 && str_find(script, STR("${{")) < 0) {
        check(text.expr_count == 0 && str_eq(text.text, script));
    }
    if (result == 0) {
        check_references(&text);
    }
    arena_free(arena);
    return 0;
}
