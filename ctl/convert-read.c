/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl convert stix: cutting a bundle into its objects
 *
 * Owns: where an object of a JSON text of any size begins and ends.
 * Must not own: what an object means (convert-stix).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert.h"
#include "custos/cleanup.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define DEPTH_MAX    1000000 /* jansson has a limit of its own inside of an object */

struct cutter {
	struct conversion *c;
	struct diag *d;
	unsigned line, depth;
	char outer[2];                          /* brackets of the first two levels */
	bool begun, in_string, escaped, inside; /* inside: of an object */
	char *object;                           /* owned */
	size_t len, n_alloc;
	unsigned first_line; /* of the object */
};

static int wrong(struct cutter *k, const char *why)
{
	return diag_add(k->d, k->c->file, k->line, "%s", why);
}

static int keep(struct cutter *k, char byte)
{
	if (k->len == STIX_OBJECT_MAX)
		return wrong(k, "an object is larger than 16 MiB");
	if (k->len == k->n_alloc) {
		size_t n = k->n_alloc ? k->n_alloc * 2 : 4096;
		char *p = realloc(k->object, n);

		if (!p)
			return -ENOMEM;
		k->object = p;
		k->n_alloc = n;
	}
	k->object[k->len++] = byte;
	return 0;
}

static int end_object(struct cutter *k)
{
	json_error_t error;
	json_t *object = json_loadb(k->object, k->len, JSON_REJECT_DUPLICATES, &error);

	if (!object)
		return diag_add(k->d, k->c->file,
		                k->first_line +
		                        (unsigned)(error.line > 0 ? error.line - 1 : 0),
		                "%s", error.text);
	stix_object(k->c, object);
	json_decref(object);
	k->inside = false;
	k->len = 0;
	return 0;
}

static int open_bracket(struct cutter *k, char byte)
{
	if (k->depth == 0 && (k->begun || byte != '{'))
		return wrong(k, "expected one JSON object, a STIX bundle");
	if (k->depth == DEPTH_MAX)
		return wrong(k, "nested too deeply");
	k->begun = true;
	if (k->depth < 2)
		k->outer[k->depth] = byte;
	if (k->depth == 2 && k->outer[1] == '[' && byte == '{') {
		k->inside = true;
		k->first_line = k->line;
	}
	k->depth++;
	return k->inside ? keep(k, byte) : 0;
}

static int close_bracket(struct cutter *k, char byte)
{
	int r = k->inside ? keep(k, byte) : 0;

	if (r < 0)
		return r;
	if (k->depth == 0 ||
	    (k->depth <= 2 && (k->outer[k->depth - 1] == '{') != (byte == '}')))
		return wrong(k, "a bracket is closed that was not opened");
	k->depth--;
	return k->inside && k->depth == 2 ? end_object(k) : 0;
}

static int take_byte(struct cutter *k, char byte)
{
	if (byte == '\n')
		k->line++;
	if (k->in_string) {
		if (k->escaped)
			k->escaped = false;
		else if (byte == '\\')
			k->escaped = true;
		else if (byte == '"')
			k->in_string = false;
		return k->inside ? keep(k, byte) : 0;
	}
	if (byte == '{' || byte == '[')
		return open_bracket(k, byte);
	if (byte == '}' || byte == ']')
		return close_bracket(k, byte);
	if (k->depth == 0 && !strchr(" \t\r\n", byte))
		return wrong(k, "expected one JSON object, a STIX bundle");
	k->in_string = byte == '"';
	return k->inside ? keep(k, byte) : 0;
}

static int read_all(int fd, struct cutter *k)
{
	_cleanup_(freep) char *buf = malloc(BUFFER_BYTES);
	int r = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf, BUFFER_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t i = 0; i < n && r == 0; i++)
			r = take_byte(k, buf[i]);
		if (r < 0)
			return r;
	}
}

int stix_read(int fd, struct conversion *c, struct diag *d)
{
	struct cutter k = {.c = c, .d = d, .line = 1};
	int r = read_all(fd, &k);

	if (r == 0 && (!k.begun || k.depth > 0))
		r = wrong(&k, k.begun ? "the text ends in the middle of an object"
		                      : "there is nothing in it");
	free(k.object);
	return r;
}
