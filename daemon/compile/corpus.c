/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: this host's own files
 *
 * Owns: which files no rule may match. Must not own: the judgement (canary.c, and the
 * trial of rules in lib/scan).
 */
#include "corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"

/* What a host cannot do without. */
static const char *const needed[] = {
	/* loader and libraries that every program, or every log-in, needs */
	"/lib64/ld-linux-*.so.*",
	"/lib/ld-linux*.so.*",
	"/usr/lib/*-linux-*/libc.so.6",
	"/usr/lib/*-linux-*/libm.so.6",
	"/usr/lib/*-linux-*/libpam.so.0",
	"/usr/lib/*-linux-*/libcrypto.so.3",
	"/usr/lib/*-linux-*/libselinux.so.1",
	"/usr/lib/*-linux-*/libsystemd.so.0",
	"/usr/lib/*-linux-*/libmount.so.1",
	"/usr/lib64/libc.so.6",
	/* init and what it starts */
	"/usr/lib/systemd/systemd",
	"/usr/lib/systemd/systemd-journald",
	"/usr/lib/systemd/systemd-logind",
	"/usr/lib/systemd/systemd-udevd",
	"/usr/lib/systemd/libsystemd-shared-*.so",
	"/usr/lib/systemd/systemd-executor",
	"/usr/lib/*-linux-*/systemd/libsystemd-shared-*.so",
	"/usr/bin/systemctl",
	"/usr/bin/udevadm",
	"/usr/bin/dbus-daemon",
	"/usr/sbin/init",
	"/usr/sbin/agetty",
	"/usr/sbin/sulogin",
	"/usr/lib/systemd/system/sysinit.target",
	/* to come in and repair */
	"/usr/bin/bash",
	"/usr/bin/dash",
	"/usr/bin/login",
	"/usr/bin/su",
	"/usr/bin/sudo",
	"/usr/bin/mount",
	"/usr/bin/ls",
	"/usr/bin/cp",
	"/usr/bin/mv",
	"/usr/bin/rm",
	"/usr/bin/cat",
	"/usr/bin/vi",
	"/usr/bin/nano",
	"/usr/bin/perl",
	"/usr/bin/python3",
	"/usr/sbin/sshd",
	"/usr/sbin/nologin",
	"/usr/sbin/ip",
	"/usr/bin/ip",
	"/etc/passwd",
	"/etc/fstab",
	"/etc/ssh/sshd_config",
	"/etc/nsswitch.conf",
	"/etc/pam.d/common-auth",
	"/etc/ld.so.cache",
	/* the package manager */
	"/usr/bin/dpkg",
	"/usr/bin/dpkg-deb",
	"/usr/bin/apt-get",
	"/usr/bin/apt",
	"/usr/lib/apt/methods/http",
	"/usr/bin/rpm",
	"/var/lib/dpkg/status",
	/* ourselves */
	"/usr/sbin/custosd",
	"/usr/bin/custosctl",
	"/usr/libexec/custos/custos-*",
};

/* And others of each kind that every host has: nobody means these. A tool that somebody
 * may want to forbid (netcat, a compiler) is not among them. */
