/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities
 *
 * Owns: the units. Must not own: bounds (each consumer has its own).
 * Hands off to: configuration and command line parsers.
 */
#include "custos/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* strtoull() takes signs, spaces, other bases and the locale's idea of digits. */
static int digits_parse(const char **s, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*s = p;
	*ret = v;
	return 0;
}

int size_parse(const char *s, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned shift = 0;
	uint64_t v;
	int r;

	r = digits_parse(&s, &v);
	if (r < 0)
		return r;
	if (*s) {
		suffix = strchr(suffixes, *s);
		if (!suffix || s[1])
			return -EINVAL;
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	}
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*ret = v << shift;
	return 0;
}

/* Factor of the unit at *s, which is moved past it; 0 when there is none. */
static nsec_t unit_parse(const char **s)
{
	static const struct {
		const char *name;
		nsec_t factor;
	} units[] = {
		{"us", NSEC_PER_USEC},       {"ms", NSEC_PER_MSEC},
		{"s", NSEC_PER_SEC},         {"sec", NSEC_PER_SEC},
		{"m", 60 * NSEC_PER_SEC},    {"min", 60 * NSEC_PER_SEC},
		{"h", 3600 * NSEC_PER_SEC},  {"hr", 3600 * NSEC_PER_SEC},
		{"d", 86400 * NSEC_PER_SEC}, {"w", 7 * 86400 * NSEC_PER_SEC},
	};
	size_t len = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != len ||
		    strncmp(*s, units[i].name, len) != 0)
			continue;
		*s += len;
		return units[i].factor;
	}
	return 0;
}

int duration_parse(const char *s, nsec_t *ret)
{
	nsec_t sum = 0, factor;
	bool first = true;
	uint64_t v;
	int r;

	do {
		r = digits_parse(&s, &v);
		if (r < 0)
			return r;
		if (first && !*s)
			factor = NSEC_PER_SEC;
		else
			factor = unit_parse(&s);
		if (!factor)
			return -EINVAL;
		if (__builtin_mul_overflow(v, factor, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return -ERANGE;
		first = false;
		if (*s == ' ' && s[1])
			s++;
	} while (*s);

	*ret = sum;
	return 0;
}
