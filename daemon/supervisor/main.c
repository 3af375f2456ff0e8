/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosd: supervisor
 *
 * Owns: options and exit codes. Must not own: anything that runs (manager.c).
 *
 * Parse options, make sure that this kernel can refuse an open at all, run.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/fan.h"

#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/spawn.h"

#define EXIT_USAGE 2

static const char usage[] =
	"custosd [OPTIONS]\n"
	"On-access malware scanner. Stays in the foreground.\n\n"
	"  --config-root DIR   read the configuration from DIR alone\n"
	"  --runtime-dir DIR   admin socket (default /run/custos)\n"
	"  --state-dir DIR     (default /var/lib/custos)\n"
	"  --check-config      check configuration, policy and rules, and exit\n"
	"  --version           print the version and exit\n"
	"  --help              print this and exit\n\n"
	"Exit status: 0 stopped, 1 failed, 2 usage, 78 configuration.\n";

enum { OPT_CONFIG_ROOT = 256, OPT_RUNTIME_DIR, OPT_STATE_DIR, OPT_CHECK, OPT_VERSION, OPT_HELP };

static const struct option long_options[] = {
	{"config-root", required_argument, NULL, OPT_CONFIG_ROOT},
	{"runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"check-config", no_argument, NULL, OPT_CHECK},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

/* What to do after the options: run (0), check (1), or stop with *ret_exit (-1). */
static int parse(int argc, char **argv, struct manager_options *o, int *ret_exit)
{
	bool check = false;
	int c;

	*ret_exit = 0;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG_ROOT: o->config_root = optarg; break;
		case OPT_RUNTIME_DIR: o->runtime_dir = optarg; break;
		case OPT_STATE_DIR: o->state_dir = optarg; break;
		case OPT_CHECK: check = true; break;
		case OPT_VERSION:
			(void)printf("custosd %s\n", CUSTOS_VERSION);
			return -1;
		case OPT_HELP:
			(void)fputs(usage, stdout);
			return -1;
		default:
			*ret_exit = EXIT_USAGE;
			return -1;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "custosd: unexpected argument '%s'; see --help\n",
		              argv[optind]);
		*ret_exit = EXIT_USAGE;
		return -1;
	}
	return check;
}

int main(int argc, char **argv)
{
	struct manager_options options = {
		.runtime_dir = "/run/custos",
		.state_dir = "/var/lib/custos",
		.argv = argv,
	};
	char why[512];
	int exit_code, what = parse(argc, argv, &options, &exit_code);

	(void)own_path();
	if (what < 0)
		return exit_code;
	if (what == 1)
		return manager_check_config(options.config_root);
	if (fan_probe(why, sizeof(why)) < 0) {
		(void)fprintf(stderr, "custosd: cannot protect this system: %s\n", why);
		return 1;
	}
	/* The C library gives a thread 64 MiB of address space of its own when another is in malloc(3) just then: speed
	 * that is not needed here. What answers opens allocates nothing (I4). */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)umask(0077);
	(void)mkdir(options.runtime_dir, 0755); /* EEXIST, or server_new() reports it */
	return manager_run(&options);
}
