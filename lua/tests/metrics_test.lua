-- SPDX-License-Identifier: Apache-2.0
local metrics = require "metrics"

local tests = {}

local function near(a, b, within)
    assert(math.abs(a - b) <= (within or 1e-12), a .. " is not near " .. b)
end

local function refused(expected, f, ...)
    local ok, message = pcall(f, ...)
    assert(not ok and tostring(message):find(expected, 1, true), message)
end

function tests.accuracy_is_the_share_of_right_labels()
    near(metrics.accuracy({1, 0, 1, 1}, {1, 1, 1, 0}), 0.5)
    near(metrics.accuracy({"a", "b"}, {"a", "b"}), 1)
    refused("lists of one length, not 1 and 2", metrics.accuracy, {1}, {1, 2})
    refused("of no rows", metrics.accuracy, {}, {})
end

function tests.a_confusion_matrix_has_the_actual_label_in_its_rows()
    local confusion = metrics.confusion({"b", "a", "b", "b"}, {"b", "b", "a", "b"})
    assert(table.concat(confusion.labels, ",") == "a,b")
    assert(confusion.counts[1][2] == 1 and confusion.counts[2][1] == 1 and confusion.counts[2][2] == 2)
end

function tests.precision_recall_and_f1_of_the_positive_label()
    local actual, predicted = {1, 1, 1, 0, 0, 0, 0, 1}, {1, 1, 0, 1, 0, 0, 0, 0}
    near(metrics.precision(actual, predicted), 2 / 3)
    near(metrics.recall(actual, predicted), 0.5)
    near(metrics.f1(actual, predicted), 4 / 7)
    near(metrics.recall(actual, predicted, {positive = 0}), 0.75)
end

function tests.averages_over_three_labels()
    local actual, predicted = {0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1}
    near(metrics.precision(actual, predicted, {average = "macro"}), 2 / 9)
    near(metrics.precision(actual, predicted, {average = "micro"}), 1 / 3)
    near(metrics.recall(actual, predicted, {average = "weighted"}), 1 / 3)
    near(metrics.f1(actual, predicted, {average = "macro"}), 4 / 15)
    refused("average is binary, macro, micro or weighted, not 'mean'", metrics.f1, actual, predicted,
        {average = "mean"})
end

function tests.nothing_said_and_nothing_there_count_zero()
    assert(metrics.precision({1, 1}, {0, 0}) == 0)
    assert(metrics.recall({0, 0}, {1, 1}) == 0)
    assert(metrics.f1({0, 0}, {0, 0}) == 0)
end

function tests.roc_auc_counts_a_tie_as_half()
    near(metrics.roc_auc({0, 0, 1, 1}, {0.1, 0.4, 0.35, 0.8}), 0.75)
    near(metrics.roc_auc({0, 1, 0, 1}, {0.5, 0.5, 0.5, 0.5}), 0.5)
    near(metrics.roc_auc({0, 1, 1, 0, 1}, {0.2, 0.2, 0.7, 0.1, 0.7}), 5.5 / 6)
    near(metrics.roc_auc({"m", "b", "m"}, {0.9, 0.1, 0.8}, {positive = "m"}), 1)
end

-- Every pair of a positive and a negative, counted one by one.
function tests.roc_auc_agrees_with_a_count_of_all_pairs()
    local random = require "random"
    local generator = random.new(4)
    for _ = 1, 20 do
        local actual, scores = {1, 0}, {0.5, 0.5}
        for i = 3, 60 do
            actual[i], scores[i] = generator:below(2), generator:below(8) / 8
        end
        local won, pairs_seen = 0, 0
        for i = 1, #actual do
            for j = 1, #actual do
                if actual[i] == 1 and actual[j] == 0 then
                    pairs_seen = pairs_seen + 1
                    won = won + (scores[i] > scores[j] and 1 or scores[i] == scores[j] and 0.5 or 0)
                end
            end
        end
        near(metrics.roc_auc(actual, scores), won / pairs_seen)
    end
end

function tests.roc_auc_needs_both_labels_and_numbers()
    refused("needs both labels: 2 of 2 rows are '1'", metrics.roc_auc, {1, 1}, {0.1, 0.2})
    refused("expected a number", metrics.roc_auc, {0, 1}, {0 / 0, 0.2})
end

function tests.log_loss_and_brier_of_known_probabilities()
    near(metrics.log_loss({1, 0, 0, 1}, {0.9, 0.1, 0.2, 0.65}), 0.21616187468057912)
    near(metrics.brier({0, 1, 1, 0}, {0.1, 0.9, 0.8, 0.3}), 0.0375)
    near(metrics.log_loss({1}, {0}), 52 * math.log(2), 1e-9)
    near(metrics.log_loss({"m"}, {0.25}, {positive = "m"}), math.log(4))
    refused("expected a probability from 0 to 1", metrics.log_loss, {1}, {1.5})
end

function tests.errors_of_numbers()
    local actual, predicted = {3, -0.5, 2, 7}, {2.5, 0.0, 2, 8}
    near(metrics.rmse(actual, predicted), math.sqrt(0.375))
    near(metrics.mae(actual, predicted), 0.5)
    near(metrics.r2(actual, predicted), 0.9486081370449679)
    assert(metrics.r2({2, 2}, {2, 2}) == 1 and metrics.r2({2, 2}, {1, 3}) == 0)
    refused("r2 needs at least 2 rows", metrics.r2, {1}, {1})
    refused("expected a number", metrics.rmse, {1}, {"x"})
end

return tests
