/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "csv.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static struct scratch memory;
static struct csv_table table;
static struct fault fault;

/* Reads `size` bytes as a file. */
static int read_bytes(const char *bytes, size_t size, struct csv_options options)
{
    char path[] = "/tmp/sluice-test-csv-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), (ssize_t)size);
    assert_int_equal(close(file), 0);
    int result = csv_read_file(&memory, path, options, &table, &fault);
    (void)unlink(path);
    return result;
}

static int read_text(const char *text)
{
    return read_bytes(text, strlen(text), (struct csv_options){0});
}

static int forget(void **state)
{
    (void)state;
    scratch_free(&memory);
    return 0;
}

#define FORGETTING(name) cmocka_unit_test_teardown(name, forget)

TEST(csv_reads_quotes_crlf_and_line_breaks_inside_quotes)
{
    static const struct {
        const char *text;
        const char *fields[4];
    } cases[] = {
        {"a,b\r\n1,2\r\n3,4\r\n", {"1", "2", "3", "4"}},
        {"a,b\n1,2\n3,4", {"1", "2", "3", "4"}},
        {"a,b\n\"1\",\"2\"\n\"3\",\"\"\n", {"1", "2", "3", ""}},
        {"a,b\n\"x\"\"y\",\"p,q\"\n,\n", {"x\"y", "p,q", "", ""}},
        {"a,b\n\"two\nlines\",2\n\"\r\n\",4\n", {"two\nlines", "2", "\r\n", "4"}},
        {"\xEF\xBB\xBF" "a,b\n1,2\n3,4\n", {"1", "2", "3", "4"}},
        {"a,b\n\n1,2\n\r\n\n3,4\n\n", {"1", "2", "3", "4"}},
        {"a,b\n5\" pipe,2\nx\ry,4\n", {"5\" pipe", "2", "x\ry", "4"}},
        {"a,b\n\"\"\"\",\xC3\xA9\n 3 ,4\n", {"\"", "\xC3\xA9", " 3 ", "4"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_text(cases[i].text), 0);
        assert_int_equal(table.rows, 2);
        assert_int_equal(table.columns, 2);
        assert_string_equal(table.names[0], "a");
        for (size_t f = 0; f < 4; f++) {
            assert_string_equal(csv_field(&table, f / 2, f % 2), cases[i].fields[f]);
        }
    }
}

TEST(csv_finds_the_separator_in_the_header)
{
    assert_int_equal(read_text("a;b;c\n1,5;2;3\n"), 0);
    assert_int_equal(table.separator, ';');
    assert_string_equal(csv_field(&table, 0, 0), "1,5");
    assert_int_equal(read_text("a\tb\n1\t2\n"), 0);
    assert_int_equal(table.separator, '\t');
    assert_int_equal(read_text("\"a;;;b\",c\n1,2\n"), 0);
    assert_int_equal(table.separator, ',');
    assert_int_equal(read_bytes("a;b,c\n1;2,3\n", 12, (struct csv_options){.separator = ';'}), 0);
    assert_int_equal(table.columns, 2);
    assert_string_equal(csv_field(&table, 0, 1), "2,3");
}

TEST(csv_names_the_line_of_what_is_wrong)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"a,b\n1,2\n3\n", "line 3 has 1 field: expected 2 as in the header"},
        {"a,b\n\"x\ny\",2\n1,2,3\n", "line 4 has 3 fields: expected 2 as in the header"},
        {"a,b\n1,\"2\n3,4\n", "line 2: a quoted field is never closed"},
        {"a,b\n\"1\"x,2\n", "line 2: 'x' after a closing quote: expected the separator or the line's end"},
        {"a,a\n1,2\n", "line 1: the column 'a' stands twice (1 and 2)"},
        {"", "the file is empty: expected a header line"},
        {"\n\n", "the file is empty: expected a header line"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_text(cases[i].text), -1);
        if (strstr(fault.text, cases[i].message) == NULL) {
            fail_msg("got \"%s\", expected \"%s\"", fault.text, cases[i].message);
        }
    }
    assert_int_equal(read_bytes("a,b\n1,\0\n", 9, (struct csv_options){0}), -1);
    assert_non_null(strstr(fault.text, "line 2: a NUL byte: this is no text file"));
}

