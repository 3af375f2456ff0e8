/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl doctor: the daemon
 *
 * What the kernel shows is read here, by us, from /proc; only what it cannot show is
 * taken from the daemon's word.
 *
 * Owns: checks of a running daemon. Must not own: how results look (doctor.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "doctor.h"
#include "output.h"

#define STATUS_BYTES 8192
#define NOBODY 65534
/* Event fds, slots and 64 clients with 32 files each: below this, opens wait for
 * descriptors. */
#define NOFILE_MIN 4096

static void check_state(struct doctor *d)
{
	_cleanup_(freep) char *state = out_text(d->status, "state");
	json_t *reasons = json_object_get(d->status, "reasons"), *reason;
	size_t i;

	if (strcmp(state, "enforcing") == 0)
		doctor_note(d, DOCTOR_OK, "state", NULL, "enforcing");
	else if (strcmp(state, "monitoring") == 0)
		doctor_note(d, DOCTOR_WARN, "state",
		            "'custosctl mode enforce', or Mode=enforce",
		            "monitoring: nothing is denied");
	else
		doctor_note(d, DOCTOR_FAIL, "state",
		            "see the reasons, and 'journalctl -u custosd'", "%s",
		            state);
	json_array_foreach (reasons, i, reason)
		doctor_note(d, DOCTOR_WARN, "reason", NULL, "%s",
		            json_string_value(reason));
}

/* Every mount is protected, or left out on purpose. */
static void check_coverage(struct doctor *d)
{
	json_t *row;
	size_t i, n_protected = 0, n_apart = 0, n_excluded = 0, n_bad = 0;

	json_array_foreach (json_object_get(d->status, "coverage"), i, row) {
		const char *state =
			json_string_value(json_object_get(row, "state")) ?: "";
		const char *mount =
			json_string_value(json_object_get(row, "mountPoint")) ?: "?";
		const char *why = json_string_value(json_object_get(row, "reason"))
		                          ?: "no reason given";

		n_protected += strcmp(state, "protected") == 0;
		n_apart += strcmp(state, "async") == 0 || strcmp(state, "blocking") == 0;
		n_excluded += strcmp(state, "excluded") == 0;
		if (strcmp(state, "failed") != 0 && strcmp(state, "unsupported") != 0)
			continue;
		n_bad++;
		/* One in another namespace is not watched by design: known, but no fault. */
		doctor_note(d, strcmp(state, "failed") == 0 ? DOCTOR_FAIL : DOCTOR_WARN,
		            "coverage",
		            "a nowatch line with a reason says that this is meant",
		            "%s: %s: %s", mount, state, why);
	}
	if (n_protected + n_apart == 0)
		doctor_note(d, DOCTOR_FAIL, "coverage",
		            "check [Watch] Mount= and the nowatch lines",
		            "no file system is protected");
	else if (n_bad == 0)
		doctor_note(d, DOCTOR_OK, "coverage", NULL,
		            "%zu protected, %zu excluded, %zu network and FUSE file systems apart",
		            n_protected, n_excluded, n_apart);
}

/* Value of "Key:\t..." in /proc/PID/status, or NULL. */
static const char *status_value(const char *status, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, "\t ");
	}
	return NULL;
}

static uint64_t status_number(const char *status, const char *key, int base)
{
	const char *value = status_value(status, key);

	return value ? strtoull(value, NULL, base) : UINT64_MAX;
}

#define LEASE_RIGHT (UINT64_C(1) << 28) /* CAP_LEASE */
#define READ_RIGHT  (UINT64_C(1) << 2)  /* CAP_DAC_READ_SEARCH: to mark, nothing can be opened */

