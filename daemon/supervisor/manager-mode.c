/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manager: the mode in force
 *
 * Owns: when it is the configured one, and when one that was ordered.
 * Must not own: who may order (methods.c), what a mode means (decide.c).
 */
#include "daemon/supervisor/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/clock.h"

#include "daemon/shared.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/outposts.h"

/* @reason: consumed. */
static void order_mode(struct manager *m, enum mode mode, nsec_t until, char *reason)
{
	m->mode = mode;
	m->mode_ordered = true;
	m->mode_until = until;
	free(m->mode_reason);
	m->mode_reason = reason;
	atomic_store(&m->shared->mode, mode);
	outposts_update(m->outposts);
}

static void follow_configuration(struct manager *m)
{
	m->mode_timer = sd_event_source_disable_unref(m->mode_timer);
	m->mode = m->conf.mode;
	m->mode_ordered = false;
	m->mode_until = 0;
	free(m->mode_reason);
	m->mode_reason = NULL;
	atomic_store(&m->shared->mode, m->mode);
	outposts_update(m->outposts);
}

void manager_mode_reloaded(struct manager *m)
{
	const enum mode before = m->mode;

	/* An order without an end that the configuration now says as well has served. */
	if (m->mode_ordered && (m->mode_until || m->mode != m->conf.mode))
		return;
	follow_configuration(m);
	if (m->mode != before)
		journal_event(m->journal, JOURNAL_MODE_CHANGED,
		              m->mode == MODE_MONITOR ? LOG_WARNING : LOG_NOTICE,
		              "mode %s by a reload of the configuration", mode_name(m->mode));
}

static int on_mode_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	follow_configuration(m);
	journal_event(m->journal, JOURNAL_MODE_CHANGED, LOG_NOTICE,
	              "the time for another mode is over: %s", mode_name(m->mode));
	return 0;
}

static int start_mode_timer(struct manager *m, nsec_t ttl)
{
	uint64_t now;
	int r;

	m->mode_timer = sd_event_source_disable_unref(m->mode_timer);
	if (ttl == 0)
		return 0;
	r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
	return r < 0 ? r :
	               sd_event_add_time(m->event, &m->mode_timer, CLOCK_MONOTONIC,
	                                 now + ttl / NSEC_PER_USEC, 1, on_mode_timer, m);
}

int manager_set_mode(struct manager *m, enum mode mode, nsec_t ttl, const char *reason, uid_t by)
{
	char *text = NULL;
	int r;

	if (ttl > CONF_MONITOR_MAX ||
	    (mode == MODE_MONITOR && (!reason || !*reason || ttl == 0)))
		return -EINVAL;
	if (reason && *reason && !(text = strdup(reason)))
		return -ENOMEM;
	r = start_mode_timer(m, ttl);
	if (r < 0) {
		free(text);
		return r;
	}
	journal_event(m->journal, JOURNAL_MODE_CHANGED,
	              mode == MODE_MONITOR ? LOG_WARNING : LOG_NOTICE,
	              "mode %s for %llu s by uid %u: %s", mode_name(mode),
	              (unsigned long long)(ttl / NSEC_PER_SEC), by, text ?: "no reason given");
	order_mode(m, mode, ttl ? clock_now() + ttl : 0, text);
	/* Nothing is left to order: what weakened before is over. */
	if (mode == MODE_ENFORCE && m->conf.mode == MODE_ENFORCE)
		follow_configuration(m);
	return 0;
}
