/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "test.h"

#include <errno.h>

TEST(the_first_failure_stays)
{
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_INPUT, "expected %d, found '%s'", 1, "x"), -1);
    assert_int_equal(err_set(&err, ERR_IO, "later"), -1);
    errno = ENOSPC;
    assert_int_equal(err_errno(&err, "later still"), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, "expected 1, found 'x'");
    err_clear(&err);
    assert_int_equal(err.code, ERR_NONE);
    assert_string_equal(err.message, "");
}

TEST(nobody_has_to_listen)
{
    assert_int_equal(err_set(NULL, ERR_INPUT, "x"), -1);
    assert_int_equal(err_errno(NULL, "x"), -1);
    assert_int_equal(err_add(NULL, "x"), -1);
}

TEST(errno_is_put_in_words_behind)
{
    struct err err = {0};
    errno = ENOSPC;
    (void)err_errno(&err, "writing '%s'", "a");
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.message, "writing 'a': No space left on device");
}

TEST(context_goes_in_front_and_only_of_an_error)
{
    struct err err = {0};
    assert_int_equal(err_add(&err, "step '%s'", "train"), -1);
    assert_string_equal(err.message, "");
    (void)err_set(&err, ERR_LIMIT, "too large");
    (void)err_add(&err, "step '%s'", "train");
    (void)err_add(&err, "run %d", 12);
    assert_string_equal(err.message, "run 12: step 'train': too large");
    assert_int_equal(err.code, ERR_LIMIT);
}

TEST(long_messages_are_cut_within_the_room)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "%s", text);
    assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
    (void)err_add(&err, "%s", "context");
    assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
    assert_memory_equal(err.message, "context: xxx", 12);
    (void)err_add(&err, "%s", text);
    assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
    struct err other = {0};
    errno = EIO;
    (void)err_errno(&other, "%s", text);
    assert_int_equal(strlen(other.message), ERR_MESSAGE_MAX - 1);
}

TEST(mlflows_clients_are_told_in_its_words_where_it_has_some)
{
    struct err err = {0};
    (void)err_as_mlflow(&err, "nothing is wrong");
    assert_string_equal(err_for_mlflow(&err), "");
    (void)err_set(&err, ERR_NOT_FOUND, "there is no run '%d'", 9);
    assert_string_equal(err_for_mlflow(&err), "there is no run '9'");
    assert_int_equal(err_as_mlflow(&err, "Run with id=%d not found", 9), -1);
    (void)err_as_mlflow(&err, "the first words stay");
    (void)err_add(&err, "step '%s'", "a");
    assert_string_equal(err.message, "step 'a': there is no run '9'");
    assert_string_equal(err_for_mlflow(&err), "step 'a': Run with id=9 not found");
    struct err passed = {0};
    assert_int_equal(err_pass(&passed, &err), -1);
    assert_int_equal(err_pass(NULL, &err), -1);
    assert_string_equal(err_for_mlflow(&passed), "step 'a': Run with id=9 not found");
    err_clear(&err);
    (void)err_set(&err, ERR_BUSY, "held");
    assert_string_equal(err_for_mlflow(&err), "held");
    (void)err_pass(&passed, &err);
    assert_int_equal(passed.code, ERR_NOT_FOUND);
}

TEST(every_code_has_a_word)
{
    for (enum err_code code = ERR_NONE; code <= ERR_INTERNAL; code++) {
        assert_non_null(err_code_name(code));
        for (enum err_code other = ERR_NONE; other < code; other++) {
            assert_string_not_equal(err_code_name(code), err_code_name(other));
        }
    }
    assert_string_equal(err_code_name(ERR_NOT_FOUND), "not_found");
}

TESTS(RUN(the_first_failure_stays), RUN(nobody_has_to_listen), RUN(errno_is_put_in_words_behind),
      RUN(context_goes_in_front_and_only_of_an_error), RUN(long_messages_are_cut_within_the_room),
      RUN(mlflows_clients_are_told_in_its_words_where_it_has_some), RUN(every_code_has_a_word))
