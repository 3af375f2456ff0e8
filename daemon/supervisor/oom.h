/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory: which of our processes the kernel ends first */
#pragma once

#include <sys/types.h>

/* Let @scanner, a child of the keeper's, go before all others of ours. */
void oom_prefer(pid_t scanner);