TEST(csv_keeps_to_its_bounds)
{
    assert_int_equal(read_bytes("a\n1\n2\n", 6, (struct csv_options){.max_rows = 2}), 0);
    assert_int_equal(read_bytes("a\n1\n2\n3\n", 8, (struct csv_options){.max_rows = 2}), -1);
    assert_non_null(strstr(fault.text, "line 4: more rows than are read at most"));
    assert_int_equal(read_bytes("a\n1\n2\n", 6, (struct csv_options){.max_bytes = 5}), -1);
    assert_non_null(strstr(fault.text, "has 6 bytes: at most 5 are read"));
}

TEST(csv_says_what_a_missing_file_or_a_folder_is)
{
    assert_int_equal(csv_read_file(&memory, "/nonexistent/x.csv", (struct csv_options){0}, &table, &fault), -1);
    assert_string_equal(fault.text, "cannot open '/nonexistent/x.csv': No such file or directory");
    assert_int_equal(csv_read_file(&memory, "/tmp", (struct csv_options){0}, &table, &fault), -1);
    assert_string_equal(fault.text, "'/tmp' is a folder: expected a file of delimited text");
}

TEST(csv_column_offers_the_nearest_name)
{
    size_t column = 0;
    assert_int_equal(read_text("quality,alcohol\n1,2\n"), 0);
    assert_int_equal(csv_column(&table, "alcohol", &column, &fault), 0);
    assert_int_equal(column, 1);
    assert_int_equal(csv_column(&table, "Qualty", &column, &fault), -1);
    assert_string_equal(fault.text, "no column 'Qualty' in the file (did you mean 'quality'?)");
    assert_int_equal(csv_column(&table, "weight", &column, &fault), -1);
    assert_string_equal(fault.text, "no column 'weight' in the file; it has: quality, alcohol");
}

TEST(csv_numbers_are_finite_decimals_and_faults_name_row_line_and_column)
{
    const double *numbers = NULL;
    assert_int_equal(read_text("x\n1\n-2.5e3\n +.5 \n1e-320\n"), 0);
    assert_int_equal(csv_numbers(&memory, &table, 0, &numbers, &fault), 0);
    assert_true(numbers[0] == 1 && numbers[1] == -2500 && numbers[2] == 0.5 && numbers[3] > 0);
    static const char *const bad[] = {"NaN", "inf", "-Infinity", "0x10", "1e999", "1,5", "one", "1 2", "--1", "."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "id,x\n\n7,1\n8,\"%s\"\n", bad[i]);
        assert_int_equal(read_text(text), 0);
        assert_int_equal(csv_numbers(&memory, &table, 1, &numbers, &fault), -1);
        char message[128];
        (void)snprintf(message, sizeof message, "row 2 (line 4), column 'x': '%s' is not a finite number", bad[i]);
        assert_string_equal(fault.text, message);
    }
    assert_int_equal(read_text("id,x\n1,\n"), 0);
    assert_int_equal(csv_numbers(&memory, &table, 1, &numbers, &fault), -1);
}

TEST(csv_next_reads_a_record_at_a_time_across_its_buffer)
{
    char path[] = "/tmp/sluice-test-csv-XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    (void)fputs("n,text\r\n", file);
    for (int i = 0; i < 20000; i++) {
        (void)fprintf(file, "%d,\"row \"\"%d\"\"\"\r\n", i, i);
    }
    assert_int_equal(fclose(file), 0);
    struct csv_reader *reader = NULL;
    assert_int_equal(csv_open(path, (struct csv_options){0}, &reader, &fault), 0);
    assert_int_equal(csv_column_count(reader), 2);
    assert_string_equal(csv_column_names(reader)[1], "text");
    assert_int_equal(csv_separator(reader), ',');
    const char *const *fields = NULL;
    size_t line = 0;
    size_t rows = 0;
    while (csv_next(reader, &fields, &line, &fault) > 0) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "row \"%zu\"", rows);
        assert_string_equal(fields[1], expected);
        assert_int_equal(line, rows + 2);
        rows++;
    }
    assert_int_equal(rows, 20000);
    assert_int_equal(csv_next(reader, &fields, &line, &fault), 0);
    csv_close(reader);
    (void)unlink(path);
}

TESTS(FORGETTING(csv_reads_quotes_crlf_and_line_breaks_inside_quotes),
      FORGETTING(csv_finds_the_separator_in_the_header), FORGETTING(csv_names_the_line_of_what_is_wrong),
      FORGETTING(csv_keeps_to_its_bounds), FORGETTING(csv_says_what_a_missing_file_or_a_folder_is),
      FORGETTING(csv_column_offers_the_nearest_name),
      FORGETTING(csv_numbers_are_finite_decimals_and_faults_name_row_line_and_column),
      FORGETTING(csv_next_reads_a_record_at_a_time_across_its_buffer))
