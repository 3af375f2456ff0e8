/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files
 *
 * Owns: where rules are looked for, and user and group names (NSS).
 * Must not own: the language. Hands off to: policy_build().
 *
 * Only programs that may block on NSS link this file: the sealed side does not.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/confdir.h"

#include "internal.h"

#define NSS_BUFFER_BYTES                                                               \
	(1024 * 1024) /* a group's member list is the largest thing in it */

static bool nss_uid(const char *name, uint64_t *ret)
{
	_cleanup_(freep) char *buf = malloc(NSS_BUFFER_BYTES);
	struct passwd pw, *found = NULL;

	if (!buf || getpwnam_r(name, &pw, buf, NSS_BUFFER_BYTES, &found) != 0 || !found)
		return false;
	*ret = pw.pw_uid;
	return true;
}

static bool nss_gid(const char *name, uint64_t *ret)
{
	_cleanup_(freep) char *buf = malloc(NSS_BUFFER_BYTES);
	struct group gr, *found = NULL;

	if (!buf || getgrnam_r(name, &gr, buf, NSS_BUFFER_BYTES, &found) != 0 || !found)
		return false;
	*ret = gr.gr_gid;
	return true;
}

int policy_load(const char *config_root, struct policy **ret, struct diag *d)
{
	static const struct confdir_want want = {.subdir = "policy.d",
	                                         .suffix = ".rules"};
	static const struct policy_names names = {.uid = nss_uid, .gid = nss_gid};
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(freep) struct policy_source *sources = NULL;
	int r, q;

	r = confdir_read(config_root, &want, &files, d);
	if (r < 0 && r != -EINVAL)
		return r;
	sources = calloc(files.n + 1, sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	for (size_t i = 0; i < files.n; i++)
		sources[i] = (struct policy_source){.file = files.items[i].path,
		                                    .text = files.items[i].text,
		                                    .len = files.items[i].len};
	q = policy_build(sources, files.n, &names, &policy, d);
	if (r < 0 || q < 0)
		return q < 0 ? q : r;
	*ret = ptr_take(&policy);
	return 0;
}
