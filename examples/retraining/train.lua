-- SPDX-License-Identifier: Apache-2.0
-- How many minutes a delivery tour takes: linear regression by gradient descent.
--
--   inputs   data      CSV to learn from, with the columns below
--            holdout   CSV with the same columns, which no training sees
--   with     l2        default 0.001
--   writes   model/model.json; judged.csv, the holdout with a column `predicted`
--   outputs  rows      how many were learnt from

local csv = require "csv"
local linear = require "linear"

local LABEL = "minutes"
local EPOCHS = 200

local data = sluice.csv.read(sluice.inputs.data)
local holdout = sluice.csv.read(sluice.inputs.holdout)
local features = csv.names_without(data, {LABEL})

local model = linear.regression({
    x = csv.matrix(data, features), y = csv.numbers(data, LABEL), features = features,
    l2 = sluice.params.l2 or 0.001, epochs = EPOCHS,
    on_epoch = function(info)
        sluice.metric("loss", info.loss, info.epoch)
        sluice.progress(info.epoch / EPOCHS, string.format("loss %.2f", info.loss))
        return not sluice.cancelled()
    end,
})

local dir = sluice.step.dir
linear.save(model, dir .. "/model/model.json")
local judged = csv.with_column(holdout, "predicted", linear.predict(model, csv.matrix(holdout, features)))
sluice.file.write(dir .. "/judged.csv", csv.format(judged))

sluice.output("rows", #data.rows)
sluice.log(string.format("learnt from %d tours, %d held out", #data.rows, #holdout.rows))
