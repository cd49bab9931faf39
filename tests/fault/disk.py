# SPDX-License-Identifier: Apache-2.0
"""A home as a disk may hold it when the power went: built from what tests/fault/disk_log.c has written down.

Of the files that SQLite and the journals are made of (sluice.db, its log, the journals) the bytes are rebuilt: what was
synced is there; what was written since then is there by `mode`:

    none   nothing of it
    all    all of it
    some   each write by lot
    torn   each 512 bytes of each write by lot

Any other file of the home is there if it was synced after it was written, and else empty; one that is synced at all
gets its name after that (fs_write, publishing), and is not there before. Names are taken as the file
system's journal keeps them: a name that was removed stays removed.
"""
import os
import pathlib
import shutil
import struct

HEAD = struct.Struct("=c5xHqqqq")
SECTOR = 512
MODES = ("none", "all", "some", "torn")


def read_log(path):
    """[(what, path, offset, size, file, at_ns, bytes)]"""
    data, at, records = path.read_bytes(), 0, []
    while at < len(data):
        what, path_bytes, offset, size, file, at_ns = HEAD.unpack_from(data, at)
        at += HEAD.size
        name = data[at:at + path_bytes].decode()
        at += path_bytes
        what = what.decode()
        written = data[at:at + size] if what == "W" else b""
        at += len(written)
        records.append((what, name, offset, size, file, at_ns, written))
    return records


def is_rebuilt(name):
    return pathlib.Path(name).name in ("sluice.db", "sluice.db-wal", "journal")


class File:
    """The bytes of one file: as last synced, and what came after."""

    def __init__(self):
        self.synced, self.since, self.kept = bytearray(), [], False

    def sync(self):
        for offset, written in self.since:
            _put(self.synced, offset, written)
        self.since, self.kept = [], True

    def after(self, mode, chance):
        """Its bytes when the power comes back; None: it is not there."""
        result = bytearray(self.synced)
        for offset, written in self.since:
            if mode == "all" or (mode == "some" and chance.random() < 0.5):
                _put(result, offset, written)
            elif mode == "torn" and written is not None:
                for begin in range(0, len(written), SECTOR):
                    if chance.random() < 0.5:
                        _put(result, offset + begin, written[begin:begin + SECTOR])
        return result if self.kept or mode != "none" else None


def _put(room, offset, written):
    """`written` None: the file is cut at `offset`."""
    if written is None:
        del room[offset:]
        room.extend(bytes(max(0, offset - len(room))))
        return
    room.extend(bytes(max(0, offset + len(written) - len(room))))
    room[offset:offset + len(written)] = written


class Recording:
    """A home that has come to its end, and how its disk got there."""

    def __init__(self, home, log):
        self.home = home
        self.records = read_log(log)
        self.end = home.folder / "end"
        self.places = {}  # {path in the home: (inode, when it was written last)}
        for path in home.home.rglob("*"):
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                self.places[path.relative_to(home.home)] = (status.st_ino, status.st_mtime_ns)
        self.synced_once = {record[4] for record in self.records if record[0] not in "WTUA"}
        shutil.copytree(home.home, self.end, ignore=lambda folder, names: [
            name for name in names if pathlib.Path(folder, name).is_socket()])

    def _replay(self, count):
        files, synced, all_ns = {}, {}, 0
        for what, name, offset, size, file, at_ns, written in self.records[:count]:
            if what == "W":
                files.setdefault((name, file), File()).since.append((offset, written))
            elif what == "T":
                files.setdefault((name, file), File()).since.append((size, None))
            elif what == "U":
                files = {key: value for key, value in files.items() if key[0] != name}
            elif what == "A":
                all_ns = at_ns
                for one in files.values():
                    one.sync()
            else:
                synced[file] = at_ns
                if (name, file) in files:
                    files[name, file].sync()
        return files, synced, all_ns

    def cut(self, count, mode, chance):
        """Puts the home in place as it may be when the power went after so many records. When that was, in ns."""
        files, synced, all_ns = self._replay(count)
        home = self.home
        shutil.rmtree(home.home)
        home.home.mkdir()
        for place, (inode, written_ns) in self.places.items():
            if is_rebuilt(place):
                continue
            path = home.home / place
            path.parent.mkdir(parents=True, exist_ok=True)
            if max(synced.get(inode, 0), all_ns) >= written_ns:
                shutil.copy2(self.end / place, path)
            elif mode != "none" and inode not in self.synced_once:
                path.write_bytes(b"")
        for (name, _), file in files.items():
            bytes_left = file.after(mode, chance)
            if is_rebuilt(name) and bytes_left is not None:
                path = pathlib.Path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bytes_left)
                os.chmod(path, 0o600)
        return self.records[count - 1][5]
