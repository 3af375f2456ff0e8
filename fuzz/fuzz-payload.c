/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of any bytes: what is shown lies in memory that may be read, and ceilings hold */
#include <stdlib.h>

#include "custos/clock.h"
#include "custos/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct payload_limits limits = {
	.n = 50, .n_in = 1 << 16, .n_out = 1 << 20, .ratio = 100, .time = NSEC_PER_SEC};

struct totals {
	size_t n, bytes;
	unsigned sum;
};

static bool on_payload(void *userdata, const struct payload *p, nsec_t deadline, enum reason *ret_miss)
{
	struct totals *t = userdata;

	(void)deadline;
	(void)ret_miss;
	t->n++;
	t->bytes += p->len;
	for (size_t i = 0; i < p->len; i++)
		t->sum += p->buf[i];
	return t->sum % 97 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct payload_walker *w;
	struct totals t = {0};
	/* of the size that there is, so that a byte behind it is noticed */
	uint8_t *copy = malloc(size ? size : 1);
	struct payload_walk walk = {.buf = copy, .len = size, .payload = on_payload, .userdata = &t};

	if (!copy || (!w && payload_walker_new(&limits, &w) < 0))
		abort();
	for (size_t i = 0; i < size; i++)
		copy[i] = data[i];
	walk.deadline = clock_now() + 5 * NSEC_PER_SEC;
	payload_begin(w);
	payload_walk(w, &walk);
	/* each once as it is, and once for each of six languages, behind a line */
	if (t.n > (size_t)limits.n * 7 || t.bytes > 7 * (limits.n_in + limits.n_out + limits.n * 32UL))
		abort();
	if (walk.reason != REASON_NONE && walk.offset >= size)
		abort();
	free(copy);
	return 0;
}
