-- SPDX-License-Identifier: Apache-2.0
-- Batch scoring: gives each row of a CSV file a diagnosis and its probability, by a model that train.lua saved.
--
--   inputs   model      the model's folder (or its model.json): a path, models:/NAME@ALIAS, m-…
--            data       CSV with the model's columns; others are carried along
--   with     threshold  default 0.5: a probability from here up says `malignant`
--   writes   predictions.csv: the columns of the data, then predicted and probability
--   outputs  rows, positive_rows, positive_share; and accuracy when the data has the column `diagnosis`

local csv = require "csv"
local linear = require "linear"
local metrics = require "metrics"

local threshold = sluice.params.threshold or 0.5
if type(threshold) ~= "number" or not (threshold > 0 and threshold < 1) then
    error("threshold is '" .. tostring(threshold) .. "', expected a number between 0 and 1")
end

local function model_file(path)
    return path:find("%.json$") and path or path .. "/model.json"
end

local model = linear.load(model_file(sluice.inputs.model))
local data = sluice.csv.read(sluice.inputs.data)
local x = csv.matrix(data, model.features)
local predicted = linear.predict(model, x, threshold)
local probabilities = linear.predict_proba(model, x)

local scored = csv.with_column(data, "predicted", predicted)
scored = csv.with_column(scored, "probability", probabilities)
local path = sluice.step.dir .. "/predictions.csv"
sluice.file.write(path, csv.format(scored))
sluice.artifact(path, "predictions.csv")

local positive = 0
for _, label in ipairs(predicted) do
    if label == model.positive then
        positive = positive + 1
    end
end
local share = #predicted > 0 and positive / #predicted or 0.0
sluice.metric("positive_share", share)
sluice.output("rows", #predicted)
sluice.output("positive_rows", positive)
sluice.output("positive_share", share)

if csv.find(data, "diagnosis") and #predicted > 0 then
    local accuracy = metrics.accuracy(csv.column(data, "diagnosis"), predicted)
    sluice.metric("accuracy", accuracy)
    sluice.output("accuracy", accuracy)
end
sluice.log(string.format("%d rows scored, %d of them %s", #predicted, positive, tostring(model.positive)))
