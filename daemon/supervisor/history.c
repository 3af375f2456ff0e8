/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History
 *
 * A ring of pointers; an event with number n lies in slot n % HISTORY_EVENTS_MAX.
 * Events leave at the old end, when the ring or the byte budget is full. Readers keep a
 * number, not a pointer, so that a slow one costs nothing and learns how many it
 * missed.
 *
 * Owns: recent events and their numbers.
 * Must not own: what is worth keeping (policy), who may read (methods).
 * Hands off to: methods-events.c, woken by the notify callback.
 */
#include "history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

struct history {
	struct history_event
		*slots[HISTORY_EVENTS_MAX]; /* NULL: lost for want of memory */
	uint64_t oldest, next;              /* numbers kept: oldest <= n < next */
	size_t bytes;                       /* of all events kept */
	history_notify_fn notify;
	void *notify_userdata;
};

int history_new(struct history **ret)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->oldest = h->next = 1;
	*ret = h;
	return 0;
}

static void drop_oldest(struct history *h)
{
	struct history_event **slot = &h->slots[h->oldest++ % HISTORY_EVENTS_MAX];

	if (*slot)
		h->bytes -= (*slot)->size;
	free(*slot);
	*slot = NULL;
}

struct history *history_free(struct history *h)
{
	if (!h)
		return NULL;
	while (h->oldest < h->next)
		drop_oldest(h);
	free(h);
	return NULL;
}

void history_freep(struct history **h)
{
	*h = history_free(*h);
}

/* Copy @s behind the event. Returns where, and moves *@p behind it. */
static const char *pack(char **p, const char *s)
{
	const char *at = *p;

	*p = stpcpy(*p, s) + 1;
	return at;
}

static struct history_event *event_new(const struct record *r, const char *policy_line)
{
	struct container c = {.runtime = ""};
	char member[MEMBER_PLACE_BYTES];
	struct history_event *e;
	size_t size;
	char *p;

	if (r->container)
		(void)cgroup_container(r->cgroup, &c); /* false: it says so, but not which */
	member_place_text(&r->member, member);
	size = sizeof(*e) + strlen(r->path) + strlen(r->exe) + strlen(r->unit) + strlen(c.id) +
	       strlen(r->match.rule) + strlen(r->match.set) + strlen(member) + strlen(policy_line) + 8;
	e = malloc(size);
	if (!e)
		return NULL;
	*e = (struct history_event){
		.wall_usec = r->wall_usec,
		.spent_usec = r->spent_nsec / NSEC_PER_USEC,
		.size_bytes = r->size_bytes,
		.pid = (pid_t)r->pid,
		.uid = r->uid,
		.action = r->action,
		.verdict = r->verdict,
		.reason = r->reason,
		.flags = r->flags,
		.generation = r->generation,
		.runtime = c.runtime,
		.size = size,
	};
	memcpy(e->sha256, r->sha256, sizeof(e->sha256));
	p = (char *)(e + 1);
	e->path = pack(&p, r->path);
	e->exe = pack(&p, r->exe);
	e->unit = pack(&p, r->unit);
	e->container = pack(&p, c.id);
	e->rule = pack(&p, r->match.rule);
	e->rule_set = pack(&p, r->match.set);
	e->member = pack(&p, member);
	e->policy_line = pack(&p, policy_line);
	return e;
}

uint64_t history_append(struct history *h, const struct record *r,
                        const char *policy_line)
{
	struct history_event *e = event_new(r, policy_line ? policy_line : "");
	uint64_t seq = h->next;

	if (h->next - h->oldest == HISTORY_EVENTS_MAX)
		drop_oldest(h);
	h->slots[seq % HISTORY_EVENTS_MAX] = e;
	h->next++;
	if (e) {
		e->seq = seq;
		h->bytes += e->size;
		while (h->bytes > HISTORY_BYTES_MAX)
			drop_oldest(h);
	}
	if (h->notify)
		h->notify(h->notify_userdata);
	return seq;
}

void history_set_notify(struct history *h, history_notify_fn fn, void *userdata)
{
	h->notify = fn;
	h->notify_userdata = userdata;
}

uint64_t history_next_seq(const struct history *h)
{
	return h->next;
}

void history_seek_oldest(const struct history *h, struct history_cursor *ret)
{
	*ret = (struct history_cursor){.next = h->oldest};
}

void history_seek_after(const struct history *h, uint64_t seq,
                        struct history_cursor *ret)
{
	if (seq >= h->next)
		history_seek_oldest(h, ret);
	else
		*ret = (struct history_cursor){.next = seq + 1};
}

void history_seek_last(const struct history *h, uint64_t n, unsigned verdicts,
                       struct history_cursor *ret)
{
	uint64_t seq = h->next;

	while (n > 0 && seq > h->oldest) {
		const struct history_event *e = h->slots[--seq % HISTORY_EVENTS_MAX];

		if (e && verdicts & 1U << e->verdict)
			n--;
	}
	*ret = (struct history_cursor){.next = seq};
}

const struct history_event *history_read(const struct history *h,
                                         struct history_cursor *c)
{
	if (c->next < h->oldest) {
		c->dropped += h->oldest - c->next;
		c->next = h->oldest;
	}
	while (c->next < h->next) {
		const struct history_event *e =
			h->slots[c->next++ % HISTORY_EVENTS_MAX];

		if (e)
			return e;
		c->dropped++;
	}
	return NULL;
}
