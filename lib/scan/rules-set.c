/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule sets
 *
 * Owns: names of sets, modules and variables, and the form of a set on a command line.
 * Must not own: what is in a set, or how what it may not use is refused (rules-check.c).
 */
#include "custos/rules-set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "custos/rules.h"
#include "custos/types.h"

_Static_assert(N_RULES_SET_VARS == N_RULES_VARS, "a variable more");

static const char *const module_names[N_RULES_MODULES] = {
	[RULES_PE] = "pe",         [RULES_ELF] = "elf",       [RULES_MATH] = "math",
	[RULES_HASH] = "hash",     [RULES_DOTNET] = "dotnet", [RULES_DEX] = "dex",
	[RULES_MACHO] = "macho",   [RULES_TIME] = "time",     [RULES_CONSOLE] = "console",
	[RULES_STRING] = "string",
};

static const char *const var_names[N_RULES_VARS] = {
	[RULES_FILENAME] = "filename",
	[RULES_FILEPATH] = "filepath",
	[RULES_EXTENSION] = "extension",
	[RULES_FILETYPE] = "filetype",
	[RULES_OWNER] = "owner",
	[RULES_ELF_TYPE] = "elf_type",
	[RULES_ELF_MACHINE] = "elf_machine",
	[RULES_ELF_LINKING] = "elf_linking",
	[RULES_ELF_SECTIONS] = "elf_sections",
	[RULES_ELF_PACKER] = "elf_packer",
	[RULES_ELF_INTERP] = "elf_interp",
	[RULES_SCRIPT_INTERPRETER] = "script_interpreter",
};

/* The bit of @len bytes at @s; 0: they name nothing. */
static unsigned named(const char *const names[], unsigned n, const char *s, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		if (strlen(names[i]) == len && memcmp(names[i], s, len) == 0)
			return 1U << i;
	return 0;
}

const char *rules_var_name(enum rules_var v)
{
	return var_names[v];
}

const char *rules_module_name(unsigned module)
{
	return module < N_RULES_MODULES ? module_names[module] : NULL;
}

unsigned rules_module_bit(const char *name)
{
	return named(module_names, N_RULES_MODULES, name, strlen(name));
}

const char *rules_set_var_name(unsigned var)
{
	return var < N_RULES_VARS ? var_names[var] : NULL;
}

void rules_set_init(struct rules_set *s, const char *name)
{
	*s = (struct rules_set){.priority = RULES_PRIORITY_DEFAULT,
	                        .modules = RULES_MODULES_ALL,
	                        .vars = RULES_SET_VARS_ALL};
	(void)snprintf(s->name, sizeof(s->name), "%s", name); /* fits, if it is valid */
}

bool rules_set_name_valid(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len < RULE_SET_BYTES && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int parse_mask(const char *const names[], unsigned n, const char *s, unsigned *ret)
{
	unsigned mask = 0, bit;

	if (strcmp(s, "all") == 0 || strcmp(s, "none") == 0) {
		*ret = *s == 'a' ? (1U << n) - 1 : 0;
		return 0;
	}
	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		const size_t len = strcspn(s, " ");

		bit = named(names, n, s, len);
		if (!bit)
			return -EINVAL;
		mask |= bit;
		s += len;
	}
	if (!mask)
		return -EINVAL;
	*ret = mask;
	return 0;
}

static void mask_text(const char *const names[], unsigned n, unsigned mask,
                      char ret[RULES_MASK_TEXT_BYTES])
{
	const unsigned all = (1U << n) - 1;
	size_t len = 0;

	(void)snprintf(ret, RULES_MASK_TEXT_BYTES, "%s", (mask & all) == all ? "all" : "none");
	if ((mask & all) == all)
		return;
	for (unsigned i = 0; i < n; i++)
		if (mask & 1U << i) /* all names together fit */
			len += (size_t)snprintf(ret + len, RULES_MASK_TEXT_BYTES - len, "%s%s",
			                        len ? " " : "", names[i]);
}

int rules_modules_parse(const char *s, unsigned *ret)
{
	return parse_mask(module_names, N_RULES_MODULES, s, ret);
}

int rules_set_vars_parse(const char *s, unsigned *ret)
{
	return parse_mask(var_names, N_RULES_VARS, s, ret);
}

void rules_modules_text(unsigned mask, char ret[RULES_MASK_TEXT_BYTES])
{
	mask_text(module_names, N_RULES_MODULES, mask, ret);
}

void rules_set_vars_text(unsigned mask, char ret[RULES_MASK_TEXT_BYTES])
{
	mask_text(var_names, N_RULES_VARS, mask, ret);
}

void rules_set_text(const struct rules_set *s, char ret[RULES_SET_TEXT_BYTES])
{
	ret[0] = '\0';
	if (!s)
		return;
	(void)snprintf(ret, RULES_SET_TEXT_BYTES, "%s:%u:%s:%x:%x", s->name, s->priority,
	               s->log_only ? "log" : "deny", s->modules, s->vars); /* fits */
}

int rules_set_parse(const char *text, struct rules_set *ret)
{
	struct rules_set s = {0};
	char level[5];
	int end = 0;

	if (sscanf(text, "%32[a-z0-9-]:%4u:%4[a-z]:%5x:%5x%n", s.name, &s.priority, level,
	           &s.modules, &s.vars, &end) != 5 ||
	    text[end] != '\0' || !rules_set_name_valid(s.name) ||
	    s.priority > RULES_PRIORITY_MAX || s.modules > RULES_MODULES_ALL ||
	    s.vars > RULES_SET_VARS_ALL)
		return -EINVAL;
	s.log_only = strcmp(level, "log") == 0;
	if (!s.log_only && strcmp(level, "deny") != 0)
		return -EINVAL;
	*ret = s;
	return 0;
}
