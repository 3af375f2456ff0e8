/* SPDX-License-Identifier: Apache-2.0 */
/* Journal entry: what waits in the ring, and its translation into fields */
#pragma once

#include "custos/policy.h"
#include "custos/record.h"
#include "fields.h"

/* What custosd reports. Each has a MESSAGE_ID and a text in systemd/custos.catalog
 * (tests/lint/catalog compares the two). */
enum journal_event {
	/* chosen from the record by entry_from_record() */
	JOURNAL_DETECTION,         /* a rule matched */
	JOURNAL_SCAN_ERROR,        /* a file could not be judged */
	JOURNAL_ACCESS,            /* anything else a policy line wants logged */
	/* operation: journal_event() */
	JOURNAL_STARTED,
	JOURNAL_STOPPING,
	JOURNAL_DEGRADED,
	JOURNAL_RESTORED,
	JOURNAL_SCANNER_RESTARTED,
	JOURNAL_CRASH_LOOP,
	JOURNAL_RESCUE,
	JOURNAL_RELOADED,
	JOURNAL_RELOAD_FAILED,
	JOURNAL_MODE_CHANGED,
	JOURNAL_CACHE_FLUSHED,
	JOURNAL_POLICY_CHANGED,
	JOURNAL_MARK_FAILED,
	JOURNAL_GAP,               /* nobody answered for a time, and nobody had asked for that */
	JOURNAL_RIVAL,             /* somebody else answers for opens, too */
	JOURNAL_CANARY,            /* the bait could be opened */
	JOURNAL_OVERFLOW,          /* the kernel's queue lost events */
	JOURNAL_QUARANTINED,       /* a file was taken */
	JOURNAL_QUARANTINE_FAILED, /* it stays where it is */
	JOURNAL_QUARANTINE_RELEASED,
	JOURNAL_QUARANTINE_EXPORTED,
	JOURNAL_BUNDLE_ACCEPTED,   /* signed rules were imported */
	JOURNAL_BUNDLE_REFUSED,
	JOURNAL_BUNDLE_ROLLED_BACK,
	JOURNAL_BUNDLE_STALE,      /* expired, old, damaged, or its key is trusted no more */
	JOURNAL_RULES_LEFT_OUT,    /* files of rules that failed the self-test, or cost too much */
	JOURNAL_OUTPOST,           /* how a network or FUSE file system is watched has changed */
	JOURNAL_DROPPED,           /* sent by the journal thread itself */
	N_JOURNAL_EVENTS,
};

/* Longer texts (a reload that failed with 200 errors) are cut; the socket has them in full. */
#define ENTRY_TEXT_BYTES 4096U
#define ENTRY_POLICY_BYTES 256U
#define ENTRY_BUNDLES_BYTES 128U

/* One slot of a ring. A record's policy line is copied: the policy may be replaced before the
 * journal thread gets here. */
struct entry {
	enum journal_event event;
	int priority;                    /* LOG_ALERT ... LOG_DEBUG */
	char policy[ENTRY_POLICY_BYTES]; /* "file:line", "" when no line decided */
	char bundles[ENTRY_BUNDLES_BYTES]; /* "channel=serial ..." of the record's generation */
	union {
		struct record record;            /* the first three events */
		char text[ENTRY_TEXT_BYTES];     /* all others */
	};
};

/* Every field is set; the record's path is copied up to its length only. @line may be NULL. */
void entry_from_record(struct entry *e, const struct record *r, const struct policy_line *line);

/* A match, or a decision that refuses: the class with its own ring and without a rate limit. */
bool entry_is_detection(const struct record *r);

/* Build the fields of @e into @f. Pure: no clock, no allocation, any thread. */
void entry_fields(const struct entry *e, struct fields *f);

/* What did not reach the journal since the last such line. */
struct entry_losses {
	uint64_t detections, operation, routine; /* no room in the ring */
	uint64_t suppressed;                     /* routine, over the rate limit */
};

/* The line of JOURNAL_DROPPED. */
void entry_fields_losses(const struct entry_losses *l, struct fields *f);
