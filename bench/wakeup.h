/* SPDX-License-Identifier: Apache-2.0 */
/* Listener shapes of the wake-up experiment */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum wait_how {
	WAIT_NONE,      /* no listener at all */
	WAIT_BLOCK,     /* blocking read(2) */
	WAIT_EPOLL,     /* epoll_wait(EPOLLEXCLUSIVE), then read */
	WAIT_HERD,      /* the same without EPOLLEXCLUSIVE: every reader is woken */
	WAIT_TRY_EPOLL, /* read first, for reader_spin_usec, then epoll_wait */
};

/* One way to build a listener. CPUs: 0 = leave to the kernel, else CPU number + 1. */
struct shape {
	const char *name;
	enum wait_how wait;
	unsigned n_readers;
	unsigned reader_spin_usec;
	bool worker;               /* a second thread answers, woken by futex */
	unsigned worker_spin_usec; /* how long it looks before it sleeps */
	unsigned work_usec;        /* stand-in for a scan: busy before the answer */
	unsigned opener_on, reader_on, worker_on;
	bool spread; /* reader i on CPU i: one is always the opener's neighbour */
	int nice;    /* of the listener */
	bool fifo;   /* SCHED_FIFO for the listener */
};

/**
 * listener_start() - fork a process that allows all opens on @dirfd's file system
 * @ret: set on success: its pid, to be stopped with listener_stop()
 *
 * Return: 0 once it answers, or a negative errno.
 */
int listener_start(const struct shape *shape, int dirfd, pid_t *ret);

/* Kill and reap @pid; the kernel lets go whoever still waited. 0 is ignored. */
void listener_stop(pid_t pid);
