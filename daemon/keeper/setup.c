/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeper start-up: descriptor table and seal
 *
 * Owns: which numbers are occupied and what the process may still do afterwards.
 * Must not own: rules, children.
 *
 * The kernel gives an event the lowest free number. All numbers below FD_LOW are therefore occupied
 * here, once and for all, so that "below FD_LOW" means "not an event" for ever.
 */
#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/fan.h"
#include "custos/sandbox.h"

/* Put @fd at @number; consumes @fd. */
static int place_fd(int fd, int number)
{
	if (fd < 0)
		return -errno;
	if (fd == number)
		return 0;
	if (dup3(fd, number, O_CLOEXEC) < 0) {
		int r = -errno;

		(void)fd_close(fd);
		return r;
	}
	(void)fd_close(fd);
	return 0;
}

/* Nothing from outside ends a keeper but SIGKILL: stopping is the supervisor's business, and one that
 * is gone would leave held opens to the kernel, which allows them. A terminal's Ctrl-C and a service
 * manager that asks all processes of a unit reach us too. Faults stay deadly. */
static int place_signalfd(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		(void)sigdelset(&set, faults[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	return place_fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), FD_SIGNAL);
}

/* One reader's epoll: the group, the stop signal of its place, and its own to step back (EVENT_BACK). EPOLLEXCLUSIVE wakes one reader
 * per event; with a reader on every CPU all are woken, and the opener's neighbour wins (adr/0010). */
static int place_epoll(unsigned place, unsigned reader, bool exclusive)
{
	struct epoll_event group = {.events = EPOLLIN | (exclusive ? EPOLLEXCLUSIVE : 0)};
	struct epoll_event stop = {.events = EPOLLIN};
	struct epoll_event back = {.events = EPOLLIN, .data.u32 = EVENT_BACK};
	const int at = (int)(place * READERS_MAX + reader), number = FD_EPOLL + at;
	int r = place_fd(epoll_create1(EPOLL_CLOEXEC), number);

	if (r == 0)
		r = place_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), FD_BACK + at);
	if (r < 0)
		return r;
	if (epoll_ctl(number, EPOLL_CTL_ADD, FD_GROUP, &group) < 0 ||
	    epoll_ctl(number, EPOLL_CTL_ADD, FD_STOP + (int)place, &stop) < 0 ||
	    epoll_ctl(number, EPOLL_CTL_ADD, FD_BACK + at, &back) < 0)
		return -errno;
	return 0;
}

static int place_events(unsigned place, bool exclusive)
{
	int r = place_fd(eventfd(0, EFD_CLOEXEC), FD_COMMAND + (int)place);

	if (r == 0)
		r = place_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), FD_STOP + (int)place);
	for (unsigned i = 0; r == 0 && i < READERS_MAX; i++)
		r = place_epoll(place, i, exclusive);
	return r;
}

/* Whatever else is open (or not) below FD_LOW becomes a copy of the shared memory's descriptor. */
static int fill_the_rest(void)
{
	for (int fd = FD_BACK + N_PLACES * READERS_MAX; fd < FD_LOW; fd++)
		if (dup3(FD_SHARED, fd, O_CLOEXEC) < 0)
			return -errno;
	if (syscall(SYS_close_range, FD_LOW, ~0U, 0) < 0 && errno != ENOSYS)
		return -errno;
	return 0;
}

int keeper_descriptors(struct keeper *k)
{
	struct rlimit nofile;
	int r;

	k->all_woken = sysconf(_SC_NPROCESSORS_ONLN) <= READERS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return -errno;
	nofile.rlim_cur = NOFILE_NEEDED;
	nofile.rlim_max = MAX(nofile.rlim_max, NOFILE_NEEDED);
	if (setrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return -errno;

	r = place_signalfd();
	if (r == 0)
		r = place_fd(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), FD_SELF_FDS);
	for (unsigned place = 0; r == 0 && place < N_PLACES; place++)
		r = place_events(place, !k->all_woken);
	return r < 0 ? r : fill_the_rest();
}

void keeper_lock_memory(const struct keeper *k)
{
	if (k->locks_memory)
		(void)sandbox_lock_memory(); /* what then may be paged out is slower, not wrong; doctor tells */
}

