# SPDX-License-Identifier: Apache-2.0
"""Sizes: .c files and functions stay short enough to be read."""
import tree

FILE_MAX, FUNCTION_MAX, LOOK_AGAIN = 400, 40, 300
# A test program is a list of cases and a case a list of facts: reading one does not need the rest.
TEST_FILE_MAX, TEST_FUNCTION_MAX = 700, 60


def functions(lines):
    """(line, length of the body) of each function: braces in column one, as the style demands."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            yield start, number - start - 1
            start = None


def main():
    findings = []
    for path in tree.files("lib", "daemon", "ctl", "bench", "fuzz", "tests"):
        if path.suffix != ".c":
            continue
        is_test = path.parts[0] == "tests"
        file_max, function_max = (
            (TEST_FILE_MAX, TEST_FUNCTION_MAX) if is_test else (FILE_MAX, FUNCTION_MAX)
        )
        lines = tree.text(path).splitlines()
        if len(lines) > file_max:
            findings.append(f"{path}: {len(lines)} lines, at most {file_max}")
        elif len(lines) > LOOK_AGAIN and not is_test:
            print(f"note: {path} has {len(lines)} lines: look again")
        for start, length in functions(lines):
            if length > function_max:
                findings.append(f"{path}:{start}: function of {length} lines, at most {function_max}")
    tree.report(findings)


main()
