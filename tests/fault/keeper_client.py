#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keeper_client.py SOCKET JSON: asks the keeper, and prints what it answers."""
import socket
import struct
import sys

with socket.socket(socket.AF_UNIX) as keeper:
    keeper.settimeout(60)
    keeper.connect(sys.argv[1])
    text = sys.argv[2].encode()
    keeper.sendall(struct.pack("<I", len(text)) + text)
    size, = struct.unpack("<I", keeper.recv(4, socket.MSG_WAITALL))
    print(keeper.recv(size, socket.MSG_WAITALL).decode())
