/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal-probe: make a running process try system calls it must not be able to make.
 *
 * It stops one thread with ptrace, puts the registers of each forbidden call at the
 * thread's last `syscall` instruction, steps over it, reads the result, and puts the
 * registers back. Every pointer given is NULL and every number harmless, so that a call
 * that is *not* refused fails with another errno (EFAULT, EINVAL, EBADF) or can be
 * undone: only a filter that looks at the call's number answers EPERM to all of them.
 * --control proves that on an unsealed process.
 *
 * Owns: the traced thread while it runs.
 * Must not own: what the daemon is for.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __x86_64__
int main(void)
{
	printf("skip: seal-probe knows the registers of x86_64 only\n");
	return 77;
}
#else
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_INSN      0x050f /* 0f 05, little endian */
#define SYSCALL_BYTES     2
#define STOP_TRIES        200 /* a thread that computes is asked again until it waits */
#define NAMED_ARGS        4
#define ASYNC_CLONE_FLAGS (SIGCHLD)

enum probe_flag {
	KEEPER_MAY = 1,   /* the keeper clones scanners and watches them */
	ENOSYS_IS_NO = 2, /* glibc falls back to clone(2) only on ENOSYS */
	MAKES_CHILD = 4,  /* success leaves a process behind */
	MAKES_FD = 8,     /* success leaves a descriptor behind */
};

struct probe {
	const char *name;
	long nr;
	long args[NAMED_ARGS];
	unsigned flags;
};

