/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: load compiled ones, run them over a buffer */
#pragma once

#include "custos/types.h"
#include "custos/verdict.h"

/*
 * External variables, all strings, "" when not known:
 *   filename   last component of the path
 *   filepath   the path before it, without the slash
 *   extension  last dot of the filename and what follows, lower case: ".php"
 *   filetype   "ELF", "EXE", "PDF", ... from the first bytes (filetype.h)
 *   owner      "root" or the numeric user id: names cannot be resolved where we run
 */
enum rules_var {
	RULES_FILENAME,
	RULES_FILEPATH,
	RULES_EXTENSION,
	RULES_FILETYPE,
	RULES_OWNER,
	N_RULES_VARS,
};

const char *rules_var_name(enum rules_var v);

/* Version of libyara the program was built with; compiled rules fit no other. */
uint32_t rules_yara_version(void);

/* Once per process, before any thread. Return: 0 or a negative errno. */
int rules_global_init(void);

struct rules; /* immutable; shared by any number of scanners */

/**
 * rules_load() - take over rules that rules_compiled_write() has written
 * @mem: libyara copies it, so it may go away afterwards. Trusted: libyara does not
 * defend itself against forged compiled rules.
 *
 * Return: 0, -EBADMSG when libyara does not accept them, or -ENOMEM.
 */
int rules_load(const void *mem, size_t size, struct rules **ret);
struct rules *rules_free(struct rules *r);
uint64_t rules_count(const struct rules *r);

enum rules_result {
	RULES_CLEAN,
	RULES_MATCH,
	RULES_MATCH_LOG, /* rules of level "log" alone, and all were evaluated */
	RULES_TIMEOUT,
	RULES_NOMEM,
	RULES_ERROR, /* not every rule was evaluated in full */
};

struct rules_scanner; /* one per thread */

/* @rules: borrowed, must outlive the scanner. Return: 0 or -ENOMEM. */
int rules_scanner_new(const struct rules *rules, struct rules_scanner **ret);
struct rules_scanner *rules_scanner_free(struct rules_scanner *s);

/**
 * rules_scan() - run every rule over one buffer
 * @vars:     N_RULES_VARS strings, or NULL when no rule looks at them
 * @deadline: absolute, CLOCK_MONOTONIC. libyara looks at the clock every few thousand
 * bytes and rules, so one slow regular expression can overrun it
 * @ret_rule: name of the first matching rule, set for RULES_MATCH and RULES_MATCH_LOG
 *
 * A rule with the meta `level = "log"` does not end the scan: one that denies may come after
 * it. Any other value, and none, is a rule that denies: rules from elsewhere have not heard of
 * levels.
 *
 * A match found before something went wrong counts, but not one of level "log": what was not
 * evaluated may have denied. Context: allocates inside libyara.
 */
enum rules_result rules_scan(struct rules_scanner *s, const void *buf, size_t len,
                             const char *const *vars, nsec_t deadline,
                             char ret_rule[RULE_NAME_BYTES]);
