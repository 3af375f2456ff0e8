/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle: its folder
 *
 * Owns: how names become descriptors. Must not own: what is in the files.
 *
 * The folder may be anybody's, and change under us: a name is resolved once, beneath
 * the folder and through no link (beneath.h), and what counts is the descriptor.
 */
#include "bundle-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/beneath.h"
#include "custos/bundle.h"
#include "custos/cleanup.h"
#include "custos/text.h"

/* Files, MANIFEST, signatures. */
#define NAMES_MAX   (BUNDLE_FILES_MAX + 1 + BUNDLE_SIGNATURES_MAX)
#define CHUNK_BYTES ((size_t)256 << 10)

void bundle_names_deinit(struct bundle_names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->items[i]);
	free(n->items);
	*n = (struct bundle_names){0};
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	return len >= n && strcmp(s + len - n, suffix) == 0;
}

bool bundle_is_signature(const char *name)
{
	return strncmp(name, "MANIFEST.", 9) == 0 &&
	       (ends_with(name, ".sig") || ends_with(name, ".minisig"));
}

/* What @name is called in a message, whatever bytes it has. */
static int complain(const struct bundle_dir *dir, const char *name, const char *text,
                    struct diag *d)
{
	_cleanup_(freep) char *safe = text_escape(name, strlen(name));

	return safe ? diag_add(d, dir->label, 0, "'%s': %s", safe, text) : -ENOMEM;
}

static int add_name(const struct bundle_dir *dir, struct bundle_names *names,
                    const char *name, struct diag *d)
{
	char **items;

	if (names->n == NAMES_MAX)
		return diag_add(d, dir->label, 0, "more than %d files", NAMES_MAX);
	items = reallocarray(names->items, names->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	names->items = items;
	items[names->n] = strdup(name);
	if (!items[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int bundle_dir_list(const struct bundle_dir *dir, struct bundle_names *ret,
                    struct diag *d)
{
	_cleanup_(bundle_names_deinit) struct bundle_names names = {0};
	_cleanup_(dir_closep) DIR *stream = NULL;
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	int r = 0;

	stream = fd < 0 ? NULL : fdopendir(fd); /* owns fd from here on */
	if (!stream) {
		r = diag_add(d, dir->label, 0, "%s", strerrordesc_np(errno));
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(stream)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = add_name(dir, &names, e->d_name, d);
	if (r == 0 && errno)
		r = diag_add(d, dir->label, 0, "%s", strerrordesc_np(errno));
	if (r < 0)
		return r;
	if (names.n > 0)
		qsort(names.items, names.n, sizeof(*names.items), by_name);
	*ret = names;
	names = (struct bundle_names){0};
	return 0;
}

int bundle_dir_open(const struct bundle_dir *dir, const char *name, off_t *ret_size,
                    struct diag *d)
{
	_cleanup_(fd_closep) int fd =
		open_beneath(dir->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, false);
	struct stat st;

	if (fd < 0)
		return complain(dir, name,
		                fd == -ELOOP   ? "a symbolic link"
		                : fd == -EXDEV ? "lies on another file system"
		                               : strerrordesc_np(-fd),
		                d);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return complain(dir, name, "not a regular file", d);
	*ret_size = st.st_size;
	return fd_take(&fd);
}

static ssize_t read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

int bundle_dir_read(const struct bundle_dir *dir, const char *name, size_t max,
                    char **ret, size_t *ret_len, struct diag *d)
{
	_cleanup_(freep) char *text = malloc(max + 1);
	_cleanup_(fd_closep) int fd = -1;
	size_t len = 0;
	off_t size;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	fd = bundle_dir_open(dir, name, &size, d);
	if (fd < 0)
		return fd;
	while (len <= max && (n = read_some(fd, text + len, max + 1 - len)) != 0) {
		if (n < 0)
			return complain(dir, name, strerrordesc_np(errno), d);
		len += (size_t)n;
	}
	if (len > max)
		return complain(dir, name, "too large", d);
	*ret = ptr_take(&text);
	*ret_len = len;
	return 0;
}

int bundle_dir_digest(const struct bundle_dir *dir, const char *name,
                      uint8_t ret[DIGEST_MAX_BYTES], struct diag *d)
{
	_cleanup_(digests_deinit) struct digests digests = DIGESTS_NULL;
	_cleanup_(freep) char *buf = malloc(CHUNK_BYTES);
	_cleanup_(fd_closep) int fd = -1;
	uint8_t all[N_DIGESTS][DIGEST_MAX_BYTES];
	off_t size;
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	r = digests_init(&digests, 1U << DIGEST_SHA256);
	if (r == 0)
		r = digests_begin(&digests);
	if (r < 0)
		return r;
	fd = bundle_dir_open(dir, name, &size, d);
	if (fd < 0)
		return fd;
	while ((n = read_some(fd, buf, CHUNK_BYTES)) > 0)
		if (digests_update(&digests, buf, (size_t)n) < 0)
			return -ENOMEM;
	if (n < 0)
		return complain(dir, name, strerrordesc_np(errno), d);
	if (digests_final(&digests, all) < 0)
		return -ENOMEM;
	memcpy(ret, all[DIGEST_SHA256], DIGEST_MAX_BYTES);
	return 0;
}

int bundle_dir_digest_text(const char *text, size_t len, uint8_t ret[DIGEST_MAX_BYTES])
{
	uint8_t sha256[EVP_MAX_MD_SIZE];

	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM; /* the algorithm is built in: nothing else can fail */
	memcpy(ret, sha256, DIGEST_MAX_BYTES);
	return 0;
}
