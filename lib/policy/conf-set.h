/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: the sections [RuleSet NAME] */
#pragma once

#include "custos/conf.h"

/* Is it one of these sections, perhaps without a name, or with a bad one? */
bool conf_set_is(const char *section);

/* A header, or a key in it. */
struct conf_set_line {
	const char *section;
	const char *name, *value; /* NULL: the header */
	const char *file;
	unsigned line;
};

/* Return: 0, -EINVAL when @d tells why, or -ENOMEM. */
int conf_set_key(struct conf *c, const struct conf_set_line *l, struct diag *d);
