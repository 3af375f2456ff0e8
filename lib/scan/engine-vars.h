/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: external variables of one scan */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "custos/elf-facts.h"
#include "custos/rules.h"

struct engine_vars {
	/* point into the buffers below, or constants */
	const char *values[N_RULES_VARS];
	char filename[NAME_MAX + 1];
	char filepath[PATH_MAX];
	char extension[32];
	char owner[16];
	char interpreter[64];
	struct elf_facts elf;
};

/* @path: NULL = unknown; longer parts are cut. @head: first bytes of the file. Pure. */
void engine_vars_set(struct engine_vars *v, const char *path, uid_t owner,
                     const void *head, size_t len);
