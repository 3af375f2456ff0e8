/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: the canary corpus
 *
 * Owns: which files a host cannot do without, and the judgement over them before a
 * bundle is used. Must not own: how files are judged (engine), what follows (custosd).
 */
#include "canary.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/engine.h"

static const char *const corpus[] = {
	/* loader and libraries that every program, or every log-in, needs */
	"/lib64/ld-linux-*.so.*",
	"/lib/ld-linux*.so.*",
	"/usr/lib/*/libc.so.6",
	"/usr/lib/*/libm.so.6",
	"/usr/lib/*/libpam.so.0",
	"/usr/lib/*/libcrypto.so.3",
	"/usr/lib/*/libselinux.so.1",
	"/usr/lib/*/libsystemd.so.0",
	"/usr/lib/*/libmount.so.1",
	"/usr/lib64/libc.so.6",
	/* init and what it starts */
	"/usr/lib/systemd/systemd",
	"/usr/lib/systemd/systemd-journald",
	"/usr/lib/systemd/systemd-logind",
	"/usr/lib/systemd/systemd-udevd",
	"/usr/lib/systemd/libsystemd-shared-*.so",
	"/usr/lib/systemd/systemd-executor",
	"/usr/lib/*/systemd/libsystemd-shared-*.so",
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

/* In two parts, so that no file of ours matches it. */
static const char eicar_head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$";
static const char eicar_tail[] = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

static int make_eicar(void)
{
	_cleanup_(fd_closep) int fd = memfd_create("custos-canary", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, eicar_head, strlen(eicar_head)) < 0 ||
	    write(fd, eicar_tail, strlen(eicar_tail)) < 0)
		return -errno;
	return fd_take(&fd);
}

/* One file; a link is followed, since it is its target that is run. */
static int add_file(struct canary *c, const char *path)
{
	_cleanup_(fd_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *copy;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > CANARY_MAX_BYTES || c->n_files == CANARY_FILES_MAX)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	c->files[c->n_files++] = (struct canary_file){copy, fd_take(&fd)};
	return 0;
}

int canary_open(struct canary *c, enum canary_what what)
{
	int r = 0;

	c->what = what;
	c->eicar_fd = make_eicar();
	if (c->eicar_fd < 0)
		return c->eicar_fd;
	for (size_t i = 0; i < ARRAY_SIZE(corpus) && r == 0; i++) {
		glob_t g = {0};

		if (glob(corpus[i], 0, NULL, &g) == 0)
			for (size_t k = 0; k < g.gl_pathc && r == 0; k++)
				r = add_file(c, g.gl_pathv[k]);
		globfree(&g);
	}
	return r;
}

static bool no_rules(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	return true;
}

static void judge(struct engine *e, const struct canary *c, int fd, const char *path,
                  nsec_t end, struct finding *f)
{
	const struct engine_input in = {
		.fd = fd,
		.path = path,
		.max_size_bytes = CANARY_MAX_BYTES,
		.deadline = MIN(clock_now() + CANARY_FILE_NSEC, end),
		.known_clean = c->what == CANARY_LISTS ? no_rules : NULL,
	};

	engine_scan(e, &in, f);
}

static void judge_all(struct engine *e, const struct canary *c, struct diag *d)
{
	const nsec_t end = clock_now() + CANARY_ALL_NSEC;
	struct finding f;

	for (size_t i = 0; i < c->n_files; i++) {
		const char *path = c->files[i].path;

		judge(e, c, c->files[i].fd, path, end, &f);
		if (f.verdict == VERDICT_MALICIOUS)
			(void)diag_add(
				d, "canary", 0,
				"%s, which this host needs, is matched by rule %s",
				path, f.rule);
		else if (f.verdict == VERDICT_ERROR && f.reason != REASON_TOO_LARGE)
			(void)diag_add(d, "canary", 0,
			               "%s, which this host needs, %s: %s", path,
			               f.reason == REASON_TIMEOUT
			                       ? "took too long"
			                       : "could not be judged",
			               reason_name(f.reason));
	}
	judge(e, c, c->eicar_fd, "", end, &f);
	if (f.verdict != VERDICT_MALICIOUS)
		(void)diag_add(d, "canary", 0, "the EICAR test file is not found");
}

int canary_run(struct canary *c, int image_fd, struct diag *d)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(engine_freep) struct engine *e = NULL;
	int r = ruleset_load(image_fd, &rs);

	if (r == 0)
		r = engine_new(rs, CANARY_MAX_BYTES, &e);
	if (r == 0)
		judge_all(e, c, d);
	return r;
}

void canary_deinit(struct canary *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		(void)fd_close(c->files[i].fd);
		free(c->files[i].path);
	}
	c->n_files = 0;
	c->eicar_fd = fd_close(c->eicar_fd);
}
