/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broker
 *
 * Owns: one thread that reads /proc/PID/{status,exe,cgroup} when a worker asks.
 * Must not own: decisions; anything that can block: /proc of a blocked opener cannot.
 * Hands off to: the facts of a slot, in shared memory.
 */
#include "daemon/supervisor/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/thread.h"

#include "daemon/supervisor/cgroup.h"

struct broker {
	struct shared *shared;
	int kick_fd;
	_Atomic bool stop;
	pthread_t thread;
};

static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name); /* fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* "Uid:\treal\teffective\t...": rights go by the effective one. */
static bool read_ids(pid_t pid, struct facts *f)
{
	char buf[4096];
	const char *uid, *gid;

	if (read_proc(pid, "status", buf, sizeof(buf)) < 0)
		return false;
	uid = strstr(buf, "\nUid:");
	gid = strstr(buf, "\nGid:");
	return uid && gid && sscanf(uid, "\nUid: %u %u", &f->real_uid, &f->uid) == 2 &&
	       sscanf(gid, "\nGid: %*u %u", &f->gid) == 1;
}

static void read_exe(pid_t pid, struct facts *f)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid); /* fits */
	n = readlink(path, f->exe, sizeof(f->exe) - 1);
	n = n < 0 ? 0 : n; /* a kernel thread */
	f->exe[n] = '\0';
	/* An upgraded program is still that program. */
	if ((size_t)n > strlen(deleted) && strcmp(f->exe + n - strlen(deleted), deleted) == 0)
		f->exe[(size_t)n - strlen(deleted)] = '\0';
}

/* The unified hierarchy's line, "0::/path"; hybrid hosts list their v1 lines first (boot.md §1). */
static void read_cgroup(pid_t pid, struct facts *f)
{
	char buf[4096];
	char *line, *end;

	f->cgroup[0] = '\0';
	if (read_proc(pid, "cgroup", buf, sizeof(buf)) < 0)
		return;
	line = strncmp(buf, "0::", 3) == 0 ? buf : strstr(buf, "\n0::");
	if (!line)
		return;
	line = strchr(line, '/');
	if (!line)
		return;
	end = strchrnul(line, '\n');
	*end = '\0';
	(void)snprintf(f->cgroup, sizeof(f->cgroup), "%s", line); /* cut: only longer than any real one */
}

bool broker_look_up(pid_t pid, struct facts *f)
{
	struct container container;

	if (!read_ids(pid, f))
		return false;
	read_exe(pid, f);
	read_cgroup(pid, f);
	cgroup_unit(f->cgroup, f->unit, sizeof(f->unit), f->slice, sizeof(f->slice));
	f->container = cgroup_container(f->cgroup, &container);
	return true;
}

/* Only the answer's own fields: the rest of *to belongs to the worker. */
static void copy_facts(struct facts *to, const struct facts *from)
{
	to->uid = from->uid;
	to->gid = from->gid;
	to->real_uid = from->real_uid;
	to->container = from->container;
	memcpy(to->exe, from->exe, sizeof(to->exe));
	memcpy(to->cgroup, from->cgroup, sizeof(to->cgroup));
	memcpy(to->unit, from->unit, sizeof(to->unit));
	memcpy(to->slice, from->slice, sizeof(to->slice));
}

static void answer(struct shared *sh, uint32_t index)
{
	struct facts *f = &sh->facts[index];
	struct facts found = {0};
	uint32_t state = atomic_load_explicit(&f->state, memory_order_acquire);
	uint32_t turn = state & ~FACTS_STATE;
	bool alive;

	if ((state & FACTS_STATE) != FACTS_WANTED)
		return; /* taken back */
	alive = broker_look_up(f->pid, &found);
	/* Acquire: taken back meanwhile, or asked anew about somebody else? Then not ours. */
	if (!atomic_compare_exchange_strong_explicit(&f->state, &state, turn | FACTS_WRITING,
	                                             memory_order_acquire,
	                                             memory_order_relaxed))
		return;
	copy_facts(f, &found);
	/* Release: the facts come before their state. */
	atomic_store_explicit(&f->state, turn | (alive ? FACTS_READY : FACTS_GONE),
	                      memory_order_release);
	waitpoint_wake(&f->answered, INT32_MAX);
}

static void *broker_main(void *arg)
{
	struct broker *b = arg;
	uint64_t n;

	while (read(b->kick_fd, &n, sizeof(n)) >= 0 || errno == EINTR) {
		if (atomic_load(&b->stop))
			break;
		for (uint32_t word = 0; word < N_FACTS / 64; word++) {
			/* Acquire: pairs with ask() in the scanner. */
			uint64_t bits = atomic_exchange_explicit(&b->shared->facts_wanted[word], 0,
			                                         memory_order_acquire);

			for (; bits; bits &= bits - 1)
				answer(b->shared, word * 64 + (uint32_t)__builtin_ctzll(bits));
		}
	}
	return NULL;
}

int broker_new(struct shared *shared, int kick_fd, struct broker **ret)
{
	struct broker *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->shared = shared;
	b->kick_fd = kick_fd;
	r = thread_start("broker", broker_main, b, &b->thread);
	if (r < 0) {
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct broker *broker_free(struct broker *b)
{
	const uint64_t one = 1;

	if (!b)
		return NULL;
	atomic_store(&b->stop, true);
	(void)!write(b->kick_fd, &one, sizeof(one)); /* the counter cannot be full: it is read */
	(void)pthread_join(b->thread, NULL);
	free(b);
	return NULL;
}
