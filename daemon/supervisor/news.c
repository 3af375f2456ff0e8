/* SPDX-License-Identifier: Apache-2.0 */
/*
 * News of the pair
 *
 * Owns: the words the journal has for what happens to scanners. Must not own: state
 * (manager-state.c).
 */
#include "daemon/supervisor/news.h"

#include <string.h>

#include "custos/clock.h"

#include "daemon/supervisor/journal.h"

void news_scanner_died(struct manager *m, const struct message *msg)
{
	journal_event(m->journal, JOURNAL_SCANNER_RESTARTED, LOG_ERR,
	              "scanner %d %s %d; %u files are judged again%s%s", msg->pid,
	              msg->lost   ? "waits in the kernel for a file, in spite of signal"
	              : msg->hung ? "hung and was ended by signal"
	              : WIFSIGNALED(msg->status) ? "was ended by signal"
	                                         : "exited with status",
	              WIFSIGNALED(msg->status) ? WTERMSIG(msg->status)
	                                       : WEXITSTATUS(msg->status),
	              msg->n_orphaned,
	              msg->n_suspects > 1 ? ", those it had in work one at a time" : "",
	              msg->lost ? "; its own not before it ends"
	              : msg->culprit
	                      ? "; its file will not be tried again under these rules"
	                      : "");
}

void news_crash_loop(struct manager *m, unsigned pause_sec)
{
	if (pause_sec)
		journal_event(m->journal, JOURNAL_CRASH_LOOP, LOG_CRIT,
		              "scanners end as soon as they start: opens are answered "
		              "unjudged, as "
		              "on-error= says; next try in %u s",
		              pause_sec);
	else
		journal_event(m->journal, JOURNAL_RESTORED, LOG_NOTICE,
		              "a scanner lives again");
}

void news_rescue(struct manager *m)
{
	const nsec_t until = atomic_load(&m->shared->rescue_until);
	const bool on = until > clock_now();

	if (on == m->rescue)
		return;
	m->rescue = on;
	if (on)
		journal_event(m->journal, JOURNAL_RESCUE, LOG_CRIT,
		              "nothing is judged in time: opens by root are let "
		              "through for a minute");
	else
		journal_event(m->journal, JOURNAL_RESCUE, LOG_WARNING,
		              "%s: opens by root are judged as all others again; about "
		              "%u were let "
		              "through",
		              until ? "the minute is over"
		                    : "a file was judged in time",
		              atomic_load(&m->shared->n_rescued));
}

/* Auditors watch the policy, not the rules: a message of its own, with what tells two apart. */
void news_policy(struct manager *m)
{
	char now[65], before[65];

	if (!m->previous_policy || policy_digest(m->policy, now) < 0 ||
	    policy_digest(m->previous_policy, before) < 0 || strcmp(now, before) == 0)
		return;
	journal_event(m->journal, JOURNAL_POLICY_CHANGED, LOG_NOTICE,
	              "the policy is another: %zu lines, digest %.16s (was %.16s)",
	              policy_n_lines(m->policy), now, before);
}
