/* SPDX-License-Identifier: Apache-2.0 */
#include "base/html.h"
#include "test.h"

static void check(struct str text, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    html_add(&out, text);
    assert_string_equal(out.data, expected);
    strbuf_clear(&out);
}

TEST(html_writes_what_would_be_markup_as_text)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"},
        {"\" onload=\"x", "&quot; onload=&quot;x"},
        {"&amp;", "&amp;amp;"},
        {"two\nlines\tand more", "two\nlines\tand more"},
        {"bell\a and del\x7f", "bell\xef\xbf\xbd and del\xef\xbf\xbd"},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x8d\xb7", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8d\xb7"},
        {"cut \xc3", "cut \xef\xbf\xbd"},
        {"long \xc0\xbcscript", "long \xef\xbf\xbd\xef\xbf\xbdscript"},
        {"\xf0\x9f<b>", "\xef\xbf\xbd\xef\xbf\xbd&lt;b&gt;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(str_from(cases[i][0]), cases[i][1]);
    }
    check((struct str){"a\0b", 3}, "a\xef\xbf\xbd" "b");
}

TESTS(RUN(html_writes_what_would_be_markup_as_text))
