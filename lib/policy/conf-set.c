/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: rule sets
 *
 * Owns: the keys of [RuleSet NAME]. Must not own: what a set may do (rules-set), or the
 * other sections (conf.c).
 */
#include "conf-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf-value.h"
#include "strlist.h"

#define KIND "RuleSet"

static int parse_level(const struct conf_key *key, const char *value, void *field)
{
	(void)key;
	if (strcmp(value, "deny") != 0 && strcmp(value, "log") != 0)
		return -EINVAL;
	*(bool *)field = *value == 'l';
	return 0;
}

static int parse_modules(const struct conf_key *key, const char *value, void *field)
{
	(void)key;
	return rules_modules_parse(value, field);
}

static int parse_vars(const struct conf_key *key, const char *value, void *field)
{
	(void)key;
	return rules_set_vars_parse(value, field);
}

#define FIELD(f) .offset = offsetof(struct conf_rule_set, f)

static const struct conf_key keys[] = {
	{KIND, "Yara", conf_parse_paths, FIELD(yara),
         .expected = "an absolute path without '.', '..' and '//'"},
	{KIND, "Priority", conf_parse_count, FIELD(set.priority), 0, RULES_PRIORITY_MAX,
         "a number from 0 to 1000"},
	{KIND, "Level", parse_level, FIELD(set.log_only), .expected = "deny or log"},
	{KIND, "Modules", parse_modules, FIELD(set.modules),
         .expected = "all, none, or names with spaces between them: pe elf math hash dotnet dex "
                     "macho time console string"},
	{KIND, "Variables", parse_vars, FIELD(set.vars),
         .expected = "all, none, or names with spaces between them: filename filepath extension "
                     "filetype owner elf_type elf_machine elf_linking elf_sections elf_packer "
                     "elf_interp script_interpreter"},
};

bool conf_set_is(const char *section)
{
	const size_t len = sizeof(KIND) - 1;

	return strncmp(section, KIND, len) == 0 && (!section[len] || section[len] == ' ');
}

static const char *name_of(const char *section)
{
	const size_t len = sizeof(KIND) - 1;

	return section[len] ? section + len + 1 : "";
}

static struct conf_rule_set *find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_rule_sets; i++)
		if (strcmp(c->rule_sets[i].set.name, name) == 0)
			return &c->rule_sets[i];
	return NULL;
}

static int add(struct conf *c, const struct conf_set_line *l, struct diag *d)
{
	const char *name = name_of(l->section);
	struct conf_rule_set *grown;

	if (!rules_set_name_valid(name))
		return diag_add(d, l->file, l->line,
		                "[%s]: expected [RuleSet NAME], a name of 1 to 32 of a-z, 0-9 and '-'",
		                l->section);
	if (find(c, name))
		return 0;
	if (c->n_rule_sets == CONF_RULE_SETS_MAX)
		return diag_add(d, l->file, l->line, "more than %d rule sets", CONF_RULE_SETS_MAX);
	grown = reallocarray(c->rule_sets, c->n_rule_sets + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->rule_sets = grown;
	grown[c->n_rule_sets] = (struct conf_rule_set){0};
	rules_set_init(&grown[c->n_rule_sets++].set, name);
	return 0;
}

static const struct conf_key *key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* The empty value: back to the default. */
static void reset(const struct conf_key *key, struct conf_rule_set *s)
{
	struct rules_set defaults;

	rules_set_init(&defaults, s->set.name);
	if (key->parse == conf_parse_paths)
		strlist_deinit(&s->yara);
	else if (key->parse == parse_level)
		s->set.log_only = defaults.log_only;
	else if (key->parse == parse_modules)
		s->set.modules = defaults.modules;
	else if (key->parse == parse_vars)
		s->set.vars = defaults.vars;
	else
		s->set.priority = defaults.priority;
}

static int set_key(struct conf_rule_set *s, const struct conf_set_line *l, struct diag *d)
{
	const struct conf_key *key = key_find(l->name);
	struct strlist *list = &s->yara;
	int r;

	if (!key)
		return diag_add(d, l->file, l->line, "unknown key '%s=' in [%s]", l->name, l->section);
	if (!*l->value) {
		reset(key, s);
		return 0;
	}
	r = key->parse(key, l->value, (char *)s + key->offset);
	if (r == -E2BIG)
		return diag_add(d, l->file, l->line, "more than %d entries in '%s='", CONF_LIST_MAX,
		                l->name);
	if (r == -EINVAL)
		return diag_add(d, l->file, l->line, "'%s=%s': expected %s", l->name, l->value,
		                key->expected);
	if (r < 0 || key->parse != conf_parse_paths)
		return r;
	list->from[list->n - 1].file = strdup(l->file);
	list->from[list->n - 1].line = l->line;
	return list->from[list->n - 1].file ? 0 : -ENOMEM;
}

int conf_set_key(struct conf *c, const struct conf_set_line *l, struct diag *d)
{
	struct conf_rule_set *s;

	if (!l->name)
		return add(c, l, d);
	s = find(c, name_of(l->section));
	return s ? set_key(s, l, d) : 0; /* its header was reported */
}

void conf_rule_set(const struct conf *c, const char *name, struct rules_set *ret)
{
	const struct conf_rule_set *s = find(c, name);

	if (s)
		*ret = s->set;
	else
		rules_set_init(ret, name);
}
