/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: reuse
 *
 * Owns: when compiled rules may stand for their text: same texts under the same names,
 * same libyara, in an image that nobody can have changed. Must not own: the rest of the
 * image, which is made anew.
 *
 * A list of hashes that arrives must be in force within a second, also beside 14,000
 * rules that take two seconds to compile (docs/adr/0033).
 */
#include "reuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "custos/digest.h"
#include "custos/rules.h"
#include "custos/text.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

bool reuse_parse(const char *text, struct reuse *ret)
{
	char *end;
	long fd;

	ret->wanted = true;
	if (strcmp(text, "-") == 0)
		return true;
	fd = strtol(text, &end, 10);
	if (end == text || *end != ':' || fd < 0 || fd > 1 << 20 ||
	    strlen(end + 1) != sizeof(ret->source) - 1)
		return false;
	ret->fd = (int)fd;
	memcpy(ret->source, end + 1, sizeof(ret->source));
	return true;
}

/* With their lengths, so that no two sets of texts look the same. */
static int add_part(struct digests *d, const char *s, size_t len)
{
	uint64_t n = len;
	int r = digests_update(d, &n, sizeof(n));

	return r == 0 ? digests_update(d, s, len) : r;
}

static int digest_inputs(const struct inputs *in, char ret[2 * DIGEST_MAX_BYTES + 1])
{
	const uint64_t asked[] = {in->self_test, in->rule_budget};
	struct digests d;
	uint8_t all[N_DIGESTS][DIGEST_MAX_BYTES];
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r == 0)
		r = digests_begin(&d);
	if (r == 0)
		r = digests_update(&d, asked, sizeof(asked));
	for (size_t i = 0; i < in->n_yara && r == 0; i++) {
		char set[RULES_SET_TEXT_BYTES];

		rules_set_text(in->yara[i].set, set);
		r = add_part(&d, set, strlen(set));
		if (r == 0)
			r = add_part(&d, in->yara[i].file, strlen(in->yara[i].file));
		if (r == 0)
			r = add_part(&d, in->yara[i].text, in->yara[i].len);
	}
	if (r == 0)
		r = digests_final(&d, all);
	if (r == 0)
		text_hex(all[DIGEST_SHA256], DIGEST_MAX_BYTES, ret);
	digests_deinit(&d);
	return r;
}

/* NULL: it is empty, or not in the image. */
static const void *section(const struct reuse *re, enum image_section s, size_t *ret_bytes)
{
	const struct image_header *h = re->map;
	const uint64_t offset = h->sections[s].offset, size = h->sections[s].size;

	if (size == 0 || offset > re->map_bytes || size > re->map_bytes - offset)
		return NULL;
	*ret_bytes = (size_t)size;
	return (const char *)re->map + offset;
}

static void find_rules(struct reuse *re)
{
	const struct image_header *h;
	struct stat st;
	int seals = fcntl(re->fd, F_GET_SEALS);
	void *p;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(re->fd, &st) < 0 ||
	    (size_t)st.st_size < sizeof(*h))
		return;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, re->fd, 0);
	if (p == MAP_FAILED)
		return;
	re->map = p;
	re->map_bytes = (size_t)st.st_size;
	h = p;
	if (memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) != 0 ||
	    h->version != IMAGE_VERSION || h->yara_version != rules_yara_version())
		return;
	re->yara = section(re, IMAGE_YARA, &re->yara_bytes);
	re->report = section(re, IMAGE_REPORT, &re->report_bytes);
	re->uses = h->uses;
	re->n_yara = h->counts.n_yara;
}

int reuse_open(struct reuse *re, const struct inputs *in)
{
	int r;

	if (!re->wanted)
		return 0;
	r = digest_inputs(in, re->now);
	if (r == 0 && re->fd >= 0 && in->n_yara > 0 && strcmp(re->now, re->source) == 0)
		find_rules(re);
	return r;
}

void reuse_deinit(struct reuse *re)
{
	if (re->map)
		(void)munmap(re->map, re->map_bytes);
	*re = (struct reuse)REUSE_NULL;
}