static const int keeper_calls[] = {
	/* all that a scanner may do, because a scanner starts as a copy of this process */
	SYS_read, SYS_write, SYS_pread64, SYS_close, SYS_fstat, SYS_fstatfs, SYS_newfstatat,
	SYS_epoll_pwait, SYS_fadvise64, SYS_preadv2,
	SYS_recvmsg, SYS_sendto, SYS_ppoll, SYS_readlinkat, SYS_mmap, SYS_munmap, SYS_mremap,
	SYS_madvise, SYS_mprotect, SYS_brk, SYS_futex, SYS_sched_yield, SYS_clock_nanosleep,
	SYS_clock_gettime, SYS_restart_syscall, SYS_rt_sigreturn, SYS_rt_sigprocmask,
	SYS_sigaltstack, SYS_gettid, SYS_getpid, SYS_exit, SYS_exit_group, SYS_getrandom,
#ifdef SYS_epoll_wait
	SYS_epoll_wait, SYS_poll,
#endif
	/* what it takes to start one: process, threads, its own tighter filter */
	SYS_clone3, SYS_clone, SYS_set_robust_list, SYS_rseq, SYS_rt_sigaction, SYS_prctl,
	SYS_seccomp, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_mlockall,
	/* what it takes to end one */
	SYS_wait4, SYS_kill,
	/* loading the next generation from sealed memory */
	SYS_sendmsg, SYS_fcntl, SYS_lseek,
};

static const struct sandbox_call keeper_limited[] = {
	/* marks of a holder that is gone */
	{SYS_fanotify_mark, 1, FAN_FLAGS_UNIGNORE_FILES},
	/* sockets of a new keeper and a new anchor, names by another process */
	{SYS_dup3, 1, FD_CONTROL},
	{SYS_dup3, 1, FD_ANCHOR},
	{SYS_dup3, 1, FD_SELF_FDS},
	/* a scanner's ceiling */
	{SYS_prlimit64, 1, RLIMIT_DATA},
	/* the scanner's */
	{SYS_name_to_handle_at, 4, AT_EMPTY_PATH},
};

/* Exchange /proc, held at FD_SELF_FDS since we had a root directory, for our directory in it. Looked
 * up only now, because the kernel gives the entry its owner on look-up, and we have just changed
 * ours: with the old one the scanner could not look into it. A scanner needs a dumpable owner, too;
 * nobody can make use of that: the same uid has no ptrace(2), and core files are off by limit. */
static int hold_own_fds(void)
{
	(void)prctl(PR_SET_DUMPABLE, 1); /* cannot fail */
	return place_fd(openat(FD_SELF_FDS, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC),
	                FD_SELF_FDS);
}

/* Nothing of ours prints any more, and a descriptor that leads out is one too many. A sanitizer
 * build keeps it, or its reports would be lost. */
static int close_stderr(void)
{
#ifdef CUSTOS_SANITIZED
	return 0;
#else
	return dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ? -errno : 0;
#endif
}

/* CAP_LEASE alone: without it there is no telling whether a file has a writer, and so no verdict cache.
 * Where we were not given it (a container), we do without. */
static int keep_lease_right(void)
{
	int r = sandbox_drop_caps(UINT64_C(1) << CAP_LEASE);

	return r == -EPERM ? sandbox_drop_caps(0) : r;
}

/* Failing to get into an empty root or network is fatal: a half-sealed pair is not started. */
int keeper_seal(uid_t uid, gid_t gid)
{
	int r = sandbox_isolate();

	if (r == 0)
		r = sandbox_set_ids(uid, gid);
	if (r == 0)
		r = keep_lease_right();
	if (r == 0)
		r = sandbox_no_new_privs();
	if (r == 0)
		r = sandbox_harden_process();
	if (r == 0)
		r = hold_own_fds();
	if (r == 0) {
		r = sandbox_landlock(true);
		r = r < 0 ? r : 0; /* 0: this kernel has none; seccomp and the empty root remain */
	}
	if (r == 0)
		r = close_stderr();
	if (r == 0)
		r = sandbox_seccomp(keeper_calls, ARRAY_SIZE(keeper_calls), keeper_limited,
		                    ARRAY_SIZE(keeper_limited));
	return r;
}
