/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules kept
 *
 * Owns: the file, who may have written it, and the thread that writes it.
 * Must not own: what is in the image, or whether it is the right one (custos-compile,
 * sealed). Hands off to: nobody; whoever finds the file useless compiles.
 *
 * Compiled rules are code for libyara: whoever can write this file decides what is
 * malicious. So it lies in a directory that only root can enter, and is not used when
 * anybody else could have written it.
 */
#include "daemon/supervisor/rules-kept.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/thread.h"

#define FILE_NAME "rules.kept"
#define NEW_NAME  "rules.kept.new"

struct rules_kept {
	char *dir;
	bool storing; /* thread is to be joined */
	pthread_t thread;
};

/* The thread's own. */
struct store {
	int dir_fd, image_fd;
	struct kept_header header;
};

int rules_kept_new(const char *state_dir, struct rules_kept **ret)
{
	struct rules_kept *k = calloc(1, sizeof(*k));

	if (!k || !(k->dir = strdup(state_dir))) {
		free(k);
		return -ENOMEM;
	}
	*ret = k;
	return 0;
}

static bool is_finished(struct rules_kept *k)
{
	if (k->storing && pthread_tryjoin_np(k->thread, NULL) == 0)
		k->storing = false;
	return !k->storing;
}

struct rules_kept *rules_kept_free(struct rules_kept *k)
{
	if (!k)
		return NULL;
	if (!is_finished(k))
		(void)pthread_detach(k->thread);
	free(k->dir);
	free(k);
	return NULL;
}

/* Return: a descriptor, or -1: others can change what lies in it. */
static int open_dir(const struct rules_kept *k)
{
	_cleanup_(fd_closep) int dir = open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() ||
	    (st.st_mode & 022))
		return -1;
	return fd_take(&dir);
}

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0 && st.st_nlink == 1;
}

int rules_kept_open(const struct rules_kept *k)
{
	_cleanup_(fd_closep) int dir = open_dir(k);
	_cleanup_(fd_closep) int fd = -1;

	if (dir < 0)
		return -1;
	fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && is_ours(fd) ? fd_take(&fd) : -1;
}

/* Return: the whole image is in the file. */
static bool copy(int from, int to)
{
	struct stat st;
	off_t off = 0;

	if (fstat(from, &st) < 0 || (uint64_t)st.st_size > KEPT_BYTES_MAX)
		return false;
	while (off < st.st_size)
		if (sendfile(to, from, &off, (size_t)(st.st_size - off)) <= 0)
			return false;
	return true;
}

/* Under another name first: a crash leaves the former file, or one whose checksum is
 * wrong. */
static bool write_new(const struct store *s)
{
	_cleanup_(fd_closep) int fd = -1;

	(void)unlinkat(s->dir_fd, NEW_NAME, 0); /* of a crash */
	fd = openat(s->dir_fd, NEW_NAME,
	            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 &&
	       write(fd, &s->header, sizeof(s->header)) == (ssize_t)sizeof(s->header) &&
	       copy(s->image_fd, fd) && fdatasync(fd) == 0;
}

static void *store_main(void *arg)
{
	struct store *s = arg;

	(void)pthread_setname_np(pthread_self(), "rules-kept");
	if (!write_new(s) || renameat(s->dir_fd, NEW_NAME, s->dir_fd, FILE_NAME) < 0)
		(void)unlinkat(s->dir_fd, NEW_NAME, 0);
	(void)fd_close(s->dir_fd);
	(void)fd_close(s->image_fd);
	free(s);
	return NULL;
}

void rules_kept_store(struct rules_kept *k, int image_fd,
                      const uint8_t key[DIGEST_MAX_BYTES])
{
	struct store *s;

	if (image_fd < 0 || !is_finished(k)) {
		(void)fd_close(image_fd);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		*s = (struct store){.dir_fd = open_dir(k), .image_fd = image_fd};
		memcpy(s->header.magic, KEPT_MAGIC, sizeof(s->header.magic));
		memcpy(s->header.key, key, sizeof(s->header.key));
		k->storing = s->dir_fd >= 0 &&
		             thread_start("rules-kept", store_main, s, &k->thread) == 0;
	}
	if (k->storing)
		return;
	if (s)
		(void)fd_close(s->dir_fd);
	free(s);
	(void)fd_close(image_fd);
}
