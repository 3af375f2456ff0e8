/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manager: the supervisor's parts put together
 *
 * Owns: start, readiness, stop, and what happens when a part reports news.
 * Must not own: file contents, rule text, events (I6: nothing here is waited for by an opener).
 * Hands off to: loader, pair, coverage, drain, server; each owns its own state.
 */
#include "daemon/supervisor/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan.h"

#include "daemon/shared.h"
#include "daemon/supervisor/broker.h"
#include "daemon/supervisor/bundles.h"
#include "daemon/supervisor/canary.h"
#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/foreign.h"
#include "daemon/supervisor/history.h"
#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/holder.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/loader.h"
#include "daemon/supervisor/memory.h"
#include "daemon/supervisor/news.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/quarantine.h"
#include "daemon/supervisor/renew.h"
#include "daemon/supervisor/requests.h"
#include "daemon/supervisor/rivals.h"
#include "daemon/supervisor/server.h"
#include "daemon/supervisor/statistics.h"
#include "daemon/supervisor/stderr.h"

#define SCANNER_USER "custos-scan"
/* Where the package's user is missing (doctor says so): a number that nobody has, because a uid that
 * other processes run under could trace the pair. Above every range that systemd assigns
 * (systemd.io/UIDS-GIDS). */
#define LONELY_UID 1999999999

#define EXIT_CONFIGURATION 78 /* EX_CONFIG of sysexits.h, as interface.md promises */

/* Return: as coverage_update(); what could not be watched is in mark_error either way. */
static int update_coverage(struct manager *m)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = coverage_update(m->coverage, &m->conf, m->policy, m->shared, &d);

	free(m->mark_error);
	m->mark_error = d.n_total ? diag_text(&d) : NULL;
	if (r < 0 && !m->mark_error)
		m->mark_error = strdup(strerror(-r));
	if (m->mark_error)
		journal_event(m->journal, JOURNAL_MARK_FAILED, LOG_ERR, "%s", m->mark_error);
	holder_set_mounts(m->holder, m->coverage);
	foreign_update(m->foreign);
	outposts_update(m->outposts);
	return r;
}

static int on_mounts(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	(void)update_coverage(userdata); /* the state tells */
	return 0;
}

static void fail_start(struct manager *m, const char *error, int exit_code)
{
	if (!stderr_is_journal())
		(void)fprintf(stderr, "%s\n", error);
	journal_event(m->journal, JOURNAL_RELOAD_FAILED, LOG_CRIT, "cannot start: %s", error);
	m->exit_code = exit_code;
	(void)sd_event_exit(m->event, 0);
}

/* First generation: set the marks, open the door, say so. */
static void become_ready(struct manager *m)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	stderr_leave_journal();
	/* One of all file systems that cannot be marked degrades; one that Mount= names is an error. */
	if (update_coverage(m) < 0) {
		fail_start(m, m->mark_error ?: strerror(ENOMEM), EXIT_CONFIGURATION);
		return;
	}
	r = sd_event_add_io(m->event, &m->mount_io, coverage_poll_fd(m->coverage), EPOLLPRI,
	                    on_mounts, m);
	if (r >= 0 && asprintf(&path, "%s/io.custos.Manager", m->runtime_dir) < 0)
		r = -ENOMEM;
	if (r >= 0)
		r = server_new(m, path, &m->server);
	if (r >= 0)
		r = handover_announce(m->handover);
	if (r < 0) {
		char text[512];

		(void)snprintf(text, sizeof(text), "admin socket %s: %s", path ?: "", strerror(-r));
		fail_start(m, text, 1);
		return;
	}
	holder_configure(m);
	canary_configure(m->canary);
	m->ready_sent = true;
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", manager_state_name(manager_state(m)));
	journal_event(m->journal, JOURNAL_STARTED, LOG_INFO,
	              "custosd %s is %s: %llu YARA rules, %llu hashes", CUSTOS_VERSION,
	              manager_state_name(manager_state(m)),
	              (unsigned long long)m->rules.n_yara,
	              (unsigned long long)m->rules.n_hashes);
}

