/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest listener there can be: one thread, blocking read, allow all
 *
 * `minimal DIR` holds the opens of DIR's file system (a mount of your own!), prints
 * "ready" and answers until it is killed. The floor that every figure is compared to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct fanotify_event_metadata event;
	struct fanotify_response response = {.response = FAN_ALLOW};
	int group;

	if (argc != 2)
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
		if (write(group, &response, sizeof(response)) !=
		    (ssize_t)sizeof(response))
			return 1;
		(void)close(event.fd);
	}
	return 1;
}
