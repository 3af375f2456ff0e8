/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets: what is said of a group of YARA rules as a whole */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "custos/verdict.h"

/* Those of the configuration, and one for each channel of bundles that has none there. */
#define RULES_SETS_MAX         48
#define RULES_PRIORITY_MAX     1000
#define RULES_PRIORITY_DEFAULT 100

/* Modules of libyara that rules may import; a mask of 1 << enum. */
enum rules_module {
	RULES_PE,
	RULES_ELF,
	RULES_MATH,
	RULES_HASH,
	RULES_DOTNET,
	RULES_DEX,
	RULES_MACHO,
	RULES_TIME,
	RULES_CONSOLE,
	RULES_STRING,
	N_RULES_MODULES,
};
#define RULES_MODULES_ALL ((1U << N_RULES_MODULES) - 1)

/* Like enum rules_var of rules.h. */
#define N_RULES_SET_VARS   12
#define RULES_SET_VARS_ALL ((1U << N_RULES_SET_VARS) - 1)

struct rules_set {
	char name[RULE_SET_BYTES]; /* "": no set */
	unsigned priority;         /* of two that match, a rule of the higher one is named */
	bool log_only;             /* all of its rules are of level "log" */
	unsigned modules, vars;    /* masks: what its rules may import, and look at besides the bytes */
};

/* All is allowed, at the default priority. @name: a valid one. */
void rules_set_init(struct rules_set *s, const char *name);

/* 1 to 32 of a-z, 0-9 and '-', the first no '-': as channels of bundles. */
bool rules_set_name_valid(const char *name);

/* NULL: there is none such. */
const char *rules_module_name(unsigned module);
/* 1 << module; 0: custos has not heard of it. */
unsigned rules_module_bit(const char *name);
const char *rules_set_var_name(unsigned var);

/* "all", "none", or names with spaces between them. Return: 0, or -EINVAL, and *ret is unchanged. */
int rules_modules_parse(const char *s, unsigned *ret);
int rules_set_vars_parse(const char *s, unsigned *ret);

/* "all", "none", or names with spaces between them. */
#define RULES_MASK_TEXT_BYTES 192
void rules_modules_text(unsigned mask, char ret[RULES_MASK_TEXT_BYTES]);
void rules_set_vars_text(unsigned mask, char ret[RULES_MASK_TEXT_BYTES]);

/* All of it in one word, for a command line: "site:100:log:1f:fff" (masks in base 16). NULL: "", no set. */
#define RULES_SET_TEXT_BYTES 64
void rules_set_text(const struct rules_set *s, char ret[RULES_SET_TEXT_BYTES]);
/* Return: 0, or -EINVAL, and *ret is unchanged. */
int rules_set_parse(const char *text, struct rules_set *ret);
