/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle: copying one in
 *
 * Owns: the limits on what is copied. Must not own: what it means: the copy is
 * verified, never the source (bundle.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/bundle.h"
#include "custos/cleanup.h"

#include "bundle-dir.h"

/* A file can be as large as is left of the whole. */
static int copy_bytes(int from, int to, const struct bundle_dir *dir, const char *name,
                      off_t *left, struct diag *d)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 24, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_add(d, dir->label, 0, "'%s': %s", name,
			                strerrordesc_np(errno));
		if (n == 0)
			return 0;
		*left -= n;
		if (*left < 0)
			return diag_add(d, dir->label, 0, "larger than %lld bytes",
			                (long long)BUNDLE_BYTES_MAX);
	}
}

/* File systems that cannot copy by themselves, and those on which the kernel cannot
 * between two. */
static int copy_by_hand(int from, int to, const struct bundle_dir *dir,
                        const char *name, off_t *left, struct diag *d)
{
	_cleanup_(freep) char *buf = malloc((size_t)1 << 20);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	while ((n = read(from, buf, (size_t)1 << 20)) > 0) {
		*left -= n;
		if (*left < 0)
			return diag_add(d, dir->label, 0, "larger than %lld bytes",
			                (long long)BUNDLE_BYTES_MAX);
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buf + done, (size_t)(n - done));

			if (w < 0)
				return diag_add(d, dir->label, 0, "'%s': %s", name,
				                strerrordesc_np(errno));
			done += w;
		}
	}
	return n < 0 ? diag_add(d, dir->label, 0, "'%s': %s", name,
	                        strerrordesc_np(errno))
	             : 0;
}

static bool same_device(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev;
}

/* Copy one file; at most *left bytes, which goes down. */
static int copy(const struct bundle_dir *dir, int to_dir, const char *name, off_t *left,
                struct diag *d)
{
	_cleanup_(fd_closep) int from = -1;
	_cleanup_(fd_closep) int to = -1;
	off_t size;
	int r;

	from = bundle_dir_open(dir, name, &size, d);
	if (from < 0)
		return from;
	if (size > *left) /* before disk is used; it may still grow */
		return diag_add(d, dir->label, 0, "'%s': too large", name);
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return diag_add(d, dir->label, 0, "'%s': cannot be kept: %s", name,
		                strerrordesc_np(errno));
	r = same_device(from, to) ? copy_bytes(from, to, dir, name, left, d)
	                          : copy_by_hand(from, to, dir, name, left, d);
	if (r == 0 && fsync(to) < 0)
		r = diag_add(d, dir->label, 0, "'%s': cannot be kept: %s", name,
		             strerrordesc_np(errno));
	return r;
}

int bundle_copy_head(int from, int to, const char *label, struct diag *d)
{
	_cleanup_(bundle_names_deinit) struct bundle_names names = {0};
	const struct bundle_dir dir = {from, label};
	off_t left = BUNDLE_MANIFEST_MAX;
	unsigned n_sigs = 0;
	int r = bundle_dir_list(&dir, &names, d);

	if (r == 0)
		r = copy(&dir, to, "MANIFEST", &left, d);
	for (size_t i = 0; i < names.n && r == 0; i++) {
		if (!bundle_is_signature(names.items[i]))
			continue;
		if (++n_sigs > BUNDLE_SIGNATURES_MAX)
			return diag_add(d, label, 0, "more than %d signatures",
			                BUNDLE_SIGNATURES_MAX);
		left = SIGNATURE_FILE_MAX;
		r = copy(&dir, to, names.items[i], &left, d);
	}
	return r;
}

int bundle_copy_files(int from, int to, const char *label, const struct bundle *b,
                      struct diag *d)
{
	const struct bundle_dir dir = {from, label};
	off_t left = BUNDLE_BYTES_MAX;
	int r = bundle_check_names(from, label, b, d);

	for (size_t i = 0; i < b->manifest.n_files && r == 0; i++)
		r = copy(&dir, to, b->manifest.files[i].name, &left, d);
	return r;
}
