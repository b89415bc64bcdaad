/* check.h - cmocka, and a check that says what was wrong.
 *
 * A test program is a table of cases and a loop; each test's name is its path and its claim, parse_size__refuses_signs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails the test when condition does not hold; the rest is printed: input, what was got, what was wanted. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: %s\n    ", __FILE__, __LINE__, #condition);                        \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* The same for calls that take a struct error named err: fails with its text when the call failed. */
#define CHECK_OK(call) CHECK((call) >= 0, "%s", err.text)

/* Fails unless the call failed with this kind and a text that contains words. */
#define CHECK_FAILS(call, wanted, words)                                                           \
    do {                                                                                           \
        err = (struct error){ 0 };                                                                 \
        CHECK((call) < 0, "succeeded");                                                            \
        CHECK(err.kind == (wanted) && strstr(err.text, (words)), "kind %d, \"%s\"", err.kind,      \
            err.text);                                                                             \
    } while (0)
