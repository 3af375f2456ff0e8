/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: compiled ones
 *
 * Owns: the form in which they are written. Must not own: how they are made (rules-compile.c).
 * Hands off to: the sink, each part in libyara's own format.
 */
#include <errno.h>
#include <stdlib.h>

#include "rules-compiled.h"

struct rules_compiled *rules_compiled_free(struct rules_compiled *c)
{
	if (c)
		rules_destroy_parts(&c->rules);
	free(c);
	return NULL;
}

void rules_compiled_freep(struct rules_compiled **c)
{
	*c = rules_compiled_free(*c);
}

uint64_t rules_compiled_count(const struct rules_compiled *c)
{
	return c->rules.n_rules;
}

unsigned rules_compiled_uses(const struct rules_compiled *c)
{
	return c->uses;
}

struct output {
	rules_sink sink; /* NULL: bytes are counted only */
	void *userdata;
	uint64_t n_bytes;
	int error;
};

/* As fwrite(): all or nothing here. */
static size_t write_items(const void *ptr, size_t size, size_t count, void *userdata)
{
	struct output *out = userdata;

	out->n_bytes += size * count;
	if (out->error == 0 && out->sink)
		out->error = out->sink(out->userdata, ptr, size * count);
	return out->error == 0 ? count : 0;
}

static int write_part(YR_RULES *rules, struct output *out)
{
	YR_STREAM stream = {.user_data = out, .write = write_items};
	int err = yr_rules_save_stream(rules, &stream);

	if (out->error < 0)
		return out->error;
	return err == ERROR_SUCCESS ? 0 : -ENOMEM;
}

int rules_compiled_write(const struct rules_compiled *c, rules_sink sink,
                         void *userdata)
{
	struct output size = {0}, out = {.sink = sink, .userdata = userdata};
	int r = write_part(c->rules.yr, &size);
	struct rules_head head = {c->rules.n_rules, size.n_bytes};

	if (r == 0)
		r = sink(userdata, &head, sizeof(head));
	if (r == 0)
		r = write_part(c->rules.yr, &out);
	if (r == 0 && c->rules.pe)
		r = write_part(c->rules.pe, &out);
	return r;
}
