/* SPDX-License-Identifier: Apache-2.0 */
/* Include statements: resolved inside the set of files that were given, nowhere else */
#pragma once

#include "custos/rules-compile.h"

/* libyara itself allows 16 levels; one file may include this many in all. */
#define RULES_INCLUDES_MAX 256

struct rules_includes {
	const struct rules_source *sources; /* borrowed */
	size_t n_sources;
	/* libyara knows an included file only by the words of its include statement. */
	struct {
		char *name;
		const struct rules_source *source;
	} seen[RULES_INCLUDES_MAX];
	size_t n_seen;
};

void rules_includes_init(struct rules_includes *in, const struct rules_source *sources,
                         size_t n);
/* Before each file. */
void rules_includes_reset(struct rules_includes *in);
void rules_includes_deinit(struct rules_includes *in);

/* The file that @name, written in the file @from, means; NULL when it is not in the
 * set. A relative name counts from the folder of @from. Allocates. */
const struct rules_source *rules_includes_find(struct rules_includes *in,
                                               const char *name, const char *from);
/* Full name of a file as libyara calls it. */
const char *rules_includes_path(const struct rules_includes *in, const char *name);
