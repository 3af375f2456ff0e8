/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl scan: files that cannot even be opened
 *
 * On a protected mount a malicious file answers open() with EPERM, to root also. That
 * is a finding, not an error: the daemon has just judged the file because of us, and
 * says what it found to whoever asks for its events. It may know nothing: a file with a
 * write lease is refused by the kernel (docs/limits.md), and other file systems refuse, too.
 *
 * Owns: finding our own denial. Must not own: the scan.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scan.h"

/* The record arrives in the history shortly after the denial: so often, with this
 * pause. */
#define TRIES 10
#define PAUSE_NSEC (20 * 1000 * 1000)
/* Denials of others in between. */
#define LAST_EVENTS 256

json_t *scan_result(const char *verdict, const char *reason)
{
	return json_pack("{s:s, s:s, s:i, s:i}", "verdict", verdict, "reason", reason,
	                 "size", 0, "usecSpent", 0);
}

static bool is_our_denial(json_t *e, const char *path)
{
	json_t *o;
	bool same;

	if (json_integer_value(json_object_get(e, "pid")) != getpid() ||
	    strcmp(json_string_value(json_object_get(e, "action")) ?: "", "deny") != 0)
		return false;
	o = json_object(); /* as the daemon writes this path */
	same = varlink_set_bytes(o, "path", path, strlen(path)) == 0 &&
	       json_equal(json_object_get(o, "path"), json_object_get(e, "path"));
	json_decref(o);
	return same;
}

static json_t *result_of(json_t *e)
{
	static const char *const keys[] = {"verdict", "rule",   "ruleBase64", "sha256",
	                                   "size",    "reason", "usecSpent",  "member",
	                                   "partial", "windows", "ruleSet"};
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(e, keys[i]);

		if (value)
			(void)json_object_set(o, keys[i],
			                      value); /* else shown without it */
	}
	return o;
}

/* The newest matching event in what the daemon has kept; NULL if there is none. */
static json_t *find_denial(const struct ctl *ctl, const char *path)
{
	struct client c = CLIENT_NULL;
	json_t *p = json_pack("{s:i, s:b}", "last", LAST_EVENTS, "follow", 0),
	       *found = NULL;
	struct varlink_message m;
	bool more = true;

	if (client_open(&c, ctl) != CTL_OK) {
		json_decref(p);
		return NULL;
	}
	if (client_send(&c, "Events", p, VARLINK_MORE, NULL, 0) != CTL_OK)
		more = false;
	while (more && client_receive(&c, CLIENT_TIMEOUT_MSEC, &m) == CTL_OK) {
		json_t *e = json_object_get(m.parameters, "event");

		if (is_our_denial(e, path)) {
			json_decref(found);
			found = result_of(e);
		}
		more = m.flags & VARLINK_CONTINUES;
		varlink_message_deinit(&m);
	}
	client_deinit(&c);
	return found;
}

json_t *scan_refused(const struct ctl *ctl, const char *path)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
	json_t *found = NULL;

	for (unsigned i = 0; i < TRIES && !found; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL); /* woken early: one look more */
		found = find_denial(ctl, path);
	}
	return found;
}
