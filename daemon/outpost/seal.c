/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seals of outpost and gate (I3)
 *
 * Owns: what each may still do once it meets hostile bytes, or a server. Must not own: when.
 *
 * An outpost is sealed as a scanner is, but for its one capability. It puts marks on files that only their owners may
 * read, for which the kernel wants the right to read them by name; no name can be opened, as all such calls are
 * refused.
 */
#include "daemon/outpost/outpost.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/sandbox.h"

static const int outpost_calls[] = {
	/* events, contents, answers */
	SYS_read, SYS_write, SYS_pread64, SYS_close, SYS_fstat, SYS_newfstatat, SYS_fstatfs,
	SYS_epoll_pwait, SYS_fadvise64, SYS_preadv2,
	/* orders and records: on the one socket that is there */
	SYS_recvmsg, SYS_sendmsg, SYS_sendto, SYS_ppoll,
	/* names of open files */
	SYS_readlinkat,
	/* memory */
	SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk,
	/* threads that exist */
	SYS_futex, SYS_sched_yield, SYS_clock_nanosleep, SYS_clock_gettime, SYS_restart_syscall,
	SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_sigaltstack, SYS_gettid, SYS_getpid, SYS_exit, SYS_exit_group,
	SYS_getrandom,
#ifdef SYS_epoll_wait
	SYS_epoll_wait, SYS_poll,
#endif
};

static const struct sandbox_call outpost_limited[] = {
	/* a file that was found malicious; one that was found clean */
	{SYS_fanotify_mark, 1, FAN_FLAGS_HOLD_FILE},
	{SYS_fanotify_mark, 1, FAN_FLAGS_QUIET_FILE},
	/* all files: there are too many of them */
	{SYS_fanotify_mark, 1, FAN_FLAGS_UNIGNORE_FILES},
};

static const int gate_calls[] = {
	SYS_read, SYS_write, SYS_epoll_pwait, SYS_epoll_ctl, SYS_recvmsg, SYS_sendmsg, SYS_sendto,
	SYS_futex, SYS_sched_yield, SYS_clock_nanosleep, SYS_clock_gettime, SYS_restart_syscall,
	SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_getpid, SYS_exit, SYS_exit_group,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef CUSTOS_SANITIZED
	SYS_mmap, SYS_munmap, SYS_madvise, SYS_mprotect, SYS_brk, SYS_gettid,
#endif
};

static const struct sandbox_call gate_limited[] = {
	/* how many events wait */
	{SYS_ioctl, 1, FIONREAD},
	/* does an outpost still live? */
	{SYS_kill, 1, 0},
};

/* Nothing of ours prints any more. A sanitizer build keeps it, or its reports would be lost. */
static int close_stderr(void)
{
#ifdef CUSTOS_SANITIZED
	return 0;
#else
	return dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ? -errno : 0;
#endif
}

static int give_up(uid_t uid, gid_t gid, uint64_t caps)
{
	int r = sandbox_isolate();

	if (r == 0)
		r = sandbox_set_ids(uid, gid);
	if (r == 0)
		r = sandbox_drop_caps(caps);
	if (r == -EPERM)
		r = sandbox_drop_caps(0); /* where we were not given it (a container) */
	if (r == 0)
		r = sandbox_no_new_privs();
	if (r == 0)
		r = sandbox_harden_process();
	if (r == 0) {
		r = sandbox_landlock(true);
		r = MIN(r, 0); /* 0: this kernel has none; seccomp and the empty root remain */
	}
	return r == 0 ? close_stderr() : r;
}

int outpost_give_up(uid_t uid, gid_t gid)
{
	return give_up(uid, gid, UINT64_C(1) << CAP_DAC_READ_SEARCH);
}

int outpost_seal(void)
{
	return sandbox_seccomp(outpost_calls, ARRAY_SIZE(outpost_calls), outpost_limited,
	                       ARRAY_SIZE(outpost_limited));
}

/* Without a number for it the kernel opens no event's file: it answers "no" by itself, and asks no server. */
static int take_no_descriptors(void)
{
	const struct rlimit none = {0};

	return setrlimit(RLIMIT_NOFILE, &none) < 0 ? -errno : 0;
}

int gate_seal(uid_t uid, gid_t gid)
{
	int r = give_up(uid, gid, 0);

	if (r == 0)
		r = take_no_descriptors();
	return r == 0 ? sandbox_seccomp(gate_calls, ARRAY_SIZE(gate_calls), gate_limited,
	                                ARRAY_SIZE(gate_limited)) :
	                r;
}
