/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allow-all listeners in many shapes
 *
 * Owns: the fanotify group, its mark and the threads of one shape, in a process of
 *       its own. Must not own: figures.
 * Note: a group whose only process dies lets every opener go, so a kill is a safe stop.
 */
#include "wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/clock.h"
#include "measure.h"

#define LISTENER_ALARM_SEC 60 /* one that outlives its run must not hold openers */
#define START_LIMIT_MSEC   2000
#define FIFO_PRIORITY      10
#define HANDS_MAX          256 /* power of two; more than there are openers */

/* State of the listener process; every thread of it sees this one object. */
struct listener {
	struct shape shape;
	int group;
	atomic_uint n_started; /* readers */
	/* one reader puts, one worker takes: put pairs with take (acquire/release) */
	_cacheline_ atomic_uint n_put;
	_cacheline_ atomic_uint n_taken;
	_cacheline_ atomic_uint asleep; /* futex: 1 = the worker wants a wake-up */
	int hands[HANDS_MAX];
};

static void busy(unsigned usec)
{
	nsec_t end = clock_now() + usec * NSEC_PER_USEC;

	while (usec && clock_now() < end)
		;
}

static void answer(const struct listener *l, int fd)
{
	struct fanotify_response response = {.fd = fd, .response = FAN_ALLOW};

	busy(l->shape.work_usec);
	if (write(l->group, &response, sizeof(response)) != (ssize_t)sizeof(response))
		_exit(3); /* the run fails, nobody hangs */
	(void)close(fd);
}

static long futex(atomic_uint *word, int op, unsigned value)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void hand_over(struct listener *l, int fd)
{
	unsigned n = atomic_load_explicit(&l->n_put, memory_order_relaxed);

	l->hands[n % HANDS_MAX] = fd;
	/* seq_cst both here and in worker_main(): one of us must see the other */
	atomic_store(&l->n_put, n + 1);
	if (atomic_exchange(&l->asleep, 0) == 1)
		(void)futex(&l->asleep, FUTEX_WAKE, 1);
}

static bool worker_look(struct listener *l, unsigned taken)
{
	nsec_t end = clock_now() + l->shape.worker_spin_usec * NSEC_PER_USEC;

	do {
		if (atomic_load_explicit(&l->n_put, memory_order_acquire) != taken)
			return true;
		__builtin_ia32_pause();
	} while (clock_now() < end);
	return false;
}

static void *worker_main(void *arg)
{
	struct listener *l = arg;
	unsigned taken = 0;

	bench_pin((int)l->shape.worker_on - 1);
	for (;;) {
		while (!worker_look(l, taken)) {
			atomic_store(&l->asleep, 1);
			if (atomic_load(&l->n_put) == taken)
				(void)futex(&l->asleep, FUTEX_WAIT, 1);
			atomic_store(&l->asleep, 0);
		}
		answer(l, l->hands[taken++ % HANDS_MAX]);
	}
	return NULL;
}

/* One event. Return: false when there was none. */
static bool take_event(struct listener *l)
{
	struct fanotify_event_metadata event;
	ssize_t n = read(l->group, &event, sizeof(event));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != (ssize_t)sizeof(event) || event.fd < 0)
		_exit(4);
	if (l->shape.worker)
		hand_over(l, event.fd);
	else
		answer(l, event.fd);
	return true;
}

static bool reader_look(struct listener *l)
{
	nsec_t end = clock_now() + l->shape.reader_spin_usec * NSEC_PER_USEC;

	do {
		if (take_event(l))
			return true;
	} while (clock_now() < end);
	return false;
}

static void *reader_main(void *arg)
{
	struct listener *l = arg;
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (l->shape.wait != WAIT_HERD)
		event.events |= EPOLLEXCLUSIVE;
	if (l->shape.spread)
		bench_pin((int)(atomic_fetch_add(&l->n_started, 1) %
		                (unsigned)sysconf(_SC_NPROCESSORS_ONLN)));
	bench_pin((int)l->shape.reader_on - 1);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, l->group, &event) < 0)
		_exit(5);
	for (;;) {
		if (l->shape.wait == WAIT_TRY_EPOLL && reader_look(l))
			continue;
		if (l->shape.wait != WAIT_BLOCK)
			(void)epoll_wait(epoll, &event, 1, -1);
		(void)take_event(l); /* none: woken for nothing */
	}
	return NULL;
}

static void schedule_as(const struct shape *shape)
{
	struct sched_param param = {.sched_priority = FIFO_PRIORITY};

	if (shape->nice && setpriority(PRIO_PROCESS, 0, shape->nice) < 0)
		_exit(6);
	if (shape->fifo && sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		_exit(6);
}

static int group_open(const struct shape *shape, int dirfd)
{
	unsigned flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE;
	int group;

	if (shape->wait != WAIT_BLOCK)
		flags |= FAN_NONBLOCK;
	group = fanotify_init(flags, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (group < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
	                               FAN_OPEN_PERM, dirfd, ".") < 0)
		_exit(2);
	return group;
}

_Noreturn static void listener_main(const struct shape *shape, int dirfd,
                                    atomic_bool *ready)
{
	static struct listener l; /* zero; too large for no reason to be on the stack */
	pthread_t thread;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(LISTENER_ALARM_SEC);
	schedule_as(shape);
	l.shape = *shape;
	l.group = group_open(shape, dirfd);
	if (shape->worker && pthread_create(&thread, NULL, worker_main, &l) != 0)
		_exit(7);
	for (unsigned i = 0; i < shape->n_readers; i++)
		if (pthread_create(&thread, NULL, reader_main, &l) != 0)
			_exit(7);
	atomic_store(ready, true);
	for (;;)
		(void)pause();
}

int listener_start(const struct shape *shape, int dirfd, pid_t *ret)
{
	atomic_bool *ready = mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE,
	                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool is_ready = false;
	pid_t pid;

	if (ready == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		listener_main(shape, dirfd, ready);
	for (unsigned i = 0; i < START_LIMIT_MSEC && !is_ready; i++) {
		(void)usleep(1000);
		is_ready = atomic_load(ready);
	}
	(void)munmap(ready, sizeof(*ready));
	if (!is_ready) {
		listener_stop(pid);
		return -EIO;
	}
	*ret = pid;
	return 0;
}

void listener_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0); /* our own child */
}
