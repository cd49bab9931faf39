/* SPDX-License-Identifier: Apache-2.0
 * Each capital letter stands once in a row: where it is found from the text of the scalar is where it is in the file.
 */
#include "pipeline/scalar_source.h"

#include "pipeline/yaml_doc.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>

static const char *const rows[] = {
    "a: Abc D\n",
    "a: Ab\n  C\n\n\n  D E\n",
    "a: A   \t B  \n   C \t\n  \n  D\n",
    "{a: A b\n C, b: 1}\n",
    "a: 'A ''B'' C'\n",
    "a: '''A'''\n",
    "a: 'x  \n  A\n\n  ''B''\n  \\n C'\n",
    "a: ''' A\n   '' B'\n",
    "a: \"A \\n B \\\"C\\\" \\\\ D\"\n",
    "a: \"\\x41 G\\u00e6H\\U0001f600I\\N\\_\\L\\PJ\\e\\/K\"\n",
    "a: \"A \\\n   B\\\n\n\n  C  \n  \\  D \\\n  \\n E\"\n",
    "a: \"x\n  A\n\n  \\nB\n  \t C\"\n",
    "a: \"\\\n  \\\n  A\"\n",
    "a: \"\n  A\"\n",
    "a: |\n  Ab\n   C\n\n  D\n",
    "a: |-\n\n\n    A\n    B\n",
    "a: |2-\n     A\n    B\n\n   C\n",
    "a: |+2 # why\n   \n    A\n  B\n\n\n",
    "a:\n  - |\n    A\n      B\n    \n    C",
    "a: >\n  A\n  B\n\n  C\n   D\n   E\n  F\n\n\n   G\n\n  H\n",
    "a: >-\n\n  A\n\n\n  B\n  C D\n",
    "a: >2\n    A\n   B\n  C\n",
    "a: >\n  A\n  \tB\n  C\n",
    "a: \xc3\xa6\xe2\x82\xac A\n",
    "a: \"\xc3\xa6 A \\t \xf0\x9f\x98\x80 B\"\n",
    "\xc3\xa6: {\xc3\xa6: '\xc3\xa6 '' A', b: 2}\n",
    "a: |\n  \xc3\xa6 A\n  B\n",
    "a: >\n  \xe2\x82\xac \xe2\x82\xac A\n  \xc3\xa6 B\n",
    "a:\n  b: A\n  c: \"B\\n C\"\n  d: ['D ''E', F]\n  e: |\n    G\n  f: >\n    H\n    I\n",
    "[{a: 'A ''B'}, {a: \"C \\\" D\"}, [E, F]]",
};

static struct arena *arena;

/* Where a letter stands in the file. */
static struct pos expected(struct str text, char letter)
{
    struct pos pos = {1, 1};
    size_t i = 0;
    while (i < text.n && text.p[i] != letter) {
        pos.column += ((unsigned char)text.p[i] & 0xc0) != 0x80 ? 1 : 0;
        pos = text.p[i] == '\n' ? (struct pos){pos.line + 1, 1} : pos;
        i++;
    }
    assert_true(i < text.n);
    return pos;
}

static int check_letter(struct diags *diags, struct pos begin, const struct yaml_node *node, size_t at)
{
    char letter = node->text.p[at];
    if (!isupper((unsigned char)letter) || str_find_byte(diags->text, letter, 0) < 0) {
        return 0; /* some are escapes */
    }
    struct pos wanted = expected(diags->text, letter);
    struct pos found = scalar_source_find(diags, (struct pos){begin.line, begin.column + (int)at});
    if (found.line != wanted.line || found.column != wanted.column) {
        fail_msg("%s\n'%c' stands at %d:%d, found %d:%d", diags->text.p, letter, wanted.line, wanted.column, found.line,
                 found.column);
    }
    return 1;
}

/* Forwards, backwards, and all at once. */
static int check_scalar(struct diags *diags, const struct yaml_node *node)
{
    struct pos begin = yaml_content(diags, node);
    struct pos *all = arena_array(arena, node->text.n + 1, sizeof *all);
    int letters = 0;
    for (size_t i = 0; i < node->text.n; i++) {
        letters += check_letter(diags, begin, node, i);
    }
    for (size_t i = node->text.n; i > 0; i--) {
        (void)check_letter(diags, begin, node, i - 1);
    }
    scalar_source_find_all(diags, begin, node->text.n, all);
    for (size_t i = 0; i <= node->text.n; i++) {
        struct pos one = scalar_source_find(diags, (struct pos){begin.line, begin.column + (int)i});
        assert_int_equal(one.line, all[i].line);
        assert_int_equal(one.column, all[i].column);
    }
    return letters;
}

static int check_tree(struct diags *diags, const struct yaml_node *node)
{
    int letters = 0;
    for (size_t i = 0; i < node->count; i++) {
        letters += check_tree(diags, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i]);
    }
    return node->type == JSON_STRING ? check_scalar(diags, node) : letters;
}

static void check_file(const char *text)
{
    struct diags diags;
    diags_init(&diags, arena, "test.yaml");
    diags.text = str_from(text);
    const struct yaml_node *root = yaml_doc_parse(&diags);
    assert_non_null(root);
    int letters = 0;
    for (size_t i = 0; i < diags.text.n; i++) {
        letters += isupper((unsigned char)diags.text.p[i]) && (i == 0 || diags.text.p[i - 1] != '\\') &&
                           strstr(diags.text.p, "\\U") == NULL
                     ? 1
                     : 0;
    }
    int checked = check_tree(&diags, root);
    if (checked < letters || checked == 0) {
        fail_msg("%s\nhas %d letters, %d were found in its scalars", text, letters, checked);
    }
}

static const char *with_carriage_returns(const char *text)
{
    char *out = arena_alloc(arena, strlen(text) * 2 + 1);
    char *end = out;
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            *end++ = '\r';
        }
        *end++ = *text;
    }
    *end = '\0';
    return out;
}

TEST(a_letter_of_a_scalar_is_found_where_it_stands_in_the_file)
{
    arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_file(rows[i]);
        check_file(with_carriage_returns(rows[i]));
        check_file(arena_printf(arena, "\xEF\xBB\xBF%s", rows[i]));
        check_file(with_carriage_returns(arena_printf(arena, "\xEF\xBB\xBF# \xc3\xa6\n\n%s", rows[i])));
    }
    arena_free(arena);
}

TEST(a_place_with_a_line_stays_as_it_is)
{
    struct diags diags;
    arena = arena_new();
    diags_init(&diags, arena, "test.yaml");
    struct pos pos = scalar_source_find(&diags, (struct pos){3, 5});
    assert_true(pos.line == 3 && pos.column == 5);
    pos = scalar_source_find(&diags, (struct pos){0});
    assert_true(pos.line == 0 && pos.column == 0);
    arena_free(arena);
}

TESTS(RUN(a_letter_of_a_scalar_is_found_where_it_stands_in_the_file), RUN(a_place_with_a_line_stays_as_it_is))
