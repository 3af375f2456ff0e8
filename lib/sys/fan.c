/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fanotify calls
 *
 * Owns: which flags we use and what older kernels get instead; the shape of an event.
 * Must not own: a group (the caller's), threads, what the answer should be.
 * Hands off to: fan-probe.c, which tries all of it once.
 */
#include "custos/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GROUP_FLAGS                                                                    \
	(FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS |               \
	 FAN_NONBLOCK | FAN_CLOEXEC)
#define EVENT_FLAGS (O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME | O_NONBLOCK)

int fan_group_new(bool *ret_fd_error)
{
	bool fd_error = true;
	int group;

	group = fanotify_init(GROUP_FLAGS | FAN_REPORT_FD_ERROR, EVENT_FLAGS);
	if (group < 0 && errno == EINVAL) {
		fd_error = false;
		group = fanotify_init(GROUP_FLAGS, EVENT_FLAGS);
	}
	if (group < 0)
		return -errno;
	if (ret_fd_error)
		*ret_fd_error = fd_error;
	return group;
}

static int mark(int group, unsigned flags, uint64_t mask, int dirfd, const char *path)
{
	return fanotify_mark(group, flags, mask, dirfd, path) < 0 ? -errno : 0;
}

int fan_mark_filesystem(int group, int dirfd, const char *path)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_MASK_WATCH, dirfd,
	            path);
}

int fan_unmark_filesystem(int group, int dirfd, const char *path)
{
	return mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_MASK_WATCH, dirfd,
	            path);
}

int fan_ignore_mount(int group, int dirfd, const char *path)
{
	const unsigned flags =
		FAN_MARK_ADD | FAN_MARK_MOUNT | FAN_MARK_IGNORED_SURV_MODIFY;
	int r;

	r = mark(group, flags | FAN_MARK_IGNORE, FAN_MASK_HOLD, dirfd, path);
	if (r == -EINVAL) /* unknown flag: an older kernel */
		r = mark(group, flags | FAN_MARK_IGNORED_MASK, FAN_MASK_HOLD, dirfd,
		         path);
	return r;
}

int fan_ignore_file(int group, int fd)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_EVICTABLE, FAN_MASK_HOLD, fd,
	            NULL);
}

int fan_empty_file(int group, int fd)
{
	/* Something to keep it for: what the mark of the file system reports anyway. */
	int r = mark(group, FAN_MARK_ADD | FAN_MARK_EVICTABLE, FAN_CLOSE_WRITE, fd, NULL);

	return r < 0 ? r : mark(group, FAN_MARK_REMOVE | FAN_MARK_IGNORE, FAN_MASK_HOLD, fd, NULL);
}

int fan_unignore_files(int group)
{
	return mark(group, FAN_FLAGS_UNIGNORE_FILES | FAN_MARK_INODE, 0, AT_FDCWD, NULL);
}

int fan_guard_new(void)
{
	int guard = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS |
	                                  FAN_NONBLOCK | FAN_CLOEXEC,
	                          EVENT_FLAGS);

	return guard < 0 ? -errno : guard;
}

int fan_guard_file(int guard, int fd)
{
	return fan_hold_file(guard, fd);
}

int fan_news_new(void)
{
	const unsigned flags = FAN_CLASS_NOTIF | FAN_UNLIMITED_MARKS | FAN_NONBLOCK | FAN_CLOEXEC;
	int group = fanotify_init(flags | FAN_REPORT_FD_ERROR, EVENT_FLAGS);

	if (group < 0 && errno == EINVAL)
		group = fanotify_init(flags, EVENT_FLAGS);
	return group < 0 ? -errno : group;
}

int fan_mark_news(int group, int dirfd, const char *path)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN | FAN_CLOSE_WRITE, dirfd,
	            path);
}

int fan_mark_held(int group, int dirfd, const char *path)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_MASK_HOLD, dirfd, path);
}

int fan_note_filesystem(int group, int dirfd, const char *path)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
	            FAN_OPEN, dirfd, path);
}

int fan_hold_file(int group, int fd)
{
	return mark(group, FAN_FLAGS_HOLD_FILE, FAN_MASK_HOLD, fd, NULL);
}

int fan_quiet_file(int group, int fd)
{
	return mark(group, FAN_FLAGS_QUIET_FILE, FAN_OPEN, fd, NULL);
}

int fan_queued(int group)
{
	int bytes;

	return ioctl(group, FIONREAD, &bytes) < 0 ? -errno : bytes / (int)FAN_EVENT_BYTES;
}

void fan_guard_release(int guard, int fd)
{
	char raw[FAN_EVENT_BYTES];
	struct fan_event ev;
	ssize_t n;

	if (fd < 0)
		(void)mark(guard, FAN_FLAGS_UNIGNORE_FILES | FAN_MARK_INODE, 0, AT_FDCWD, NULL);
	else
		(void)mark(guard, FAN_MARK_REMOVE, FAN_MASK_HOLD, fd, NULL); /* ENOENT: flushed */
	while ((n = read(guard, raw, sizeof(raw))) > 0) {
		if (fan_parse(raw, (size_t)n, &ev) < 0 || ev.fd < 0)
			continue;
		(void)fan_respond(guard, ev.fd, true); /* ENOENT: killed meanwhile */
		(void)close(ev.fd);
	}
}

int fan_flush(int group)
{
	static const unsigned kinds[] = {FAN_MARK_INODE, FAN_MARK_MOUNT,
	                                 FAN_MARK_FILESYSTEM};
	int first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* the path is not looked at, but must not be a bad address */
		int r = mark(group, FAN_MARK_FLUSH | kinds[i], 0, AT_FDCWD, NULL);

		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int fan_parse(const void *buf, size_t len, struct fan_event *ret)
{
	struct fanotify_event_metadata event;

	if (len < sizeof(event))
		return -EBADMSG;
	memcpy(&event, buf, sizeof(event));
	if (event.vers != FANOTIFY_METADATA_VERSION)
		return -EPROTO;
	if (event.metadata_len < sizeof(event) || event.event_len < event.metadata_len)
		return -EBADMSG;
	/* a tail would be a second event, whose file nobody would ever close */
	if (event.event_len != len || event.mask == 0)
		return -EBADMSG;
	if (event.fd < -FAN_ERRNO_MAX)
		return -EBADMSG;
	*ret = (struct fan_event){.mask = event.mask, .fd = event.fd, .pid = event.pid};
	return 0;
}

int fan_respond(int group, int fd, bool allow)
{
	const struct fanotify_response response = {
		.fd = fd,
		.response = allow ? FAN_ALLOW : FAN_DENY,
	};
	ssize_t n;

	do
		n = write(group, &response, sizeof(response));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(response) ? 0 : -EIO;
}
