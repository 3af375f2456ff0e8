/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path patterns
 *
 * Owns: *, ?, [...] within a component and ** over whole components.
 * Must not own: anything else; fnmatch(3) is not used because it depends on the locale
 * and may allocate, and because its cost on a hostile name is not bounded. Hands off
 * to: match.c. Cost: at most (length of name) * (length of pattern) steps for each
 * component of the path.
 */
#include <string.h>

#include "internal.h"
#include "pathname.h"

/* Length of the element at @p (before @end): one byte, \x, or [...]; 0 when it is
 * broken. */
static size_t element_len(const char *p, const char *end)
{
	const char *close;

	if (*p == '\\')
		return end - p >= 2 ? 2 : 0;
	if (*p != '[')
		return 1;
	close = p + 1;
	if (close < end && *close == '!')
		close++;
	if (close < end)
		close++; /* a ] here is a member */
	while (close < end && *close != ']')
		close++;
	return close < end ? (size_t)(close - p + 1) : 0;
}

static bool class_match(const char *p, size_t len, unsigned char c)
{
	const char *end = p + len - 1; /* the ] */
	bool negated = p[1] == '!', found = false;

	p += negated ? 2 : 1;
	while (p < end) {
		unsigned char low = (unsigned char)*p, high = low;

		if (end - p > 2 && p[1] == '-') {
			high = (unsigned char)p[2];
			p += 2;
		}
		p++;
		found = found || (c >= low && c <= high);
	}
	return found != negated;
}

static bool element_match(const char *p, size_t len, char c)
{
	if (*p == '?')
		return true;
	if (*p == '[')
		return class_match(p, len, (unsigned char)c);
	return p[len - 1] == c; /* itself, or what follows the backslash */
}

/* One component against one name. Only the last star has to be tried again: what an
 * earlier one could take more, the last can take as well. */
static bool component_match(const char *p, const char *p_end, const char *s,
                            const char *s_end)
{
	const char *star = NULL, *star_s = NULL;

	for (;;) {
		size_t len = p < p_end ? element_len(p, p_end) : 0;

		if (p < p_end && *p == '*') {
			star = ++p;
			star_s = s;
		} else if (p == p_end && s == s_end) {
			return true;
		} else if (len && s < s_end && element_match(p, len, *s)) {
			p += len;
			s++;
		} else if (star && star_s < s_end) {
			p = star;
			s = ++star_s;
		} else {
			return false;
		}
	}
}

/* End of the component at @p. */
static const char *component_end(const char *p)
{
	return strchrnul(p, '/');
}

static bool is_double_star(const char *p, const char *end)
{
	return end - p == 2 && p[0] == '*' && p[1] == '*';
}

const char *glob_error(const char *pattern)
{
	const char *why = pathname_error(pattern), *p = pattern, *end;

	if (why)
		return why;
	while (*p) {
		end = component_end(++p);
		if (memmem(p, (size_t)(end - p), "**", 2) && !is_double_star(p, end))
			return "has '**' beside other text: it must be a whole "
			       "component";
		while (p < end) {
			size_t len = element_len(p, end);

			if (len == 0)
				return "has an unfinished '[' or '\\'";
			p += len;
		}
	}
	return NULL;
}

/* @p and @s stand on a slash or at the end. The same argument as in component_match(),
 * a floor higher: only the last ** has to be tried again. */
bool glob_match(const char *pattern, const char *path)
{
	const char *p = pattern, *s = path, *star = NULL, *star_s = NULL;

	for (;;) {
		const char *p_end = *p ? component_end(p + 1) : p;
		const char *s_end = *s ? component_end(s + 1) : s;

		if (*p && is_double_star(p + 1, p_end)) {
			/* As the last component it stands for at least one name. */
			if (!*p_end)
				return *s != '\0' && s[1] != '\0';
			star = p = p_end;
			star_s = s;
		} else if (!*p && !*s) {
			return true;
		} else if (*p && *s && component_match(p + 1, p_end, s + 1, s_end)) {
			p = p_end;
			s = s_end;
		} else if (star && *star_s) {
			p = star;
			s = star_s = component_end(star_s + 1);
		} else {
			return false;
		}
	}
}

size_t glob_prefix(const char *pattern)
{
	size_t plain = strcspn(pattern, "*?[\\");

	if (!pattern[plain])
		return plain;
	while (plain > 1 && pattern[plain - 1] != '/')
		plain--;
	return plain > 1 ? plain - 1 : 1;
}
