/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner's seal (I3)
 *
 * Owns: the list of system calls a scanner may make once it reads hostile bytes.
 * Must not own: identity, capabilities, namespaces, Landlock: the keeper has given those up already
 * and the scanner inherits that.
 *
 * Not on the list, so refused with EPERM: every way to open a file, make a socket, start a program or
 * a process, trace or signal one, or gain anything.
 */
#include "daemon/scanner/scanner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "custos/fan.h"
#include "custos/sandbox.h"

static const int scanner_calls[] = {
	/* events, contents, answers */
	SYS_read, SYS_write, SYS_pread64, SYS_close, SYS_fstat, SYS_newfstatat, SYS_epoll_pwait,
	/* nobody has a page of it? */
	SYS_fadvise64, SYS_preadv2,
	/* requests: on the one socket that is there */
	SYS_recvmsg, SYS_sendto, SYS_ppoll,
	/* which kind of file system */
	SYS_fstatfs,
	/* names of open files, through the directory descriptor we were given */
	SYS_readlinkat,
	/* memory */
	SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk,
	/* threads that exist: sleeping, waking, ending */
	SYS_futex, SYS_sched_yield, SYS_clock_nanosleep, SYS_clock_gettime, SYS_restart_syscall,
	SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_sigaltstack, SYS_gettid, SYS_getpid,
	SYS_exit, SYS_exit_group,
	/* OpenSSL and malloc want a few random bytes */
	SYS_getrandom,
#ifdef SYS_epoll_wait
	SYS_epoll_wait, SYS_poll,
#endif
};

static const struct sandbox_call scanner_limited[] = {
	/* does the file have a writer? */
	{SYS_fcntl, 1, F_SETLEASE},
	/* let opens be asked about again */
	{SYS_fanotify_mark, 1, FAN_FLAGS_UNIGNORE_FILES},
	/* a name for it that the holder can open it by */
	{SYS_name_to_handle_at, 4, AT_EMPTY_PATH},
};

int scanner_seal(void)
{
	/* Names of open files are read through the keeper's /proc entry, so this one can close. */
	(void)prctl(PR_SET_DUMPABLE, 0); /* cannot fail */
	return sandbox_seccomp(scanner_calls, ARRAY_SIZE(scanner_calls), scanner_limited,
	                       ARRAY_SIZE(scanner_limited));
}
