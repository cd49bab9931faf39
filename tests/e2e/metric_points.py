# SPDX-License-Identifier: Apache-2.0
"""The points of metrics, in a store and in a journal, by the words of point_code.h, points.h and the schema alone."""
import math
import struct


def _number(kind, data, at):
    """The zigzag number of a kind, and where it ends."""
    if kind < 3:
        number, at = int.from_bytes(data[at:at + kind], "little"), at + kind
    else:
        number = shift = 0
        while True:
            number |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 0x80:
                break
    return (number >> 1) ^ -(number & 1), at


class Code:
    """Where a series stands."""

    def __init__(self):
        self.time = self.step = self.bits = self.time_difference = self.step_difference = 0
        self.begun = False

    def take(self, data, at):
        """The point at a place, (time_ms, step, value), and where it ends."""
        head, before = data[at], (self.time, self.step)
        by_time, at = _number(head & 3, data, at + 1)
        by_step, at = _number(head >> 2 & 3, data, at)
        self.time += self.time_difference + by_time
        self.step += self.step_difference + by_step
        if self.begun:
            self.time_difference, self.step_difference = self.time - before[0], self.step - before[1]
        self.begun = True
        kind = head >> 4
        if kind == 9:
            return (self.time, self.step, float("nan")), at
        size = kind if kind < 9 else kind - 9
        self.bits ^= int.from_bytes(data[at:at + size], "little") << (0 if kind < 9 else 64 - 8 * size)
        return (self.time, self.step, struct.unpack("<d", struct.pack("<Q", self.bits))[0]), at + size


def decode(data):
    """(time_ms, step, value, is_nan) of each point of a block or tail."""
    code, at = Code(), 0
    points = []
    while at < len(data):
        (time, step, value), at = code.take(data, at)
        points.append((time, step, 0.0 if math.isnan(value) else value, int(math.isnan(value))))
    return points


def of_payload(payload):
    """(key, value, step, time_ms) of each point of a frame in a journal."""
    keys, at = [], 0
    while at < len(payload):
        number, at = payload[at], at + 1
        if number >= 254:
            number, at = struct.unpack_from("<H", payload, at)[0], at + 2
            if payload[at - 3] == 255:
                keys.append((payload[at:at + number].decode(), Code()))
                number, at = len(keys) - 1, at + number
        key, code = keys[number]
        (time, step, value), at = code.take(payload, at)
        yield key, value, step, time


def points_of(connection, run_id, key):
    """All points of a key of a run, of all its series, each once and in order: (time_ms, step, value, is_nan)."""
    found = set()
    series = connection.execute(
        "SELECT s.run, s.key, s.target, s.count, s.latest_ms, s.latest_step, s.latest_value, s.latest_is_nan, s.tail "
        "FROM metric_summaries s JOIN metric_runs r ON r.id = s.run JOIN metric_keys k ON k.id = s.key "
        "WHERE r.run_id = ? AND k.key = ?", (run_id, key)).fetchall()
    for run, number, target, count, *latest, tail in map(tuple, series):
        own = [tuple(latest)] if count == 1 else decode(tail or b"")
        for size, block in connection.execute("SELECT count, points FROM metric_blocks WHERE run = ? AND key = ? "
                                              "AND target = ?", (run, number, target)):
            decoded = decode(block)
            assert len(decoded) == size
            own += decoded
        assert len(own) == len(set(own)) == count, (run_id, key, count)
        found.update(own)
    return sorted(found)
