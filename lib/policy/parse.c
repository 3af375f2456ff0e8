/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy text
 *
 * Owns: lines and comments. Must not own: what a line says (compile.c), files (load.c).
 * Hands off to: compile_statement(), line by line, and policy_finish().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"

#include "internal.h"

struct parser {
	struct compiler c;
	char *buf; /* POLICY_LINE_BYTES_MAX + 1, the compiler writes to it */
	struct word_value *scratch; /* WORD_VALUES_MAX */
};

static void parser_deinit(struct parser *p)
{
	policy_free(p->c.policy);
	arena_deinit(&p->c.arena);
	free(p->c.sets);
	free(p->buf);
	free(p->scratch);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int parse_line(struct parser *p, const char *text, size_t len)
{
	struct compiler *c = &p->c;

	if (len > POLICY_LINE_BYTES_MAX)
		return diag_add(c->d, c->file, c->line, "line is longer than %d bytes",
		                POLICY_LINE_BYTES_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
			return diag_add(c->d, c->file, c->line, "control byte 0x%02x",
			                byte);
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	while (len > 0 && is_blank(*text)) {
		text++;
		len--;
	}
	if (len == 0 || *text == '#')
		return 0;
	memcpy(p->buf, text, len);
	p->buf[len] = '\0';
	return compile_statement(c, p->buf, p->scratch);
}

static int parse_source(struct parser *p, const struct policy_source *s)
{
	const char *text = s->text;
	size_t len = s->len;
	int r, result = 0;

	p->c.file = arena_strndup(&p->c.policy->arena, s->file, strlen(s->file));
	if (!p->c.file)
		return -ENOMEM;
	p->c.line = 0;
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		p->c.line++;
		r = parse_line(p, text, n);
		if (r < 0 && r != -EINVAL)
			return r;
		result = r < 0 ? r : result;
		n += nl ? 1 : 0;
		text += n;
		len -= n;
	}
	return result;
}

/* The image is what the sealed side gets: a policy it would refuse must not come so
 * far. */
static int check_image(const struct policy *p, struct diag *d)
{
	_cleanup_(freep) char *image = NULL;
	size_t len;
	int r = policy_image(p, &image, &len);

	if (r == -E2BIG)
		return diag_add(d, NULL, 0,
		                "the policy is too large: its image has more than %d "
		                "bytes",
		                POLICY_IMAGE_BYTES_MAX);
	return r;
}

int policy_build(const struct policy_source *sources, size_t n,
                 const struct policy_names *names, struct policy **ret, struct diag *d)
{
	_cleanup_(parser_deinit) struct parser p = {.c = {.names = names, .d = d}};
	int r, result = 0;

	r = policy_new(&p.c.policy);
	if (r < 0)
		return r;
	p.buf = malloc(POLICY_LINE_BYTES_MAX + 1);
	p.scratch = calloc(WORD_VALUES_MAX, sizeof(*p.scratch));
	if (!p.buf || !p.scratch)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		r = parse_source(&p, &sources[i]);
		if (r == -E2BIG)
			return -EINVAL; /* reported; more would only repeat it */
		if (r < 0 && r != -EINVAL)
			return r;
		result = r < 0 ? r : result;
	}
	if (result < 0)
		return result;

	r = p.c.policy->n_lines > 0 ? 0 : policy_add_default(p.c.policy);
	if (r == 0)
		r = policy_finish(p.c.policy, d);
	if (r == 0)
		r = check_image(p.c.policy, d);
	if (r < 0)
		return r;
	*ret = ptr_take(&p.c.policy);
	return 0;
}

int policy_parse(const char *file, const char *text, size_t len, struct policy **ret,
                 struct diag *d)
{
	const struct policy_source source = {.file = file, .text = text, .len = len};

	return policy_build(&source, 1, &policy_names_builtin, ret, d);
}
