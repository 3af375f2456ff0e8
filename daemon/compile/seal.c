/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: the seal
 *
 * Owns: the list of system calls that parsing and writing an image takes.
 * Must not own: how each restriction is made (sandbox).
 */
#include "seal.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "custos/sandbox.h"

/* Fifty million hashes take 4 GB; far above it something is wrong. */
#define ADDRESS_SPACE_BYTES ((rlim_t)16 << 30)
/* 33,000 rules take 6 s on a small machine. */
#define CPU_SECONDS 300

static const int syscalls[] = {
	/* inputs, image and messages, all open by now */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fcntl), SCMP_SYS(close),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(mprotect), SCMP_SYS(madvise),
	/* the C library */
	SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit_group),
#ifdef CUSTOS_SANITIZED
	SCMP_SYS(sigaltstack), /* given back at the end */
#endif
};

static int limit(void)
{
	const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};

	if (setrlimit(RLIMIT_CPU, &cpu) < 0)
		return -errno;
#ifndef CUSTOS_SANITIZED /* a sanitizer reserves terabytes of address space */
	const struct rlimit as = {ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES};

	if (setrlimit(RLIMIT_AS, &as) < 0)
		return -errno;
#endif
	return 0;
}

int seal_self(const struct seal_ids *ids, const char **ret_step)
{
	int r;

	*ret_step = "resource limits";
	r = limit();
	if (r == 0 && geteuid() == 0) {
		*ret_step = "leaving the file system";
		r = sandbox_isolate();
	}
	if (r == 0 && ids->set) {
		*ret_step = "changing user";
		r = sandbox_set_ids(ids->uid, ids->gid);
	}
	if (r == 0) {
		*ret_step = "hardening the process";
		r = sandbox_harden_process();
	}
	if (r == 0) {
		*ret_step = "dropping capabilities";
		r = sandbox_drop_caps(0);
	}
	if (r == 0) {
		*ret_step = "no_new_privs";
		r = sandbox_no_new_privs();
	}
	if (r == 0) {
		*ret_step = "Landlock";
		r = sandbox_landlock(false);
	}
	if (r >= 0) {
		*ret_step = "seccomp";
		r = sandbox_seccomp(syscalls, sizeof(syscalls) / sizeof(syscalls[0]), NULL, 0);
	}
	return r;
}
