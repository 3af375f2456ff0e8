/* SPDX-License-Identifier: Apache-2.0 */
/* Handover: from the pair of a custosd that is no more to ours
 *
 * Context: all functions: the loop's thread.
 */
#pragma once

#include "daemon/supervisor/manager.h"

struct handover;

/**
 * handover_new() - look for a pair that an earlier custosd left behind
 *
 * Also makes the FIFO by which a later one will find ours. It takes its place in the runtime directory
 * only with handover_announce(): until then another custosd may be running, and this one be a mistake.
 *
 * @uid: that pairs run under
 *
 * Return: 0 or a negative errno.
 */
int handover_new(struct manager *m, uid_t uid, struct handover **ret);
struct handover *handover_free(struct handover *h);

/* For FD_HEIR of the pair. Borrowed. */
int handover_fd(const struct handover *h);

/* Our marks are set and our pair answers: the one before may go. Return: 0 or a negative errno. */
int handover_announce(struct handover *h);

/* An earlier pair still answers, too. */
bool handover_pending(const struct handover *h);

/* Marks go because that was asked for, and nobody follows: no gap is to be told. */
void handover_end(struct handover *h);

/* How long before our start nobody answered for opens, at most, although a custosd was meant to; 0: no such time. */
usec_t handover_gap(const struct handover *h);
