/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: who costs time, in tables that cannot grow */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "custos/record.h"
#include "custos/types.h"

enum statistics_by {
	STATISTICS_PATH,
	STATISTICS_EXE,
	STATISTICS_UNIT,
	STATISTICS_RULE,
	N_STATISTICS,
};

/* Keys tracked per table. Whoever takes more than 1/512 of the time is certain to be
 * among them. */
#define STATISTICS_KEYS_MAX 512

struct statistics_row {
	const char *key; /* valid until the next statistics_add() */
	uint64_t n_events;
	/* Since the key entered the table: never more than the truth. */
	usec_t total_usec;
	usec_t max_usec;
};

struct statistics;

int statistics_new(struct statistics **ret); /* 0 or -ENOMEM */
struct statistics *statistics_free(struct statistics *s);
void statistics_freep(struct statistics **s);

/* Count one sanitised record in every table it has a key for. May allocate (a key's
 * copy); a key there is no memory for is not counted. */
void statistics_add(struct statistics *s, const struct record *r);

/**
 * statistics_top() - the keys that took most time, greatest first
 * @rows: room for @max; STATISTICS_KEYS_MAX is enough for all
 *
 * Return: rows written.
 */
size_t statistics_top(const struct statistics *s, enum statistics_by by,
                      struct statistics_row *rows, size_t max);

const char *
statistics_by_name(enum statistics_by by); /* "path", "exe", "unit", "rule" */
bool statistics_by_from_name(const char *name, enum statistics_by *ret);
