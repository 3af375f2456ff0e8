# SPDX-License-Identifier: Apache-2.0
"""Scripts: shellcheck has nothing to say."""
import shutil
import subprocess
import sys

import tree


def shell_scripts():
    for path in tree.files():
        if path.suffix in ("", ".sh") and tree.is_script(path):
            first = tree.text(path).splitlines()[0]
            if first.endswith("sh"):
                yield str(path)


def main():
    if not shutil.which("shellcheck"):
        tree.skip("shellcheck is not installed")
    scripts = list(shell_scripts())
    if not scripts:
        tree.report(["no shell script found: the search is broken"])
    sys.exit(subprocess.run(["shellcheck", *scripts], cwd=tree.ROOT, check=False).returncode)


main()
