/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: from text to the form rules_load() takes */
#pragma once

#include <sys/types.h>

#include "custos/diag.h"
#include "custos/rules-report.h"
#include "custos/rules-set.h"
#include "custos/ruleset.h"

/* One file of rules. Its text is also what an include statement naming it gets. */
struct rules_source {
	const char *file; /* absolute path, or any name; unique in the set */
	const char *text; /* NUL-terminated; borrowed */
	size_t len;
	const struct rules_set *set; /* that it belongs to; borrowed; NULL: none, and all is allowed */
	unsigned order;   /* of the set among all, filled in by rules_compile() in its own copy */
};

struct rules_compiled;

/**
 * rules_compile() - compile a set of files, each in a namespace of its own
 * @d: every error of every file, with the file and line it is in
 *
 * Each file is compiled alone first, so that one bad file neither hides the errors of
 * the others nor is blamed for them, and is tried on stock data: a rule that makes
 * libyara fail would leave files unjudged. An include statement reaches only these
 * files; what it brings may use what the including file's set may. Rules that import the modules magic or cuckoo are refused: the one opens its
 * database at the first scan, which the sealed scanner cannot, the other needs a report
 * that nobody gives it.
 *
 * Context: rules_global_init() was called; allocates; opens nothing.
 * Return: 0, -EINVAL when @d tells why (then nothing was compiled), or -ENOMEM.
 */
int rules_compile(const struct rules_source *sources, size_t n,
                  struct rules_compiled **ret, struct diag *d);

/* A file that is known to be harmless. */
struct rules_sample {
	const char *path;
	const void *bytes;
	size_t len;
	uid_t owner;
};

/* How rules are tried before they are used (docs/adr/0039). */
struct rules_trial {
	/* Harmless files, which no rule may match; the most important first. Borrowed until
	 * the next call. False: this one cannot be read. */
	bool (*stock)(void *userdata, size_t i, struct rules_sample *ret);
	void *userdata;
	size_t n_stock;
	const char *about; /* stands before what is wrong; NULL: nothing */
	bool leave_out;    /* files whose rules fail, or do not compile, are left out; else nothing is compiled */
	bool untried;      /* nothing but that: no rule is tried */
	/* files of rules that cost more for a MiB of stock are left out; 0: none is */
	nsec_t budget;
	struct rules_report report; /* filled; deinit it also after an error */
};

/**
 * rules_compile_tried() - the same, and try the result
 * @trial: NULL: as rules_compile()
 *
 * No rule may match a file of the stock, or fail on one, or take RULES_TRIAL_FILE_NSEC
 * for it; and each that is simple enough must match a file made of its own strings
 * (rules-positive.h). CPU time is bounded: what was not tried is in the report.
 */
int rules_compile_tried(const struct rules_source *sources, size_t n,
                        struct rules_trial *trial, struct rules_compiled **ret,
                        struct diag *d);

/* The default of Timeout=: a file that takes longer is not judged in time. */
#define RULES_TRIAL_FILE_NSEC (3 * NSEC_PER_SEC)

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
