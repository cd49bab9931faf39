-- SPDX-License-Identifier: Apache-2.0
-- random: seeded random numbers that are the same on every machine and in every version of Lua.
--
-- xoshiro256** (Blackman and Vigna, 2018) started by splitmix64, in 64-bit integer arithmetic, so that
-- a split or a shuffle made today can be made again in ten years. Lua's own math.random is seeded by
-- the process and gives no such promise. Not for secrets.

local random = {}

local Generator = {}
Generator.__index = Generator

local function rotate_left(x, k)
    return (x << k) | (x >> (64 - k))
end

-- The stream of splitmix64: a function that returns the next 64-bit integer.
local function splitmix(state)
    return function()
        state = state + 0x9E3779B97F4A7C15
        local z = state
        z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
        z = (z ~ (z >> 27)) * 0x94D049BB133111EB
        return z ~ (z >> 31)
    end
end

function random.new(seed)
    local integer = math.tointeger(seed)
    if integer == nil then
        error("a seed must be an integer, not '" .. tostring(seed) .. "'", 2)
    end
    local next_word = splitmix(integer)
    local a, b, c, d = next_word(), next_word(), next_word(), next_word()
    return setmetatable({a = a, b = b, c = c, d = d}, Generator)
end

function Generator:bits()
    local a, b, c, d = self.a, self.b, self.c, self.d
    local result = rotate_left(b * 5, 7) * 9
    local t = b << 17
    c = c ~ a
    d = d ~ b
    b = b ~ c
    a = a ~ d
    c = c ~ t
    self.a, self.b, self.c, self.d = a, b, c, rotate_left(d, 45)
    return result
end

function Generator:uniform()
    return (self:bits() >> 11) * (1.0 / (1 << 53))
end

function Generator:below(n)
    local integer = math.tointeger(n)
    if integer == nil or integer < 1 then
        error("below(n) needs an integer of at least 1, not '" .. tostring(n) .. "'", 2)
    end
    -- Words at the top that would favour small results are thrown away. 63 bits keep `%` unsigned.
    local limit = math.maxinteger - (math.maxinteger % integer + 1) % integer
    local word
    repeat
        word = self:bits() >> 1
    until word <= limit
    return word % integer
end

-- Box and Muller's transform; the second number of each pair is dropped, which keeps the state four words.
function Generator:normal()
    local radius = math.sqrt(-2.0 * math.log(1.0 - self:uniform()))
    return radius * math.cos(2.0 * math.pi * self:uniform())
end

function Generator:shuffle(list)
    for i = #list, 2, -1 do
        local j = self:below(i) + 1
        list[i], list[j] = list[j], list[i]
    end
    return list
end

function Generator:permutation(n)
    local list = {}
    for i = 1, n do
        list[i] = i
    end
    return self:shuffle(list)
end

return random
