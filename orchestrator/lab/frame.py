"""A program of 200 bytes for the guest, which has no compiler: it sends one Ethernet frame, whatever is in it, as its owner could."""

from __future__ import annotations

import struct

_LOAD, _BUFFER = 0x400000, 0x401000  # addresses; the buffer is beyond the file, zeroed by the kernel
_HEADERS = 64 + 56  # bytes: ELF's own, and one program header
_CODE = (
    "bf11000000 be03000000 31d2 b829000000 0f05"  # socket(AF_PACKET, SOCK_RAW, 0)
    "89c3 31ff be00104000 ba00100000 31c0 0f05"  # read(0, buffer, 4096)
    "89df 4989f0 41b914000000 4c01ce 89c2 4429ca 4531d2 b82c000000 0f05"  # sendto(socket, buffer + 20, size - 20, 0, buffer, 20)
    "89c7 c1ef1f b83c000000 0f05"  # exit(whether that failed)
)


def program() -> bytes:
    """An ELF executable for x86_64: sends what stdin has, a struct sockaddr_ll (20 bytes) and the frame; exits with 1 when it cannot."""
    code = bytes.fromhex(_CODE)
    size = _HEADERS + len(code)
    elf = struct.pack("<4s5B7x2HI3QI6H", b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, _LOAD + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<2I6Q", 1, 7, 0, _LOAD, _LOAD, size, _BUFFER - _LOAD + 4096, 4096)
    return elf + segment + code
