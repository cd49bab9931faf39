-- SPDX-License-Identifier: Apache-2.0
local linear = require "linear"
local metrics = require "metrics"
local random = require "random"

local tests = {}

local function near(a, b, within)
    assert(math.abs(a - b) <= within, a .. " is not within " .. within .. " of " .. b)
end

local function refused(expected, f, ...)
    local ok, message = pcall(f, ...)
    assert(not ok and tostring(message):find(expected, 1, true), message)
end

-- y = 3 + 2a - 5b, columns of very different size.
local function plane(noise)
    local generator = random.new(1)
    local x, y = {}, {}
    for i = 1, 200 do
        local a, b = generator:uniform() * 1000, generator:uniform() * 0.01
        x[i] = {a, b}
        y[i] = 3 + 2 * a - 5 * b + noise * generator:normal()
    end
    return x, y
end

-- Two overlapping clouds.
local function clouds()
    local generator = random.new(2)
    local x, y = {}, {}
    for i = 1, 300 do
        local sick = i % 3 == 0
        x[i] = {generator:normal() + (sick and 1.5 or 0), 100 * generator:normal() - (sick and 80 or 0)}
        y[i] = sick and "malignant" or "benign"
    end
    return x, y
end

function tests.a_plane_is_found_again_in_raw_units()
    local x, y = plane(0)
    local model = linear.regression({x = x, y = y, learning_rate = 0.1, epochs = 800})
    near(model.weights[1], 2, 1e-6)
    near(model.weights[2], -5, 1e-3)
    near(model.intercept, 3, 1e-3)
    near(linear.predict(model, {{10, 0.5}})[1], 20.5, 1e-2)
end

function tests.a_penalty_of_a_line_shrinks_its_slope_as_ridge_regression_does()
    -- One standardised column: the slope is cov / (var + l2).
    local x, y = {{-1}, {1}}, {-2, 2}
    local model = linear.regression({x = x, y = y, l2 = 1, learning_rate = 0.1, epochs = 500})
    near(model.weights[1], 1, 1e-9)
    near(model.intercept, 0, 1e-9)
end

function tests.logistic_regression_ends_where_its_gradient_is_zero()
    local x, y = clouds()
    local model = linear.logistic({x = x, y = y, positive = "malignant", learning_rate = 0.3, epochs = 1500})
    local probabilities = linear.predict_proba(model, x)
    for j = 1, 2 do
        local slope = 0
        for i, p in ipairs(probabilities) do
            slope = slope + (p - (y[i] == "malignant" and 1 or 0)) * x[i][j] / #x
        end
        near(slope, 0, 1e-7)
    end
    assert(model.weights[1] > 0 and model.weights[2] < 0)
    assert(metrics.roc_auc(y, probabilities, {positive = "malignant"}) > 0.85)
end

function tests.labels_follow_the_threshold()
    local x, y = clouds()
    local model = linear.logistic({x = x, y = y, positive = "malignant", epochs = 50})
    local loose, strict = linear.predict(model, x, 0.01), linear.predict(model, x, 0.99)
    assert(metrics.recall(y, loose, {positive = "malignant"}) > metrics.recall(y, strict, {positive = "malignant"}))
    assert(loose[1] == "malignant" or loose[1] == "benign")
end

function tests.the_loss_falls_and_is_told_after_each_epoch()
    local x, y = clouds()
    local losses = {}
    local model = linear.logistic({x = x, y = y, positive = "malignant", learning_rate = 0.1, momentum = 0, epochs = 40,
        on_epoch = function(info)
            losses[info.epoch] = info.loss
            assert(#info.model().weights == 2)
        end})
    assert(#losses == 40 and model.epochs == 40 and model.loss == losses[40])
    for i = 2, 40 do
        assert(losses[i] < losses[i - 1])
    end
    local probabilities = linear.predict_proba(model, x)
    near(metrics.log_loss(y, probabilities, {positive = "malignant"}), model.loss, 1e-9)
end

function tests.training_stops_when_told_to_or_when_the_loss_stands_still()
    local x, y = clouds()
    local told = linear.logistic({x = x, y = y, positive = "malignant", epochs = 100,
        on_epoch = function(info) return info.epoch < 5 end})
    assert(told.epochs == 5)
    local still = linear.logistic({x = x, y = y, positive = "malignant", epochs = 5000, tolerance = 1e-9})
    assert(still.epochs < 5000)
end

function tests.mini_batches_depend_on_the_seed_alone()
    local x, y = clouds()
    local function train(seed)
        return linear.logistic({x = x, y = y, positive = "malignant", epochs = 5, batch_size = 32, seed = seed})
    end
    assert(train(1).intercept == train(1).intercept)
    assert(train(1).intercept ~= train(2).intercept)
    local x2, y2 = plane(1)
    local batches = linear.regression({x = x2, y = y2, epochs = 60, batch_size = 50, learning_rate = 0.02})
    near(batches.weights[1], 2, 0.01)
end

function tests.a_constant_column_gets_no_weight()
    local model = linear.regression({x = {{1, 7}, {2, 7}, {3, 7}}, y = {1, 2, 3}, epochs = 300})
    assert(model.weights[2] == 0)
    near(model.weights[1], 1, 1e-6)
end

function tests.a_descent_that_diverges_says_so()
    local x, y = plane(0)
    refused("diverged in epoch", linear.regression, {x = x, y = y, learning_rate = 5, epochs = 1000})
end

function tests.wrong_options_are_named()
    refused("no option 'learningrate'", linear.regression, {x = {{1}}, y = {1}, learningrate = 1})
    refused("epochs is '0'", linear.regression, {x = {{1}}, y = {1}, epochs = 0})
    refused("momentum is '1', expected a number from 0 to below 1", linear.regression,
        {x = {{1}}, y = {1}, momentum = 1})
    refused("x: row 2, column 1 is 'nil'", linear.regression, {x = {{1}, {}}, y = {1, 2}})
    refused("y: value 1 is 'a'", linear.regression, {x = {{1}}, y = {"a"}})
    refused("needs two labels, one of them 'm'; there are: a, b, c", linear.logistic,
        {x = {{1}, {2}, {3}}, y = {"a", "b", "c"}, positive = "m"})
    refused("2 feature names for 1 columns", linear.regression, {x = {{1}}, y = {1}, features = {"a", "b"}})
    refused("row 1 has 2 numbers, the model 1 weights", linear.predict,
        linear.regression({x = {{1}, {2}}, y = {1, 2}}), {{1, 2}})
    refused("probabilities are a logistic model's", linear.predict_proba,
        linear.regression({x = {{1}, {2}}, y = {1, 2}}), {{1}})
end

function tests.a_saved_model_predicts_the_same()
    local x, y = clouds()
    local model = linear.logistic({x = x, y = y, positive = "malignant", features = {"size", "depth"}, epochs = 30})
    local path = sluice.step.dir .. "/model.json"
    linear.save(model, path)
    local again = linear.load(path)
    local before, after = linear.predict_proba(model, x), linear.predict_proba(again, x)
    for i = 1, #x do
        assert(before[i] == after[i])
    end
    assert(again.features[2] == "depth" and again.positive == "malignant" and again.kind == "logistic")
end

function tests.what_is_no_model_is_refused()
    refused("no model of the module 'linear'", linear.from_table, {weights = {}})
    local kept = linear.to_table(linear.regression({x = {{1}, {2}}, y = {1, 2}}))
    kept.version = 2
    refused("format version 2", linear.from_table, kept)
    kept.version, kept.weights = 1, {1, 2}
    refused("damaged", linear.from_table, kept)
end

return tests
