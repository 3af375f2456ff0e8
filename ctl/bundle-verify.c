/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl bundle verify
 *
 * Owns: the check without a daemon: for publishers, mirrors, and whoever wants to see
 * for himself. Must not own: the checks (bundle.h). What a host has seen before is
 * asked at import alone.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bundle.h"
#include "custos/cleanup.h"
#include "custos/conf.h"
#include "custos/digest.h"
#include "output.h"

/* What was found, on standard error; CTL_FOUND. */
static int show(struct diag *d)
{
	_cleanup_(freep) char *text = diag_text(d);

	(void)ctl_error("%s", text && *text ? text : "out of memory");
	return CTL_FOUND;
}

static int load_demand(const char *config_root, struct bundle_demand *ret,
                       struct bundle_keys *keys, struct diag *d)
{
	_cleanup_(conf_deinit) struct conf conf;
	int r;

	conf_init(&conf);
	r = conf_load(config_root, &conf, d);
	if (r == 0)
		r = bundle_keys_load(config_root, keys, d);
	*ret = (struct bundle_demand){conf.bundle_threshold, conf.bundle_both};
	return r;
}

int bundle_verify_path(const char *config_root, const char *path, struct bundle *ret,
                       int *ret_fd)
{
	_cleanup_(bundle_keys_deinit) struct bundle_keys keys = BUNDLE_KEYS_NULL;
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(fd_closep) int fd = bundle_open(path);
	struct bundle_demand demand;
	int r;

	if (fd < 0)
		return CTL_ERROR;
	r = digest_global_init();
	if (r == 0)
		r = load_demand(config_root, &demand, &keys, &d);
	if (r < 0) {
		(void)show(&d);
		return CTL_ERROR;
	}
	r = bundle_read(fd, path, &keys, &demand, &b, &d);
	if (r == 0)
		r = bundle_check_names(fd, path, &b, &d);
	if (r == 0)
		r = bundle_check_files(fd, path, &b, &d);
	if (r < 0)
		return show(&d);
	*ret = b;
	b = (struct bundle)BUNDLE_NULL;
	*ret_fd = fd_take(&fd);
	return CTL_OK;
}

static json_t *signers_json(const struct bundle *b)
{
	json_t *list = json_array();
	char id[SIGNATURE_ID_TEXT];

	for (unsigned i = 0; i < b->n_signers; i++) {
		signature_id_text(b->signers[i].id, id);
		(void)json_array_append_new(list,
		                            json_pack("{s:s, s:b}", "keyId", id,
		                                      "vendor", b->signers[i].vendor));
	}
	return list;
}

static void print_bundle(const struct ctl *ctl, const struct bundle *b, bool expired)
{
	const struct bundle_manifest *m = &b->manifest;
	char id[SIGNATURE_ID_TEXT], time[32];

	if (ctl->json != CTL_JSON_OFF) {
		json_t *o = json_pack("{s:s, s:I, s:I, s:o, s:i, s:b}", "channel",
		                      m->channel, "serial", (json_int_t)m->serial,
		                      "created", (json_int_t)m->created_sec * 1000000,
		                      "signers", signers_json(b), "files",
		                      (int)m->n_files, "expired", expired);

		if (m->expires_sec)
			(void)json_object_set_new(
				o, "expires", json_integer(m->expires_sec * 1000000));
		out_json(ctl, o);
		json_decref(o);
		return;
	}
	printf("channel  %s\nserial   %" PRId64 "\n", m->channel, m->serial);
	printf("created  %s\n", bundle_time(m->created_sec, time));
	printf("expires  %s\n", bundle_time(m->expires_sec, time));
	printf("files    %zu, as MANIFEST says\n", m->n_files);
	for (unsigned i = 0; i < b->n_signers; i++) {
		signature_id_text(b->signers[i].id, id);
		printf("signed   %s (%s)\n", id,
		       b->signers[i].vendor ? "vendor" : "site");
	}
}

int verb_bundle_verify(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"config-root", required_argument, NULL, 'c'}, {0}};
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(fd_closep) int fd = -1;
	const char *config_root = NULL;
	bool expired;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o != 'c')
			return CTL_ERROR;
		config_root = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	r = bundle_verify_path(config_root, argv[optind], &b, &fd);
	if (r != CTL_OK)
		return r;
	expired = b.manifest.expires_sec && b.manifest.expires_sec <= time(NULL);
	print_bundle(ctl, &b, expired);
	if (b.manifest.min_engine[0] &&
	    !bundle_version_at_least(CUSTOS_VERSION, b.manifest.min_engine)) {
		(void)ctl_error("needs custos %s or later", b.manifest.min_engine);
		return CTL_FOUND;
	}
	if (expired)
		(void)ctl_error("expired");
	return expired ? CTL_FOUND : CTL_OK;
}
