/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canary probe
 *
 * Owns: the bait: made, opened as anybody would, gone again. Must not own: what its
 * fate means (canary.c).
 *
 * Async-signal-safe throughout: it runs in a child of a process with threads, which
 * never executes another program. It may hang at any call; it is killed then.
 */
#include "daemon/supervisor/canary-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/eicar.h"
#include "custos/types.h"

enum probe_fd {
	FD_HOST,
	FD_DONE
}; /* of the child: in place of standard input and output */

/* Backwards, so that no program of ours is what it looks for. */
static const char backwards[] =
	"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X";
_Static_assert(sizeof(backwards) == EICAR_BYTES + 1, "the test file");

/* Opens through our own mounts would go unseen (coverage-own.c). The host's first
 * process sees the mounts as they are; ours are read-only under the unit. */
static int open_root(const struct canary_place *p, bool fallback)
{
	char path[32];

	if (fallback)
		return dup(FD_HOST);
	(void)snprintf(path, sizeof(path), "/proc/%d/root", p->pid ?: 1); /* fits */
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int walk(int root, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve =
			RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0 || errno != ENOSYS)
		return fd;
	/* RestrictSUIDSGID= of the unit, or a container's filter of system calls. */
	while (*path == '/')
		path++;
	return openat(root, *path ? path : ".",
	              O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Return: O_PATH of the place's mount point, or negative errno. -ESTALE: another file
 * system is there. */
static int open_place(const struct canary_place *p, bool fallback)
{
	_cleanup_(fd_closep) int root = open_root(p, fallback);
	_cleanup_(fd_closep) int fd = -1;
	struct statvfs fs;
	struct stat st;

	if (root < 0)
		return -errno;
	fd = walk(root, p->mount_point);
	if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return -errno;
	if (st.st_dev != p->dev)
		return -ESTALE;
	return fs.f_flag & ST_RDONLY ? -EROFS : fd_take(&fd);
}

/* Where there are no files without a name: one that is gone before anything is in it.
 */
static int open_named(int dir)
{
	char name[64];
	uint64_t lot;
	int fd;

	if (getrandom(&lot, sizeof(lot), 0) != sizeof(lot))
		return -EIO;
	(void)snprintf(name, sizeof(name), ".custos-canary-%016llx",
	               (unsigned long long)lot); /* fits */
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	            0600);
	if (fd < 0)
		return -errno;
	(void)unlinkat(dir, name, 0);
	return fd;
}

static int open_bait(int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	return errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT
	               ? open_named(dir)
	               : -errno;
}

static int write_bait(int fd)
{
	char bait[EICAR_BYTES];
	ssize_t n;

	for (size_t i = 0; i < sizeof(bait); i++)
		bait[i] = backwards[sizeof(bait) - 1 - i];
	n = write(fd, bait, sizeof(bait));
	if (n == (ssize_t)sizeof(bait))
		return 0;
	return n < 0 ? -errno : -ENOSPC;
}

/* Return: O_PATH of a bait that nobody has open for writing any more, or negative
 * errno. */
static int make_bait(int dir)
{
	_cleanup_(fd_closep) int writer = open_bait(dir);
	char path[32];
	int r, fd;

	if (writer < 0)
		return writer;
	r = write_bait(writer);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", writer); /* fits */
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static enum canary_outcome probe(const struct canary_orders *o,
                                 const struct canary_place *p, int *ret_error)
{
	const uint64_t before = stats_sum(&o->shared->stats, COUNT_CANARY_CAUGHT);
	_cleanup_(fd_closep) int dir = open_place(p, false);
	_cleanup_(fd_closep) int bait = -1, fd = -1;
	char path[32];

	/* A machine whose first process sees other mounts than we were started among.
	 */
	if (dir < 0 && !p->pid)
		dir = open_place(p, true);
	bait = dir < 0 ? dir : make_bait(dir);
	if (bait < 0) {
		*ret_error = -bait;
		return CANARY_NOT_TRIED;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", bait); /* fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*ret_error = errno;
		return errno == EPERM ? CANARY_REFUSED : CANARY_NOT_TRIED;
	}
	*ret_error = 0;
	/* Counted before the open was answered. */
	return stats_sum(&o->shared->stats, COUNT_CANARY_CAUGHT) != before
	               ? CANARY_SEEN
	               : CANARY_OPENED;
}

static _Noreturn void run(const struct canary_orders *o)
{
	struct canary_board *b = o->board;
	const uint64_t one = 1;

	for (size_t i = o->first; i < o->n; i++) {
		int error = 0;
		enum canary_outcome outcome;

		atomic_store(&b->at, (uint32_t)i);
		outcome = probe(o, &o->places[i], &error);
		b->result[i].error = error;
		atomic_store(&b->result[i].outcome, outcome);
	}
	atomic_store(&b->at, (uint32_t)o->n);
	(void)!write(FD_DONE, &one, sizeof(one));
	for (;;)
		(void)pause();
}

pid_t canary_fork(const struct canary_orders *o)
{
	const pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	atomic_store(&o->shared->own_pids[OWN_CANARY], (uint32_t)getpid());
	(void)prctl(PR_SET_NAME, "custos-canary");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    dup2(o->host_root, FD_HOST) < 0 || dup2(o->done, FD_DONE) < 0)
		_exit(1);
	/* Nothing of the supervisor's stays open: no group, no memory file, no FIFO of
	 * the pair. */
	if (syscall(SYS_close_range, FD_DONE + 2, ~0U, 0) < 0)
		for (int fd = FD_DONE + 2; fd < 1024; fd++)
			(void)close(fd);
	run(o);
}
