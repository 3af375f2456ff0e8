/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest listener there can be: one thread, blocking read, allow all
 *
 * `minimal DIR` holds the opens of DIR's file system (a mount of your own!), prints
 * "ready" and answers until it is killed. The floor that every figure is compared to.
 * `minimal DIR ignore` asks the kernel, with the first answer about a file, not to ask about
 * it again: what is left is the kernel's own price for a marked file system. `minimal DIR hold` takes a read lease
 * on the file as well, without which ignoring it is not sound (docs/adr/0018): the kernel's own price for that.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

/* Not in the headers of glibc 2.36; include/uapi/linux/fanotify.h of Linux 6.0 */
#define MARK_EVICTABLE 0x200
#define MARK_IGNORE    0x400

int main(int argc, char **argv)
{
	struct fanotify_event_metadata event;
	struct fanotify_response response = {.response = FAN_ALLOW};
	const bool hold = argc == 3 && strcmp(argv[2], "hold") == 0;
	const bool ignore = hold || (argc == 3 && strcmp(argv[2], "ignore") == 0);
	int group;

	if (argc != 2 && !ignore)
		return 2;
	group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE,
	                      O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (group < 0 ||
	    fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
	                  FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, AT_FDCWD, argv[1]) < 0) {
		perror("minimal");
		return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	while (read(group, &event, sizeof(event)) == (ssize_t)sizeof(event)) {
		response.fd = event.fd;
		if (ignore &&
		    fanotify_mark(group, FAN_MARK_ADD | MARK_IGNORE | MARK_EVICTABLE,
		                  FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, event.fd, NULL) < 0)
			return 1;
		if (write(group, &response, sizeof(response)) !=
		    (ssize_t)sizeof(response))
			return 1;
		if (!hold)
			(void)close(event.fd);
		else if (fcntl(event.fd, F_SETLEASE, F_RDLCK) < 0) /* and keep it open */
			return 1;
	}
	return 1;
}
