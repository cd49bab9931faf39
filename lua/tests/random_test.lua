-- SPDX-License-Identifier: Apache-2.0
local random = require "random"

local tests = {}

function tests.the_stream_of_a_seed_never_changes()
    -- xoshiro256** from the state that splitmix64 makes of seed 0; splitmix64's own first word of seed 0 is
    -- published as e220a8397b1dcdaf.
    local generator = random.new(0)
    assert(string.format("%016x", generator.a) == "e220a8397b1dcdaf")
    assert(string.format("%016x", generator:bits()) == "99ec5f36cb75f2b4")
    assert(string.format("%016x", generator:bits()) == "bf6e1f784956452a")
end

function tests.two_seeds_give_two_streams()
    assert(random.new(1):bits() ~= random.new(2):bits())
    assert(random.new(7):bits() == random.new(7):bits())
end

function tests.a_seed_must_be_an_integer()
    assert(not pcall(random.new, "x"))
    assert(not pcall(random.new, 1.5))
    assert(random.new(3.0):bits() == random.new(3):bits())
end

function tests.uniform_numbers_lie_in_the_unit_interval_and_fill_it()
    local generator = random.new(11)
    local tenths = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
    for _ = 1, 10000 do
        local u = generator:uniform()
        assert(u >= 0 and u < 1)
        local place = math.floor(u * 10) + 1
        tenths[place] = tenths[place] + 1
    end
    for _, count in ipairs(tenths) do
        assert(count > 880 and count < 1120, count)
    end
end

function tests.below_gives_every_integer_under_its_bound()
    local generator = random.new(5)
    local seen = {}
    for _ = 1, 600 do
        local word = generator:below(6)
        assert(word >= 0 and word <= 5)
        seen[word] = (seen[word] or 0) + 1
    end
    for word = 0, 5 do
        assert(seen[word] and seen[word] > 60, word)
    end
    assert(generator:below(1) == 0)
    assert(not pcall(generator.below, generator, 0))
end

function tests.normal_numbers_have_mean_0_and_variance_1()
    local generator = random.new(3)
    local sum, squares = 0, 0
    for _ = 1, 20000 do
        local z = generator:normal()
        sum, squares = sum + z, squares + z * z
    end
    assert(math.abs(sum / 20000) < 0.03)
    assert(math.abs(squares / 20000 - 1) < 0.04)
end

function tests.a_permutation_holds_each_number_once()
    local seen = {}
    for _, number in ipairs(random.new(9):permutation(100)) do
        assert(not seen[number])
        seen[number] = true
    end
    assert(#seen == 100)
end

return tests