static void on_first_load(void *userdata, uint64_t generation, const char *error)
{
	struct manager *m = userdata;

	(void)generation;
	if (error) {
		if (!bundles_give_up(m->bundles, error) || manager_reload(m, on_first_load, m) < 0)
			fail_start(m, error, EXIT_CONFIGURATION);
		return;
	}
	m->mode = m->conf.mode;
	atomic_store(&m->shared->mode, m->mode);
	become_ready(m);
}

/* Every later load, whoever asked for it. */
static void after_load(struct manager *m, const char *error)
{
	if (!m->ready_sent)
		return;
	if (error) {
		journal_event(m->journal, JOURNAL_RELOAD_FAILED, LOG_ERR,
		              "reload failed, the previous generation stays in force: %s", error);
		return;
	}
	manager_mode_reloaded(m);
	if (m->conf.cache_memory_bytes != m->cache_limit_bytes)
		journal_event(m->journal, JOURNAL_RELOADED, LOG_NOTICE,
		              "another CacheMemory= takes effect when custosd starts next");
	holder_configure(m);
	canary_configure(m->canary);
	server_resolve_groups(m->server);
	(void)update_coverage(m); /* the state tells */
	news_policy(m);
	journal_event(m->journal, JOURNAL_RELOADED, LOG_INFO, "generation %llu is in force",
	              (unsigned long long)m->generation);
}

static void on_loaded(struct manager *m, uint32_t generation, const char *error)
{
	if (m->pair_lost && !error) {
		m->pair_lost = false;
		journal_event(m->journal, JOURNAL_RESTORED, LOG_NOTICE,
		              "a new scanner pair answers");
	}
	/* What is held was judged by older rules. */
	if (!error)
		holder_forget(m->holder);
	requests_connect(m->requests);
	loader_answered(m->loader, generation, error);
}

static void on_pair_lost(struct manager *m)
{
	if (!m->ready_sent && !m->generation) {
		fail_start(m, "custos-scanner ended before it was ready; see its message above", 1);
		return;
	}
	m->pair_lost = true;
	journal_event(m->journal, JOURNAL_DEGRADED, LOG_ERR,
	              "the keeper is gone; another takes over");
}

static void on_stopped(struct manager *m)
{
	drain_run(m->drain);
	(void)sd_event_exit(m->event, 0);
}

static void on_pair_closing(struct manager *m)
{
	requests_disconnect(m->requests);
}

static const struct pair_listener pair_listener = {
	.closing = on_pair_closing,
	.loaded = on_loaded,
	.lost = on_pair_lost,
	.stopped = on_stopped,
	.scanner_died = news_scanner_died,
	.crash_loop = news_crash_loop,
};

static void on_hup_done(void *userdata, uint64_t generation, const char *error)
{
	(void)error; /* after_load() has logged it */
}

static int on_hup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	(void)source;
	(void)si;
	(void)manager_reload(userdata, on_hup_done, NULL); /* -EBUSY: many are waiting already */
	return 0;
}

static int init_loop(struct manager *m)
{
	/* The last two are the holder's. */
	const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGIO, SIGRTMIN};
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	r = sd_event_default(&m->event);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGTERM, manager_on_stop_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, manager_on_stop_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGHUP, on_hup, m);
	if (r >= 0)
		r = sd_event_set_watchdog(m->event, true);
	return r < 0 ? r : 0;
}

