/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that put another file under the name.
 *
 * Owns: the other file.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REUSE_TRIES 8

static int make_evil(struct target *t, const char *name)
{
	int fd = race_open(name, O_RDWR | O_CREAT | O_EXCL), r;

	if (fd < 0)
		return fd;
	r = race_put(t, fd);
	close(fd);
	return r;
}

static int put_over(struct target *t, unsigned flags)
{
	char name[RACE_PATH + 8];
	int r;

	snprintf(name, sizeof(name), "%s.evil", t->path);
	r = make_evil(t, name);
	if (r == 0)
		r = race_result(renameat2(AT_FDCWD, name, AT_FDCWD, t->path, flags), 0);
	unlink(name);
	return r;
}

static int change_rename(struct target *t)
{
	return put_over(t, 0);
}

static int change_exchange(struct target *t)
{
	return put_over(t, RENAME_EXCHANGE);
}

static int change_link(struct target *t)
{
	char link[64], name[RACE_PATH];
	int r;

	snprintf(name, sizeof(name), "%s", t->path);
	*(strrchr(name, '/') + 1) = '\0';
	t->fd = race_open(name, O_TMPFILE | O_RDWR);
	if (t->fd < 0)
		return t->fd;
	r = race_put(t, t->fd);
	unlink(t->path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", t->fd);
	if (r == 0)
		r = race_result(linkat(AT_FDCWD, link, AT_FDCWD, t->path, AT_SYMLINK_FOLLOW), 0);
	return r;
}

/* Removed and made again, with its times put back, and if it can be had the same inode. */
static int change_recreate(struct target *t)
{
	char names[REUSE_TRIES][RACE_PATH + 16];
	struct stat before, now;
	int found = 0, made = 0, r;

	if (stat(t->path, &before) < 0 || unlink(t->path) < 0)
		return -errno;
	for (r = 0; r == 0 && made < REUSE_TRIES; made++) {
		snprintf(names[made], sizeof(names[made]), "%s.%d", t->path, made);
		r = make_evil(t, names[made]);
		if (r == 0 && stat(names[made], &now) == 0 && now.st_ino == before.st_ino) {
			t->notes++;
			found = made++;
			break;
		}
	}
	if (r == 0)
		r = race_result(rename(names[found], t->path), 0);
	if (r == 0)
		r = race_result(utimensat(AT_FDCWD, t->path,
		                          (struct timespec[]){before.st_atim, before.st_mtim},
		                          0),
		                0);
	for (int i = 0; i < made; i++)
		unlink(names[i]);
	return r;
}

const struct changer race_name[] = {
	{.name = "rename", .kind = CONTENT_LISTED, .change = change_rename},
	{.name = "rename-exchange", .kind = CONTENT_LISTED, .change = change_exchange},
	{.name = "link", .kind = CONTENT_LISTED, .change = change_link},
	{.name = "recreate", .kind = CONTENT_EICAR, .change = change_recreate},
	{.name = NULL},
};
