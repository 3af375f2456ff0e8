/* SPDX-License-Identifier: Apache-2.0 */
/*
 * External variables
 *
 * Owns: the convention of what each variable holds (rules.h).
 * Must not own: how they reach the rules.
 */
#include "engine-vars.h"

#include <stdio.h>
#include <string.h>

#include "custos/filetype.h"
#include "custos/types.h"

#define LINE_BYTES ((size_t)255) /* of a #! line, as Linux reads it */

/* Only ASCII letters: the locale must not matter. */
static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void set_path(struct engine_vars *v, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot;

	(void)snprintf(v->filename, sizeof(v->filename), "%s",
	               slash ? slash + 1 : path);
	(void)snprintf(v->filepath, sizeof(v->filepath), "%.*s",
	               slash ? (int)(slash - path) : 0, path);

	/* ".bashrc" is a name, not an extension. */
	dot = strrchr(v->filename, '.');
	v->extension[0] = '\0';
	if (dot && dot != v->filename)
		(void)snprintf(v->extension, sizeof(v->extension), "%s", dot);
	for (char *p = v->extension; *p; p++)
		*p = to_lower(*p);
}

/* The next word of a line, without blanks round it. Return: its length. */
static size_t next_word(const char **p, const char *end)
{
	const char *begin;

	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	begin = *p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != '\r' && **p)
		(*p)++;
	return (size_t)(*p - begin);
}

/* env takes options and variables before the program. */
static bool is_for_env(const char *word, size_t n)
{
	return n > 0 && (*word == '-' || memchr(word, '=', n));
}

static void set_interpreter(struct engine_vars *v, const char *head, size_t len)
{
	const size_t most = MIN(len, LINE_BYTES);
	const char *newline = len ? memchr(head, '\n', most) : NULL;
	const char *p = head + 2, *end = newline ? newline : head + most;

	v->interpreter[0] = '\0';
	if (len < 2 || memcmp(head, "#!", 2) != 0)
		return;
	do {
		size_t n = next_word(&p, end);
		const char *word = p - n, *slash = n ? memrchr(word, '/', n) : NULL;

		if (strcmp(v->interpreter, "env") == 0 && is_for_env(word, n))
			continue;
		if (n == 0)
			return;
		(void)snprintf(v->interpreter, sizeof(v->interpreter), "%.*s",
		               (int)(slash ? p - slash - 1 : (long)n), slash ? slash + 1 : word);
		if (strcmp(v->interpreter, "env") != 0)
			return;
	} while (p < end);
}

static void set_elf(struct engine_vars *v, const void *head, size_t len)
{
	elf_facts_of(head, len, &v->elf);
	v->values[RULES_ELF_TYPE] = v->elf.type;
	v->values[RULES_ELF_MACHINE] = v->elf.machine;
	v->values[RULES_ELF_LINKING] = v->elf.linking;
	v->values[RULES_ELF_SECTIONS] = v->elf.sections;
	v->values[RULES_ELF_PACKER] = v->elf.packer;
	v->values[RULES_ELF_INTERP] = v->elf.interp;
}

void engine_vars_set(struct engine_vars *v, const char *path, uid_t owner,
                     const void *head, size_t len)
{
	set_path(v, path ? path : "");
	if (owner == 0)
		(void)snprintf(v->owner, sizeof(v->owner), "root");
	else
		(void)snprintf(v->owner, sizeof(v->owner), "%u", owner);

	v->values[RULES_FILENAME] = v->filename;
	v->values[RULES_FILEPATH] = v->filepath;
	v->values[RULES_EXTENSION] = v->extension;
	v->values[RULES_FILETYPE] = filetype_name(head, len);
	v->values[RULES_OWNER] = v->owner;
	set_elf(v, head, len);
	set_interpreter(v, head, len);
	v->values[RULES_SCRIPT_INTERPRETER] = v->interpreter;
}