static const char *const usual[] = {
	/* programs */
	"/usr/bin/mawk",
	"/usr/bin/sed",
	"/usr/bin/grep",
	"/usr/bin/find",
	"/usr/bin/tar",
	"/usr/bin/gzip",
	"/usr/bin/id",
	"/usr/bin/env",
	"/usr/bin/chmod",
	"/usr/bin/chown",
	"/usr/bin/ln",
	"/usr/bin/mkdir",
	"/usr/bin/date",
	"/usr/bin/ps",
	"/usr/bin/sort",
	"/usr/bin/tail",
	"/usr/bin/df",
	"/usr/bin/passwd",
	"/usr/bin/journalctl",
	"/usr/bin/kmod",
	"/usr/bin/ssh",
	"/usr/bin/openssl",
	"/usr/bin/gpgv",
	"/usr/sbin/e2fsck",
	"/usr/sbin/useradd",
	"/usr/sbin/cron",
	"/usr/sbin/sysctl",
	/* libraries */
	"/usr/lib/*-linux-*/libz.so.1",
	"/usr/lib/*-linux-*/liblzma.so.5",
	"/usr/lib/*-linux-*/libzstd.so.1",
	"/usr/lib/*-linux-*/libgcc_s.so.1",
	"/usr/lib/*-linux-*/libstdc++.so.6",
	"/usr/lib/*-linux-*/libpcre2-8.so.0",
	"/usr/lib/*-linux-*/libssl.so.3",
	"/usr/lib/*-linux-*/libcap.so.2",
	"/usr/lib/*-linux-*/libaudit.so.1",
	"/usr/lib/*-linux-*/libcrypt.so.1",
	"/usr/lib/*-linux-*/libblkid.so.1",
	"/usr/lib/*-linux-*/libnss_files.so.2",
	"/usr/lib/*-linux-*/security/pam_unix.so",
	/* scripts */
	"/etc/profile",
	"/etc/bash.bashrc",
	"/etc/skel/.bashrc",
	"/etc/init.d/*",
	"/etc/cron.daily/*",
	"/usr/bin/ldd",
	"/usr/bin/zgrep",
	"/usr/bin/which.debianutils",
	"/usr/bin/savelog",
	"/usr/sbin/service",
	"/usr/sbin/adduser",
	"/usr/sbin/invoke-rc.d",
	"/usr/sbin/update-rc.d",
	"/usr/lib/lsb/init-functions",
	"/usr/share/debconf/confmodule",
	"/usr/share/bash-completion/bash_completion",
	"/usr/share/perl/*/strict.pm",
	"/usr/share/perl/*/File/Find.pm",
	"/usr/share/perl/*/Getopt/Long.pm",
	"/usr/lib/python3*/os.py",
	"/usr/lib/python3*/socket.py",
	"/usr/lib/python3*/subprocess.py",
	"/usr/lib/python3*/argparse.py",
	"/var/lib/dpkg/info/*.postinst",
};

/* One file; a link is followed, since it is its target that is run. */
static int add_file(struct corpus *c, const char *path)
{
	_cleanup_(fd_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *copy;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > CORPUS_MAX_BYTES || c->n == CORPUS_FILES_MAX)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	c->files[c->n++] = (struct corpus_file){copy, fd_take(&fd)};
	return 0;
}

static int add_pattern(struct corpus *c, const char *pattern)
{
	glob_t g = {0};
	int r = 0;

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && i < CORPUS_LIKE_MAX && r == 0; i++)
			r = add_file(c, g.gl_pathv[i]);
	globfree(&g);
	return r;
}

int corpus_open(struct corpus *c, enum corpus_which which)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needed) && r == 0; i++)
		r = add_pattern(c, needed[i]);
	for (size_t i = 0; i < ARRAY_SIZE(usual) && r == 0 && which == CORPUS_ALL; i++)
		r = add_pattern(c, usual[i]);
	return r;
}

/* Whole, or not at all: of a part a rule may say what is not true of the file. */
static bool read_whole(struct corpus *c, int fd, size_t size)
{
	size_t len = 0;
	ssize_t n;

	if (size > c->n_alloc) {
		uint8_t *grown = realloc(c->bytes, size);

		if (!grown)
			return false;
		c->bytes = grown;
		c->n_alloc = size;
	}
	while (len < size) {
		n = pread(fd, c->bytes + len, size - len, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	return true;
}

bool corpus_read(void *corpus, size_t i, struct rules_sample *ret)
{
	struct corpus *c = corpus;
	struct stat st;

	if (i >= c->n || fstat(c->files[i].fd, &st) < 0 || st.st_size == 0 ||
	    !read_whole(c, c->files[i].fd, (size_t)st.st_size))
		return false;
	*ret = (struct rules_sample){.path = c->files[i].path, .bytes = c->bytes,
	                             .len = (size_t)st.st_size, .owner = st.st_uid};
	return true;
}

void corpus_deinit(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++) {
		(void)fd_close(c->files[i].fd);
		free(c->files[i].path);
	}
	free(c->bytes);
	*c = (struct corpus)CORPUS_NULL;
}
