/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renew
 *
 * Owns: whether another version is there, and the check before we make place for it.
 * Must not own: the pair (it stays, handover.c of the new one takes over), how we end (manager.c).
 */
#include "daemon/supervisor/renew.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "custos/cleanup.h"

#include "daemon/shared.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/spawn.h"

#define SAID_BYTES_MAX 4096 /* of what the check says */

struct renew {
	struct manager *m;
	manager_reload_fn done;
	void *userdata;
	pid_t pid;
	int said; /* memory the child writes to */
	sd_event_source *child;
};

bool renew_is_due(void)
{
	const char *path = own_path();
	struct stat running, there;

	if (stat("/proc/self/exe", &running) < 0 || lstat(path, &there) < 0)
		return false;
	return (running.st_dev != there.st_dev || running.st_ino != there.st_ino) &&
	       S_ISREG(there.st_mode) && there.st_uid == geteuid() &&
	       (there.st_mode & (S_IWGRP | S_IWOTH)) == 0 && access(path, X_OK) == 0;
}

static char *what_was_said(const struct renew *r)
{
	char *text = calloc(1, SAID_BYTES_MAX);
	ssize_t n = text ? pread(r->said, text, SAID_BYTES_MAX - 1, 0) : 0;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return text;
}

static int on_checked(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct renew *r = userdata;
	struct manager *m = r->m;

	(void)source;
	r->pid = 0;
	atomic_store(&m->shared->own_pids[OWN_RENEW], 0);
	if (si->si_code == CLD_EXITED && si->si_status == 0) {
		journal_event(m->journal, JOURNAL_STOPPING, LOG_NOTICE,
		              "another version of custosd is installed and takes over; the "
		              "scanner pair goes on");
		(void)sd_notify(0, "RELOADING=1");
		m->stopping = true;
		m->renew_at_end = true;
		pair_leave(m->pair);
		outposts_leave(m->outposts);
		r->done(r->userdata, 0, NULL);
		return sd_event_exit(m->event, 0);
	} else {
		_cleanup_(freep) char *said = what_was_said(r);
		_cleanup_(freep) char *why = NULL;

		if (asprintf(&why, "the version of custosd that is installed does not accept "
		                   "the configuration:\n%s", said ?: "") < 0)
			why = NULL;
		journal_event(m->journal, JOURNAL_RELOAD_FAILED, LOG_ERR, "%s", why ?: "");
		r->done(r->userdata, m->generation, why ?: "out of memory");
	}
	m->renew = renew_free(r);
	return 0;
}

static int start_check(struct renew *r)
{
	char check[] = "--check-config", root[] = "--config-root";
	char *argv[] = {(char *)own_path(), check, NULL, NULL, NULL};
	const struct spawn_fd fds[] = {{r->said, STDERR_FILENO}};

	if (r->m->config_root) {
		argv[2] = root;
		argv[3] = (char *)r->m->config_root;
	}
	r->pid = spawn(own_path(), argv, fds, ARRAY_SIZE(fds),
	               &r->m->shared->own_pids[OWN_RENEW]);
	if (r->pid < 0)
		return r->pid;
	return sd_event_add_child(r->m->event, &r->child, r->pid, WEXITED, on_checked, r);
}

int renew_start(struct manager *m, manager_reload_fn done, void *userdata)
{
	struct renew *r;
	int err;

	if (m->renew)
		return -EALREADY;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct renew){.m = m, .done = done, .userdata = userdata};
	r->said = memfd_create("custos-check", MFD_CLOEXEC);
	err = r->said < 0 ? -errno : start_check(r);
	if (err < 0) {
		(void)renew_free(r);
		return err;
	}
	m->renew = r;
	return 0;
}

struct renew *renew_free(struct renew *r)
{
	if (!r)
		return NULL;
	r->child = sd_event_source_disable_unref(r->child);
	if (r->pid > 0) {
		(void)kill(r->pid, SIGKILL);
		(void)waitpid(r->pid, NULL, 0);
	}
	(void)fd_close(r->said);
	free(r);
	return NULL;
}

int renew_execute(int home, char *const argv[])
{
	if (setns(home, CLONE_NEWNS) < 0)
		return -errno;
	(void)execv(own_path(), argv);
	return -errno;
}
