/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Division of the least number by -1
 *
 * Owns: the handler of SIGFPE.
 * Must not own: what is said about the code that does it.
 *
 * A handler that jumps out of a library leaves what that has allocated, and locked. This one gives the instruction a number
 * that it can divide, and the library goes on with a wrong one.
 */
#include "custos/division.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* Of the thread; its handler runs in it. */
static _Thread_local volatile sig_atomic_t is_on, was_seen;

/* Return: the instruction can be tried again. */
static bool mend(ucontext_t *context)
{
#ifdef __x86_64__
	greg_t *low = &context->uc_mcontext.gregs[REG_RAX];
	const greg_t high = context->uc_mcontext.gregs[REG_RDX];

	/* The only quotient of 64 bits that has no room: of any other fault this is no cure. */
	if (*low != INT64_MIN || high != -1)
		return false;
	(*low)++;
	return true;
#else
	(void)context;
	return false;
#endif
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	if (is_on && info->si_code == FPE_INTDIV && mend(u)) {
		was_seen = 1;
		return;
	}
	/* Blocked, it ends the process as if there were no handler, without a call that a seal might refuse. */
	(void)sigaddset(&u->uc_sigmask, sig);
}

int division_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	(void)sigemptyset(&sa.sa_mask);
	return sigaction(SIGFPE, &sa, NULL) < 0 ? -errno : 0;
}

void division_begin(void)
{
	was_seen = 0;
	is_on = 1;
}

bool division_end(void)
{
	is_on = 0;
	return was_seen;
}
