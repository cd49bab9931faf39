/* SPDX-License-Identifier: Apache-2.0 */
#include "config/external_url.h"
#include "test.h"

TEST(an_external_url_is_an_address_that_a_link_can_begin_with)
{
    static const struct {
        const char *text, *expected; /* NULL: refused */
    } cases[] = {
        {"https://sluice.example", "https://sluice.example"},
        {"https://sluice.example/", "https://sluice.example"},
        {"https://sluice.example:8443/models//", "https://sluice.example:8443/models"},
        {"https://192.0.2.7", "https://192.0.2.7"},
        {"https://[2001:db8::1]:443/x", "https://[2001:db8::1]:443/x"},
        {"http://localhost:5000", "http://localhost:5000"},
        {"http://127.0.0.1", "http://127.0.0.1"},
        {"http://[::1]:80", "http://[::1]:80"},
        {"http://sluice.example", NULL},
        {"http://localhost.example", NULL},
        {"http://127.0.0.1.example", NULL},
        {"HTTPS://sluice.example", NULL},
        {"ftp://sluice.example", NULL},
        {"sluice.example", NULL},
        {"", NULL},
        {"https://", NULL},
        {"https:///x", NULL},
        {"https://:80", NULL},
        {"https://x:", NULL},
        {"https://x:123456", NULL},
        {"https://x:8a", NULL},
        {"https://a@b", NULL},
        {"https://a b", NULL},
        {"https://a?b", NULL},
        {"https://a/#b", NULL},
        {"https://a/<b>", NULL},
        {"https://[]", NULL},
        {"https://[::1", NULL},
        {"https://[::1]x", NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *url = NULL;
        struct err err = {0};
        int result = external_url_read(str_from(cases[i].text), arena, &url, &err);
        if ((result == 0) != (cases[i].expected != NULL)) {
            fail_msg("'%s': %d", cases[i].text, result);
        }
        if (result == 0) {
            assert_string_equal(url, cases[i].expected);
        } else {
            assert_non_null(strstr(err.message, "expected https://HOST"));
        }
    }
    arena_free(arena);
}

TESTS(RUN(an_external_url_is_an_address_that_a_link_can_begin_with))
