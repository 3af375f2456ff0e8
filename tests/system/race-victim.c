/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The victim of a race: a process of another user that opens files when told to.
 *
 * Owns: its socket and the memory it shares with the attacker.
 * Must not own: what an open should have given; race-round.c knows.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define VICTIM_UID      65533
#define OPENS_BEFORE    6 /* in a race: until the file is as good as cached */
#define OPENS_AFTER     3
#define RACE_SECONDS    20 /* then something hangs */

struct shared {
	_Atomic unsigned opens; /* of the race that runs */
	_Atomic bool changed;   /* the change has returned */
};

struct victim {
	int socket;
	struct shared *shared;
};

struct order {
	char path[RACE_PATH];
	enum content kind;
	unsigned tries; /* 0: race */
	bool blocks;
};

/*
 * What an opened file holds is read at once. Where a writer is held in the middle of its
 * write the file system may let readers wait for it: then the open alone counts, since the
 * reader gets the new content in the end.
 */
static bool shows_evil(int fd, const struct order *order)
{
	static uint8_t buf[RACE_MAX_FILE];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	ssize_t n;

	n = preadv2(fd, &iov, 1, 0, order->blocks ? RWF_NOWAIT : 0);
	if (n < 0 && order->blocks && errno == EAGAIN)
		return true;
	if (n < 0) /* a file system that knows no RWF_NOWAIT has no reader wait, either */
		n = pread(fd, buf, sizeof(buf), 0);
	if (n < 0)
		return false;
	return content_is_evil(order->kind, buf, (size_t)n);
}

static void open_once(const struct order *order, bool count, struct victim_tally *tally)
{
	int fd = open(order->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0) {
		if (count) {
			tally->opened++;
			tally->evil += shows_evil(fd, order);
		}
		close(fd);
	} else if (count && errno == EPERM) {
		tally->refused++;
	} else if (count) {
		tally->odd++;
		tally->odd_errno = errno;
	}
}

/* Only an open that starts after the change has returned counts. */
static void open_racing(struct shared *shared, const struct order *order,
                        struct victim_tally *tally)
{
	time_t end = time(NULL) + 2 * RACE_SECONDS;
	unsigned after = 0;

	while (after < OPENS_AFTER && time(NULL) < end) {
		bool changed = atomic_load(&shared->changed);

		open_once(order, changed, tally);
		after += changed;
		atomic_fetch_add(&shared->opens, 1);
	}
	if (after < OPENS_AFTER) {
		tally->odd++;
		tally->odd_errno = ETIMEDOUT;
	}
}

static void serve(int socket, struct shared *shared)
{
	struct order order;

	while (recv(socket, &order, sizeof(order), 0) == sizeof(order)) {
		struct victim_tally tally = {0};

		for (unsigned i = 0; i < order.tries; i++)
			open_once(&order, true, &tally);
		if (order.tries == 0)
			open_racing(shared, &order, &tally);
		if (send(socket, &tally, sizeof(tally), 0) != sizeof(tally))
			return;
	}
}

struct victim *victim_start(void)
{
	static struct victim victim;
	int pair[2];
	pid_t pid;

	victim.shared = mmap(NULL, sizeof(*victim.shared), PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (victim.shared == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	pid = fork();
	if (pid < 0)
		return NULL;
	if (pid == 0) {
		close(pair[0]);
		if (setgroups(0, NULL) < 0 || setresgid(VICTIM_UID, VICTIM_UID, VICTIM_UID) < 0 ||
		    setresuid(VICTIM_UID, VICTIM_UID, VICTIM_UID) < 0)
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(pair[1], victim.shared);
		_exit(0);
	}
	close(pair[1]);
	victim.socket = pair[0];
	return &victim;
}

static int give_order(struct victim *v, const struct target *t, unsigned tries, bool blocks)
{
	struct order order = {.kind = t->kind, .tries = tries, .blocks = blocks};

	memcpy(order.path, t->path, sizeof(order.path));
	return race_result(send(v->socket, &order, sizeof(order), MSG_NOSIGNAL),
	                   sizeof(order));
}

int victim_open(struct victim *v, const struct target *t, unsigned tries, bool blocks,
                struct victim_tally *ret)
{
	int r = give_order(v, t, tries, blocks);

	if (r < 0)
		return r;
	return race_result(recv(v->socket, ret, sizeof(*ret), 0), sizeof(*ret));
}

int victim_race(struct victim *v, const struct target *t, bool blocks)
{
	time_t end = time(NULL) + RACE_SECONDS;
	int r;

	atomic_store(&v->shared->opens, 0);
	atomic_store(&v->shared->changed, false);
	r = give_order(v, t, 0, blocks);
	while (r == 0 && atomic_load(&v->shared->opens) < OPENS_BEFORE) {
		if (time(NULL) > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return r;
}

int victim_race_end(struct victim *v, struct victim_tally *ret)
{
	atomic_store(&v->shared->changed, true);
	return race_result(recv(v->socket, ret, sizeof(*ret), 0), sizeof(*ret));
}
