/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosd --check-config
 *
 * Owns: a loop just long enough to compile the rules. Must not own: anything that runs afterwards.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

#include "daemon/supervisor/compile.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/loader.h"

#define NOBODY_UID 65534 /* the compiler's sandbox; the result is thrown away */

struct check {
	sd_event *event;
	bool good;
};

static void on_compiled(void *userdata, const struct compile_result *result, const char *error)
{
	const struct ruleset_counts *counts = &result->counts;
	struct check *c = userdata;

	(void)fd_close(result->image_fd);
	(void)fd_close(result->bulk_fd);
	c->good = !error;
	if (error)
		(void)fprintf(stderr, "%s\n", error);
	else
		(void)printf("configuration, policy and rules are good: %llu YARA rules, %llu "
		             "hashes, %llu allowed hashes\n",
		             (unsigned long long)counts->n_yara,
		             (unsigned long long)counts->n_hashes,
		             (unsigned long long)counts->n_allow_hashes);
	(void)sd_event_exit(c->event, 0);
}

static int compile(struct check *c, const struct conf *conf)
{
	struct compile *compile;
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r = sd_event_default(&c->event);
	if (r >= 0)
		r = compile_start(c->event, conf, NULL, NOBODY_UID, NOBODY_UID, NULL, on_compiled,
		                  c, &compile);
	if (r >= 0)
		r = sd_event_loop(c->event);
	(void)sd_event_unref(c->event);
	if (r < 0)
		(void)fprintf(stderr, "custosd: custos-compile cannot be run: %s\n",
		              strerror(-r));
	return r;
}

int manager_check_config(const char *config_root)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct check c = {0};
	struct policy *policy = NULL;
	struct conf conf;
	int r = loader_read(config_root, &conf, &policy, &d);

	if (r < 0) {
		diag_print(&d, stderr);
		return 78;
	}
	r = compile(&c, &conf);
	policy_freep(&policy);
	conf_deinit(&conf);
	return r >= 0 && c.good ? 0 : 78;
}
