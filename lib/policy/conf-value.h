/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: how the value of each kind of key is read */
#pragma once

#include "custos/conf.h"

struct conf_key {
	const char *section, *name;
	/* Return 0, -EINVAL for a bad value, or another negative errno. @field lies in
	 * struct conf. */
	int (*parse)(const struct conf_key *key, const char *value, void *field);
	size_t offset;
	uint64_t min, max;
	const char *expected; /* for the message */
};

int conf_parse_mode(const struct conf_key *key, const char *value, void *field);
int conf_parse_bool(const struct conf_key *key, const char *value, void *field);
int conf_parse_group(const struct conf_key *key, const char *value, void *field);
int conf_parse_size(const struct conf_key *key, const char *value, void *field);
int conf_parse_scanner_memory(const struct conf_key *key, const char *value, void *field);
int conf_parse_duration(const struct conf_key *key, const char *value, void *field);
int conf_parse_budget(const struct conf_key *key, const char *value, void *field);
int conf_parse_canary(const struct conf_key *key, const char *value, void *field);
int conf_parse_count(const struct conf_key *key, const char *value, void *field);
int conf_parse_threshold(const struct conf_key *key, const char *value, void *field);
int conf_parse_paths(const struct conf_key *key, const char *value, void *field);
int conf_parse_mounts(const struct conf_key *key, const char *value, void *field);
int conf_parse_blocking(const struct conf_key *key, const char *value, void *field);
int conf_parse_namespaces(const struct conf_key *key, const char *value, void *field);
int conf_parse_archive_kinds(const struct conf_key *key, const char *value, void *field);
