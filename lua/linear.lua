-- SPDX-License-Identifier: Apache-2.0
-- linear: linear and logistic regression, fitted by gradient descent.
--
-- Columns are standardised before the descent, so one learning rate suits all; afterwards the scaling is
-- folded into the weights, and a model is an intercept and one weight for each raw column. What is
-- minimised is the mean loss of the rows plus l2 / 2 times the sum of the squared weights of the
-- standardised columns; the intercept is not penalised.

-- The public functions call their helpers as `return (helper(...))`: without the parentheses that would be
-- a tail call, and an error's level would point past the caller's line.

local random = require "random"
local stats = require "stats"

local linear = {}

local FORMAT = "sluice-linear"
local FORMAT_VERSION = 1

local function sigmoid(z)
    if z >= 0 then
        return 1 / (1 + math.exp(-z))
    end
    local e = math.exp(z)
    return e / (1 + e)
end

-- log(1 + exp(z)) that neither overflows nor loses small values.
local function softplus(z)
    if z > 0 then
        return z + math.log(1 + math.exp(-z))
    end
    return math.log(1 + math.exp(z))
end

-- The kinds of model: the loss of one row from its margin z and target y, and the loss's slope in z.
local KINDS = {
    linear = {
        loss = function(z, y) return 0.5 * (z - y) * (z - y) end,
        slope = function(z, y) return z - y end,
    },
    logistic = {
        loss = function(z, y) return softplus(z) - y * z end,
        slope = function(z, y) return sigmoid(z) - y end,
    },
}

local OPTIONS = {
    x = true, y = true, features = true, positive = true, learning_rate = true, momentum = true,
    epochs = true, l2 = true, batch_size = true, seed = true, tolerance = true, on_epoch = true,
}

local function number_option(options, name, default, least, below)
    local value = options[name]
    if value == nil then
        return default
    end
    if type(value) ~= "number" or not (value >= least and value < below) then
        error(string.format("%s is '%s', expected a number from %g%s", name, tostring(value), least,
            below < math.huge and string.format(" to below %g", below) or " up"), 5)
    end
    return value
end

local function integer_option(options, name, default)
    local value = options[name]
    if value == nil then
        return default
    end
    local integer = math.tointeger(value)
    if integer == nil or integer < 1 then
        error(string.format("%s is '%s', expected an integer of at least 1", name, tostring(value)), 5)
    end
    return integer
end

