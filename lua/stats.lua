-- SPDX-License-Identifier: Apache-2.0
-- stats: summaries of lists of numbers, standardisation of columns, and repeatable splits of rows.
--
-- A matrix is a list of rows, each a list of numbers. Splits are lists of row numbers, from 1, and depend
-- on their arguments alone: the same labels and the same seed give the same split on every machine.

local random = require "random"

local stats = {}

local function need(values, what, least)
    if type(values) ~= "table" or #values < least then
        error(string.format("%s needs at least %d value%s", what, least, least == 1 and "" or "s"), 3)
    end
end

-- Neumaier's compensated sum: 1e100 + 1 - 1e100 is 1.
function stats.sum(values)
    local sum, lost = 0.0, 0.0
    for i = 1, #values do
        local value = values[i]
        local total = sum + value
        if math.abs(sum) >= math.abs(value) then
            lost = lost + ((sum - total) + value)
        else
            lost = lost + ((value - total) + sum)
        end
        sum = total
    end
    -- With an infinity in it the correction is not a number.
    return lost == lost and sum + lost or sum
end

function stats.mean(values)
    need(values, "a mean", 1)
    return stats.sum(values) / #values
end

function stats.variance(values, ddof)
    ddof = ddof or 1
    need(values, "a variance", ddof + 1)
    local mean = stats.sum(values) / #values
    local squares = {}
    for i, value in ipairs(values) do
        squares[i] = (value - mean) ^ 2
    end
    return stats.sum(squares) / (#values - ddof)
end

function stats.stdev(values, ddof)
    need(values, "a standard deviation", (ddof or 1) + 1)
    return math.sqrt(stats.variance(values, ddof))
end

function stats.range(values)
    need(values, "a range", 1)
    local low, high = values[1], values[1]
    for i = 2, #values do
        low = math.min(low, values[i])
        high = math.max(high, values[i])
    end
    return low, high
end

local function sorted_copy(values)
    local copy = table.move(values, 1, #values, 1, {})
    for i = 1, #copy do
        if copy[i] ~= copy[i] then
            error("value " .. i .. " is not a number (NaN)", 3)
        end
    end
    table.sort(copy)
    return copy
end

-- Hyndman and Fan's type 7 (1996), the default of R and NumPy.
local function quantile_of_sorted(sorted, p)
    if type(p) ~= "number" or not (p >= 0 and p <= 1) then
        error("a quantile is asked for between 0 and 1, not '" .. tostring(p) .. "'", 3)
    end
    local place = (#sorted - 1) * p
    local below = math.floor(place)
    local low = sorted[below + 1]
    local high = sorted[math.min(below + 2, #sorted)]
    local share = place - below
    return share == 0 and low or low + (high - low) * share
end

function stats.quantile(values, p)
    need(values, "a quantile", 1)
    local sorted = sorted_copy(values)
    if type(p) ~= "table" then
        return (quantile_of_sorted(sorted, p))
    end
    local results = {}
    for i, one in ipairs(p) do
        results[i] = quantile_of_sorted(sorted, one)
    end
    return results
end

function stats.median(values)
    need(values, "a median", 1)
    return stats.quantile(values, 0.5)
end

function stats.correlation(a, b)
    if #a ~= #b then
        error(string.format("a correlation of %d with %d values", #a, #b), 2)
    end
    need(a, "a correlation", 2)
    local mean_a, mean_b = stats.mean(a), stats.mean(b)
    local ab, aa, bb = {}, {}, {}
    for i = 1, #a do
        local da, db = a[i] - mean_a, b[i] - mean_b
        ab[i], aa[i], bb[i] = da * db, da * da, db * db
    end
    local spread = math.sqrt(stats.sum(aa)) * math.sqrt(stats.sum(bb))
    if spread == 0 then
        error("a correlation with a constant is not defined", 2)
    end
    return stats.sum(ab) / spread
end

-- The distinct values in order of first sight, and how often each occurs.
function stats.counts(values)
    local names, counts = {}, {}
    for _, value in ipairs(values) do
        if counts[value] == nil then
            names[#names + 1] = value
            counts[value] = 0
        end
        counts[value] = counts[value] + 1
    end
    return counts, names
end

function stats.take(list, numbers)
    local taken = {}
    for i, number in ipairs(numbers) do
        if list[number] == nil then
            error("no item " .. tostring(number) .. " in a list of " .. #list, 2)
        end
        taken[i] = list[number]
    end
    return taken
end

-- ---- standardisation ----

function stats.scaler(matrix)
    need(matrix, "a scaler", 1)
    local means, scales = {}, {}
    for j = 1, #matrix[1] do
        local column = {}
        for i, row in ipairs(matrix) do
            if row[j] == nil then
                error(string.format("row %d has %d numbers, the first row %d", i, #row, #matrix[1]), 2)
            end
            column[i] = row[j]
        end
        means[j] = stats.mean(column)
        local spread = stats.stdev(column, 0)
        -- A constant column carries nothing: it becomes zero instead of a division by (almost) nothing.
        scales[j] = spread > 1e-12 * math.max(1e-300, math.abs(means[j])) and spread or 1.0
    end
    return {means = means, scales = scales}
end

function stats.standardise(matrix, scaler)
    scaler = scaler or stats.scaler(matrix)
    local means, scales = scaler.means, scaler.scales
    local result = {}
    for i, row in ipairs(matrix) do
        if #row ~= #means then
            error(string.format("row %d has %d numbers, expected %d", i, #row, #means), 2)
        end
        local scaled = {}
        for j = 1, #means do
            scaled[j] = (row[j] - means[j]) / scales[j]
        end
        result[i] = scaled
    end
    return result, scaler
end

-- ---- splits ----

local function check_fractions(fractions, level)
    local list = type(fractions) == "table" and fractions or {fractions}
    local total = 0
    for _, fraction in ipairs(list) do
        if type(fraction) ~= "number" or not (fraction > 0 and fraction < 1) then
            error("a part of a split is between 0 and 1, not '" .. tostring(fraction) .. "'", level + 1)
        end
        total = total + fraction
    end
    if #list == 0 or total >= 1 then
        error("the parts of a split must leave rows over for training; their sum is " .. total, level + 1)
    end
    return list
end

-- Deals `order` into one list per fraction, and what is left first: the training rows.
local function deal(order, fractions, parts)
    local from, cumulated = 1, 0.0
    for i, fraction in ipairs(fractions) do
        cumulated = cumulated + fraction
        local to = math.floor(#order * cumulated + 0.5)
        for k = from, to do
            table.insert(parts[i + 1], order[k])
        end
        from = to + 1
    end
    for k = from, #order do
        table.insert(parts[1], order[k])
    end
end

local function empty_parts(count)
    local parts = {}
    for i = 1, count do
        parts[i] = {}
    end
    return parts
end

local function sorted_parts(parts)
    for _, part in ipairs(parts) do
        table.sort(part)
    end
    return parts
end

-- The row numbers of each label, in order of the label's first sight.
local function rows_by_label(labels)
    local groups, by_label = {}, {}
    for i, label in ipairs(labels) do
        if by_label[label] == nil then
            by_label[label] = {}
            groups[#groups + 1] = by_label[label]
        end
        table.insert(by_label[label], i)
    end
    return groups
end

function stats.split(count, fractions, seed)
    local list = check_fractions(fractions, 2)
    local parts = empty_parts(#list + 1)
    deal(random.new(seed):permutation(count), list, parts)
    return table.unpack(sorted_parts(parts))
end

function stats.stratified_split(labels, fractions, seed)
    local list = check_fractions(fractions, 2)
    local parts = empty_parts(#list + 1)
    local generator = random.new(seed)
    for _, group in ipairs(rows_by_label(labels)) do
        deal(generator:shuffle(group), list, parts)
    end
    return table.unpack(sorted_parts(parts))
end

local function check_folds(k, count, level)
    if math.tointeger(k) == nil or k < 2 or k > count then
        error(string.format("the number of folds must be from 2 to the number of rows (%d), not '%s'", count,
            tostring(k)), level + 1)
    end
end

-- Folds from the number of the test fold of each row.
local function folds_of(fold_of_row, k, count)
    local folds = {}
    for fold = 1, k do
        local train, test = {}, {}
        for i = 1, count do
            table.insert(fold_of_row[i] == fold and test or train, i)
        end
        folds[fold] = {train = train, test = test}
    end
    return folds
end

function stats.k_fold(count, k, seed)
    check_folds(k, count, 2)
    local fold_of_row = {}
    for place, row in ipairs(random.new(seed):permutation(count)) do
        fold_of_row[row] = (place - 1) % k + 1
    end
    return folds_of(fold_of_row, k, count)
end

function stats.stratified_k_fold(labels, k, seed)
    check_folds(k, #labels, 2)
    local generator = random.new(seed)
    local fold_of_row = {}
    -- The dealing goes on from label to label, so that folds differ by one row at most.
    local place = 0
    for _, group in ipairs(rows_by_label(labels)) do
        for _, row in ipairs(generator:shuffle(group)) do
            fold_of_row[row] = place % k + 1
            place = place + 1
        end
    end
    return folds_of(fold_of_row, k, #labels)
end

return stats
