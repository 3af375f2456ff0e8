/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule report
 *
 * Owns: the copy of the report on the rules in force. Must not own: its form
 * (lib/scan/rules-report.c).
 */
#include "rule-report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/image.h"
#include "custos/rules-report.h"

/* Three texts in each row; see RULES_REPORT_TEXT_MAX. */
#define REPORT_BYTES_MAX ((size_t)4 << 20)

struct rule_report {
	struct rules_report report; /* in mem */
	uint8_t *mem;
	char *reason; /* NULL: nothing is left out */
	uint64_t generations[RULES_SETS_MAX]; /* of its sets: when each came to be as it is */
};

static bool read_at(int fd, void *mem, size_t len, uint64_t off)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)mem + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool read_report(int image_fd, struct rule_report *r)
{
	struct image_header h;
	uint64_t size;

	if (!read_at(image_fd, &h, sizeof(h), 0) ||
	    memcmp(h.magic, IMAGE_MAGIC, sizeof(h.magic)) != 0 || h.version != IMAGE_VERSION)
		return false;
	size = h.sections[IMAGE_REPORT].size;
	if (size == 0 || size > REPORT_BYTES_MAX)
		return false;
	r->mem = malloc((size_t)size);
	return r->mem &&
	       read_at(image_fd, r->mem, (size_t)size, h.sections[IMAGE_REPORT].offset) &&
	       rules_report_open(r->mem, (size_t)size, &r->report) == 0;
}

/* The first one is named; there may be hundreds. */
static char *make_reason(const struct rules_report *r)
{
	struct rules_row row;
	char *text = NULL;
	size_t at = 0;

	while (rules_report_next(r, &at, &row)) {
		char line[16] = "", more[64] = "";

		if (row.state == RULES_IN_FORCE)
			continue;
		if (row.line)
			(void)snprintf(line, sizeof(line), ":%u", row.line);
		if (r->tried.n_left_out > 1)
			(void)snprintf(more, sizeof(more), "; so are %llu other files of rules",
			               (unsigned long long)r->tried.n_left_out - 1);
		return asprintf(&text, "%s%s is left out: %s%s (custosctl rules cost)",
		                row.file, line, row.why, more) < 0 ?
		               NULL :
		               text;
	}
	return NULL;
}

/* A set that is what it was keeps its generation. */
static uint64_t generation_of(const struct rules_set_row *set, const struct rule_report *before,
                              uint64_t generation)
{
	for (uint32_t i = 0; before && i < before->report.n_sets; i++) {
		const struct rules_set_row *old = &before->report.sets[i];

		if (strcmp(old->set.name, set->set.name) == 0 &&
		    memcmp(old->id, set->id, sizeof(set->id)) == 0)
			return before->generations[i];
	}
	return generation;
}

struct rule_report *rule_report_read(int image_fd, const struct rule_report *before,
                                     uint64_t generation)
{
	struct rule_report *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	if (image_fd < 0 || !read_report(image_fd, r))
		r->report = (struct rules_report)RULES_REPORT_NULL;
	r->reason = make_reason(&r->report);
	for (uint32_t i = 0; i < r->report.n_sets; i++)
		r->generations[i] = generation_of(&r->report.sets[i], before, generation);
	return r;
}

struct rule_report *rule_report_free(struct rule_report *r)
{
	if (!r)
		return NULL;
	free(r->mem);
	free(r->reason);
	free(r);
	return NULL;
}

const char *rule_report_reason(const struct rule_report *r)
{
	return r ? r->reason : NULL;
}

uint64_t rule_report_generation(const struct rule_report *r, uint32_t i)
{
	return r && i < r->report.n_sets ? r->generations[i] : 0;
}

const struct rules_report *rule_report_get(const struct rule_report *r)
{
	static const struct rules_report none = RULES_REPORT_NULL;

	return r ? &r->report : &none;
}
