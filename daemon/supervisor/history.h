/* SPDX-License-Identifier: Apache-2.0 */
/* History: the last events, in memory, for whoever asks on the admin socket */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "custos/record.h"
#include "custos/types.h"

/* Enough to read a burst of detections afterwards; the journal keeps the rest. */
#define HISTORY_EVENTS_MAX 8192
/* Typical events take 400 bytes, the longest 5 KiB: 3 MiB must not become 40. */
#define HISTORY_BYTES_MAX (8U * 1024 * 1024)

/* One event; strings are never NULL ("" when not known). */
struct history_event {
	uint64_t seq;
	uint64_t wall_usec;
	usec_t spent_usec;
	uint64_t size_bytes;
	pid_t pid;
	uid_t uid;
	enum record_action action;
	enum verdict verdict;
	enum reason reason;
	unsigned flags; /* enum record_flag */
	uint32_t generation; /* of the rules */
	uint8_t sha256[SHA256_BYTES];
	const char *path, *exe, *unit, *container, *rule, *rule_set, *member, *policy_line;
	const char *runtime; /* of the container (cgroup.h); static */
	size_t size; /* of this allocation */
};

/* A reader's place. It holds no reference: what is overwritten before it is read is
 * counted. */
struct history_cursor {
	uint64_t next;    /* sequence number wanted */
	uint64_t dropped; /* events that were gone, since the reader last took the
	                     number */
};

struct history;

int history_new(struct history **ret); /* 0 or -ENOMEM */
struct history *history_free(struct history *h);
void history_freep(struct history **h);

/**
 * history_append() - keep one event
 * @r:           sanitised (record_sanitise()); copied; its seq is not looked at
 * @policy_line: "file:line" of the deciding line, copied; NULL = none
 *
 * Without memory the event is lost but its number is not, so readers see that one is
 * missing.
 *
 * Context: event loop; allocates once. Return: the event's sequence number, from 1.
 */
uint64_t history_append(struct history *h, const struct record *r,
                        const char *policy_line);

/* Call @fn after every append; NULL to stop. It may be called many times per loop
 * iteration. */
typedef void (*history_notify_fn)(void *userdata);
void history_set_notify(struct history *h, history_notify_fn fn, void *userdata);

/* Number the next event will get. */
uint64_t history_next_seq(const struct history *h);

/* Start at the oldest event kept. */
void history_seek_oldest(const struct history *h, struct history_cursor *ret);
/* Start after @seq. A number from the future means that numbering began anew: start at
 * the oldest. */
void history_seek_after(const struct history *h, uint64_t seq,
                        struct history_cursor *ret);
/* Start such that at most @n events of a verdict in @verdicts (bits 1 << enum verdict)
 * follow. */
void history_seek_last(const struct history *h, uint64_t n, unsigned verdicts,
                       struct history_cursor *ret);

/* The event at @c, which moves on; NULL when there is none yet. Valid until the next
 * append. */
const struct history_event *history_read(const struct history *h,
                                         struct history_cursor *c);
