-- SPDX-License-Identifier: Apache-2.0
-- metrics: how good predictions are. Definitions and edge cases are scikit-learn's.
--
-- Lists are parallel: actual[i] is what was, predicted[i] what was said. Labels may be any values that
-- compare with ==; `positive` says which one counts as the positive (default 1). Probabilities and
-- scores are those of the positive label.

local stats = require "stats"

local metrics = {}

local function check_pair(a, b, what)
    if type(a) ~= "table" or type(b) ~= "table" then
        error(what .. " needs two lists", 3)
    end
    if #a ~= #b then
        error(string.format("%s needs lists of one length, not %d and %d", what, #a, #b), 3)
    end
    if #a == 0 then
        error(what .. " of no rows is not defined", 3)
    end
end

local function check_numbers(list, what)
    for i, value in ipairs(list) do
        if type(value) ~= "number" or value ~= value then
            error(string.format("%s: value %d is '%s', expected a number", what, i, tostring(value)), 3)
        end
    end
end

-- ---- labels ----

function metrics.accuracy(actual, predicted)
    check_pair(actual, predicted, "accuracy")
    local right = 0
    for i = 1, #actual do
        if actual[i] == predicted[i] then
            right = right + 1
        end
    end
    return right / #actual
end

-- Numbers before texts, each in their own order.
local function label_before(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
        return a < b
    end
    if type(a) ~= type(b) then
        return type(a) < type(b)
    end
    return tostring(a) < tostring(b)
end

function metrics.confusion(actual, predicted)
    check_pair(actual, predicted, "a confusion matrix")
    local seen, labels = {}, {}
    for _, list in ipairs({actual, predicted}) do
        for _, label in ipairs(list) do
            if not seen[label] then
                seen[label] = true
                labels[#labels + 1] = label
            end
        end
    end
    table.sort(labels, label_before)
    local place, counts = {}, {}
    for i, label in ipairs(labels) do
        place[label] = i
        counts[i] = {}
        for j = 1, #labels do
            counts[i][j] = 0
        end
    end
    for i = 1, #actual do
        local row = counts[place[actual[i]]]
        row[place[predicted[i]]] = row[place[predicted[i]]] + 1
    end
    return {labels = labels, counts = counts}
end

-- Hits, false alarms and misses of one label.
local function tally(actual, predicted, label)
    local hit, alarm, miss = 0, 0, 0
    for i = 1, #actual do
        local is, said = actual[i] == label, predicted[i] == label
        if is and said then
            hit = hit + 1
        elseif said then
            alarm = alarm + 1
        elseif is then
            miss = miss + 1
        end
    end
    return hit, alarm, miss
end

-- Zero where nothing was there to be found.
local function ratio(part, whole)
    return whole == 0 and 0.0 or part / whole
end

local function precision_of(hit, alarm, _)
    return ratio(hit, hit + alarm)
end

local function recall_of(hit, _, miss)
    return ratio(hit, hit + miss)
end

local function f1_of(hit, alarm, miss)
    return ratio(2 * hit, 2 * hit + alarm + miss)
end

-- `score` of one label, or averaged over all.
local function scored(score, what, actual, predicted, options)
    if type(actual) ~= "table" or type(predicted) ~= "table" or #actual ~= #predicted or #actual == 0 then
        error(what .. " needs two lists of one length, not empty", 3)
    end
    local average = options and options.average or "binary"
    if average == "binary" then
        local positive = options and options.positive
        return score(tally(actual, predicted, positive == nil and 1 or positive))
    end
    local labels = metrics.confusion(actual, predicted).labels
    local hits, alarms, misses, sum, support = 0, 0, 0, 0.0, 0
    for _, label in ipairs(labels) do
        local hit, alarm, miss = tally(actual, predicted, label)
        hits, alarms, misses = hits + hit, alarms + alarm, misses + miss
        local weight = average == "weighted" and hit + miss or 1
        sum, support = sum + weight * score(hit, alarm, miss), support + weight
    end
    if average == "micro" then
        return score(hits, alarms, misses)
    elseif average == "macro" or average == "weighted" then
        return sum / support
    end
    error("average is binary, macro, micro or weighted, not '" .. tostring(average) .. "'", 3)
end

function metrics.precision(actual, predicted, options)
    return (scored(precision_of, "precision", actual, predicted, options))
end

function metrics.recall(actual, predicted, options)
    return (scored(recall_of, "recall", actual, predicted, options))
end

function metrics.f1(actual, predicted, options)
    return (scored(f1_of, "f1", actual, predicted, options))
end

-- ---- probabilities and scores ----

local function positive_of(options)
    if options and options.positive ~= nil then
        return options.positive
    end
    return 1
end

-- The Mann-Whitney statistic over midranks: a tie between a positive and a negative counts half.
function metrics.roc_auc(actual, scores, options)
    check_pair(actual, scores, "roc_auc")
    check_numbers(scores, "roc_auc")
    local positive = positive_of(options)
    local order = {}
    for i = 1, #actual do
        order[i] = i
    end
    table.sort(order, function(a, b)
        return scores[a] < scores[b]
    end)
    local positives, rank_sum = 0, 0.0
    local first = 1
    while first <= #order do
        local last = first
        while last < #order and scores[order[last + 1]] == scores[order[first]] do
            last = last + 1
        end
        for i = first, last do
            if actual[order[i]] == positive then
                positives = positives + 1
                rank_sum = rank_sum + (first + last) / 2
            end
        end
        first = last + 1
    end
    local negatives = #actual - positives
    if positives == 0 or negatives == 0 then
        error(string.format("roc_auc needs both labels: %d of %d rows are '%s'", positives, #actual,
            tostring(positive)), 2)
    end
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
end

-- The gap between 1 and the next double: what a probability of 0 or 1 is moved by, as in scikit-learn.
local SMALLEST = 2.0 ^ -52

local function check_probabilities(probabilities, what)
    for i, p in ipairs(probabilities) do
        if type(p) ~= "number" or not (p >= 0 and p <= 1) then
            error(string.format("%s: value %d is '%s', expected a probability from 0 to 1", what, i, tostring(p)), 3)
        end
    end
end

function metrics.log_loss(actual, probabilities, options)
    check_pair(actual, probabilities, "log_loss")
    check_probabilities(probabilities, "log_loss")
    local positive = positive_of(options)
    local losses = {}
    for i, p in ipairs(probabilities) do
        local clipped = math.min(math.max(p, SMALLEST), 1 - SMALLEST)
        losses[i] = -math.log(actual[i] == positive and clipped or 1 - clipped)
    end
    return stats.mean(losses)
end

function metrics.brier(actual, probabilities, options)
    check_pair(actual, probabilities, "brier")
    check_probabilities(probabilities, "brier")
    local positive = positive_of(options)
    local squares = {}
    for i, p in ipairs(probabilities) do
        squares[i] = (p - (actual[i] == positive and 1 or 0)) ^ 2
    end
    return stats.mean(squares)
end

-- ---- numbers ----

local function residuals(actual, predicted, measure)
    local list = {}
    for i = 1, #actual do
        list[i] = measure(actual[i] - predicted[i])
    end
    return list
end

local function square(x)
    return x * x
end

function metrics.rmse(actual, predicted)
    check_pair(actual, predicted, "rmse")
    check_numbers(actual, "rmse")
    check_numbers(predicted, "rmse")
    return math.sqrt(stats.mean(residuals(actual, predicted, square)))
end

function metrics.mae(actual, predicted)
    check_pair(actual, predicted, "mae")
    check_numbers(actual, "mae")
    check_numbers(predicted, "mae")
    return stats.mean(residuals(actual, predicted, math.abs))
end

function metrics.r2(actual, predicted)
    check_pair(actual, predicted, "r2")
    check_numbers(actual, "r2")
    check_numbers(predicted, "r2")
    if #actual < 2 then
        error("r2 needs at least 2 rows", 2)
    end
    local mean = stats.mean(actual)
    local unexplained = stats.sum(residuals(actual, predicted, square))
    local spread = {}
    for i, value in ipairs(actual) do
        spread[i] = (value - mean) ^ 2
    end
    local total = stats.sum(spread)
    if total == 0 then
        return unexplained == 0 and 1.0 or 0.0
    end
    return 1 - unexplained / total
end

return metrics
