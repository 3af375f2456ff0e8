/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl convert
 *
 * Owns: the verb, its input and output files.
 * Must not own: formats (convert-stix, hashlist). It asks no daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert.h"
#include "ctl.h"
#include "custos/cleanup.h"

#define NAME_MAX_BYTES 120

static void write_name(FILE *f, const struct hashlist_entry *e)
{
	for (size_t i = 0; i < e->name_len && i < NAME_MAX_BYTES; i++) {
		char ch = e->name[i];

		(void)fputc(ch > ' ' && ch <= '~' && ch != ':' ? ch : '_', f);
	}
}

void conversion_write(struct conversion *c, const struct hashlist_entry *e)
{
	bool any = e->size_bytes == HASHLIST_ANY_SIZE,
	     name = e->name && e->name_len > 0;

	for (size_t i = 0; i < digest_bytes(e->alg); i++)
		(void)fprintf(c->out, "%02x", e->digest[i]);
	if (any && name)
		(void)fputs(":*:", c->out);
	else if (!any)
		(void)fprintf(c->out, ":%llu:", (unsigned long long)e->size_bytes);
	if (name)
		write_name(c->out, e);
	else if (!any)
		(void)fputs("unnamed", c->out);
	(void)fputs(any && name ? ":73\n" : "\n", c->out);
	c->n_written++;
}

/* Lists of known files hold each hash many times, one behind the other. */
struct nsrl {
	struct conversion *c;
	struct hashlist_entry last;
	bool has_last;
};

static int on_nsrl_entry(void *userdata, const struct hashlist_entry *e)
{
	struct nsrl *n = userdata;

	if (e->alg != DIGEST_SHA256) {
		n->c->n_left_out++;
		return 0;
	}
	if (n->has_last && memcmp(n->last.digest, e->digest, sizeof(e->digest)) == 0 &&
	    n->last.size_bytes == e->size_bytes)
		return 0;
	n->last = *e;
	n->last.name = NULL;
	n->last.name_len = 0;
	n->has_last = true;
	conversion_write(n->c, &n->last);
	return ferror(n->c->out) ? -EIO : 0;
}

static int nsrl_read(int fd, struct conversion *c, struct diag *d)
{
	struct nsrl n = {.c = c};

	return hashlist_read(fd, c->file, on_nsrl_entry, &n, d);
}

static int convert_fd(const char *format, int fd, struct conversion *c)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = strcmp(format, "stix") == 0 ? stix_read(fd, c, &d)
	                                    : nsrl_read(fd, c, &d);

	diag_print(&d, stderr);
	if (r < 0 && d.n_total == 0)
		return ctl_error("%s: %s", c->file, strerrordesc_np(-r));
	if (r < 0)
		return CTL_ERROR;
	if (fflush(c->out) != 0 || ferror(c->out))
		return ctl_error("the list cannot be written: %s",
		                 strerrordesc_np(errno));
	(void)fprintf(stderr, "%zu hashes, %zu objects or rows left out\n",
	              c->n_written, c->n_left_out);
	if (c->n_written == 0)
		return ctl_error(
			"%s: there is no hash of a file in it that can be used",
			c->file);
	return CTL_OK;
}

/* All or nothing: a new file takes the place of @path when it is complete. */
static int convert_to(const char *format, int fd, struct conversion *c,
                      const char *path)
{
	char temporary[PATH_MAX];
	int r, out;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
	    (int)sizeof(temporary))
		return ctl_error("%s: the name is too long", path);
	out = mkostemp(temporary, O_CLOEXEC);
	if (out < 0)
		return ctl_error("%s: %s", temporary, strerrordesc_np(errno));
	c->out = fdopen(out, "w");
	if (!c->out) {
		fd_close(out);
		return ctl_error("out of memory");
	}
	r = convert_fd(format, fd, c);
	if (r == CTL_OK && (fchmod(out, 0644) < 0 || fsync(out) < 0))
		r = ctl_error("%s: %s", temporary, strerrordesc_np(errno));
	if (fclose(c->out) != 0 && r == CTL_OK)
		r = ctl_error("%s: %s", temporary, strerrordesc_np(errno));
	if (r == CTL_OK && rename(temporary, path) < 0)
		r = ctl_error("%s: %s", path, strerrordesc_np(errno));
	if (r != CTL_OK)
		(void)unlink(temporary);
	return r;
}

static int convert_file(const char *format, const char *path, struct conversion *c,
                        const char *output)
{
	_cleanup_(fd_closep) int fd = -1;

	if (!path || strcmp(path, "-") == 0) {
		path = "standard input";
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	}
	if (fd < 0)
		return ctl_error("%s: %s", path, strerrordesc_np(errno));
	c->file = path;
	c->out = stdout;
	return output ? convert_to(format, fd, c, output) : convert_fd(format, fd, c);
}

int verb_convert(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"files", no_argument, NULL, 'f'},
		{"output", required_argument, NULL, 'o'},
		{0},
	};
	struct conversion c = {0};
	const char *output = NULL, *format;
	int o;

	(void)ctl;
	while ((o = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
		if (o == 'f')
			c.files = true;
		else if (o == 'o')
			output = optarg;
		else
			return CTL_ERROR;
	}
	if (!ctl_args_ok("convert", argc, 1, 2))
		return CTL_ERROR;
	format = argv[optind];
	if (strcmp(format, "stix") != 0 && strcmp(format, "nsrl") != 0)
		return ctl_error("convert knows stix and nsrl, not '%s'", format);
	return convert_file(format, argv[optind + 1], &c, output);
}