static int init_parts(struct manager *m)
{
	const struct passwd *user = getpwnam(SCANNER_USER);
	const uid_t uid = user ? user->pw_uid : LONELY_UID;
	const gid_t gid = user ? user->pw_gid : LONELY_UID;
	struct pair_fds fds;
	int r = memory_new(m);

	if (r == 0)
		r = handover_new(m, uid, &m->handover);
	if (r == 0)
		r = history_new(&m->history);
	if (r == 0)
		r = statistics_new(&m->statistics);
	if (r == 0)
		r = journal_new(isatty(STDERR_FILENO) == 1, &m->journal);
	if (r == 0)
		r = broker_new(m->shared, m->facts_kick, &m->broker);
	if (r == 0)
		r = holder_new(m, &m->holder);
	if (r == 0)
		r = quarantine_new(m, coverage_host_root(m->coverage), &m->quarantine);
	if (r == 0)
		r = foreign_new(m, &m->foreign);
	if (r == 0)
		r = rivals_new(m, &m->rivals);
	if (r == 0)
		r = canary_new(m, &m->canary);
	if (r == 0)
		r = drain_new(m, &m->drain);
	if (r == 0)
		r = requests_new(m, &m->requests);
	if (r == 0)
		r = bundles_new(m, &m->bundles);
	if (r == 0)
		r = loader_new(m, uid, gid, after_load, &m->loader);
	fds = (struct pair_fds){m->group, m->guard, m->shared_fd, m->facts_kick, m->audit_kick,
	                        m->hold_kick, handover_fd(m->handover)};
	if (r == 0)
		r = pair_new(m, &fds, uid, gid, &pair_listener, &m->pair);
	return r == 0 ? outposts_new(m, uid, gid, &m->outposts) : r;
}

/* The namespace is left before the first thread starts: unshare(2) is per thread. */
static int start(struct manager *m)
{
	int r;

	m->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (m->home < 0)
		return -errno;
	m->group = fan_group_new(NULL);
	if (m->group < 0)
		return m->group;
	m->guard = fan_guard_new();
	if (m->guard < 0)
		return m->guard;
	r = coverage_new(m->group, &m->coverage);
	if (r == 0)
		r = init_loop(m);
	if (r == 0)
		r = init_parts(m);
	if (r == 0)
		r = pair_start(m->pair);
	if (r == 0)
		r = manager_reload(m, on_first_load, m);
	return r;
}

static void deinit(struct manager *m)
{
	m->canary = canary_free(m->canary);
	m->renew = renew_free(m->renew);
	m->server = server_free(m->server);
	m->requests = requests_free(m->requests);
	m->loader = loader_free(m->loader);
	m->bundles = bundles_free(m->bundles);
	m->outposts = outposts_free(m->outposts);
	m->pair = pair_free(m->pair);
	m->drain = drain_free(m->drain);
	m->broker = broker_free(m->broker);
	m->holder = holder_free(m->holder);
	m->handover = handover_free(m->handover);
	m->rivals = rivals_free(m->rivals);
	m->foreign = foreign_free(m->foreign);
	m->coverage = coverage_free(m->coverage);
	m->guard = fd_close(m->guard);
	m->group = fd_close(m->group); /* releases an open of ours that nobody answers any more */
	m->quarantine = quarantine_free(m->quarantine);
	m->journal = journal_free(m->journal);
	m->statistics = statistics_free(m->statistics);
	m->history = history_free(m->history);
	m->mode_timer = sd_event_source_disable_unref(m->mode_timer);
	m->mount_io = sd_event_source_disable_unref(m->mount_io);
	(void)sd_event_unref(m->event);
	policy_freep(&m->policy);
	policy_freep(&m->previous_policy);
	conf_deinit(&m->conf);
	free(m->last_reload_error);
	free(m->mark_error);
	free(m->mode_reason);
	(void)fd_close(m->shared_fd);
	(void)fd_close(m->facts_kick);
	(void)fd_close(m->audit_kick);
	(void)fd_close(m->hold_kick);
}

int manager_run(const struct manager_options *options)
{
	struct manager m = {
		.config_root = options->config_root,
		.runtime_dir = options->runtime_dir,
		.state_dir = options->state_dir,
		.started = clock_now(),
		.group = -1, .guard = -1, .home = -1, .shared_fd = -1,
		.facts_kick = -1, .audit_kick = -1, .hold_kick = -1,
	};
	int r;

	conf_init(&m.conf);
	r = start(&m);
	if (r == 0)
		r = sd_event_loop(m.event);
	if (r < 0) {
		(void)fprintf(stderr, "custosd: cannot start: %s\n", strerror(-r));
		m.exit_code = 1;
	}
	deinit(&m);
	if (m.renew_at_end) {
		r = renew_execute(m.home, options->argv);
		(void)fprintf(stderr, "custosd: the version that is installed cannot be started: %s\n",
		              strerror(-r));
		return 1; /* the service manager tries again; the pair waits for it */
	}
	return m.exit_code;
}
