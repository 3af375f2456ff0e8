# SPDX-License-Identifier: Apache-2.0
"""Programs whose tables lie, in the manner of what has brought down libyara's modules: programs.py DIR MARK.

Each is small and begins as a PE, .NET, ELF, Mach-O or DEX file, with one table that says too much, points behind the end or
at itself, or is cut. All end with MARK, which a plain rule finds: whatever a module makes of the file, that one must not be lost.
"""
import random
import struct
import sys
from pathlib import Path

MAX32, MAX16 = 0xffffffff, 0xffff
EXTREMES = (0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, MAX32)


def pe(directories, body=b"", sections=1, machine=0x14c, optional=0xe0, pe_at=0x80, raw_size=0x1000, n_dirs=16):
    """@directories: {index: (address, size)}; addresses are offsets: the one section is mapped as it lies."""
    dos = bytearray(pe_at)
    dos[:2] = b"MZ"
    dos[0x3c:0x40] = struct.pack("<I", pe_at)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", machine, sections & MAX16, 0x5f000000, 0, 0, optional & MAX16, 0x2102)
    head = struct.pack("<HBBIIIIII", 0x10b, 9, 0, 0x1000, 0, 0, 0x200, 0x200, 0x200)
    head += struct.pack("<III", 0x400000, 0x1000, 0x200)
    head += struct.pack("<6HIIIIHHIIIIII", 4, 0, 0, 0, 4, 0, 0, 0x4000, 0x200, 0, 2, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0,
                        n_dirs & MAX32)
    for i in range(16):
        head += struct.pack("<II", *(v & MAX32 for v in directories.get(i, (0, 0))))
    one = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 0x1000, 0x200, raw_size & MAX32, 0x200, 0, 0, 0, 0, 0x60000020)
    out = bytes(dos) + coff + head + one * min(sections, 200)
    return out.ljust(0x200, b"\0") + body.ljust(0x1000, b"\0")


def at(offset, data):
    return bytes(offset - 0x200) + data


def pe_files():
    for value in EXTREMES:
        for index, name in ((0, "export"), (1, "import"), (2, "resource"), (4, "security"), (6, "debug"), (13, "delay"), (14, "clr")):
            yield f"pe-{name}-size-{value:x}", pe({index: (0x200, value)})
            yield f"pe-{name}-at-{value:x}", pe({index: (value, 0x100)})
        yield f"pe-dirs-{value:x}", pe({1: (0x200, 40)}, n_dirs=value)
        yield f"pe-raw-{value:x}", pe({1: (0x200, 40)}, raw_size=value)
        export = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, 0x200, 1, value, value, 0x228, 0x228, 0x228)
        yield f"pe-exports-{value:x}", pe({0: (0x200, 0x1000)}, export)
        yield f"pe-thunk-{value:x}", pe({1: (0x200, 40)}, struct.pack("<IIIII", value, 0, 0, 0x240, 0x250) * 30)
        yield f"pe-names-{value:x}", pe({1: (0x200, 40)}, struct.pack("<IIIII", 0x240, 0, 0, value, 0x240) + at(0x240 - 20, b"") +
                                        struct.pack("<I", value | 0x80000000) * 200)
        certificate = struct.pack("<IHH", value, 0x200, 2) + b"\x30\x84" + struct.pack(">I", value) + b"\x06\x09" + bytes(200)
        yield f"pe-certificate-{value:x}", pe({4: (0x200, 0x1000)}, certificate)
    for n in (0, 95, 96, 97, MAX16):
        yield f"pe-sections-{n}", pe({}, sections=n)
        yield f"pe-optional-{n}", pe({2: (0x200, 0x100)}, optional=n)
    # Directories of resources that are each other's, and one in itself.
    entry = struct.pack("<IIHHHH", 0, 0, 0, 0, 0, 16)
    yield "pe-resource-cycle", pe({2: (0x200, 0x1000)}, entry + struct.pack("<II", 1, 0x80000000) * 16)
    yield "pe-resource-wide", pe({2: (0x200, 0x1000)}, struct.pack("<IIHHHH", 0, 0, 0, 0, MAX16, MAX16) +
                                 struct.pack("<II", 1, 0x80000010) * 500)
    version = struct.pack("<HHH", MAX16, MAX16, 0) + "VS_VERSION_INFO".encode("utf-16le") + bytes(900)
    data = entry[:12] + struct.pack("<HHII", 0, 1, 16, 0x80000018)
    yield "pe-version", pe({2: (0x200, 0x1000)}, data + entry[:12] + struct.pack("<HHII", 0, 1, 1, 0x80000030) + entry[:12] +
                           struct.pack("<HHII", 0, 1, 1, 0x48) + struct.pack("<IIII", 0x260, MAX32, 0, 0) + version)
    yield "pe-rich", pe({})[:0x60] + b"Rich" + b"\0" * 12 + pe({})[0x70:]
    yield "pe-cut", pe({1: (0x200, 40)})[:0x190]
    for pe_at in (0x3c, 0x40):
        yield f"pe-header-{pe_at}", pe({1: (0x200, 40)}, pe_at=pe_at)


