/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl doctor
 *
 * Owns: the list of results. Must not own: the checks (doctor-host.c, doctor-daemon.c).
 */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "output.h"

static const char *const result_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "fail",
};

void doctor_note(struct doctor *d, enum doctor_result result, const char *check,
                 const char *remedy, const char *fmt, ...)
{
	_cleanup_(freep) char *detail = NULL;
	json_t *o;
	va_list ap;
	int r;

	d->n_warn += result == DOCTOR_WARN;
	d->n_fail += result == DOCTOR_FAIL;
	va_start(ap, fmt);
	r = vasprintf(&detail, fmt, ap);
	va_end(ap);
	if (r < 0)
		detail = NULL;
	o = json_pack("{s:s, s:s, s:s*}", "check", check, "result",
	              result_names[result], "remedy", remedy);
	if (o && detail)
		(void)varlink_set_bytes(o, "detail", detail,
		                        strlen(detail)); /* else without */
	(void)json_array_append_new(d->results, o); /* counted above all the same */
}

pid_t doctor_pid(const struct doctor *d, const char *name)
{
	return (pid_t)json_integer_value(
		json_object_get(json_object_get(d->status, "processes"), name));
}

int doctor_read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[64];
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return 0;
}

static void print_results(const struct ctl *ctl, json_t *results)
{
	static const enum out_style styles[] = {OUT_GOOD, OUT_WARN, OUT_BAD};
	json_t *o;
	size_t i;

	json_array_foreach (results, i, o) {
		_cleanup_(freep) char *check = out_text(o, "check");
		_cleanup_(freep) char *detail = out_text(o, "detail");
		_cleanup_(freep) char *remedy = out_text(o, "remedy");
		const char *result = json_string_value(json_object_get(o, "result"));
		unsigned k = 0;

		while (k < DOCTOR_FAIL && strcmp(result, result_names[k]) != 0)
			k++;
		printf("%s%-4s%s  %s: %s\n", out_style(ctl, styles[k]), result,
		       out_reset(ctl), check, detail);
		if (*remedy)
			printf("      -> %s\n", remedy);
	}
}

int verb_doctor(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	struct doctor d = {.ctl = ctl, .results = json_array()};
	json_t *o;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	d.status_exit =
		client_call(ctl, "Status", NULL, CLIENT_TIMEOUT_MSEC, &d.status);
	doctor_host(&d);
	doctor_daemon(&d);
	if (ctl->json != CTL_JSON_OFF) {
		o = json_pack("{s:O, s:i, s:i}", "checks", d.results, "warnings",
		              (int)d.n_warn, "failures", (int)d.n_fail);
		out_json(ctl, o);
		json_decref(o);
	} else {
		print_results(ctl, d.results);
		printf("%u warning%s, %u failure%s\n", d.n_warn,
		       d.n_warn == 1 ? "" : "s", d.n_fail, d.n_fail == 1 ? "" : "s");
	}
	json_decref(d.status);
	json_decref(d.results);
	if (d.status_exit != CTL_OK)
		return d.status_exit;
	return d.n_fail > 0 ? CTL_FOUND : CTL_OK;
}
