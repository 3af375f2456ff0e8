/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/PID/fdinfo */
#include <stdlib.h>
#include <string.h>

#include "custos/fan-owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct fan_owner_mark mark;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (fan_owner_parse(line, &mark) && mark.on == FAN_ON_MOUNT && mark.sb != 0)
		abort(); /* a mount has no superblock here */
	free(line);
	return 0;
}