local function checked_settings(options)
    for name in pairs(options) do
        if not OPTIONS[name] then
            error("there is no option '" .. tostring(name) .. "' to fit with", 4)
        end
    end
    local x, y = options.x, options.y
    if type(x) ~= "table" or type(y) ~= "table" or #x == 0 or #x ~= #y then
        error("x and y must be lists of one length, not empty", 4)
    end
    if options.features and #options.features ~= #x[1] then
        error(string.format("%d feature names for %d columns", #options.features, #x[1]), 4)
    end
    for i, row in ipairs(x) do
        for j = 1, #x[1] do
            local value = row[j]
            if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
                error(string.format("x: row %d, column %d is '%s', expected a finite number", i, j, tostring(value)), 4)
            end
        end
    end
    return {
        learning_rate = number_option(options, "learning_rate", 0.1, 1e-300, math.huge),
        momentum = number_option(options, "momentum", 0.9, 0, 1),
        l2 = number_option(options, "l2", 0.0, 0, math.huge),
        tolerance = number_option(options, "tolerance", 0.0, 0, math.huge),
        epochs = integer_option(options, "epochs", 100),
        batch_size = math.min(integer_option(options, "batch_size", #x), #x),
        seed = options.seed or 0,
        on_epoch = options.on_epoch,
    }
end

-- The mean loss over all rows, with the penalty.
local function full_loss(kind, x, y, weights, intercept, l2)
    local losses = {}
    for i, row in ipairs(x) do
        local z = intercept
        for j = 1, #weights do
            z = z + weights[j] * row[j]
        end
        losses[i] = kind.loss(z, y[i])
    end
    local squares = 0.0
    for j = 1, #weights do
        squares = squares + weights[j] * weights[j]
    end
    return stats.mean(losses) + 0.5 * l2 * squares
end

-- The gradient of the mean loss over rows order[from..to], into `gradient`; returns that of the intercept.
local function batch_gradient(kind, x, y, order, from, to, weights, intercept, l2, gradient)
    local width, count = #weights, to - from + 1
    for j = 1, width do
        gradient[j] = 0.0
    end
    local of_intercept = 0.0
    for k = from, to do
        local row = x[order[k]]
        local z = intercept
        for j = 1, width do
            z = z + weights[j] * row[j]
        end
        local slope = kind.slope(z, y[order[k]])
        of_intercept = of_intercept + slope
        for j = 1, width do
            gradient[j] = gradient[j] + slope * row[j]
        end
    end
    for j = 1, width do
        gradient[j] = gradient[j] / count + l2 * weights[j]
    end
    return of_intercept / count
end

-- Weights of the raw columns from those of the standardised ones.
local function fold(weights, intercept, scaler)
    local raw, shifted = {}, intercept
    for j = 1, #weights do
        raw[j] = weights[j] / scaler.scales[j]
        shifted = shifted - raw[j] * scaler.means[j]
    end
    return raw, shifted
end

local function snapshot(frame, weights, intercept, scaler)
    local model = {}
    for key, value in pairs(frame) do
        model[key] = value
    end
    model.weights, model.intercept = fold(weights, intercept, scaler)
    return model
end

-- One pass over the rows in batches, with heavy-ball momentum. Returns the new intercept.
local function run_epoch(kind, x, y, order, settings, state)
    local weights, speed, gradient = state.weights, state.speed, state.gradient
    local rate, momentum = settings.learning_rate, settings.momentum
    for from = 1, #order, settings.batch_size do
        local to = math.min(from + settings.batch_size - 1, #order)
        local of_intercept =
            batch_gradient(kind, x, y, order, from, to, weights, state.intercept, settings.l2, gradient)
        for j = 1, #weights do
            speed[j] = momentum * speed[j] - rate * gradient[j]
            weights[j] = weights[j] + speed[j]
        end
        state.intercept_speed = momentum * state.intercept_speed - rate * of_intercept
        state.intercept = state.intercept + state.intercept_speed
    end
end

-- Descends until the epochs are over, the loss stands still, or on_epoch says false.
local function descend(kind, x, y, settings, frame, scaler)
    local state = {weights = {}, speed = {}, gradient = {}, intercept = 0.0, intercept_speed = 0.0}
    for j = 1, #x[1] do
        state.weights[j], state.speed[j] = 0.0, 0.0
    end
    local order = {}
    for i = 1, #x do
        order[i] = i
    end
    local generator = random.new(settings.seed)
    local previous = full_loss(kind, x, y, state.weights, state.intercept, settings.l2)
    local first = previous
    for epoch = 1, settings.epochs do
        if settings.batch_size < #x then
            generator:shuffle(order)
        end
        run_epoch(kind, x, y, order, settings, state)
        local loss = full_loss(kind, x, y, state.weights, state.intercept, settings.l2)
        -- Momentum may overshoot for a while; a thousandfold loss does not come back.
        if loss ~= loss or loss > 1000 * (first + 1) then
            error(string.format("the descent diverged in epoch %d: try a smaller learning rate than %g", epoch,
                settings.learning_rate), 4)
        end
        frame.epochs, frame.loss = epoch, loss
        local go_on = true
        if settings.on_epoch then
            go_on = settings.on_epoch({epoch = epoch, loss = loss, model = function()
                return snapshot(frame, state.weights, state.intercept, scaler)
            end})
        end
        if go_on == false or (settings.tolerance > 0 and math.abs(previous - loss) < settings.tolerance) then
            break
        end
        previous = loss
    end
    return snapshot(frame, state.weights, state.intercept, scaler)
end

local function fit(kind_name, options, y, frame)
    local settings = checked_settings(options)
    local x, scaler = stats.standardise(options.x)
    frame.kind = kind_name
    frame.features = options.features and table.move(options.features, 1, #options.features, 1, {}) or {}
    if not options.features then
        for j = 1, #options.x[1] do
            frame.features[j] = "x" .. j
        end
    end
    return (descend(KINDS[kind_name], x, y, settings, frame, scaler))
end

function linear.regression(options)
    for i, value in ipairs(options.y or {}) do
        if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
            error(string.format("y: value %d is '%s', expected a finite number", i, tostring(value)), 2)
        end
    end
    return (fit("linear", options, options.y, {}))
end

-- The label that is not `positive`; both must occur and no third one.
local function other_label(y, positive)
    local counts, labels = stats.counts(y)
    if #labels ~= 2 or counts[positive] == nil then
        local texts = {}
        for i, label in ipairs(labels) do
            texts[i] = tostring(label)
        end
        error(string.format("logistic regression needs two labels, one of them '%s'; there are: %s",
            tostring(positive), table.concat(texts, ", ", 1, math.min(#texts, 10))), 3)
    end
    return labels[1] == positive and labels[2] or labels[1]
end

function linear.logistic(options)
    local positive = options.positive == nil and 1 or options.positive
    local negative = other_label(options.y or {}, positive)
    local targets = {}
    for i, label in ipairs(options.y) do
        targets[i] = label == positive and 1 or 0
    end
    return (fit("logistic", options, targets, {positive = positive, negative = negative}))
end

-- ---- using a model ----

function linear.margins(model, x)
    local weights, width = model.weights, #model.weights
    local margins = {}
    for i, row in ipairs(x) do
        if #row ~= width then
            error(string.format("row %d has %d numbers, the model %d weights", i, #row, width), 2)
        end
        local z = model.intercept
        for j = 1, width do
            z = z + weights[j] * row[j]
        end
        margins[i] = z
    end
    return margins
end

function linear.predict_proba(model, x)
    if model.kind ~= "logistic" then
        error("probabilities are a logistic model's; this one is " .. tostring(model.kind), 2)
    end
    local probabilities = linear.margins(model, x)
    for i, z in ipairs(probabilities) do
        probabilities[i] = sigmoid(z)
    end
    return probabilities
end

function linear.predict(model, x, threshold)
    if model.kind == "linear" then
        return linear.margins(model, x)
    end
    local predictions = linear.predict_proba(model, x)
    for i, probability in ipairs(predictions) do
        predictions[i] = probability >= (threshold or 0.5) and model.positive or model.negative
    end
    return predictions
end

-- ---- keeping a model ----

local KEPT = {"kind", "features", "weights", "intercept", "positive", "negative", "epochs", "loss"}

function linear.to_table(model)
    local kept = {format = FORMAT, version = FORMAT_VERSION}
    for _, key in ipairs(KEPT) do
        kept[key] = model[key]
    end
    return kept
end

function linear.from_table(kept)
    if type(kept) ~= "table" or kept.format ~= FORMAT then
        error("this is no model of the module 'linear': expected the member \"format\": \"" .. FORMAT .. "\"", 2)
    end
    if kept.version ~= FORMAT_VERSION then
        error(string.format("the model is of format version %s, this module reads %d", tostring(kept.version),
            FORMAT_VERSION), 2)
    end
    if KINDS[kept.kind] == nil or type(kept.weights) ~= "table" or type(kept.intercept) ~= "number"
        or type(kept.features) ~= "table" or #kept.features ~= #kept.weights then
        error("the model is damaged: expected a kind, an intercept, and as many features as weights", 2)
    end
    if kept.kind == "logistic" and (kept.positive == nil or kept.negative == nil) then
        error("the model is damaged: a logistic model names its positive and its negative label", 2)
    end
    local model = {}
    for _, key in ipairs(KEPT) do
        model[key] = kept[key]
    end
    return model
end

function linear.save(model, path)
    sluice.file.write(path, sluice.json.encode(linear.to_table(model)) .. "\n")
end

function linear.load(path)
    return linear.from_table(sluice.json.decode(sluice.file.read(path)))
end

return linear
