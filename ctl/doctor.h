/* SPDX-License-Identifier: Apache-2.0 */
/* custosctl doctor: what its parts share */
#pragma once

#include <sys/types.h>

#include "client.h"

struct doctor {
	const struct ctl *ctl;
	json_t *results; /* [{check, result, detail, remedy}] */
	unsigned n_warn, n_fail;
	json_t *status;  /* of the daemon; NULL when it does not answer */
	int status_exit; /* then: why not, as exit code */
};

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* Note one result. @remedy: what to do, NULL for none (ok). */
void doctor_note(struct doctor *d, enum doctor_result result, const char *check,
                 const char *remedy, const char *fmt, ...) _printf_(5, 6);

void doctor_host(struct doctor *d); /* the machine */
void doctor_daemon(
	struct doctor *d); /* custosd as it says and as the kernel shows it */

/* How long a new file system in a new mount namespace is open to anybody: tried. */
void doctor_window(struct doctor *d);

/* Pid of a process in the daemon's status; 0 when not running. */
pid_t doctor_pid(const struct doctor *d, const char *name);

/* First @size - 1 bytes of /proc/PID/@name, terminated. 0 or a negative errno. */
int doctor_read_proc(pid_t pid, const char *name, char *buf, size_t size);