#define AT_CWD   ((long)AT_FDCWD)
static const struct probe probes[] = {
	{"open", SYS_open, {0, O_RDONLY}},
	{"openat", SYS_openat, {AT_CWD, 0, O_RDONLY}},
	{"openat2", SYS_openat2, {AT_CWD, 0, 0, 0}},
	{"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, O_RDONLY}},
	{"creat", SYS_creat, {0, 0600}},
	{"open_tree", SYS_open_tree, {-1, 0, 0}},
	{"socket inet", SYS_socket, {AF_INET, SOCK_STREAM, 0}, MAKES_FD},
	{"socket inet6", SYS_socket, {AF_INET6, SOCK_DGRAM, 0}, MAKES_FD},
	{"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, MAKES_FD},
	{"socket netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, MAKES_FD},
	{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}},
	{"connect", SYS_connect, {-1, 0, 0}},
	{"bind", SYS_bind, {-1, 0, 0}},
	{"execve", SYS_execve, {0, 0, 0}},
	{"execveat", SYS_execveat, {-1, 0, 0, 0}},
	{"ptrace", SYS_ptrace, {PTRACE_ATTACH, 0, 0, 0}},
	{"fork", SYS_fork, {0}, KEEPER_MAY | MAKES_CHILD},
	{"clone", SYS_clone, {ASYNC_CLONE_FLAGS, 0, 0, 0}, KEEPER_MAY | MAKES_CHILD},
	{"clone3", SYS_clone3, {0, 0}, KEEPER_MAY | ENOSYS_IS_NO},
	{"unshare", SYS_unshare, {0}},
	{"setns", SYS_setns, {-1, 0}},
	{"mount", SYS_mount, {0, 0, 0, 0}},
	{"umount2", SYS_umount2, {0, 0}},
	{"move_mount", SYS_move_mount, {-1, 0, -1, 0}},
	{"fsopen", SYS_fsopen, {0, 0}},
	{"pivot_root", SYS_pivot_root, {0, 0}},
	{"chroot", SYS_chroot, {0}},
	{"chdir", SYS_chdir, {0}},
	{"setuid", SYS_setuid, {-1}},
	{"setgid", SYS_setgid, {-1}},
	{"setresuid", SYS_setresuid, {-1, -1, -1}},
	{"setgroups", SYS_setgroups, {-1, 0}},
	{"capset", SYS_capset, {0, 0}},
	{"prctl", SYS_prctl, {PR_SET_DUMPABLE, 7}, KEEPER_MAY},
	{"seccomp", SYS_seccomp, {-1, 0, 0}, KEEPER_MAY},
	{"bpf", SYS_bpf, {-1, 0, 0}},
	{"perf_event_open", SYS_perf_event_open, {0, -1, -1, -1}},
	{"io_uring_setup", SYS_io_uring_setup, {0, 0}},
	{"userfaultfd", SYS_userfaultfd, {-1}},
	{"keyctl", SYS_keyctl, {-1, 0}},
	{"add_key", SYS_add_key, {0, 0, 0, 0}},
	{"kexec_load", SYS_kexec_load, {0, 0, 0, -1}},
	{"init_module", SYS_init_module, {0, 0, 0}},
	{"finit_module", SYS_finit_module, {-1, 0, 0}},
	{"process_vm_readv", SYS_process_vm_readv, {0, 0, 0, 0}},
	{"process_vm_writev", SYS_process_vm_writev, {0, 0, 0, 0}},
	{"pidfd_open", SYS_pidfd_open, {0, 0}, KEEPER_MAY},
	{"pidfd_getfd", SYS_pidfd_getfd, {-1, 0, 0}},
	{"memfd_create", SYS_memfd_create, {0, 0}, KEEPER_MAY},
	{"symlink", SYS_symlink, {0, 0}},
	{"link", SYS_link, {0, 0}},
	{"unlink", SYS_unlink, {0}},
	{"rename", SYS_rename, {0, 0}},
	{"mkdir", SYS_mkdir, {0, 0}},
	{"mknod", SYS_mknod, {0, 0, 0}},
	{"chmod", SYS_chmod, {0, 0}},
	{"chown", SYS_chown, {0, 0, 0}},
	{"truncate", SYS_truncate, {0, 0}},
	{"ftruncate", SYS_ftruncate, {-1, 0}},
	{"ioctl", SYS_ioctl, {-1, 0}},
	{"setxattr", SYS_setxattr, {0, 0, 0, 0}},
	{"kill pid 1", SYS_kill, {1, 0}, KEEPER_MAY},
	{"fanotify_init", SYS_fanotify_init, {-1, 0}},
	{"fanotify_mark", SYS_fanotify_mark, {-1, 0, 0, -1}},
	{"fanotify_mark of a file system", SYS_fanotify_mark, {3, 0x101, 0x10000, -1}},
	{"fcntl F_SETOWN", SYS_fcntl, {3, F_SETOWN, 1}, KEEPER_MAY},
	{"fcntl F_DUPFD", SYS_fcntl, {3, F_DUPFD, 100}, KEEPER_MAY},
	{"inotify_init", SYS_inotify_init1, {-1}},
	{"reboot", SYS_reboot, {0, 0, 0}},
	{"swapon", SYS_swapon, {0, 0}},
	{"syslog", SYS_syslog, {-1, 0, 0}},
};
#define N_PROBES (sizeof(probes) / sizeof(probes[0]))

static int die(const char *what)
{
	fprintf(stderr, "seal-probe: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void wait_stop(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid)
		die("waitpid");
	if (!WIFSTOPPED(status)) {
		printf("FAIL the process ended: the filter kills instead of "
		       "refusing\n");
		exit(1);
	}
}

/* Stop @tid where its instruction pointer follows a syscall instruction. */
static void stop_in_syscall(pid_t tid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
		die("PTRACE_SEIZE");
	for (int i = 0; i < STOP_TRIES; i++) {
		long word;

		if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0)
			die("PTRACE_INTERRUPT");
		wait_stop(tid);
		if (ptrace(PTRACE_GETREGS, tid, 0, regs) < 0)
			die("PTRACE_GETREGS");
		word = ptrace(PTRACE_PEEKTEXT, tid, regs->rip - SYSCALL_BYTES, 0);
		if ((word & 0xffff) == SYSCALL_INSN)
			return;
		if (ptrace(PTRACE_CONT, tid, 0, 0) < 0)
			die("PTRACE_CONT");
		usleep(1000);
	}
	errno = EBUSY;
	die("the thread never waits in a system call");
}

/* Return what the call returned to @tid. */
static long inject(pid_t tid, const struct user_regs_struct *saved, long nr,
                   const long args[NAMED_ARGS])
{
	struct user_regs_struct regs = *saved;

	regs.rip -= SYSCALL_BYTES;
	regs.rax = (unsigned long long)nr;
	regs.orig_rax =
		(unsigned long long)-1; /* or the kernel would restart the old call */
	regs.rdi = (unsigned long long)args[0];
	regs.rsi = (unsigned long long)args[1];
	regs.rdx = (unsigned long long)args[2];
	regs.r10 = (unsigned long long)args[3];
	regs.r8 = regs.r9 = 0;
	if (ptrace(PTRACE_SETREGS, tid, 0, &regs) < 0)
		die("PTRACE_SETREGS");
	if (ptrace(PTRACE_SINGLESTEP, tid, 0, 0) < 0)
		die("PTRACE_SINGLESTEP");
	wait_stop(tid);
	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0)
		die("PTRACE_GETREGS");
	return (long)regs.rax;
}

/* What an unsealed process really did is taken back. */
static void undo(pid_t tid, const struct user_regs_struct *saved, const struct probe *p,
                 long result)
{
	if (result > 0 && (p->flags & MAKES_CHILD))
		kill((pid_t)result, SIGKILL);
	if (result >= 0 && (p->flags & MAKES_FD))
		inject(tid, saved, SYS_close, (const long[NAMED_ARGS]){result});
}

/* Return how many calls were not refused. */
static unsigned probe_all(pid_t tid, bool keeper, unsigned *ret_tried)
{
	struct user_regs_struct saved;
	unsigned n_open = 0;

	*ret_tried = 0;
	stop_in_syscall(tid, &saved);
	for (size_t i = 0; i < N_PROBES; i++) {
		const struct probe *p = &probes[i];
		const char *name;
		bool refused;
		long result;

		if (keeper && (p->flags & KEEPER_MAY))
			continue;
		result = inject(tid, &saved, p->nr, p->args);
		undo(tid, &saved, p, result);
		name = result < 0 ? strerrorname_np((int)-result) : "succeeded";
		refused = result == -EPERM ||
		          (result == -ENOSYS && (p->flags & ENOSYS_IS_NO));
		printf("%s %s: %s\n", refused ? "refused" : "OPEN", p->name,
		       name ? name : "odd result");
		n_open += !refused;
		(*ret_tried)++;
	}
	if (ptrace(PTRACE_SETREGS, tid, 0, &saved) < 0 ||
	    ptrace(PTRACE_DETACH, tid, 0, 0) < 0)
		die("detach");
	return n_open;
}

/* An unsealed child must show nearly every call as open, or the probe proves nothing.
 */
static int control(void)
{
	unsigned n_open, tried;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	usleep(50000);
	n_open = probe_all(pid, false, &tried);
	kill(pid, SIGKILL);
	printf("control: %u of %u calls were not refused\n", n_open, tried);
	return n_open * 10 >= tried * 9 ? 0 : 1;
}

int main(int argc, char **argv)
{
	unsigned n_open, tried;

	setlinebuf(stdout);
	if (argc == 2 && strcmp(argv[1], "--control") == 0)
		return control();
	if (argc < 2 || atoi(argv[1]) <= 1) {
		fprintf(stderr, "usage: seal-probe --control | TID [--keeper]\n");
		return 2;
	}
	n_open = probe_all((pid_t)atoi(argv[1]), argc > 2, &tried);
	printf("%u of %u calls were refused\n", tried - n_open, tried);
	return n_open ? 1 : 0;
}
#endif
