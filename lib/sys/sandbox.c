/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandbox
 *
 * Owns: nothing; every function changes the calling process for good.
 * Must not own: who needs which system call or capability.
 */
#include "custos/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/types.h"

#ifndef PR_SET_MDWE /* Linux 6.3 */
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/*
 * Where the empty root is mounted on its way to "/"; in a mount namespace of our own.
 */
#define STAGING "/tmp"

/*
 * pivot_root(".", "."): the old root ends up on top of the new one and is then
 * detached.
 */
static int enter_empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("custos-empty", STAGING, "tmpfs",
	          MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          "size=4k,nr_inodes=2,mode=0555") < 0)
		return -errno;
	if (chdir(STAGING) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int sandbox_isolate(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return -errno;
	return enter_empty_root();
}

int sandbox_harden_process(void)
{
	/* One byte, not none: a limit of 0 does not keep a core from a pipe handler such as
	 * systemd-coredump, a limit of 1 does (core(5)). */
	struct rlimit core;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (getrlimit(RLIMIT_CORE, &core) < 0)
		return -errno;
	/* Never up: whoever started us may have set 0, and raising that takes a capability. */
	core.rlim_max = MIN(core.rlim_max, (rlim_t)1);
	core.rlim_cur = core.rlim_max;
	if (setrlimit(RLIMIT_CORE, &core) < 0)
		return -errno;
	/* EINVAL: the kernel does not know it. */
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 &&
	    errno != EINVAL)
		return -errno;
	return 0;
}

bool sandbox_may_lock_memory(void)
{
	struct rlimit memlock;

	return getrlimit(RLIMIT_MEMLOCK, &memlock) == 0 && memlock.rlim_cur == RLIM_INFINITY;
}

int sandbox_lock_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

int sandbox_limit_memory(uint64_t bytes)
{
	const struct rlimit data = {.rlim_cur = bytes, .rlim_max = bytes};

	return setrlimit(RLIMIT_DATA, &data) < 0 ? -errno : 0;
}

int sandbox_set_ids(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int set_caps(uint64_t effective, uint64_t permitted)
{
	cap_t caps = cap_init();
	int r = 0;

	if (!caps)
		return -ENOMEM;
	for (cap_value_t c = 0; c < cap_max_bits() && r == 0; c++) {
		if (permitted & (UINT64_C(1) << c))
			r = cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET);
		if (r == 0 && (effective & (UINT64_C(1) << c)))
			r = cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET);
	}
	if (r == 0)
		r = cap_set_proc(caps);
	if (r < 0)
		r = -errno;
	(void)cap_free(caps); /* fails only for what is no cap_t */
	return r;
}

static int permitted_caps(uint64_t *ret)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t v;

	if (!caps)
		return -errno;
	*ret = 0;
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (cap_get_flag(caps, c, CAP_PERMITTED, &v) == 0 && v == CAP_SET)
			*ret |= UINT64_C(1) << c;
	(void)cap_free(caps);
	return 0;
}

static int cut_bounding_set(uint64_t keep_mask)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (!(keep_mask & (UINT64_C(1) << c)) && cap_drop_bound(c) < 0)
			return -errno;
	return 0;
}

int sandbox_drop_caps(uint64_t keep_mask)
{
	uint64_t permitted;
	int r = permitted_caps(&permitted);

	if (r < 0)
		return r;
	if (keep_mask & ~permitted)
		return -EPERM;
	/*
	 * A change of ids has emptied the effective set; the bounding set needs one of
	 * it.
	 */
	if (permitted & (UINT64_C(1) << CAP_SETPCAP)) {
		r = set_caps(permitted, permitted);
		if (r == 0)
			r = cut_bounding_set(keep_mask);
		if (r < 0)
			return r;
	}
	if (cap_reset_ambient() < 0)
		return -errno;
	return set_caps(keep_mask, keep_mask);
}

int sandbox_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int add_rules(scmp_filter_ctx ctx, const int *syscalls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (syscalls[i] < 0) /* libseccomp's number for "not on this machine" */
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, syscalls[i], 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_limited(scmp_filter_ctx ctx, const struct sandbox_call *limited, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scmp_arg_cmp is = {
			.arg = limited[i].arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = UINT32_MAX,
			.datum_b = limited[i].value,
		};
		int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, limited[i].number, 1, &is);

		if (r < 0)
			return r;
	}
	return 0;
}

int sandbox_seccomp(const int *syscalls, size_t n, const struct sandbox_call *limited,
                    size_t n_limited)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		/* binary tree */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(ctx, syscalls, n);
	if (r == 0)
		r = add_limited(ctx, limited, n_limited);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
