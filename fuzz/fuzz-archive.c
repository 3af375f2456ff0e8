/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive, with all that is in it: the ceilings hold, and what is shown
 * can be read */
#include <stdlib.h>
#include <string.h>

#include "custos/archive.h"
#include "custos/clock.h"
#include "tests/unit/fixture-asan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct arc_limits limits = {
	/* the readers that are on by default: the others have faults that are known */
	.kinds = ARC_KINDS_DEFAULT, .depth = 4,    .n_members = 100,
	.n_bytes = 4 << 20,         .ratio = 1000, .time = 5 * NSEC_PER_SEC,
};

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	uint64_t *n_shown = userdata;
	volatile uint8_t sum = 0;

	(void)ret_miss;

	for (size_t i = 0; i < m->len; i += 64)
		sum = (uint8_t)(sum + m->buf[i]);
	if (m->len == 0 || deadline == 0 || strlen(m->name) > (1 << 24))
		abort();
	sum = (uint8_t)(sum + m->buf[m->len - 1]);
	*n_shown += m->len;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arc_walker *w;
	uint64_t n_shown = 0;
	struct arc_walk walk = {
		.buf = data,
		.len = size,
		.name = "file.tar.gz",
		.deadline = clock_now() + 10 * NSEC_PER_SEC,
		.member = on_member,
		.userdata = &n_shown,
	};

	if (!w && (arc_global_init() < 0 || arc_walker_new(&limits, &w) < 0))
		abort();
	arc_walk(w, &walk);
	if (walk.n_bytes > limits.n_bytes || walk.n_members > limits.n_members ||
	    walk.at.n > limits.depth || n_shown > walk.n_bytes)
		abort();
	/* Nothing that was unpacked is kept from the caller, unless something is said
	 * to be missing. */
	if (walk.reason == REASON_NONE && n_shown != walk.n_bytes)
		abort();
	return 0;
}
