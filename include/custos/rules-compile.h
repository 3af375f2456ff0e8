/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: from text to the form rules_load() takes */
#pragma once

#include "custos/diag.h"
#include "custos/ruleset.h"

/* One file of rules. Its text is also what an include statement naming it gets. */
struct rules_source {
	const char *file; /* absolute path, or any name; unique in the set */
	const char *text; /* NUL-terminated; borrowed */
	size_t len;
};

struct rules_compiled;

/**
 * rules_compile() - compile a set of files, each in a namespace of its own
 * @d: every error of every file, with the file and line it is in
 *
 * Each file is compiled alone first, so that one bad file neither hides the errors of
 * the others nor is blamed for them, and is tried on stock data: a rule that makes
 * libyara fail would leave files unjudged. An include statement reaches only files of
 * the set. Rules that import the modules magic or cuckoo are refused: the one opens its
 * database at the first scan, which the sealed scanner cannot, the other needs a report
 * that nobody gives it.
 *
 * Context: rules_global_init() was called; allocates; opens nothing.
 * Return: 0, -EINVAL when @d tells why (then nothing was compiled), or -ENOMEM.
 */
int rules_compile(const struct rules_source *sources, size_t n,
                  struct rules_compiled **ret, struct diag *d);
struct rules_compiled *rules_compiled_free(struct rules_compiled *c);
void rules_compiled_freep(struct rules_compiled **c);

uint64_t rules_compiled_count(const struct rules_compiled *c);
/* What do the rules look at besides the bytes? Mask of enum ruleset_use. Found out by
 * leaving it away: a file that compiles without a variable does not use it. */
unsigned rules_compiled_uses(const struct rules_compiled *c);

typedef int (*rules_sink)(void *userdata, const void *data, size_t len);

/* Write the compiled form. Return: 0, what @sink failed with, or -ENOMEM. */
int rules_compiled_write(const struct rules_compiled *c, rules_sink sink,
                         void *userdata);
