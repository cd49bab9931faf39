/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include "test.h"

static void assert_is_hex(const char *text)
{
    assert_int_equal(strlen(text), 32);
    assert_int_equal(strspn(text, "0123456789abcdef"), 32);
    assert_int_equal(text[12], '7'); /* UUID version 7 and its variant, RFC 9562 */
    assert_non_null(strchr("89ab", text[16]));
}

TEST(ids_have_mlflows_forms)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < 1000; i++) {
        assert_is_hex(id_run(i % 2 == 0 ? &rng : NULL, i).text);
        struct id model = id_model(i % 2 == 0 ? &rng : NULL, i);
        assert_true(id_is_model(model.text));
        assert_memory_equal(model.text, "m-", 2);
        assert_is_hex(model.text + 2);
    }
}

TEST(ids_repeat_with_the_seed_and_never_without)
{
    struct rng a;
    struct rng b;
    rng_seed(&a, 3);
    rng_seed(&b, 3);
    assert_string_equal(id_run(&a, 7).text, id_run(&b, 7).text);
    assert_string_not_equal(id_run(&a, 7).text, id_run(&a, 7).text);
    assert_string_not_equal(id_run(NULL, 7).text, id_run(NULL, 7).text);
}

TEST(ids_sort_by_the_time_at_which_they_were_made)
{
    const int64_t times[] = {0, 1, 255, 256, 1795675561080, 1795675561081, (int64_t)1 << 47};
    for (size_t i = 1; i < sizeof times / sizeof times[0]; i++) {
        assert_true(strcmp(id_run(NULL, times[i - 1]).text, id_run(NULL, times[i]).text) < 0);
    }
    assert_memory_equal(id_run(NULL, 0x0123456789ab).text, "0123456789ab", 12);
}

TEST(names_are_two_words_and_a_number)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 10000; i++) {
        char room[64];
        id_name(&rng, room);
        size_t first = strspn(room, "abcdefghijklmnopqrstuvwxyz");
        assert_true(first >= 3 && room[first] == '-');
        size_t second = strspn(room + first + 1, "abcdefghijklmnopqrstuvwxyz");
        const char *number = room + first + 1 + second;
        assert_true(second >= 2 && number[0] == '-');
        size_t digits = strspn(number + 1, "0123456789");
        assert_true(digits >= 1 && digits <= 3 && number[1 + digits] == '\0');
    }
}

TEST(only_the_whole_form_is_an_id_of_a_model)
{
    static const char *const others[] = {
        "",
        "m-",
        "0123456789abcdef0123456789abcdef",
        "m-0123456789abcdef0123456789abcde",
        "m-0123456789abcdef0123456789abcdef0",
        "m-0123456789ABCDEF0123456789ABCDEF",
        "m-../../56789abcdef0123456789abcdef",
    };
    assert_true(id_is_model("m-0123456789abcdef0123456789abcdef"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(id_is_model(others[i]));
    }
}

TESTS(RUN(ids_have_mlflows_forms), RUN(ids_repeat_with_the_seed_and_never_without),
      RUN(ids_sort_by_the_time_at_which_they_were_made),
      RUN(only_the_whole_form_is_an_id_of_a_model), RUN(names_are_two_words_and_a_number))
