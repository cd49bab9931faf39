-- SPDX-License-Identifier: Apache-2.0
-- csv: tables of text, read from and written as CSV (RFC 4180).
--
-- A table is what sluice.csv.read returns: {header = {names}, rows = {{cells}, ...}}, all cells strings.
-- Functions here never change the table they are given.

local csv = {}

local UTF8_MARK = "\xEF\xBB\xBF"

local function delimiter_of(options, level)
    local delimiter = options and options.delimiter or ","
    if type(delimiter) ~= "string" or #delimiter ~= 1 or delimiter:find('[\r\n"]') then
        error("the delimiter must be one character other than a quote or a line end, not '" .. tostring(delimiter)
            .. "'", level + 1)
    end
    return delimiter
end

-- The quoted cell whose opening quote is at `start`: its text, the place behind its closing quote, and the
-- number of lines it spans beyond the first.
local function read_quoted(text, start, line)
    local parts, at = {}, start + 1
    while true do
        local quote = text:find('"', at, true)
        if not quote then
            error("line " .. line .. ": a quote is opened and never closed", 0)
        end
        parts[#parts + 1] = text:sub(at, quote - 1)
        if text:byte(quote + 1) ~= 34 then
            local cell = table.concat(parts, '"')
            local _, breaks = cell:gsub("\n", "")
            return cell, quote + 1, breaks
        end
        at = quote + 2
    end
end

-- Records in order, each {cells..., line = first line}. Blank lines are no records.
local function read_records(text, delimiter)
    local stop = "[" .. "%" .. delimiter .. "\r\n]"
    if delimiter:find("%w") then
        stop = "[" .. delimiter .. "\r\n]"
    end
    local records, at, line, size = {}, 1, 1, #text
    local record = {line = 1}
    while at <= size do
        local cell, quoted
        if text:byte(at) == 34 then
            local breaks
            cell, at, breaks = read_quoted(text, at, line)
            line, quoted = line + breaks, true
        else
            local stopped = text:find(stop, at) or size + 1
            cell, at = text:sub(at, stopped - 1), stopped
            if cell:find('"', 1, true) then
                error("line " .. line .. ": a quote inside a cell that is not quoted: " .. cell:sub(1, 40), 0)
            end
        end
        record[#record + 1] = cell
        local after = text:sub(at, at)
        if after == delimiter then
            at = at + 1
            if at > size then
                record[#record + 1] = ""
            elseif text:find("^[\r\n]", at) then
                record[#record + 1] = ""
                after = text:sub(at, at)
            end
        end
        if after == "\r" or after == "\n" or at > size then
            if #record > 1 or quoted or record[1] ~= "" then
                records[#records + 1] = record
            end
            at = text:find("^\r\n", at) and at + 2 or at + 1
            line = line + 1
            record = {line = line}
        elseif after ~= delimiter then
            error("line " .. line .. ": '" .. after .. "' after a closing quote; expected '" .. delimiter
                .. "' or the end of the line", 0)
        end
    end
    return records
end

local function numbered_header(count)
    local header = {}
    for i = 1, count do
        header[i] = "column" .. i
    end
    return header
end

function csv.parse(text, options)
    if type(text) ~= "string" then
        error("csv.parse needs text, not " .. type(text), 2)
    end
    local delimiter = delimiter_of(options, 2)
    if text:sub(1, 3) == UTF8_MARK then
        text = text:sub(4)
    end
    local records = read_records(text, delimiter)
    if #records == 0 then
        error("the text holds no header and no rows", 0)
    end
    local first = 1
    local header
    if options and options.header == false then
        header = numbered_header(#records[1])
    else
        header, first = table.move(records[1], 1, #records[1], 1, {}), 2
    end
    local rows = {}
    for i = first, #records do
        local record = records[i]
        if #record ~= #header then
            error(string.format("line %d has %d cells, expected %d", record.line, #record, #header), 0)
        end
        record.line = nil
        rows[#rows + 1] = record
    end
    return {header = header, rows = rows}
end

-- 0.1 as "0.1" where that is exact enough to come back, else with 17 digits.
local function number_text(value)
    if math.type(value) == "integer" then
        return tostring(value)
    end
    local short = string.format("%.15g", value)
    return tonumber(short) == value and short or string.format("%.17g", value)
end

local function cell_text(value, delimiter)
    local text = type(value) == "number" and number_text(value) or tostring(value == nil and "" or value)
    if text:find('["\r\n]') or text:find(delimiter, 1, true) then
        return '"' .. text:gsub('"', '""') .. '"'
    end
    return text
end

function csv.format(data, options)
    local delimiter = delimiter_of(options, 2)
    local newline = options and options.newline or "\n"
    local width = #data.header
    local lines = {}
    local function add(cells)
        local texts = {}
        for i = 1, width do
            texts[i] = cell_text(cells[i], delimiter)
        end
        -- A lone empty cell would read back as a blank line.
        lines[#lines + 1] = (width == 1 and texts[1] == "") and '""' or table.concat(texts, delimiter)
    end
    if not (options and options.header == false) then
        add(data.header)
    end
    for number, row in ipairs(data.rows) do
        if #row > width then
            error(string.format("row %d has %d cells, the header %d", number, #row, width), 2)
        end
        add(row)
    end
    lines[#lines + 1] = ""
    return table.concat(lines, newline)
end

-- Levenshtein's distance, for "did you mean".
local function distance(a, b)
    local previous = {}
    for j = 0, #b do
        previous[j] = j
    end
    for i = 1, #a do
        local current = {[0] = i}
        for j = 1, #b do
            local change = a:byte(i) == b:byte(j) and 0 or 1
            current[j] = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + change)
        end
        previous = current
    end
    return previous[#b]
end

local function nearest(name, names)
    local best, best_distance = nil, math.max(2, #name // 3) + 1
    for _, candidate in ipairs(names) do
        local d = distance(name:lower(), candidate:lower())
        if d < best_distance then
            best, best_distance = candidate, d
        end
    end
    return best
end

function csv.find(data, name)
    for i, column in ipairs(data.header) do
        if column == name then
            return i
        end
    end
    return nil
end

local function index_of(data, name, level)
    local index = csv.find(data, name)
    if index then
        return index
    end
    local near = nearest(tostring(name), data.header)
    local hint = near and "; did you mean '" .. near .. "'?" or "; there are: " .. table.concat(data.header, ", ")
    error("no column '" .. tostring(name) .. "'" .. hint, level + 1)
end

function csv.column(data, name)
    local index = index_of(data, name, 2)
    local values = {}
    for i, row in ipairs(data.rows) do
        values[i] = row[index]
    end
    return values
end

-- A decimal number, or nil: tonumber alone would also take 0x10 and 1p4.
local function decimal(cell)
    if type(cell) == "number" then
        return cell
    end
    if cell:find("^%s*[+-]?%d+%.?%d*[eE]?[+-]?%d*%s*$") or cell:find("^%s*[+-]?%.%d+[eE]?[+-]?%d*%s*$") then
        return tonumber((cell:gsub("^%s*%+", "")))
    end
    return nil
end

local function cell_number(data, row_number, index, missing, level)
    local cell = data.rows[row_number][index]
    if missing ~= nil and cell == "" then
        return missing
    end
    local value = decimal(cell)
    if value == nil then
        error(string.format("row %d, column '%s': '%s' is not a number", row_number, data.header[index], cell),
            level + 1)
    end
    return value
end

function csv.numbers(data, name, options)
    local index = index_of(data, name, 2)
    local values = {}
    for i = 1, #data.rows do
        values[i] = cell_number(data, i, index, options and options.missing, 2)
    end
    return values
end

function csv.matrix(data, names, options)
    local indices = {}
    for i, name in ipairs(names or data.header) do
        indices[i] = index_of(data, name, 2)
    end
    local matrix = {}
    for i = 1, #data.rows do
        local row = {}
        for j, index in ipairs(indices) do
            row[j] = cell_number(data, i, index, options and options.missing, 2)
        end
        matrix[i] = row
    end
    return matrix
end

function csv.names_without(data, unwanted)
    local drop = {}
    for _, name in ipairs(unwanted) do
        index_of(data, name, 2)
        drop[name] = true
    end
    local names = {}
    for _, name in ipairs(data.header) do
        if not drop[name] then
            names[#names + 1] = name
        end
    end
    return names
end

function csv.select(data, names)
    local indices = {}
    for i, name in ipairs(names) do
        indices[i] = index_of(data, name, 2)
    end
    local rows = {}
    for i, row in ipairs(data.rows) do
        local cells = {}
        for j, index in ipairs(indices) do
            cells[j] = row[index]
        end
        rows[i] = cells
    end
    return {header = table.move(names, 1, #names, 1, {}), rows = rows}
end

-- One row as a map from column name to cell.
local function record_of(data, row)
    local record = {}
    for i, name in ipairs(data.header) do
        record[name] = row[i]
    end
    return record
end

function csv.records(data)
    local records = {}
    for i, row in ipairs(data.rows) do
        records[i] = record_of(data, row)
    end
    return records
end

function csv.filter(data, keep)
    local rows = {}
    for i, row in ipairs(data.rows) do
        if keep(record_of(data, row), i) then
            rows[#rows + 1] = row
        end
    end
    return {header = data.header, rows = rows}
end

function csv.take(data, numbers)
    local rows = {}
    for i, number in ipairs(numbers) do
        local row = data.rows[number]
        if row == nil then
            error(string.format("no row %s in a table of %d rows", tostring(number), #data.rows), 2)
        end
        rows[i] = row
    end
    return {header = data.header, rows = rows}
end

function csv.with_column(data, name, values)
    if #values ~= #data.rows then
        error(string.format("column '%s' has %d values for %d rows", name, #values, #data.rows), 2)
    end
    local index = csv.find(data, name) or #data.header + 1
    local header = table.move(data.header, 1, #data.header, 1, {})
    header[index] = name
    local rows = {}
    for i, row in ipairs(data.rows) do
        local cells = table.move(row, 1, #row, 1, {})
        local value = values[i]
        cells[index] = type(value) == "number" and number_text(value) or tostring(value)
        rows[i] = cells
    end
    return {header = header, rows = rows}
end

function csv.from_columns(names, columns)
    local rows = {}
    for i = 1, #(columns[1] or {}) do
        rows[i] = {}
    end
    local data = {header = {}, rows = rows}
    for j, name in ipairs(names) do
        if columns[j] == nil then
            error("no values for column '" .. name .. "'", 2)
        end
        data = csv.with_column(data, name, columns[j])
    end
    return data
end

return csv
