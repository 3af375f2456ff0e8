/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: a set of names */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

struct names {
	char **items; /* owned, as each of them */
	size_t n, n_alloc;
};

#define NAMES_NULL                                                                     \
	{                                                                              \
		0                                                                      \
	}

/* Return: 0 or -ENOMEM. */
int names_add(struct names *s, const char *name, size_t len);
/* After the last names_add(), before the first names_have(). */
void names_sort(struct names *s);
bool names_have(const struct names *s, const char *name, size_t len);
void names_deinit(struct names *s);
