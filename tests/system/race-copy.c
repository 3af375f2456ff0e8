/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that bring content from another descriptor: pipes, sendfile, clones.
 *
 * Owns: a pipe per change.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum filling { FILL_WRITE, FILL_VMSPLICE, FILL_SPLICE };

static int fill(struct target *t, int pipe_fd, enum filling how)
{
	struct iovec iov = {.iov_base = (void *)t->evil, .iov_len = t->evil_size};
	loff_t at = 0;

	switch (how) {
	case FILL_WRITE:
		return race_result(write(pipe_fd, t->evil, t->evil_size), t->evil_size);
	case FILL_VMSPLICE:
		return race_result(vmsplice(pipe_fd, &iov, 1, 0), t->evil_size);
	default:
		return race_result(splice(t->evil_fd, &at, pipe_fd, NULL, t->evil_size, 0),
		                   t->evil_size);
	}
}

static int put_by_pipe(struct target *t, enum filling how)
{
	size_t done = 0;
	int fds[2], r;

	t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = fill(t, fds[1], how);
	while (r == 0 && done < t->evil_size) {
		ssize_t n = splice(fds[0], NULL, t->fd, NULL, t->evil_size - done, 0);

		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
		else
			done += (size_t)n;
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int change_splice(struct target *t)
{
	return put_by_pipe(t, FILL_WRITE);
}

static int change_vmsplice(struct target *t)
{
	return put_by_pipe(t, FILL_VMSPLICE);
}

static int change_splice_file(struct target *t)
{
	return put_by_pipe(t, FILL_SPLICE);
}

static int change_sendfile(struct target *t)
{
	off_t at = 0;

	t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	return race_result(sendfile(t->fd, t->evil_fd, &at, t->evil_size), t->evil_size);
}

static int change_copy_range(struct target *t)
{
	loff_t from = 0, to = 0;

	t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	return race_result(copy_file_range(t->evil_fd, &from, t->fd, &to, t->evil_size, 0),
	                   t->evil_size);
}

static int change_clone(struct target *t)
{
	t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	return race_result(ioctl(t->fd, FICLONE, t->evil_fd), 0);
}

static int change_clone_range(struct target *t)
{
	struct file_clone_range range = {.src_fd = t->evil_fd, .src_length = t->evil_size};

	t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	return race_result(ioctl(t->fd, FICLONERANGE, &range), 0);
}

const struct changer race_copy[] = {
	{.name = "splice", .kind = CONTENT_LISTED, .change = change_splice},
	{.name = "vmsplice", .kind = CONTENT_LISTED, .change = change_vmsplice},
	{.name = "splice-file", .kind = CONTENT_LISTED, .change = change_splice_file},
	{.name = "sendfile", .kind = CONTENT_LISTED, .change = change_sendfile},
	{.name = "copy-range", .kind = CONTENT_LISTED, .change = change_copy_range},
	{.name = "clone", .kind = CONTENT_LISTED, .change = change_clone},
	{.name = "clone-range", .kind = CONTENT_LISTED, .change = change_clone_range},
	{.name = NULL},
};
