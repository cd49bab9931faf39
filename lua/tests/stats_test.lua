-- SPDX-License-Identifier: Apache-2.0
local stats = require "stats"

local tests = {}

local function near(a, b, within)
    assert(math.abs(a - b) <= (within or 1e-12) * math.max(1, math.abs(b)), a .. " is not near " .. b)
end

local function refused(expected, f, ...)
    local ok, message = pcall(f, ...)
    assert(not ok and tostring(message):find(expected, 1, true), message)
end

-- Every row in one part and in one only.
local function check_cover(count, ...)
    local seen, total = {}, 0
    for _, part in ipairs({...}) do
        for _, row in ipairs(part) do
            assert(not seen[row], "row " .. row .. " twice")
            seen[row], total = true, total + 1
        end
    end
    assert(total == count, total .. " rows of " .. count)
end

local function labels_of(malignant, benign)
    local labels = {}
    for i = 1, malignant + benign do
        labels[i] = i <= malignant and "malignant" or "benign"
    end
    return labels
end

function tests.sums_do_not_lose_small_numbers_beside_large_ones()
    assert(stats.sum({1e100, 1, -1e100}) == 1)
    assert(stats.sum({}) == 0)
    assert(stats.sum({math.huge, 1}) == math.huge)
end

function tests.mean_and_variance_of_known_numbers()
    local values = {2, 4, 4, 4, 5, 5, 7, 9}
    assert(stats.mean(values) == 5)
    assert(stats.variance(values, 0) == 4)
    near(stats.variance(values), 32 / 7)
    assert(stats.stdev(values, 0) == 2)
    near(stats.variance({1e9 + 1, 1e9 + 2, 1e9 + 3}), 1)
    local low, high = stats.range({3, -1, 2})
    assert(low == -1 and high == 3)
    refused("a mean needs at least 1 value", stats.mean, {})
    refused("a variance needs at least 2 values", stats.variance, {1})
end

function tests.quantiles_are_of_type_7()
    local values = {7, 1, 3, 10}
    assert(stats.quantile(values, 0) == 1 and stats.quantile(values, 1) == 10)
    near(stats.quantile(values, 0.25), 2.5)
    near(stats.quantile(values, 0.9), 9.1)
    assert(stats.median(values) == 5 and stats.median({3}) == 3)
    local three = stats.quantile(values, {0.25, 0.5, 0.75})
    near(three[3], 7.75)
    assert(values[1] == 7, "the list itself stays unsorted")
    refused("between 0 and 1", stats.quantile, values, 1.5)
    refused("not a number", stats.quantile, {1, 0 / 0}, 0.5)
end

function tests.correlation_is_one_for_a_line_and_refused_for_a_constant()
    near(stats.correlation({1, 2, 3}, {2, 4, 6}), 1)
    near(stats.correlation({1, 2, 3}, {3, 2, 1}), -1)
    near(stats.correlation({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8)
    refused("constant", stats.correlation, {1, 2}, {5, 5})
end

function tests.counts_keep_the_order_of_first_sight()
    local counts, names = stats.counts({"b", "a", "b"})
    assert(counts.b == 2 and counts.a == 1 and names[1] == "b" and #names == 2)
end

function tests.standardised_columns_have_mean_0_and_deviation_1()
    local matrix = {{1, 10, 5}, {2, 20, 5}, {3, 60, 5}}
    local scaled, scaler = stats.standardise(matrix)
    for j = 1, 2 do
        local column = {scaled[1][j], scaled[2][j], scaled[3][j]}
        near(stats.mean(column), 0)
        near(stats.stdev(column, 0), 1)
    end
    assert(scaled[2][3] == 0, "a constant column becomes zero")
    near(stats.standardise({{2, 30, 5}}, scaler)[1][2], 0)
    refused("row 1 has 2 numbers, expected 3", stats.standardise, {{1, 2}}, scaler)
end

function tests.a_split_covers_all_rows_once_and_is_repeatable()
    local train, valid, holdout = stats.split(103, {0.2, 0.3}, 7)
    check_cover(103, train, valid, holdout)
    assert(#valid == 21 and #holdout == 31)
    local again = stats.split(103, {0.2, 0.3}, 7)
    assert(table.concat(again, ",") == table.concat(train, ","))
    assert(table.concat(stats.split(103, {0.2, 0.3}, 8), ",") ~= table.concat(train, ","))
    refused("leave rows over", stats.split, 10, {0.5, 0.5}, 1)
    refused("between 0 and 1", stats.split, 10, 1.2, 1)
end

function tests.a_split_of_a_seed_never_changes()
    local _, test = stats.split(10, 0.3, 42)
    assert(table.concat(test, ",") == "4,5,8", table.concat(test, ","))
end

function tests.a_stratified_split_keeps_the_shares_of_the_labels()
    local labels = labels_of(212, 357)
    local train, valid, holdout = stats.stratified_split(labels, {0.2, 0.2}, 3)
    check_cover(569, train, valid, holdout)
    for _, part in ipairs({valid, holdout}) do
        local counts = stats.counts(stats.take(labels, part))
        assert(math.abs(counts.malignant - 212 * 0.2) < 1, counts.malignant)
        assert(math.abs(counts.benign - 357 * 0.2) < 1, counts.benign)
    end
end

function tests.folds_test_every_row_once()
    local folds = stats.k_fold(10, 3, 1)
    assert(#folds == 3)
    check_cover(10, folds[1].test, folds[2].test, folds[3].test)
    for _, fold in ipairs(folds) do
        check_cover(10, fold.train, fold.test)
    end
    refused("the number of folds", stats.k_fold, 3, 4, 1)
end

function tests.stratified_folds_have_nearly_equal_sizes_and_shares()
    local labels = labels_of(13, 40)
    local folds = stats.stratified_k_fold(labels, 5, 2)
    check_cover(53, folds[1].test, folds[2].test, folds[3].test, folds[4].test, folds[5].test)
    for _, fold in ipairs(folds) do
        assert(#fold.test == 10 or #fold.test == 11)
        local malignant = stats.counts(stats.take(labels, fold.test)).malignant
        assert(malignant == 2 or malignant == 3, malignant)
    end
end

return tests
