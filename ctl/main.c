/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl: main
 *
 * Owns: global options, the table of verbs, the exit code.
 * Must not own: what verbs do (one file each).
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "custos/cleanup.h"
#include "custos/text.h"

#define DEFAULT_SOCKET "/run/custos/io.custos.Manager"

static const struct verb verbs[] = {
	{"status", "[--field NAME]", "What is protected, and what is wrong",
         verb_status},
	{"health", "[--field NAME]", "The same", verb_status},
	{"metrics", "[-o FILE]", "The status in the text format of Prometheus", verb_metrics},
	{"check", "", "One line for Nagios, Icinga and the like, and their exit status", verb_check},
	{"doctor", "", "Check host and daemon, with remedies", verb_doctor},
	{"events", "[-f] [-n N] [--since SEQ] [--verdict V]", "What was judged lately",
         verb_events},
	{"stats", "[--top N] [--by path|exe|unit|rule]", "Who costs time", verb_stats},
	{"scan", "PATH...", "Judge files now, directories with all below", verb_scan},
	{"explain", "[--exe PATH] [--uid USER] PATH",
         "What an open of this file would meet", verb_explain},
	{"policy", "check|show|explain|exclusions", "Look at the policy", verb_policy},
	{"quarantine", "list|info|release|export",
         "Files that on-match=quarantine took away", verb_quarantine},
	{"bundle", "list|verify|import|diff|rollback", "Signed rule bundles", verb_bundle},
	{"rules", "cost [--top N]", "How the YARA rules were tried, and which are slow",
         verb_rules},
	{"reload", "", "Read configuration, policy and rules again", verb_reload},
	{"cache", "flush", "Forget all verdicts: judge every file anew", verb_cache},
	{"convert", "stix|nsrl [--files] [-o LIST] [FILE]",
         "Make a hash list of a STIX 2.1 bundle or of NSRL", verb_convert},
	{"mode", "enforce|monitor --for TIME --reason TEXT",
         "Deny, or only log for a time",
         verb_mode},
	{0},
};

int ctl_error(const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		fputs("custosctl: out of memory\n", stderr);
		return CTL_ERROR;
	}
	/* Names and texts of others are in it. Lines are ours: the list of a reload's
	 * errors. */
	fputs("custosctl: ", stderr);
	for (char *line = text, *next; line; line = next) {
		_cleanup_(freep) char *safe = NULL;
		size_t len;

		next = strchr(line, '\n');
		len = next ? (size_t)(next - line) : strlen(line);
		/* What is harmless is shown as it came: custosd's texts are escaped already,
		 * and a backslash is doubled once only. */
		if (text_harmless(line, len))
			safe = strndup(line, len);
		else
			safe = text_escape(line, len);
		fprintf(stderr, "%s\n", safe ?: "out of memory");
		next += next ? 1 : 0;
	}
	return CTL_ERROR;
}

bool ctl_args_ok(const char *verb, int argc, int min, int max)
{
	int n = argc - optind;

	if (n >= min && n <= max)
		return true;
	(void)ctl_error("'%s' takes %s%d argument%s: see 'custosctl --help'", verb,
	                min == max ? ""
	                : n < min  ? "at least "
	                           : "at most ",
	                n < min ? min : max, (n < min ? min : max) == 1 ? "" : "s");
	return false;
}

bool ctl_parse_int(const char *what, const char *text, int64_t min, int64_t max,
                   int64_t *ret)
{
	long long v;
	char *end;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max) {
		(void)ctl_error("%s: '%s' is not a number from %lld to %lld", what,
		                text, (long long)min, (long long)max);
		return false;
	}
	*ret = v;
	return true;
}

char *ctl_realpath(const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		(void)ctl_error("%s: %s", path, strerror(errno));
	return real;
}

int ctl_dispatch(struct ctl *ctl, const struct verb *table, int argc, char **argv)
{
	for (const struct verb *v = table; v->name; v++) {
		if (strcmp(argv[0], v->name) == 0) {
			optind = 0; /* glibc: start anew */
			return v->run(ctl, argc, argv);
		}
	}
	return ctl_error("there is no '%s': see 'custosctl --help'", argv[0]);
}

static void print_verbs(const char *prefix, const struct verb *table)
{
	for (const struct verb *v = table; v->name; v++)
		printf("  %s%s%s%s\n        %s\n", prefix, v->name, *v->args ? " " : "",
		       v->args, v->help);
}

static int help(void)
{
	puts("custosctl [--socket PATH] [--json[=short|pretty]] VERB\n\n"
	     "Ask and steer custosd, the on-access malware scanner.\n");
	print_verbs("", verbs);
	print_verbs("policy ", policy_verbs);
	print_verbs("quarantine ", quarantine_verbs);
	print_verbs("bundle ", bundle_verbs);
	puts("\n"
	     "  --socket PATH   of custosd (" DEFAULT_SOCKET ")\n"
	     "  -j, --json[=short|pretty|off]\n"
	     "                  results as JSON\n"
	     "  -h, --help      this text\n"
	     "  --version       version of custosctl\n\n"
	     "Exit status: 0 ok or clean, 1 match or unhealthy, 2 usage or error,\n"
	     "3 custosd is not running, 4 permission denied, 5 timeout.");
	return CTL_OK;
}

static bool parse_json_mode(const char *text, enum ctl_json *ret)
{
	if (!text || strcmp(text, "short") == 0)
		*ret = CTL_JSON_SHORT;
	else if (strcmp(text, "pretty") == 0)
		*ret = CTL_JSON_PRETTY;
	else if (strcmp(text, "off") == 0)
		*ret = CTL_JSON_OFF;
	else
		return false;
	return true;
}

static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term &&
	       strcmp(term, "dumb") != 0;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", optional_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct ctl ctl = {.socket_path = DEFAULT_SOCKET, .colour = wants_colour()};
	int o;

	/* '+': the first word is the verb, and what follows is the verb's. */
	while ((o = getopt_long(argc, argv, "+jh", options, NULL)) >= 0) {
		switch (o) {
		case 's':
			ctl.socket_path = optarg;
			break;
		case 'j':
			if (!parse_json_mode(optarg, &ctl.json))
				return ctl_error(
					"--json is short, pretty or off, not '%s'",
					optarg);
			break;
		case 'h':
			return help();
		case 'V':
			puts("custosctl " CUSTOS_VERSION);
			return CTL_OK;
		default:
			return CTL_ERROR;
		}
	}
	if (optind == argc)
		return ctl_error("what shall be done? See 'custosctl --help'");
	return ctl_dispatch(&ctl, verbs, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int r;

	(void)setlocale(LC_CTYPE, ""); /* only changes what getopt may print */
	r = run(argc, argv);
	/* A result that could not be written is no result. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_error("cannot write to standard output: %s",
		                 strerror(errno));
	return r;
}
