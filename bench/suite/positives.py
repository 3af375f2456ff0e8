# SPDX-License-Identifier: Apache-2.0
"""Files made for YARA rules: the strings of each, from the text of the rules, behind heads of several kinds.

Nothing here knows custos' own reading of rules: this makes what it is tested with. What is not understood makes a
worse file, never a wrong comparison, for yara(1) decides what matches.
"""
import base64
import re
import struct
import warnings
from dataclasses import dataclass, field

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        from re import _constants as regex_codes
        from re import _parser as regex_parser
    except ImportError:  # Python 3.10
        import sre_constants as regex_codes
        import sre_parse as regex_parser

BYTES_MAX = 1 << 20
REPEAT_MAX = 64
WORDS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>"(?:\\.|[^"\\\n])*")|(?P<hex>(?<==)\s*\{[^{}]*\})"""
    r"""|(?P<regex>(?<==)\s*/(?:\\.|[^/\\\n])+/[is]*)|(?P<id>\$\w*)|(?P<word>\w+)|(?P<sign>[^\s\w])""", re.S)
MODIFIERS = {"wide", "ascii", "nocase", "fullword", "private", "xor", "base64", "base64wide"}


@dataclass
class Rule:
    name: str
    strings: dict = field(default_factory=dict)  # identifier: bytes
    condition: str = ""


def words(text):
    text = re.sub(r"=\s+(?=[{/])", "=", text)
    for m in WORDS.finditer(text):
        if m.lastgroup != "comment":
            yield m.lastgroup, m.group().strip()


def unescape(text):
    known = {"n": b"\n", "t": b"\t", "r": b"\r", '"': b'"', "\\": b"\\"}

    def one(m):
        return bytes([int(m.group(1), 16)]) if m.group(1) else known.get(m.group(2).decode("latin-1"), m.group(2))
    return re.sub(rb"\\(?:x([0-9a-fA-F]{2})|(.))", one, text.encode("utf-8", "surrogateescape"), flags=re.S)


def from_hex(text):
    """Wildcards are 0, a jump is as short as it may be, of alternatives the first counts."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/|[\s{}]", "", text, flags=re.S)
    while "(" in text:
        shorter = re.sub(r"\(([^()|]*)(?:\|[^()]*)?\)", r"\1", text)
        if shorter == text:
            break
        text = shorter
    text = re.sub(r"\[(\d*)(?:-\d*)?\]", lambda m: "00" * min(int(m.group(1) or 0), 4096), text)
    text = re.sub(r"[^0-9a-fA-F]", "0", text)
    return bytes.fromhex(text[:len(text) & ~1])


def sample(items):
    """One text that the parsed regular expression matches."""
    out = b""
    for code, value in items:
        name = str(code)
        if name == "LITERAL":
            out += bytes([value & 255])
        elif name in ("ANY", "NOT_LITERAL"):
            out += b"a" if name == "ANY" or value != ord("a") else b"b"
        elif name == "IN":
            out += from_set(value)
        elif name.endswith("_REPEAT"):
            out += min(value[0], REPEAT_MAX) * sample(value[2])
        elif name == "SUBPATTERN":
            out += sample(value[-1])
        elif name == "BRANCH":
            out += sample(value[1][0])
    return out


def from_set(items):
    if str(items[0][0]) == "NEGATE":
        taken = {v for code, v in items[1:] if str(code) == "LITERAL"}
        return next(bytes([c]) for c in b"aZ0_ -~" if c not in taken)
    code, value = items[0]
    if code == regex_codes.CATEGORY:
        return {"CATEGORY_DIGIT": b"1", "CATEGORY_SPACE": b" "}.get(str(value), b"w")
    return bytes([value[0] if str(code) == "RANGE" else value])


def from_regex(text):
    try:
        return sample(regex_parser.parse(text[1:text.rindex("/")]))
    except (re.error, OverflowError, RecursionError, StopIteration, ValueError, TypeError):
        return b""


def modified(kind, content, modifiers):
    if kind == "text" and "base64" in modifiers:
        return base64.b64encode(content)
    if kind == "text" and "xor" in modifiers and "-" in modifiers:
        return bytes(b ^ 1 for b in content)  # a range, of which most leave 0 out
    if "wide" in modifiers and "ascii" not in modifiers:
        return b"".join(bytes([b, 0]) for b in content)
    return content


def read_string(tokens, i):
    """Behind "=". Return: its bytes, and where it ends."""
    kind, text = tokens[i]
    make = {"text": lambda t: unescape(t[1:-1]), "hex": from_hex, "regex": from_regex}.get(kind)
    i += 1
    modifiers = set()
    while i < len(tokens) and (tokens[i][1] in MODIFIERS or (modifiers & {"xor", "base64"} and
                               tokens[i][0] in ("word", "sign", "text") and tokens[i][1] != "condition")):
        modifiers.add(tokens[i][1])
        i += 1
    return (modified(kind, make(text), modifiers) if make else b""), i


def read_rule(tokens, i):
    """Behind "rule". Return: the rule, and where it ends."""
    rule = Rule(tokens[i][1])
    part = None
    while i < len(tokens):
        kind, text = tokens[i]
        if text in ("strings", "condition", "meta") and tokens[i + 1][1] == ":":
            part = text
        elif part == "strings" and kind == "id" and tokens[i + 1][1] == "=":
            name = text if text != "$" else f"${len(rule.strings)}"
            rule.strings[name], i = read_string(tokens, i + 2)
            continue
        elif part == "condition":
            if text == "}":
                break
            rule.condition += text + " "
        i += 1
    return rule, i


def rules(text):
    tokens = [*words(text), ("end", ""), ("end", "")]
    i = 0
    while i < len(tokens):
        if tokens[i] == ("word", "rule"):
            rule, i = read_rule(tokens, i + 1)
            yield rule
        i += 1


def pe_head():
    """The least that libyara's pe module reads: a header, one section, which begins at the entry point."""
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14c, 1, 0x5f000000, 0, 0, 224, 0x102)
    optional = struct.pack("<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII", 0x10b, 9, 0, 512, 0, 0, 0x1000, 0x1000, 0x2000,
                           0x400000, 0x1000, 512, 5, 0, 0, 0, 5, 0, 0, 0x3000, 512, 0, 2, 0,
                           0x100000, 0x1000, 0x100000, 0x1000, 0, 16).ljust(224, b"\0")
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 0x1000, 0x1000, BYTES_MAX, 512, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(512, b"\0")


def elf_head():
    return (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 0, 0, 0, 64, 56,
                                                           0, 64, 0, 0)).ljust(128, b"\0")


def asked_head(rule):
    """What the condition wants to find at the beginning."""
    m = re.search(r"uint(8|16|32)(be)? \( (?:0|0x0+) \) = = (0x[0-9a-fA-F]+|\d+)\b", rule.condition)
    if m:
        value, size = int(m.group(3), 0), int(m.group(1)) // 8
        return (value & (1 << 8 * size) - 1).to_bytes(size, "big" if m.group(2) else "little")
    m = re.search(r"(\$\w+) at 0 ", rule.condition)
    return rule.strings.get(m.group(1), b"") if m else b""


def contents(rule):
    """Three files for a rule: head as it wants it, PE, ELF."""
    body = b"\n".join(s for s in rule.strings.values() if s)
    head = asked_head(rule)
    if head[:2] == b"MZ":
        head = b""  # that is the second; without a head it must not match
    for kind, first in (("asked", head), ("pe", pe_head()), ("elf", elf_head())):
        yield kind, (first + (b"\n" if kind == "asked" and head else b"") + body + b"\n")[:BYTES_MAX]
