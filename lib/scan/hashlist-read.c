/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash lists: reading a file
 *
 * Owns: cutting a stream into lines, and which form they have.
 * Must not own: where entries are kept.
 * Hands off to: the caller's function, entry by entry (hashdb).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "hashlist-line.h"

/* Holds any legal line, and makes reads large. */
#define BUFFER_BYTES ((size_t)256 << 10)

struct reader {
	int fd;
	const char *file;
	hashlist_fn fn;
	void *userdata;
	struct diag *d;
	unsigned line; /* of the last line handed on */
	unsigned n_bad;
	struct csv csv;
	bool has_entries; /* a header comes before them or never */
	bool names;       /* of signatures, one a line (.ign2) */
};

/* One line in the form that the file has. As hashlist_parse_line(). */
static int parse_line(struct reader *rd, const char *line, size_t len,
                      struct hashlist_entry *e, const char **why)
{
	int r;

	if (rd->names)
		return hashlist_parse_name(line, len, e, why);
	if (rd->csv.found)
		return csv_row(&rd->csv, line, len, e, why);
	if (!rd->has_entries) {
		r = csv_header(&rd->csv, line, len, why);
		if (r != 0)
			return r > 0 ? 0 : r;
	}
	return hashlist_parse_line(line, len, e, why);
}

/* Note it. Return: 0 to go on, -EINVAL when the rest is not worth a look. */
static int note_bad_line(struct reader *rd, const char *line, size_t len,
                         const char *why)
{
	const char *foreign = rd->names ? NULL : hashlist_foreign_line(line, len);

	if (foreign)
		return diag_add(rd->d, rd->file, rd->line, "%s", foreign);
	(void)diag_add(rd->d, rd->file, rd->line, "%s", why);
	if (++rd->n_bad < HASHLIST_BAD_LINES_MAX)
		return 0;
	return diag_add(rd->d, rd->file, rd->line,
	                "too many bad lines, the rest is not read");
}

static int read_line(struct reader *rd, const char *line, size_t len)
{
	struct hashlist_entry e;
	const char *why;
	int r;

	rd->line++;
	if (rd->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3; /* a byte order mark, as some editors write it */
		len -= 3;
	}
	r = parse_line(rd, line, len, &e, &why);
	if (r == 0)
		return 0;
	if (r < 0)
		return note_bad_line(rd, line, len, why);
	rd->has_entries = true;
	e.line = rd->line;
	return rd->fn(rd->userdata, &e);
}

/* Hand on each whole line in @buf[0..*used), move the rest to the front. */
static int read_lines(struct reader *rd, char *buf, size_t *used, bool eof)
{
	char *p = buf, *end = buf + *used, *lf;
	int r;

	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf && !eof)
			break;
		if ((size_t)((lf ? lf : end) - p) > HASHLIST_LINE_MAX)
			break;
		r = read_line(rd, p, (size_t)((lf ? lf : end) - p));
		if (r < 0)
			return r;
		p = lf ? lf + 1 : end;
	}
	*used = (size_t)(end - p);
	if (*used > HASHLIST_LINE_MAX)
		return diag_add(
			rd->d, rd->file, rd->line + 1,
			"the line is longer than %d bytes, the rest is not read",
			HASHLIST_LINE_MAX);
	memmove(buf, p, *used);
	return 0;
}

int hashlist_read(int fd, const char *file, hashlist_fn fn, void *userdata,
                  struct diag *d)
{
	struct reader rd = {.fd = fd,
	                    .file = file,
	                    .fn = fn,
	                    .userdata = userdata,
	                    .d = d,
	                    .names = hashlist_holds_names(file)};
	_cleanup_(freep) char *buf = malloc(BUFFER_BYTES);
	size_t used = 0;
	int r;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + used, BUFFER_BYTES - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += (size_t)n;
		r = read_lines(&rd, buf, &used, n == 0);
		if (r < 0)
			return r;
		if (n == 0)
			return rd.n_bad > 0 ? -EINVAL : 0;
	}
}
