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
 *   elf_type, elf_machine, elf_linking, elf_sections, elf_packer, elf_interp
 *              of an ELF file (elf-facts.h)
 *   script_interpreter
 *              last component of what a #! line names; behind env, of what that is to run
 */
enum rules_var {
	RULES_FILENAME,
	RULES_FILEPATH,
	RULES_EXTENSION,
	RULES_FILETYPE,
	RULES_OWNER,
	RULES_ELF_TYPE,
	RULES_ELF_MACHINE,
	RULES_ELF_LINKING,
	RULES_ELF_SECTIONS,
	RULES_ELF_PACKER,
	RULES_ELF_INTERP,
	RULES_SCRIPT_INTERPRETER,
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
	RULES_PARTIAL, /* of a file in windows: some rule may say something else of it as a whole */
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
 * @ret:      the first matching rule of the set of the highest priority; for RULES_MATCH and RULES_MATCH_LOG
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
                             struct rule_match *ret);

/*
 * Windows: a file that is too large to be held in memory, shown piece by piece. A string
 * is found wherever it lies if it matches no more than this many bytes, and a condition is
 * evaluated once, over what was found in all windows (docs/adr/0040).
 */
#define RULES_OVERLAP_BYTES ((size_t)64 << 10)

struct rules_window {
	const void *buf;
	size_t len;
	uint64_t base; /* offset of its first byte in the file */
};

/**
 * rules_windows_begin() - the first window of a file
 * @head: from the file's start on; it stays readable until the end. More than
 *        RULES_OVERLAP_BYTES long
 * @vars, @deadline, @ret: as in rules_scan()
 *
 * Context: as rules_scan(). Return: RULES_CLEAN, and what follows is to be called; else it
 * is over, as rules_windows_end() says.
 */
enum rules_result rules_windows_begin(struct rules_scanner *s, const struct rules_window *head,
                                      const char *const *vars, nsec_t deadline,
                                      struct rule_match *ret);
/* The next window: it begins RULES_OVERLAP_BYTES before the end of the one before, whose
 * bytes need not be there any more. Return: as rules_windows_begin(). */
enum rules_result rules_windows_add(struct rules_scanner *s, const struct rules_window *w);

/**
 * rules_windows_end() - evaluate the conditions
 *
 * The first and the last window are still readable: rules may look at bytes of them. Where
 * one looks at others, or a module reads a file that goes beyond the first window, or where a
 * match may lie across a border that is longer than the overlap, the result is
 * RULES_PARTIAL, unless a rule denies.
 *
 * @ret_partial: was there anything of that kind? Return: as rules_scan(), or RULES_PARTIAL.
 */
enum rules_result rules_windows_end(struct rules_scanner *s, bool *ret_partial);
/* Instead of rules_windows_end(): nobody wants to know. */
void rules_windows_drop(struct rules_scanner *s);
