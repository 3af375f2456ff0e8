/* SPDX-License-Identifier: Apache-2.0 */
/* Text of rules: what is made of them keeps its limits, and some of them keep length and lines */
#include <stdlib.h>
#include <string.h>

#include "custos/types.h"
#include "lib/scan/rules-pick.h"
#include "lib/scan/rules-positive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	const char *begin, *end;
	unsigned n_lines;
};

static int check(void *userdata, const struct positive *p)
{
	const struct text *t = userdata;
	unsigned sum = 0;

	if (p->len > POSITIVE_MAX_BYTES || p->head_len > NEED_HEAD_BYTES || p->line == 0 ||
	    p->line > t->n_lines || p->name < t->begin || p->name + p->name_len > t->end)
		abort();
	for (size_t i = 0; i < p->len; i++)
		sum += p->bytes[i];
	return sum == UINT32_MAX; /* all bytes are read; never so many */
}

static void pick_halves(const char *text, size_t size)
{
	struct pick p;

	if (pick_init(&p, text, size) < 0)
		return;
	for (unsigned half = 0; half < 2; half++) {
		char *some = pick_text(&p, half ? p.n / 2 : 0, half ? p.n : p.n / 2);

		for (size_t i = 0; some && i < size; i++)
			if (some[i] != text[i] && (some[i] != ' ' || text[i] == '\n'))
				abort();
		free(some);
	}
	pick_deinit(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct text t = {text, text + size, 1};

	for (size_t i = 0; i < size; i++)
		t.n_lines += text[i] == '\n';
	if (positives_make(text, size, check, &t) != 0)
		abort();
	pick_halves(text, size);
	return 0;
}
