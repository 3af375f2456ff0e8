/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compile: the command line
 *
 * Owns: which input of the configuration and of bundles becomes which option.
 * Must not own: the child (compile.c).
 */
#include "daemon/supervisor/compile-args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

/* Takes @text over; NULL counts as no memory. */
static void take(struct compile_args *a, char *text)
{
	char **grown;

	if (text && a->n + 2 > a->n_alloc) {
		grown = reallocarray(a->argv, a->n_alloc + 64, sizeof(*grown));
		if (!grown) {
			free(text);
			text = NULL;
		} else {
			a->argv = grown;
			a->n_alloc += 64;
		}
	}
	if (!text) {
		a->failed = true;
		return;
	}
	a->argv[a->n++] = text;
	a->argv[a->n] = NULL;
}

static void add(struct compile_args *a, const char *text)
{
	take(a, strdup(text));
}

static void add_text(struct compile_args *a, const char *option, const char *fmt, ...) _printf_(3, 4);
static void add_text(struct compile_args *a, const char *option, const char *fmt, ...)
{
	char *text;
	va_list ap;

	add(a, option);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	take(a, text);
}

static void add_paths(struct compile_args *a, const char *option, const struct strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		add_text(a, option, "%s", list->items[i]);
}

/* What follows belongs to the set @name. */
static void add_set(struct compile_args *a, const struct conf *conf, const char *name)
{
	char text[RULES_SET_TEXT_BYTES];
	struct rules_set set;

	conf_rule_set(conf, name, &set);
	rules_set_text(&set, text);
	add_text(a, "--set", "%s", text);
}

static void add_rules(struct compile_args *a, const struct conf *conf)
{
	if (conf->yara.n > 0)
		add_set(a, conf, CONF_RULE_SET_LOCAL);
	add_paths(a, "--yara", &conf->yara);
	for (size_t i = 0; i < conf->n_rule_sets; i++) {
		if (conf->rule_sets[i].yara.n > 0)
			add_set(a, conf, conf->rule_sets[i].set.name);
		add_paths(a, "--yara", &conf->rule_sets[i].yara);
	}
	add_paths(a, "--hashes", &conf->hashes);
	add_paths(a, "--allow-hashes", &conf->allow_hashes);
}

static void add_bundles(struct compile_args *a, const struct conf *conf, const struct compile_more *more)
{
	const char *channel = NULL;

	for (size_t i = 0; i < more->n; i++) {
		const struct compile_input *in = &more->inputs[i];

		if (in->channel && (!channel || strcmp(channel, in->channel) != 0))
			add_set(a, conf, in->channel);
		channel = in->channel;
		add_text(a, "--expect", "%s", in->expect);
		add_text(a, in->option, "%s", in->expect + COMPILE_EXPECT_PATH);
	}
}

static void add_more(struct compile_args *a, const struct conf *conf, const struct compile_more *more)
{
	add_bundles(a, conf, more);
	if (more->reuse_fd >= 0)
		add_text(a, "--reuse", "%d:%s", COMPILE_REUSE_FD, more->source);
	else
		add_text(a, "--reuse", "-");
	if (more->canary)
		add_text(a, "--canary", "%s", more->canary);
}

static void add_self_test(struct compile_args *a, const struct conf *conf, bool leave_out)
{
	if (leave_out)
		add(a, "--leave-out");
	if (!conf->self_test)
		return;
	add_text(a, "--self-test", "%s", leave_out ? "leave-out" : "refuse");
	if (conf->rule_budget > 0)
		add_text(a, "--rule-budget", "%" PRIu64, conf->rule_budget);
}

/* Descriptors and the self-test in front of all inputs, whose descriptors could leave them none. */
int compile_args_make(const struct compile_ids *ids, const struct conf *conf,
                      const struct compile_more *more, struct compile_args *ret)
{
	*ret = (struct compile_args)COMPILE_ARGS_NULL;
	add(ret, ids->program);
	add_text(ret, "--out-fd", "%d", COMPILE_IMAGE_FD);
	add(ret, "--key");
	add_text(ret, "--bulk-out-fd", "%d", COMPILE_BULK_OUT_FD);
	if (ids->has_bulk)
		add_text(ret, "--bulk", "%d:%s", COMPILE_BULK_FD, more->bulk_source);
	if (more && more->kept_fd >= 0)
		add_text(ret, "--kept-fd", "%d", COMPILE_KEPT_FD);
	if (geteuid() == 0) {
		add_text(ret, "--uid", "%u", ids->uid);
		add_text(ret, "--gid", "%u", ids->gid);
	}
	add_self_test(ret, conf, more && more->leave_out);
	add_rules(ret, conf);
	if (more)
		add_more(ret, conf, more);
	return ret->failed ? -ENOMEM : 0;
}

void compile_args_deinit(struct compile_args *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->argv[i]);
	free(a->argv);
	*a = (struct compile_args)COMPILE_ARGS_NULL;
}
