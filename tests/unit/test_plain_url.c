/* SPDX-License-Identifier: Apache-2.0
 * One form for the spellings of a URL.
 */

/* Before test.h: cmocka has a macro called fail, step.h a member. */
#include "plain_url.h"

#include "test.h"

TEST(spellings_of_a_url_have_one_form)
{
    static const char *const cases[][2] = {
        {"http://prod/deploy", "http://prod/deploy"},
        {"HTTP://Prod:80/deploy", "http://prod/deploy"},
        {"https://prod:443/deploy", "https://prod/deploy"},
        {"https://prod:80/deploy", "https://prod:80/deploy"},
        {"http://prod:/deploy", "http://prod/deploy"},
        {"http://prod./deploy", "http://prod/deploy"},
        {"http://prod.:8080/deploy", "http://prod:8080/deploy"},
        {"http://me:secret@prod/deploy", "http://prod/deploy"},
        {"http://me@you@prod/deploy", "http://prod/deploy"},
        {"http://pr%6Fd/deploy", "http://prod/deploy"},
        {"http://prod/x/../deploy", "http://prod/deploy"},
        {"http://prod/./deploy/.", "http://prod/deploy/"},
        {"http://prod/../../deploy", "http://prod/deploy"},
        {"http://prod/x/%2e%2E/deploy", "http://prod/deploy"},
        {"http://prod/%64eploy", "http://prod/deploy"},
        {"http://prod/a%2Fb", "http://prod/a%2Fb"},
        {"http://prod/%", "http://prod/%"},
        {"http://prod/a//b", "http://prod/a//b"},
        {"http://prod/deploy?x=/../%64#part", "http://prod/deploy?x=/../%64"},
        {"http://prod", "http://prod/"},
        {"http://prod?x", "http://prod/?x"},
        {"http://[::1]:80/deploy", "http://[::1]/deploy"},
        {"http://[::1]/deploy", "http://[::1]/deploy"},
        {"no url", "no url"},
    };
    struct scratch scratch = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(plain_url(&scratch, cases[i][0]), cases[i][1]);
    }
    scratch_free(&scratch);
}

TESTS(RUN(spellings_of_a_url_have_one_form))
