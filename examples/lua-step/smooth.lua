-- SPDX-License-Identifier: Apache-2.0
-- The moving average of a series.
--
--   with     series   a list of numbers
--            window   how many neighbours each value is the mean of
--   outputs  smoothed, steepest (the greatest difference between neighbours)

local stats = require "stats"

local series, window = sluice.params.series, sluice.params.window

local smoothed = {}
for i = window, #series do
    smoothed[#smoothed + 1] = stats.mean(table.move(series, i - window + 1, i, 1, {}))
    sluice.metric("smoothed", smoothed[#smoothed], i)
end

local steepest = 0.0
for i = 2, #smoothed do
    steepest = math.max(steepest, math.abs(smoothed[i] - smoothed[i - 1]))
end

sluice.output("smoothed", smoothed)
sluice.output("steepest", steepest)
