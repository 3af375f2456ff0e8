/* SPDX-License-Identifier: Apache-2.0 */
/* Audit record: what the scanner tells the supervisor about one decision (digests, names, sizes:
 * never bytes of a file, I8) */
#pragma once

#include <stdint.h>

#include "custos/verdict.h"

enum record_action { RECORD_ALLOW, RECORD_DENY, RECORD_LOG, RECORD_QUARANTINE };

enum record_flag {
	RECORD_PARTIAL = 1,      /* not judged in full */
	RECORD_CACHED = 2,
	RECORD_MONITOR = 4,      /* monitor mode: would have been denied */
	RECORD_SUBJECT = 8,      /* uid, gid, exe, unit, cgroup are filled in */
	RECORD_SHA256 = 16,
	RECORD_LOGGED = 32,      /* belongs into the journal and the events; else statistics only */
	RECORD_LATE = 64,        /* answered by the deadline, judged later */
	RECORD_REQUEST = 128,    /* custosctl scan, not an open */
	RECORD_LOG_ONLY = 256,   /* by rules of level "log" alone */
	RECORD_WINDOWS = 512,    /* too large to be held: rules saw it piece by piece */
};

/* Lies in shared memory: fixed size, no pointers. The reader (supervisor) must treat every field as
 * hostile: enums out of range, strings unterminated. record_sanitise() does it once. */
struct record {
	uint64_t seq;            /* filled in by the supervisor on arrival */
	uint64_t wall_usec;      /* CLOCK_REALTIME when the event was read */
	uint64_t spent_nsec;     /* from reading the event to the answer */
	uint64_t dev, ino, size_bytes;
	int64_t mtime_nsec;
	uint32_t pid;            /* of the opener (thread group id) */
	uint32_t uid, gid;
	uint32_t event;          /* enum policy_event */
	uint32_t action;         /* enum record_action */
	uint32_t verdict;        /* enum verdict */
	uint32_t reason;         /* enum reason */
	uint32_t flags;          /* enum record_flag */
	uint32_t policy_index;   /* UINT32_MAX: none */
	uint32_t generation;     /* of the rules */
	uint32_t container;      /* 1: the subject runs in a container */
	uint32_t path_len;
	uint32_t weight;         /* statistics: this record stands for so many like it */
	struct member_place member; /* in the file; all 0: the file itself */
	uint8_t sha256[SHA256_BYTES];
	struct rule_match match;
	char unit[128];
	char cgroup[256];
	char exe[512];
	char path[4096];         /* last: a producer copies only what is used */
};

#define RECORD_POLICY_NONE UINT32_MAX

const char *record_action_name(unsigned action); /* "allow", "deny", "log", "quarantine" */
/* Make every enum valid and every string terminated. */
void record_sanitise(struct record *r);
