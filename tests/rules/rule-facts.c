/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule-facts RULES... [-- FILE...]: what libyara says of rules
 *
 * Owns: asking libyara. Without files: "rule TAB meta TAB value" for each meta of each rule, and on standard error
 * every warning, which fails. With files: "rule TAB file" for each rule that matches, not the first alone.
 * Must not own: what the rules should be like (base.py).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yara.h>

#include "lib/scan/engine-vars.h"

static unsigned n_complaints;

static void on_complaint(int level, const char *file, int line, const YR_RULE *rule,
                         const char *message, void *userdata)
{
	n_complaints++;
	(void)fprintf(stderr, "%s:%d: %s\n", file ? file : "?", line, message);
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	const YR_RULE *rule = data;

	if (message == CALLBACK_MSG_RULE_MATCHING)
		(void)printf("%s\t%s\n", rule->identifier, (const char *)userdata);
	return CALLBACK_CONTINUE;
}

static void print_metas(YR_RULES *rules)
{
	const YR_RULE *rule;
	const YR_META *meta;

	yr_rules_foreach(rules, rule)
	{
		yr_rule_metas_foreach(rule, meta)
		{
			(void)printf("%s\t%s\t%s\n", rule->identifier, meta->identifier,
			             meta->type == META_TYPE_STRING ? meta->string : "");
		}
	}
}

static bool add(YR_COMPILER *compiler, const char *path)
{
	FILE *f = fopen(path, "re");
	int errors = f ? yr_compiler_add_file(compiler, f, path, path) : 1;

	if (f)
		(void)fclose(f); /* was read alone */
	else
		perror(path);
	return errors == 0;
}

/* The file's facts, as the engine has them; its name is that of a sample, and says nothing. */
static bool set_vars(YR_RULES *rules, const char *path)
{
	static struct engine_vars vars;
	struct stat st = {0};
	FILE *f = fopen(path, "re");
	char *buf = f && fstat(fileno(f), &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;
	bool good = buf && fread(buf, 1, (size_t)st.st_size, f) == (size_t)st.st_size;

	if (good)
		engine_vars_set(&vars, "", 0, buf, (size_t)st.st_size);
	/* until they are set again */
	for (unsigned i = 0; good && i < N_RULES_VARS; i++)
		good = yr_rules_define_string_variable(rules, rules_var_name(i), vars.values[i]) == ERROR_SUCCESS;
	free(buf);
	if (f)
		(void)fclose(f); /* was read alone */
	return good;
}

static int run(YR_RULES *rules, char **files)
{
	if (!*files)
		print_metas(rules);
	for (; *files; files++)
		if (!set_vars(rules, *files) || yr_rules_scan_file(rules, *files, 0, on_message, *files, 60) !=
		    ERROR_SUCCESS) {
			(void)fprintf(stderr, "%s: cannot be scanned\n", *files);
			return EXIT_FAILURE;
		}
	return n_complaints || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	YR_COMPILER *compiler;
	YR_RULES *rules;
	char **file = argv + 1;
	int code = EXIT_FAILURE;

	if (yr_initialize() != ERROR_SUCCESS || yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return EXIT_FAILURE;
	yr_compiler_set_callback(compiler, on_complaint, NULL);
	for (unsigned i = 0; i < N_RULES_VARS; i++)
		if (yr_compiler_define_string_variable(compiler, rules_var_name(i), "") != ERROR_SUCCESS)
			return EXIT_FAILURE;
	while (*file && strcmp(*file, "--") != 0)
		if (!add(compiler, *file++))
			return EXIT_FAILURE;
	if (yr_compiler_get_rules(compiler, &rules) == ERROR_SUCCESS) {
		code = run(rules, *file ? file + 1 : file);
		(void)yr_rules_destroy(rules);
	}
	yr_compiler_destroy(compiler);
	(void)yr_finalize();
	return code;
}
