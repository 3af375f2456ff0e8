/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost
 *
 * Owns: the order descriptors -> rules -> mark -> seal -> threads -> read, and obeying the supervisor.
 * Must not own: events (lookout.c).
 *
 * Until the seal it asks the server once, by walking to its file system and marking that. Should it not come back from
 * there, the supervisor ends it: nobody else has waited.
 */
#include "daemon/outpost/outpost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/sandbox.h"
#include "custos/shm.h"
#include "custos/unasked.h"

#define TICK_MSEC 10 /* the shortest time-out is 50 ms */
/* Without a supervisor, at the end: for threads to finish what nobody waits for. One that waits for its server would
 * keep the rules in memory for as long as that is silent. */
#define LAST_NSEC (5 * NSEC_PER_SEC)

static void tell(uint32_t type, int error, const char *text)
{
	struct message msg = {.type = type, .status = error};

	(void)snprintf(msg.text, sizeof(msg.text), "%s", text);
	(void)chan_send(OUTPOST_CONTROL, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT);
}

static _Noreturn void give_up(const char *what, int r)
{
	char text[sizeof(((struct message *)NULL)->text)];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-r));
	tell(MSG_UNABLE, r, text);
	_exit(1);
}

/* Nothing from outside ends us but SIGKILL. Faults stay deadly. */
static int block_signals(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		(void)sigdelset(&set, faults[i]);
	return sigprocmask(SIG_SETMASK, &set, NULL) < 0 ? -errno : 0;
}

static int place_fd(int fd, int number)
{
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && fd != number)
		r = dup3(fd, number, O_CLOEXEC) < 0 ? -errno : 0;
	if (fd != number)
		(void)fd_close(fd);
	return r;
}

/* Every number below those of our place is taken: an event's is one of ours (I1). */
static int place_descriptors(unsigned place)
{
	const rlim_t most = (rlim_t)OUTPOST_FIRST(place) + OUTPOST_NUMBERS;
	const struct rlimit nofile = {most, most};
	int r = place_fd(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), OUTPOST_NAMES);

	if (r == 0)
		r = place_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), OUTPOST_STOP);
	for (int fd = OUTPOST_STOP + 1; r == 0 && fd < OUTPOST_FIRST(place); fd++)
		if (dup3(OUTPOST_SHARED, fd, O_CLOEXEC) < 0)
			r = -errno;
	if (r == 0 && setrlimit(RLIMIT_NOFILE, &nofile) < 0)
		r = -errno;
	return r;
}

static void load(struct outpost *op)
{
	struct message msg;
	char why[sizeof(msg.text)];
	int fds[CHAN_FDS_MAX];
	const ssize_t n = chan_recv(OUTPOST_CONTROL, &msg, sizeof(msg), fds, 0);
	int r = n == sizeof(msg) && msg.type == MSG_LOAD ? 0 : -EPROTO;

	if (r < 0)
		give_up("its first order", r);
	if (generation_load(&op->generation, &msg, fds, why, sizeof(why)) < 0) {
		tell(MSG_UNABLE, -EINVAL, why);
		_exit(1);
	}
	for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
		(void)fd_close(fds[i]);
#ifndef CUSTOS_SANITIZED /* terabytes of shadow */
	r = sandbox_limit_memory(msg.settings.scanner_memory_bytes);
	if (r < 0)
		give_up("a limit of memory", r);
#endif
}

