/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule image: the note about what is in work
 *
 * Owns: the bytes of the header as long as there is none.
 * Must not own: the image (image-write.c), or what is said about a process that ended.
 *
 * A signal leaves no time for a message, the kernel's SIGKILL for memory or time least of
 * all. The memfd outlives its writer, and costs no descriptor and no system call more.
 */
#include <string.h>
#include <unistd.h>

#include "custos/image.h"

#define MARK "in work: "

void image_at_note(void *fd_pointer, const char *file)
{
	const int *fd = fd_pointer;
	char text[sizeof(struct image_header)] = ""; /* nothing stays of a longer one */
	const size_t room = sizeof(text) - sizeof(MARK);

	if (file) {
		const size_t len = strlen(file);

		memcpy(text, MARK, strlen(MARK));
		memcpy(text + strlen(MARK), file + len - MIN(len, room), MIN(len, room));
	}
	(void)!pwrite(*fd, text, sizeof(text), 0); /* then there is no note */
}

bool image_at_read(int fd, char ret[sizeof(struct image_header)])
{
	char text[sizeof(struct image_header)];

	if (pread(fd, text, sizeof(text), 0) != sizeof(text) ||
	    memcmp(text, MARK, strlen(MARK)) != 0)
		return false;
	text[sizeof(text) - 1] = '\0';
	memcpy(ret, text + strlen(MARK), sizeof(text) - strlen(MARK));
	return ret[0] != '\0';
}