/* What the seal looks like from outside: filter, no new privileges, at most CAP_LEASE, and a user that is neither root nor shared with others. */
static void check_seal_of(struct doctor *d, const char *name, pid_t pid, uint64_t caps_allowed)
{
	static const char *const remedy =
		"restart custosd; if it stays, this is a bug or an attack";
	char status[STATUS_BYTES];
	uint64_t caps, uid;
	int r;

	r = doctor_read_proc(pid, "status", status, sizeof(status));
	if (r < 0) {
		doctor_note(d, DOCTOR_WARN, name,
		            "run doctor on the same host and namespace",
		            "pid %d cannot be looked at: %s", (int)pid, strerror(-r));
		return;
	}
	caps = status_number(status, "CapEff", 16);
	uid = status_number(status, "Uid", 10);
	if (status_number(status, "Seccomp", 10) != 2)
		doctor_note(d, DOCTOR_FAIL, name, remedy, "no seccomp filter (pid %d)",
		            (int)pid);
	else if (status_number(status, "NoNewPrivs", 10) != 1)
		doctor_note(d, DOCTOR_FAIL, name, remedy,
		            "may gain privileges (pid %d)", (int)pid);
	else if (caps & ~caps_allowed)
		doctor_note(d, DOCTOR_FAIL, name, remedy,
		            "has capabilities %#" PRIx64 " (pid %d)", caps, (int)pid);
	else if (uid == 0 || uid == NOBODY)
		doctor_note(d, DOCTOR_WARN, name,
		            "create the user custos: 'systemd-sysusers'",
		            "runs as uid %" PRIu64 " (pid %d)", uid, (int)pid);
	else
		doctor_note(d, DOCTOR_OK, name, NULL,
		            "sealed, uid %" PRIu64 " (pid %d)", uid, (int)pid);
}

static void check_seal(struct doctor *d, const char *name)
{
	const pid_t pid = doctor_pid(d, name);

	if (pid > 0)
		check_seal_of(d, name, pid, LEASE_RIGHT);
	else
		doctor_note(d, DOCTOR_FAIL, name, "see 'journalctl -u custosd'", "is not running");
}

/* Of each network or FUSE file system. One may have ended since status told of it. */
static void check_seals(struct doctor *d, const char *list, const char *name, uint64_t caps_allowed)
{
	json_t *pids = json_object_get(json_object_get(d->status, "processes"), list), *pid;
	size_t i;

	json_array_foreach (pids, i, pid)
		check_seal_of(d, name, (pid_t)json_integer_value(pid), caps_allowed);
}

/* Without the right to ask for a lease nothing tells whether a file has a writer. */
static void check_cache(struct doctor *d)
{
	char status[STATUS_BYTES];

	if (doctor_read_proc(doctor_pid(d, "scanner"), "status", status, sizeof(status)) < 0)
		return; /* check_seal() has said so */
	if (status_number(status, "CapEff", 16) & LEASE_RIGHT)
		doctor_note(d, DOCTOR_OK, "cache", NULL, "the scanner can tell whether a file has writers");
	else
		doctor_note(d, DOCTOR_WARN, "cache", "give custosd CAP_LEASE",
		            "no verdict is kept: the scanner has no CAP_LEASE");
}

/* Interfaces in /proc/PID/net/dev: two lines of heading, then "NAME: numbers". */
static bool has_only_loopback(const char *dev)
{
	const char *line = strchr(dev, '\n');

	line = line ? strchr(line + 1, '\n') : NULL;
	while (line && line[1]) {
		line += 1 + strspn(line + 1, " ");
		if (strncmp(line, "lo:", 3) != 0)
			return false;
		line = strchr(line, '\n');
	}
	return true;
}

