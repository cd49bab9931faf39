-- SPDX-License-Identifier: Apache-2.0
-- Trains one candidate: logistic regression by gradient descent, on the Wisconsin diagnostic data.
--
--   inputs   data            CSV: numeric columns, and the label in `diagnosis`
--   with     learning_rate   default 0.1
--            l2              default 0.001
--            epochs          default 100
--            momentum        default 0.9
--            batch_size      default: all rows at once
--            seed            default 1: which rows train and which validate, and the order of batches
--            holdout_seed    default 1: which rows are held out; left alone, every night is measured on the same rows
--   writes   model/model.json, holdout.csv and validation.csv (row, size, diagnosis, predicted, probability)
--   outputs  val_log_loss, val_auc, val_accuracy, train_rows, validation_rows, holdout_rows, model

local csv = require "csv"
local linear = require "linear"
local metrics = require "metrics"
local stats = require "stats"

local LABEL, POSITIVE = "diagnosis", "malignant"
local HOLDOUT_SHARE, VALIDATION_SHARE = 0.2, 0.25

local settings = {
    learning_rate = sluice.params.learning_rate or 0.1,
    l2 = sluice.params.l2 or 0.001,
    epochs = sluice.params.epochs or 100,
    momentum = sluice.params.momentum or 0.9,
    seed = sluice.params.seed or 1,
}
local holdout_seed = sluice.params.holdout_seed or 1

-- The bounds of tumour size that cut the rows that are not held out in three equal parts. They do not depend on
-- `seed`: the holdout without its predictions must be the same data every night, or no champion could be compared.
local function size_bounds(training, validation)
    local areas = csv.numbers(training, "mean_area")
    return stats.quantile(table.move(csv.numbers(validation, "mean_area"), 1, #validation.rows, #areas + 1, areas),
        {1 / 3, 2 / 3})
end

local function size_of(area, bounds)
    return area < bounds[1] and "small" or area < bounds[2] and "medium" or "large"
end

-- Three tables: to train on, to choose by, and to judge the chosen one with.
local function split(data)
    local rest, held = stats.stratified_split(csv.column(data, LABEL), HOLDOUT_SHARE, holdout_seed)
    local open = csv.take(data, rest)
    local train, validation = stats.stratified_split(csv.column(open, LABEL), VALIDATION_SHARE, settings.seed)
    return csv.take(open, train), csv.take(open, validation), csv.take(data, held)
end

-- What `evaluate` reads: which row, a column to slice by, the truth, what the model says, and how sure it is.
local function scored(model, data, bounds)
    local x = csv.matrix(data, model.features)
    local sizes = {}
    for i, area in ipairs(csv.numbers(data, "mean_area")) do
        sizes[i] = size_of(area, bounds)
    end
    return csv.from_columns({"row", "size", LABEL, "predicted", "probability"},
        {csv.column(data, "row"), sizes, csv.column(data, LABEL), linear.predict(model, x),
        linear.predict_proba(model, x)})
end

local function train(training, validation, features)
    local x_val, y_val = csv.matrix(validation, features), csv.column(validation, LABEL)
    return linear.logistic({
        x = csv.matrix(training, features), y = csv.column(training, LABEL), positive = POSITIVE, features = features,
        learning_rate = settings.learning_rate, l2 = settings.l2, epochs = settings.epochs,
        momentum = settings.momentum, seed = settings.seed, batch_size = sluice.params.batch_size,
        on_epoch = function(info)
            local probabilities = linear.predict_proba(info.model(), x_val)
            sluice.metric("train_loss", info.loss, info.epoch)
            sluice.metric("val_log_loss", metrics.log_loss(y_val, probabilities, {positive = POSITIVE}), info.epoch)
            sluice.progress(info.epoch / settings.epochs, string.format("loss %.4f", info.loss))
            return not sluice.cancelled()
        end,
    })
end

-- The data with a column `row`, so that a row can be found again after the splits.
local function numbered(data)
    local numbers = {}
    for i = 1, #data.rows do
        numbers[i] = i
    end
    return csv.with_column(data, "row", numbers)
end

local data = numbered(sluice.csv.read(sluice.inputs.data))
local features = csv.names_without(data, {LABEL, "row"})
local training, validation, holdout = split(data)

sluice.param("holdout_seed", holdout_seed)
sluice.param("batch_size", sluice.params.batch_size or #training.rows)
for _, name in ipairs({"learning_rate", "l2", "epochs", "momentum", "seed"}) do
    sluice.param(name, settings[name])
end

local model = train(training, validation, features)
if sluice.cancelled() then
    sluice.fail("cancelled after epoch " .. model.epochs)
    return
end

local x_val, y_val = csv.matrix(validation, features), csv.column(validation, LABEL)
local probabilities = linear.predict_proba(model, x_val)
local results = {
    val_log_loss = metrics.log_loss(y_val, probabilities, {positive = POSITIVE}),
    val_auc = metrics.roc_auc(y_val, probabilities, {positive = POSITIVE}),
    val_accuracy = metrics.accuracy(y_val, linear.predict(model, x_val)),
}
-- val_log_loss has a point for each epoch already, the last one being this.
sluice.metric("val_auc", results.val_auc)
sluice.metric("val_accuracy", results.val_accuracy)

local bounds = size_bounds(training, validation)
local dir = sluice.step.dir
linear.save(model, dir .. "/model/model.json")
sluice.file.write(dir .. "/holdout.csv", csv.format(scored(model, holdout, bounds)))
sluice.file.write(dir .. "/validation.csv", csv.format(scored(model, validation, bounds)))

for name, value in pairs(results) do
    sluice.output(name, value)
end
sluice.output("train_rows", #training.rows)
sluice.output("validation_rows", #validation.rows)
sluice.output("holdout_rows", #holdout.rows)
sluice.output("model", dir .. "/model")
sluice.log(string.format("learning rate %g, l2 %g: validation log loss %.5f, auc %.5f, accuracy %.4f",
    settings.learning_rate, settings.l2, results.val_log_loss, results.val_auc, results.val_accuracy))
