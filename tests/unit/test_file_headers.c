/* SPDX-License-Identifier: Apache-2.0
 * What the head of an answer says of a file, by its name.
 */
#include "http/content_type.h"
#include "http/disposition.h"

#include "test.h"

TEST(a_file_is_what_mlflows_server_calls_it)
{
    static const struct {
        const char *name, *type;
    } cases[] = {
        {"a.csv", "text/plain"},
        {"a.json", "text/plain"},
        {"a.toml", "text/plain"},
        {"notes.ipynb", "text/plain"},
        {"train.py", "text/plain"},
        {"MLmodel", "text/plain"},
        {"mlproject", "text/plain"},
        {"yaml", "text/plain"},
        {"MLproject", "application/octet-stream"},
        {"README", "application/octet-stream"},
        {".yaml", "application/octet-stream"},
        {"..csv", "application/octet-stream"},
        {"a.", "application/octet-stream"},
        {"", "application/octet-stream"},
        {"a.b.png", "image/png"},
        {"a.PNG", "image/png"},
        {"a.JSON", "application/json"},
        {"a.parquet", "application/octet-stream"},
        {"model.pkl", "application/octet-stream"},
        {"a.html", "text/html"},
        {"a.htmlx", "application/octet-stream"},
        {"a.ht", "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(http_type_of(cases[i].name, false), cases[i].type);
    }
}

TEST(what_a_browser_runs_is_only_so_in_a_page_of_ours)
{
    static const struct {
        const char *name, *of_page;
    } cases[] = {
        {"a.js", "text/javascript"},   {"a.mjs", "text/javascript"},       {"a.cjs", "text/javascript"},
        {"a.css", "text/css"},         {"a.wasm", "application/wasm"},     {"a.json", "application/json"},
        {"a.svg", "image/svg+xml"},    {"a.woff2", "font/woff2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(http_type_of(cases[i].name, true), cases[i].of_page);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(http_type_of(cases[i].name, false), "text/plain");
    }
}

TEST(a_name_stands_in_the_header_as_rfc_6266_has_it)
{
    static const struct {
        const char *name, *header;
    } cases[] = {
        {"a.txt", "attachment; filename=a.txt"},
        {"per+cent%20.txt", "attachment; filename=per+cent%20.txt"},
        {"a b.txt", "attachment; filename=\"a b.txt\""},
        {"semi;x", "attachment; filename=\"semi;x\""},
        {"q\"u\\o", "attachment; filename=\"q\\\"u\\\\o\""},
        {"\xc3\xbc.csv", "attachment; filename=_.csv; filename*=UTF-8''%C3%BC.csv"},
        {"\xe5\x90\x8d \xe5\x89\x8d", "attachment; filename=\"_ _\"; filename*=UTF-8''%E5%90%8D%20%E5%89%8D"},
        {"a\r\nSet-Cookie: x", "attachment; filename=\"a__Set-Cookie: x\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"},
        {"\xff", "attachment; filename=_; filename*=UTF-8''%FF"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(http_attachment(arena, cases[i].name), cases[i].header);
    }
    arena_free(arena);
}

TESTS(RUN(a_file_is_what_mlflows_server_calls_it), RUN(what_a_browser_runs_is_only_so_in_a_page_of_ours),
      RUN(a_name_stands_in_the_header_as_rfc_6266_has_it))
