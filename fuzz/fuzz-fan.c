/* SPDX-License-Identifier: Apache-2.0 */
/* fan_parse(): any bytes; what is accepted must be safe to act on */
#include <stdlib.h>

#include "custos/fan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fan_event event;

	if (fan_parse(data, size, &event) < 0)
		return 0;
	if (size < FAN_EVENT_BYTES || event.mask == 0 || event.fd < -FAN_ERRNO_MAX)
		abort();
	if (fan_event_is_held(&event) && event.fd < 0)
		abort();
	return 0;
}
