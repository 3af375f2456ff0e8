/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads
 *
 * Owns: how they start. Must not own: what they do, or when they end.
 */
#include "custos/thread.h"

#include <signal.h>
#include <stddef.h>

int thread_start(const char *name, void *(*fn)(void *), void *arg, pthread_t *ret)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	int r;

	(void)sigfillset(&all);
	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	r = pthread_attr_setsigmask_np(&attr, &all);
	if (!r && !ret)
		r = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!r)
		r = pthread_create(&thread, &attr, fn, arg);
	(void)pthread_attr_destroy(&attr); /* cannot fail on Linux */
	if (r)
		return -r;
	/* Cosmetic. One that is detached must live until its caller goes on. */
	(void)pthread_setname_np(thread, name);
	if (ret)
		*ret = thread;
	return 0;
}
