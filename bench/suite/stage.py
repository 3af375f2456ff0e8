# SPDX-License-Identifier: Apache-2.0
"""What the whole workloads work on: one ext4 image with all they open.

A build that reads its compiler and headers from an unwatched /usr would show half of what
custos costs. So the image holds a root of its own: compiler, headers, libraries and loader
as far as this build opens them, the project, a copy of /usr/share, a git checkout, pages
for the web mix and programs to start. Workloads run chrooted into it, so that every open is
on the watched file system.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from .world import Skip, memory_available_mib, mount, run

TARGETS = ["daemon/custosd", "daemon/custos-scanner", "daemon/custos-compile", "ctl/custosctl"]
PROGRAMS = ["dash", "ninja", "gcc", "cc", "as", "ld", "ld.bfd", "ar", "gcc-ar", "ranlib", "git", "tar",
            "wc", "cat", "touch", "rm", "sed", "meson"]  # the last two: looked at by ninja, not run
COMPILER_PARTS = ["cc1", "collect2", "lto-wrapper", "liblto_plugin.so", "crtbeginS.o", "crtendS.o",
                  "crtbegin.o", "crtend.o", "crt1.o", "Scrt1.o", "crti.o", "crtn.o", "libgcc.a",
                  "libgcc_s.so", "libgcc_s.so.1", "libc.so", "libc.so.6", "libc_nonshared.a",
                  "libm.so", "libm.so.6", "libmvec.so.1", "libpthread.a", "libdl.a"]
PAGES = 500


def libraries_of(path):
    """What the loader opens to run a program."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def not_source(folder, names):
    """Names below a folder that are no source: history and build trees."""
    return [n for n in names if n in (".git", "__pycache__") or (Path(folder) / n / "meson-info").is_dir()]


class Stage:
    """The image, mounted at @root."""

    def __init__(self, world, quick, with_build):
        self.world = world
        self.quick = quick
        self.share_mib, self.git_files = (20, 2000) if quick else (300, 20000)
        self.image_mib = 1024 if quick else 3072
        self.root = world.base / "stage"
        self.image = world.base / "stage.img"
        self.sizes = {}
        self.with_build = with_build
        self.objects = []
        if memory_available_mib() < self.image_mib:
            raise Skip(f"needs {self.image_mib} MiB of free memory for the image")
        for program in ("meson", "ninja", "gcc", "git", "tar", "mkfs.ext4"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        run("truncate", "-s", f"{self.image_mib}M", self.image)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.mount()
        self.make_root()
        self.copy_share()
        self.make_checkout()
        run(world.program("bench/webmix"), self.make_folder("pages"), PAGES)
        world.put_baits(self.root)

    def mount(self):
        mount("ext4", self.image, self.root, "loop,relatime")

    def unmount(self):
        run("umount", self.root)

    def remount(self):
        """Its page cache is empty afterwards, and nobody else's is touched."""
        self.unmount()
        self.mount()

    def make_folder(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def copy(self, path):
        """One file to the same place below the root, following links (their targets, too)."""
        path = Path(os.path.normpath(path))
        to = self.root / path.relative_to("/")
        if to.exists() or not path.exists():
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)

    def make_root(self):
        for name in ("bin", "sbin", "lib", "lib64"):
            real = Path("/", name)
            if real.is_symlink():
                (self.root / name).symlink_to(os.readlink(real))
                self.make_folder("usr/" + name)
        self.make_folder("tmp").chmod(0o1777)
        for name in ("dev", "proc"):
            run("touch", self.make_folder(name) / ".keep")
        for program in PROGRAMS:
            self.copy_program(shutil.which(program))
        self.copy(Path("/bin/sh"))
        for part in COMPILER_PARTS:
            kind = "prog" if part in ("cc1", "collect2", "lto-wrapper") else "file"
            self.copy_program(run("gcc", f"-print-{kind}-name={part}").strip())
        for name in ("nothing", "nothing-static"):
            shutil.copy2(self.world.program("bench/" + name), self.root / name)
        if self.with_build:
            self.copy_build()

    def copy_program(self, path):
        if not path or not Path(path).is_absolute() or not Path(path).exists():
            return
        self.copy(path)
        for library in libraries_of(path):
            self.copy(library)

    def copy_build(self):
        """Build once outside: what that opened is what the chroot needs."""
        source = self.root / "project"
        shutil.copytree(self.world.source, source, symlinks=True, ignore=not_source)
        build = source / "build"
        run("meson", "setup", build, source, "--buildtype=debugoptimized")
        run("ninja", "-C", build, *TARGETS, limit_sec=300)
        for header in set(re.findall(r"^ +(/\S+\.h)$", run("ninja", "-C", build, "-t", "deps"), re.M)):
            self.copy(header)
        self.sizes["headers"] = sum(1 for _ in (self.root / "usr/include").rglob("*.h"))
        for library in set(re.findall(r"(/usr/\S+\.(?:so|a))\b", (build / "build.ninja").read_text())):
            self.copy_program(library)
        self.objects = [p.relative_to(self.root) for p in build.rglob("*") if p.suffix in (".o", ".a", ".symbols")]
        self.objects += [Path("project/build") / t for t in TARGETS]
        self.sizes["objects"] = len(self.objects)

    def unbuild(self):
        """As after `ninja clean`, but for generated sources: making those needs meson in here."""
        for path in self.objects:
            (self.root / path).unlink(missing_ok=True)

    def copy_share(self):
        """Whole packages' worth of /usr/share, in its own order, up to a size."""
        left, files = self.share_mib << 20, 0
        for folder in sorted(Path("/usr/share").iterdir()):
            if not folder.is_dir() or folder.is_symlink():
                continue
            for path in folder.rglob("*"):
                if left <= 0:
                    break
                if path.is_file() and not path.is_symlink() and path.stat().st_size < 8 << 20:
                    left -= path.stat().st_size
                    files += 1
                    to = self.root / path.relative_to("/usr").as_posix()
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, to)
        self.sizes["shareFiles"] = files
        self.sizes["shareMib"] = self.share_mib - max(0, left >> 20)

    def make_checkout(self):
        """A project of many small files in many folders, committed, with a .gitignore here and there."""
        top = self.make_folder("checkout")
        for i in range(self.git_files):
            folder = top / f"d{i // 1000}" / f"e{i // 20 % 50}"
            if i % 20 == 0:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / ".gitignore").write_text("*.o\n")
            (folder / f"file{i}.c").write_text(f"int f{i}(void)\n{{\n\treturn {i};\n}}\n" * 8)
        # no gc behind our back: it would go on while the next one starts, and while we measure
        git = ["git", "-C", top, "-c", "gc.auto=0", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        run("git", "init", "-q", top)
        run(*git, "add", "-A")
        run(*git, "commit", "-q", "-m", "files", "--no-gpg-sign")
        run(*git, "gc", "-q", limit_sec=300)
