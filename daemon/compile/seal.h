/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: the sandbox it parses in */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct seal_ids {
	bool set; /* change to these; needs root */
	uid_t uid;
	gid_t gid;
};

/**
 * seal_self() - keep nothing but memory and the open descriptors
 * @ret_step: on error what failed, for the message
 *
 * As root also without any path or network. Return: 0 or a negative errno.
 */
int seal_self(const struct seal_ids *ids, const char **ret_step);
