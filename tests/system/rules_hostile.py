# SPDX-License-Identifier: Apache-2.0
"""Rule files that are too deep, too large, too slow or no rules at all: rules_hostile.py DIR."""
import sys
from pathlib import Path


def rule(strings, condition="any of them", name="bad"):
    return f"rule {name} {{ strings: {strings} condition: {condition} }}\n".replace("strings:  ", "")


def files():
    for n in (100, 10000, 100000):
        yield f"parentheses-{n}", f"rule bad {{ condition: {'(' * n}false{')' * n} }}"
        yield f"not-{n}", f"rule bad {{ condition: {'not ' * n}true and false }}"
        yield f"sum-{n}", f"rule bad {{ condition: filesize == 1{'+1' * n} }}"
        yield f"sum-to-the-right-{n}", f"rule bad {{ condition: filesize == {'1+(' * n}1{')' * n} }}"
        yield f"minus-{n}", f"rule bad {{ condition: filesize == {'-' * n}1 }}"
        yield f"regex-groups-{n}", rule(f"$a = /{'(' * n}a{')' * n}/")
        yield f"regex-or-{n}", rule(f"$a = /x({'|'.join(['ab'] * n)})y/")
        yield f"hex-or-{n}", rule("$a = { 01 02 03 04 " + "( 05 | " * n + "06" + " )" * n + " 07 }")
        yield f"string-{n}", rule(f'$a = "{"a" * n}"')
        yield f"name-{n}", rule('$a = "aaaa"', name="r" * n)
        yield f"tags-{n}", f"rule bad : {'t ' * n} {{ condition: false }}"
        yield f"comment-{n}", "/*" * n
        yield f"meta-{n}", "rule bad { meta: " + 'a = "b" ' * n + "condition: false }"
    yield "many-strings", rule(" ".join(f'$a{i} = "string {i}"' for i in range(20000)))
    yield "many-rules", "".join(f'rule r{i} {{ strings: $a = "text number {i}" condition: $a }}\n' for i in range(20000))
    for n in (10, 1000, 32767):
        yield f"regex-count-{n}", rule(f"$a = /abcd(x{{0,{n}}}){{0,{n}}}z/")
        yield f"regex-counts-{n}", rule(f"$a = /ab(((c{{1,{n}}}){{1,{n}}}){{1,{n}}}){{1,{n}}}z/")
    yield "regex-exponential", rule("$a = /custos(a|a)*(a|aa)*((a*)*)*b/ $b = /(x+x+)+y/")
    yield "regex-dots", rule("$a = /" + ".*" * 5000 + "a/")
    yield "regex-classes", rule("$a = /" + "[^a-z0-9]" * 5000 + "/")
    yield "regex-matches", 'rule bad { condition: for all i in (1..100) : ( filename matches /((a*)*)*b|(a|aa)+$/ ) and false }'
    yield "hex-jumps", rule("$a = { 01 02 03 04 " + "[0-] 05 " * 2000 + "}")
    yield "hex-jump-large", rule("$a = { 01 02 03 04 [4294967295-4294967296] 05 }")
    yield "hex-any", rule("$a = { " + "?? " * 100000 + "}")
    yield "xor", rule(f'$a = "{"abcdefgh" * 4000}" xor wide ascii')
    yield "base64", rule(f'$a = "{"abcdefgh" * 4000}" base64 base64wide')
    for n in (4, 5, 50, 5000):
        nested = "true"
        for i in range(n):
            nested = f"for any i{i} in (0..2) : ( {nested} )"
        yield f"for-{n}", f"rule bad {{ condition: {nested} and false }}"
    yield "division", "rule bad { condition: filesize \\ (filesize - filesize) == 1 or 7 % (filesize - filesize) == 1 }"
    yield "least", "rule bad { condition: (-9223372036854775807 - 1) \\ (0 - 1) == filesize }"
    yield "number", "rule bad { condition: filesize == 99999999999999999999999999999999 }"
    yield "number-mb", "rule bad { condition: filesize > 9223372036854775807MB }"
    yield "range", 'rule bad { strings: $a = "abcd" condition: $a in (9223372036854775807..-9223372036854775807) }'
    yield "read-behind", "rule bad { condition: uint32(9223372036854775807) == 1 or uint8(-1) == 1 or int32be(filesize - 1) == 7 }"
    yield "index", 'rule bad { strings: $a = "abcd" condition: @a[9223372036854775807] == 1 or !a[-1] == 2 }'
    yield "module-index", 'import "pe" rule bad { condition: pe.sections[4294967295].name == "a" or pe.sections[-1].name == "b" }'
    yield "hash-range", 'import "hash" rule bad { condition: hash.md5(-1, 9223372036854775807) == "a" or hash.sha256(5, -7) == "b" }'
    yield "math-range", 'import "math" rule bad { condition: math.entropy(-1, 9223372036854775807) > 9.0 or math.mean(9, -9) > 1000.0 }'
    yield "no-module", 'import "nothing" rule bad { condition: false }'
    yield "cuckoo", 'import "cuckoo" rule bad { condition: cuckoo.sync.mutex(/a/) }'
    yield "include-itself", 'include "include-itself.yar"'
    yield "include-device", 'include "/dev/zero" rule bad { condition: false }'
    yield "nul", "rule a { condition: false }\0 rule b { condition: false }"
    yield "noise", "".join(chr(1 + i * 7919 % 254) for i in range(100000))
    yield "open", "rule bad { strings: $a = \""
    yield "open-regex", "rule bad { strings: $a = /" + "[" * 10000
    yield "empty", ""
    yield "undefined", "rule bad { condition: nothing.at.all(1)[2].x }"
    yield "itself", "rule bad { condition: bad }"


def main():
    n = 0
    for name, text in files():
        (Path(sys.argv[1]) / f"{name}.yar").write_text(text, encoding="latin-1")
        n += 1
    print(n)


main()