static int mark(const struct outpost_shared *sh)
{
	const char *path = sh->mount_point + strspn(sh->mount_point, "/");
	_cleanup_(fd_closep) int fd = openat(OUTPOST_ROOT, *path ? path : ".",
	                                     O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char link[64];
	int r = fd < 0 ? -errno : unasked_stat(fd, &st);

	if (r < 0)
		return r;
	if (st.st_dev != sh->dev)
		return -ESTALE; /* another is mounted there by now, or has hidden it */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits */
	r = fan_note_filesystem(OUTPOST_NOTE, AT_FDCWD, link);
	if (r < 0)
		return r;
	return sh->blocking ? fan_mark_held(OUTPOST_GROUP, AT_FDCWD, link) :
	                      fan_mark_news(OUTPOST_GROUP, AT_FDCWD, link);
}

static void start_threads(struct outpost *op)
{
	op->n_threads = op->shared->blocking ? OUTPOST_THREADS : 1;
	for (unsigned i = 0; i < op->n_threads; i++) {
		const int r = lookout_start(op, i);

		if (r < 0)
			give_up("a thread", r);
	}
}

/* What libc does at a thread's start the seal forbids. */
static void await_threads(struct outpost *op)
{
	for (;;) {
		const uint32_t key = waitpoint_prepare(&op->start);

		if (atomic_load(&op->n_running) == op->n_threads) {
			waitpoint_cancel(&op->start);
			return;
		}
		(void)waitpoint_wait(&op->start, key, 0);
	}
}

static void begin(struct outpost *op)
{
	tell(MSG_WATCHING, 0, "");
	atomic_store(&op->go, true);
	waitpoint_wake(&op->start, OUTPOST_THREADS + 1);
}

/* Threads end when they have answered what they have; the last one ends the process. */
static void stop_reading(struct outpost *op)
{
	const uint64_t one = 1;

	atomic_store(&op->stop, true);
	(void)!write(OUTPOST_STOP, &one, sizeof(one)); /* it holds very many */
}

/* Nobody can answer for an event that read(2) is about to bring. If its file is not opened in time we end: the kernel
 * then refuses the opener, unless it has to wait for the server even so. What else we have is done with before: for the
 * last quarter of the time we take no more, and another outpost does. */
static void watch_readers(struct outpost *op)
{
	struct outpost_place *place = &op->shared->place[op->place];
	const nsec_t timeout = outpost_timeout(op->shared), now = clock_now();

	for (unsigned i = 0; i < op->n_threads; i++) {
		const nsec_t since = atomic_load(&place->reading[i]);

		if (!since || now < since + timeout - timeout / 4)
			continue;
		atomic_store(&place->drain, 1);
		if (now > since + timeout)
			_exit(0);
	}
}

/* The supervisor has been gone since @since. */
static void leave(struct outpost *op, nsec_t since)
{
	const nsec_t age = clock_now() - since;

	if (age > OUTPOST_ORPHAN_NSEC)
		stop_reading(op);
	if (age > OUTPOST_ORPHAN_NSEC + (op->shared->blocking ? outpost_timeout(op->shared) : LAST_NSEC))
		_exit(0);
}

/* The supervisor says stop, or is gone: then we go on for a while. */
static _Noreturn void obey(struct outpost *op)
{
	struct pollfd pfd = {.fd = OUTPOST_CONTROL, .events = POLLIN};
	nsec_t orphaned = 0;
	struct message msg;
	int fds[CHAN_FDS_MAX];

	for (;;) {
		ssize_t n;

		(void)poll(&pfd, 1, op->shared->blocking || pfd.fd < 0 ? TICK_MSEC : -1);
		n = pfd.fd < 0 ? -EAGAIN :
		                 chan_recv(OUTPOST_CONTROL, &msg, sizeof(msg), fds, MSG_DONTWAIT);
		if (n == 0 || n == -ECONNRESET) {
			pfd.fd = -1;
			orphaned = clock_now();
		}
		if (n == sizeof(msg) && msg.type == MSG_STOP)
			stop_reading(op);
		if (orphaned)
			leave(op, orphaned);
		if (op->shared->blocking)
			watch_readers(op);
	}
}

_Noreturn void outpost_main(uid_t uid, gid_t gid, unsigned place, bool must_mark)
{
	static struct outpost op;
	int r = shm_map(OUTPOST_SHARED, sizeof(*op.shared), (void **)&op.shared);

	(void)prctl(PR_SET_NAME, "custos-outpost");
	if (r == 0 && (op.shared->layout != OUTPOST_LAYOUT || place >= OUTPOST_PLACES))
		r = -EPROTO;
	if (r == 0)
		r = block_signals();
	if (r == 0)
		r = place_descriptors(place);
	if (r == 0)
		r = engine_global_init();
	if (r == 0)
		r = arc_global_init();
	if (r < 0)
		give_up("its start", r);
	op.place = place;
	if (sandbox_may_lock_memory())
		(void)sandbox_lock_memory(); /* what then may be paged out is slower, not wrong */
	load(&op);
	r = must_mark ? mark(op.shared) : 0;
	if (r < 0)
		give_up("its file system cannot be marked", r);
	tell(MSG_MARKED, 0, "");
	r = dup3(OUTPOST_SHARED, OUTPOST_ROOT, O_CLOEXEC) < 0 || dup3(OUTPOST_SHARED, OUTPOST_NOTE, O_CLOEXEC) < 0 ?
	            -errno :
	            outpost_give_up(uid, gid);
	if (r < 0)
		give_up("its seal", r);
	start_threads(&op);
	await_threads(&op);
	r = outpost_seal();
	if (r < 0)
		give_up("its seal", r);
	begin(&op);
	obey(&op);
}
