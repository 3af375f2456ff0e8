/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle floor
 *
 * Owns: the form of the file bundle-floor. Must not own: what it binds
 * (bundle-admit.c).
 */
#include "custos/bundle-floor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/confdir.h"

static int parse(const struct confdir_file *f, const char *channel, int64_t *ret,
                 struct diag *d)
{
	char *rest = f->text, *line;

	for (unsigned n = 1; (line = strsep(&rest, "\n")); n++) {
		char name[BUNDLE_CHANNEL_MAX + 2], more;
		int64_t serial;

		if (*line == '\0' || *line == '#')
			continue;
		if (sscanf(line, "%33s %" SCNd64 " %c", name, &serial, &more) != 2 ||
		    !bundle_channel_valid(name) || serial < 1 ||
		    serial > BUNDLE_SERIAL_MAX)
			return diag_add(d, f->path, n, "expected 'CHANNEL SERIAL'");
		if (strcmp(name, channel) == 0)
			*ret = MAX(*ret, serial);
	}
	return 0;
}

int bundle_floor_load(const char *config_root, const char *channel, int64_t *ret,
                      struct diag *d)
{
	static const struct confdir_want want = {
		.main = "bundle-floor", .subdir = "bundle-floor.d", .suffix = ".floor"};
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(freep) char *vendor = NULL;
	int r = confdir_read_vendor(config_root, &want, &files, &vendor, d);

	*ret = 0;
	for (size_t i = 0; i < files.n && r == 0; i++)
		r = parse(&files.items[i], channel, ret, d);
	return r;
}
