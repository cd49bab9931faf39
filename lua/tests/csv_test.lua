-- SPDX-License-Identifier: Apache-2.0
local csv = require "csv"

local tests = {}

local function refused(expected, f, ...)
    local ok, message = pcall(f, ...)
    assert(not ok, "expected a refusal with: " .. expected)
    assert(tostring(message):find(expected, 1, true), message)
end

local function same(a, b)
    assert(#a == #b, #a .. " values, expected " .. #b)
    for i = 1, #a do
        assert(a[i] == b[i], "value " .. i .. " is '" .. tostring(a[i]) .. "', expected '" .. tostring(b[i]) .. "'")
    end
end

local WINES = csv.parse("name,color,quality\nA,red,5\nB,white,6.5\nC,red,7\n")

function tests.cells_are_read_with_each_kind_of_line_end()
    for _, ending in ipairs({"\n", "\r\n", "\r"}) do
        local data = csv.parse(table.concat({"a,b", "1,2", "3,", ",4", ""}, ending))
        same(data.header, {"a", "b"})
        assert(#data.rows == 3)
        same(data.rows[2], {"3", ""})
        same(data.rows[3], {"", "4"})
    end
end

function tests.the_last_line_needs_no_end()
    same(csv.parse("a,b\n1,2").rows[1], {"1", "2"})
    same(csv.parse("a,b\n1,").rows[1], {"1", ""})
end

function tests.quoted_cells_hold_delimiters_quotes_and_line_ends()
    local data = csv.parse('a,b\n"x,""y""","two\r\nlines"\n"",z\n')
    same(data.rows[1], {'x,"y"', "two\r\nlines"})
    same(data.rows[2], {"", "z"})
end

function tests.the_mark_of_utf8_is_no_part_of_the_first_name()
    same(csv.parse("\xEF\xBB\xBFa,b\n1,2\n").header, {"a", "b"})
end

function tests.other_delimiters_are_taken()
    for _, delimiter in ipairs({";", "\t", "|", "^", "]", "x"}) do
        same(csv.parse("a" .. delimiter .. "b\n1" .. delimiter .. "2", {delimiter = delimiter}).rows[1], {"1", "2"})
    end
    refused("the delimiter must be one character", csv.parse, "a", {delimiter = "::"})
end

function tests.a_file_without_header_gets_numbered_columns()
    local data = csv.parse("1,2\n3,4", {header = false})
    same(data.header, {"column1", "column2"})
    assert(#data.rows == 2)
end

function tests.faults_are_told_with_their_line()
    refused("line 3 has 1 cells, expected 2", csv.parse, "a,b\n1,2\n3\n")
    refused("line 4 has 3 cells", csv.parse, 'a,b\n"x\ny",2\n1,2,3\n')
    refused("line 2: a quote is opened and never closed", csv.parse, 'a\n"x\n')
    refused("line 2: 'z' after a closing quote", csv.parse, 'a\n"x"z\n')
    refused("line 2: a quote inside a cell", csv.parse, 'a\nx"y\n')
    refused("no header", csv.parse, "")
end

function tests.what_is_formatted_reads_back_the_same()
    local data = {header = {"a", "b,c"}, rows = {{'say "hi"', "x\ny"}, {"", "plain"}, {" spaced ", "1"}}}
    for _, options in ipairs({{}, {delimiter = ";"}, {newline = "\r\n"}}) do
        local again = csv.parse(csv.format(data, options), options)
        same(again.header, data.header)
        for i, row in ipairs(data.rows) do
            same(again.rows[i], row)
        end
    end
end

function tests.a_lone_empty_cell_survives()
    local again = csv.parse(csv.format({header = {"a"}, rows = {{""}, {"1"}}}))
    assert(#again.rows == 2)
end

function tests.numbers_are_written_so_that_they_come_back()
    local text = csv.format({header = {"x"}, rows = {{0.1}, {1 / 3}, {7}, {1e300}}})
    assert(text:find("\n0.1\n", 1, true) and text:find("\n7\n", 1, true), text)
    assert(csv.numbers(csv.parse(text), "x")[2] == 1 / 3)
end

function tests.columns_are_found_by_name_with_a_hint_for_a_wrong_one()
    same(csv.column(WINES, "color"), {"red", "white", "red"})
    refused("no column 'colour'; did you mean 'color'?", csv.column, WINES, "colour")
    refused("there are: name, color, quality", csv.column, WINES, "alcohol_by_volume")
    assert(csv.find(WINES, "nothing") == nil)
end

function tests.numbers_are_decimal_or_an_error_names_the_cell()
    same(csv.numbers(WINES, "quality"), {5, 6.5, 7})
    refused("row 1, column 'color': 'red' is not a number", csv.numbers, WINES, "color")
    local odd = csv.parse("x\n0x10\n")
    refused("'0x10' is not a number", csv.numbers, odd, "x")
    same(csv.numbers(csv.parse("x\n+1.5e-3\n-.5\n 2 \n"), "x"), {1.5e-3, -0.5, 2})
end

function tests.missing_numbers_are_an_error_unless_a_value_is_given_for_them()
    local data = csv.parse("x,y\n1,\n2,3\n")
    refused("row 1, column 'y': '' is not a number", csv.numbers, data, "y")
    same(csv.numbers(data, "y", {missing = -1}), {-1, 3})
end

function tests.a_matrix_has_the_asked_columns_in_the_asked_order()
    local data = csv.parse("a,b,c\n1,2,3\n4,5,6\n")
    local matrix = csv.matrix(data, {"c", "a"})
    same(matrix[2], {6, 4})
    same(csv.matrix(data)[1], {1, 2, 3})
    same(csv.names_without(data, {"b"}), {"a", "c"})
end

function tests.rows_are_filtered_taken_and_extended_without_changing_the_table()
    local reds = csv.filter(WINES, function(row) return row.color == "red" end)
    same(csv.column(reds, "name"), {"A", "C"})
    same(csv.column(csv.take(WINES, {3, 1}), "name"), {"C", "A"})
    refused("no row 4 in a table of 3 rows", csv.take, WINES, {4})
    local wider = csv.with_column(WINES, "score", {0.5, 1, 2})
    same(csv.numbers(wider, "score"), {0.5, 1, 2})
    local replaced = csv.with_column(WINES, "quality", {1, 2, 3})
    same(csv.numbers(replaced, "quality"), {1, 2, 3})
    assert(#WINES.header == 3 and WINES.rows[1][3] == "5")
    refused("has 2 values for 3 rows", csv.with_column, WINES, "x", {1, 2})
end

function tests.tables_are_selected_and_built_by_column()
    same(csv.select(WINES, {"quality", "name"}).rows[2], {"6.5", "B"})
    local data = csv.from_columns({"id", "p"}, {{"a", "b"}, {0.25, 1}})
    assert(csv.format(data) == "id,p\na,0.25\nb,1\n")
    assert(csv.records(WINES)[3].name == "C")
end

return tests
