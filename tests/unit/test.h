/* SPDX-License-Identifier: Apache-2.0
 * What every unit test includes: cmocka, and a way to say a test's name once.
 *
 *     TEST(cron_expr_fires_once_in_the_autumn_hour) { assert_int_equal(...); }
 *     TESTS(RUN(cron_expr_fires_once_in_the_autumn_hour), ...)
 */
#ifndef SLUICE_TEST_H
#define SLUICE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define RUN(name) cmocka_unit_test(name)
#define TESTS(...)                                                                                                     \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                               \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                              \
    }

#endif
