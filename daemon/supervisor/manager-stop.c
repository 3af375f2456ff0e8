/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manager: the end
 *
 * Owns: which of the two ends it is: with the pair, or without it because another custosd follows.
 * Must not own: how a pair ends (pair.c).
 */
#include "daemon/supervisor/manager.h"

#include <systemd/sd-daemon.h>

#include "daemon/supervisor/canary.h"
#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/service.h"

void manager_stop(struct manager *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	(void)sd_notify(0, "STOPPING=1");
	journal_event(m->journal, JOURNAL_STOPPING, LOG_INFO, "stopping");
	handover_end(m->handover);
	/* Marks first: from here on opens pass, and the queue that is left can empty. */
	canary_stop(m->canary);
	coverage_drop(m->coverage);
	outposts_stop(m->outposts);
	pair_stop(m->pair);
}

/* Marks and pair stay, as if we had been killed; the next custosd takes over (docs/adr/0035). */
static void leave(struct manager *m)
{
	m->stopping = true;
	(void)sd_notify(0, "STOPPING=1");
	journal_event(m->journal, JOURNAL_STOPPING, LOG_INFO,
	              "stopping to be started again; the scanner pair goes on");
	pair_leave(m->pair);
	outposts_leave(m->outposts);
	(void)sd_event_exit(m->event, 0);
}

int manager_on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si,
                           void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)si;
	if (m->ready_sent && !m->stopping && service_is_restarting())
		leave(m);
	else
		manager_stop(m);
	return 0;
}
