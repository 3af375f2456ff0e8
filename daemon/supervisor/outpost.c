/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost: its groups, its memory, and what can be told of it
 *
 * Owns: making and freeing them. Must not own: its processes (outpost-life.c, outpost-gate.c).
 */
#include "daemon/supervisor/outposts-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan.h"
#include "custos/shm.h"

#define KILLED_NSEC (100 * NSEC_PER_MSEC) /* a killed process is usually gone in less than one */

bool outpost_is_lost(const struct station *s, nsec_t now)
{
	return s->pid && s->killed && now - s->since > KILLED_NSEC;
}

void outpost_forget(struct outpost *op)
{
	(void)fan_unignore_files(op->wall);
	atomic_store(&op->shared->n_held, 0);
	(void)fan_unignore_files(op->group);
}

unsigned outpost_n_lost(const struct outpost *op)
{
	const nsec_t now = clock_now();
	unsigned n = 0;

	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		n += outpost_is_lost(&op->station[i], now);
	return n;
}

const struct station *outpost_active(const struct outpost *op)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		const struct station *s = &op->station[i];

		if (s->pid && s->watching && !s->stopping && !s->killed)
			return s;
	}
	return NULL;
}

nsec_t outpost_silence(const struct outpost *op, nsec_t now)
{
	nsec_t longest = 0;

	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		for (unsigned k = 0; op->station[i].pid && k < OUTPOST_THREADS; k++) {
			const nsec_t since = atomic_load(&op->shared->place[i].busy[k]);

			if (since && now > since)
				longest = MAX(longest, now - since);
		}
	return longest;
}

/* --- its memory --------------------------------------------------------------------------- */

static int make_shared(struct outpost *op)
{
	op->shared_fd = shm_new("custos-outpost", sizeof(*op->shared), (void **)&op->shared);
	if (op->shared_fd < 0)
		return op->shared_fd;
	op->shared->layout = OUTPOST_LAYOUT;
	op->shared->dev = op->dev;
	op->shared->blocking = op->blocking;
	atomic_store(&op->shared->mode, op->all->m->mode);
	slots_init(outpost_slots(op->shared), OUTPOST_SLOTS);
	(void)snprintf(op->shared->fs_type, sizeof(op->shared->fs_type), "%s", op->fs_type);
	if (strlen(op->mount_point) >= sizeof(op->shared->mount_point))
		return -ENAMETOOLONG;
	(void)strcpy(op->shared->mount_point, op->mount_point); /* fits */
	return 0;
}

int outpost_new(struct outposts *o, const struct coverage_row *row, bool blocking,
                struct outpost **ret)
{
	struct outpost *op = calloc(1, sizeof(*op));
	int r;

	if (!op)
		return -ENOMEM;
	*op = (struct outpost){
		.all = o, .dev = row->dev, .owner = row->owner, .blocking = blocking, .shared_fd = -1, .gate_control = -1};
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		op->station[i] = (struct station){.op = op, .number = i, .control = -1};
	op->mount_point = strdup(row->mount_point);
	op->fs_type = strdup(row->fs_type);
	op->group = blocking ? fan_group_new(NULL) : fan_news_new();
	op->wall = fan_group_new(NULL);
	op->note = fan_news_new();
	r = !op->mount_point || !op->fs_type ? -ENOMEM : MIN(MIN(op->group, op->wall), op->note);
	if (r >= 0)
		r = make_shared(op);
	if (r < 0) {
		(void)outpost_free(op);
		return r;
	}
	*ret = op;
	return 0;
}

struct outpost *outpost_free(struct outpost *op)
{
	const bool ends = !op->all->left;

	if (ends && !op->retired)
		outpost_retire(op, true);
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		struct station *s = &op->station[i];

		s->io = sd_event_source_disable_unref(s->io);
		s->child = sd_event_source_disable_unref(s->child);
		s->control = fd_close(s->control);
		if (s->pid && ends)
			(void)kill(s->pid, SIGKILL);
	}
	op->gate_io = sd_event_source_disable_unref(op->gate_io);
	op->gate_child = sd_event_source_disable_unref(op->gate_child);
	op->gate_control = fd_close(op->gate_control);
	(void)fd_close(op->group);
	(void)fd_close(op->wall);
	(void)fd_close(op->note);
	(void)fd_close(op->shared_fd);
	if (op->shared)
		(void)munmap(op->shared, sizeof(*op->shared));
	free(op->mount_point);
	free(op->fs_type);
	free(op);
	return NULL;
}