static void check_network(struct doctor *d, const char *name)
{
	static const char *const remedy = "the unit must have PrivateNetwork=yes";
	pid_t pid = doctor_pid(d, name);
	char path[64], ours[64] = "", first[64] = "", dev[STATUS_BYTES];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (pid <= 0 || readlink(path, ours, sizeof(ours) - 1) < 0 ||
	    /* Where process 1 may not be looked at, not even by root: ours is the host's. */
	    (readlink("/proc/1/ns/net", first, sizeof(first) - 1) < 0 &&
	     readlink("/proc/self/ns/net", first, sizeof(first) - 1) < 0) ||
	    doctor_read_proc(pid, "net/dev", dev, sizeof(dev)) < 0)
		doctor_note(d, DOCTOR_WARN, "network", "run doctor as root",
		            "the %s's network cannot be looked at", name);
	else if (strcmp(ours, first) == 0)
		doctor_note(d, DOCTOR_FAIL, "network", remedy,
		            "the %s has the host's network", name);
	else if (!has_only_loopback(dev))
		doctor_note(d, DOCTOR_FAIL, "network", remedy,
		            "the %s has a network interface", name);
	else
		doctor_note(d, DOCTOR_OK, "network", NULL, "the %s has none", name);
}

static void check_limits(struct doctor *d)
{
	static const char key[] = "Max open files";
	char limits[STATUS_BYTES];
	const char *p;

	if (doctor_read_proc(doctor_pid(d, "supervisor"), "limits", limits,
	                     sizeof(limits)) < 0 ||
	    !(p = strstr(limits, key))) {
		doctor_note(d, DOCTOR_WARN, "limits", "run doctor as root",
		            "cannot be read");
		return;
	}
	if (strtoull(p + sizeof(key) - 1, NULL, 10) < NOFILE_MIN)
		doctor_note(d, DOCTOR_WARN, "limits", "raise LimitNOFILE= in the unit",
		            "custosd may open only %llu files",
		            strtoull(p + sizeof(key) - 1, NULL, 10));
	else
		doctor_note(d, DOCTOR_OK, "limits", NULL, "enough descriptors");
}

/* Opens wait for the scanner: it must not wait for the swap. And what it has read does not belong there. */
static void check_memory(struct doctor *d)
{
	char status[STATUS_BYTES];
	uint64_t kib;

	if (doctor_read_proc(doctor_pid(d, "scanner"), "status", status, sizeof(status)) < 0)
		return; /* check_seal() has said so */
	kib = status_number(status, "VmLck", 10);
	if (kib > 0 && kib != UINT64_MAX)
		doctor_note(d, DOCTOR_OK, "memory", NULL, "the scanner's is never swapped out");
	else
		doctor_note(d, DOCTOR_WARN, "memory", "set LimitMEMLOCK=infinity in the unit",
		            "the scanner may be swapped out, with bytes of files in it");
}

static void check_losses(struct doctor *d)
{
	json_t *n = json_object_get(d->status, "counters");

	if (out_int(n, "droppedDetections") > 0)
		doctor_note(d, DOCTOR_FAIL, "records", "see that journald keeps up",
		            "%" PRId64 " detections were not recorded",
		            out_int(n, "droppedDetections"));
	else if (out_int(n, "droppedRecords") > 0)
		doctor_note(d, DOCTOR_WARN, "records", "see that journald keeps up",
		            "%" PRId64 " records were dropped",
		            out_int(n, "droppedRecords"));
	else
		doctor_note(d, DOCTOR_OK, "records", NULL, "none lost");
}

void doctor_daemon(struct doctor *d)
{
	if (!d->status) {
		if (d->status_exit == CTL_DENIED)
			doctor_note(d, DOCTOR_WARN, "daemon", "run doctor as root",
			            "permission denied");
		else
			doctor_note(d, DOCTOR_FAIL, "daemon", "systemctl start custosd",
			            "does not answer at %s", d->ctl->socket_path);
		return;
	}
	check_state(d);
	check_coverage(d);
	check_seal(d, "keeper");
	check_seal(d, "anchor");
	check_seal(d, "scanner");
	check_seals(d, "outposts", "outpost", READ_RIGHT);
	check_seals(d, "gates", "gate", 0);
	check_cache(d);
	check_network(d, "supervisor");
	check_network(d, "scanner");
	check_limits(d);
	check_memory(d);
	doctor_window(d);
	check_losses(d);
}