def metadata(streams, n=None):
    root = b"BSJB" + struct.pack("<HHII", 1, 1, 0, 12) + b"v4.0.30319\0\0" + struct.pack("<HH", 0, len(streams) if n is None else n)
    for name, offset, size in streams:
        root += struct.pack("<II", offset & MAX32, size & MAX32) + name.ljust((len(name) // 4 + 1) * 4, b"\0")
    return root


def net(meta, size=0x800, resources=(0, 0)):
    cli = struct.pack("<IHHIIIIIIII", 72, 2, 5, 0x248, size & MAX32, 1, 0x06000001, *resources, 0, 0).ljust(72, b"\0")
    return pe({14: (0x200, 72)}, cli + meta)


def net_files():
    names = (b"#~", b"#Strings", b"#US", b"#GUID", b"#Blob")
    for value in EXTREMES:
        yield f"net-size-{value:x}", net(metadata([(n, 0x100, 0x100) for n in names]), value)
        for k, name in enumerate(names):
            whole = [(n, 0x100, 0x100) for n in names]
            for field in (1, 2):
                stream = list(whole[k])
                stream[field] = value
                yield f"net-{name[1:].decode()}-{field}-{value:x}", net(metadata(whole[:k] + [tuple(stream)] + whole[k + 1:]))
        yield f"net-resources-{value:x}", net(metadata([(b"#~", 0x100, 0x100)]), resources=(0x300, value))
        # Tables of so many rows, every table there is.
        tilde = struct.pack("<IBBBBQQ", 0, 2, 0, 7, 1, (1 << 45) - 1, 0) + struct.pack("<I", value) * 45
        root = metadata([(n, 0x70, 0x400) for n in names])
        yield f"net-rows-{value:x}", net(root.ljust(0x70, b"\0") + tilde)
    for n in (0, 1, 1000, MAX16):
        yield f"net-streams-{n}", net(metadata([(b"#~", 0x100, 0x100)], n))
    yield "net-version", net(b"BSJB" + struct.pack("<HHII", 1, 1, 0, MAX32) + b"v" * 300)
    yield "net-us", net(metadata([(b"#US", 0x70, 0x200)]).ljust(0x70, b"\0") + b"\0" + b"\xdf\xff\xff\xff" * 100)


def elf(bits=64, e_type=2, **fields):
    f = {"entry": 0x400000, "phoff": 64, "shoff": 0x200, "phnum": 1, "shnum": 4, "shentsize": 64 if bits == 64 else 40,
         "phentsize": 56 if bits == 64 else 32, "strndx": 1} | fields
    kind = "Q" if bits == 64 else "I"
    mask = (1 << bits) - 1
    return b"\x7fELF" + bytes((bits // 32, f.get("order", 1), 1)) + bytes(9) + struct.pack(
        f"<HHI{kind}{kind}{kind}IHHHHHH", e_type, 62 if bits == 64 else 3, 1, f["entry"] & mask, f["phoff"] & mask, f["shoff"] & mask,
        0, 64, f["phentsize"], f["phnum"] & MAX16, f["shentsize"], f["shnum"] & MAX16, f["strndx"] & MAX16)


def elf_files():
    for bits in (32, 64):
        for value in (*EXTREMES, (1 << bits) - 1, (1 << bits) - 64, 1 << (bits - 1)):
            for field in ("phoff", "shoff", "entry"):
                yield f"elf{bits}-{field}-{value:x}", elf(bits, **{field: value}).ljust(0x1000, b"\1")
            # Sections of every type, each of that offset, size or link.
            for place in range(3):
                rows = b""
                for kind in (3, 2, 11, 6, 18, 8):
                    v = [0x300, 0x100, 0x18]
                    v[place] = value
                    rows += (struct.pack("<IIQQQQIIQQ", 1, kind, 0, 0, v[0] & (1 << 64) - 1, v[1] & (1 << 64) - 1, v[2] & MAX32, 0, 1, 24)
                             if bits == 64 else
                             struct.pack("<IIIIIIIIII", 1, kind, 0, 0, v[0] & MAX32, v[1] & MAX32, v[2] & MAX32, 0, 1, 16))
                yield f"elf{bits}-row{place}-{value:x}", (elf(bits, shnum=6, phnum=0).ljust(0x200, b"\0") + rows).ljust(0x1000, b"\2")
        for n in (0, 0xff00, MAX16):
            yield f"elf{bits}-counts-{n}", elf(bits, shnum=n, phnum=n, strndx=n).ljust(0x4000, b"\3")
            yield f"elf{bits}-cut-{n}", elf(bits, shnum=n, phnum=n)
        yield f"elf{bits}-big", elf(bits, order=2).ljust(0x1000, b"\4")


def mach_files():
    for magic in (0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe):
        for value in EXTREMES:
            head = struct.pack("<IIIIIIII", magic, 7, 3, 2, value, value, 0, 0)
            yield f"macho-{magic:x}-commands-{value:x}", (head + struct.pack("<II", 0x19, 72) * 40).ljust(0x800, b"\0")
            head = struct.pack("<IIIIIIII", magic, 7, 3, 2, 40, 0x700, 0, 0)
            for command in (1, 0x19, 5, 0x80000028):
                yield (f"macho-{magic:x}-{command:x}-{value:x}",
                       (head + struct.pack("<II", command, value) + b"\xff" * 0x600).ljust(0x800, b"\0"))
    for value in EXTREMES:
        fat = struct.pack(">II", 0xcafebabe, value) + struct.pack(">IIIII", 7, 3, 0, MAX32, 12) * 30
        yield f"macho-fat-{value:x}", fat.ljust(0x800, b"\0")
        yield f"macho-fat64-{value:x}", (struct.pack(">II", 0xcafebabf, 4) + struct.pack(">IIQQII", 7, 3, value << 32, value, 12, 0) * 30)


def dex_files():
    for field in range(15):
        for value in EXTREMES:
            numbers = [0x70, 0x12345678, 0, 0, 0, 4, 0x70, 4, 0x80, 4, 0x90, 4, 0xa0, 4, 0xb0, 4, 0xc0, 0x100, 0x200]
            numbers[4 + field % 15] = value
            head = b"dex\n035\0" + bytes(24) + struct.pack(f"<{len(numbers) + 1}I", 0x900, *numbers)
            yield f"dex-{field}-{value:x}", head.ljust(0x900, b"\x81")


def main():
    folder, mark = Path(sys.argv[1]), sys.argv[2].encode()
    rand = random.Random(423)
    made = [f for group in (pe_files, net_files, elf_files, mach_files, dex_files) for f in group()]
    for name, data in made:
        (folder / name).write_bytes(data + mark)
    for i in range(1000):
        name, data = rand.choice(made)
        data = bytearray(data)
        for _ in range(rand.randrange(1, 12)):
            data[rand.randrange(min(len(data), 0x600))] = rand.choice((0, 1, 0x7f, 0x80, 0xff, rand.randrange(256)))
        (folder / f"bent-{i}-{name}").write_bytes(bytes(data) + mark)
    print(len(list(folder.iterdir())))  # some are of one name


main()
