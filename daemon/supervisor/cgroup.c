/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroup
 *
 * Owns: what systemd and container runtimes make of names of control groups (docs/adr/0024).
 * Must not own: reading /proc (broker).
 */
#include "cgroup.h"

#include <ctype.h>
#include <string.h>

#include "custos/types.h"

/* Of a container's id where it is hexadecimal: 64 digits, or 32 of older versions. */
#define ID_DIGITS_MIN 32
#define ID_DIGITS_MAX 64

struct part {
	const char *s; /* not terminated */
	size_t len;
};

static struct part next_part(const char **path)
{
	struct part p;

	*path += strspn(*path, "/");
	p = (struct part){*path, strcspn(*path, "/")};
	*path += p.len;
	return p;
}

static bool ends_with(struct part p, const char *suffix)
{
	const size_t n = strlen(suffix);

	return p.len > n && memcmp(p.s + p.len - n, suffix, n) == 0;
}

static bool starts_with(struct part p, const char *prefix)
{
	const size_t n = strlen(prefix);

	return p.len > n && memcmp(p.s, prefix, n) == 0;
}

static bool is(struct part p, const char *name)
{
	return p.len == strlen(name) && memcmp(p.s, name, p.len) == 0;
}

static void copy_part(char *to, size_t size, struct part p)
{
	const size_t len = MIN(p.len, size - 1);

	memcpy(to, p.s, len);
	to[len] = '\0';
}

void cgroup_unit(const char *cgroup, char *unit, size_t unit_size, char *slice, size_t slice_size)
{
	static const char *const kinds[] = {".service", ".scope", ".socket", ".mount", ".swap"};

	unit[0] = slice[0] = '\0';
	for (const char *path = cgroup; *path;) {
		const struct part p = next_part(&path);

		if (ends_with(p, ".slice"))
			copy_part(slice, slice_size, p);
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (!ends_with(p, kinds[i]))
				continue;
			copy_part(unit, unit_size, p);
			return; /* what is below belongs to the unit */
		}
	}
}

static struct part without(struct part p, const char *prefix, const char *suffix)
{
	const size_t n = strlen(suffix);

	p.s += strlen(prefix);
	p.len -= strlen(prefix);
	if (p.len >= n && memcmp(p.s + p.len - n, suffix, n) == 0)
		p.len -= n;
	return p;
}

static bool is_digits(struct part p)
{
	if (p.len < ID_DIGITS_MIN || p.len > ID_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < p.len; i++)
		if (!isxdigit((unsigned char)p.s[i]) || isupper((unsigned char)p.s[i]))
			return false;
	return true;
}

/* "docker-ID.scope" of systemd's driver, and the same without ".scope" for others. */
static bool by_prefix(struct part p, struct container *ret)
{
	static const struct {
		const char *prefix, *runtime;
	} known[] = {
		{"docker-", "docker"},           {"libpod-", "podman"},
		{"cri-containerd-", "containerd"}, {"nerdctl-", "containerd"},
		{"crio-", "cri-o"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct part id;

		if (!starts_with(p, known[i].prefix))
			continue;
		id = without(p, known[i].prefix, ".scope");
		if (!is_digits(id))
			return false; /* libpod-conmon-ID.scope: the runtime's own */
		ret->runtime = known[i].runtime;
		copy_part(ret->id, sizeof(ret->id), id);
		return true;
	}
	return false;
}

/* An id alone, below a name that tells whose it is. */
static bool by_parent(struct part parent, struct part p, struct container *ret)
{
	if (!is_digits(p))
		return false;
	if (is(parent, "docker"))
		ret->runtime = "docker";
	else if (starts_with(parent, "pod") || starts_with(parent, "kubepods"))
		ret->runtime = "kubernetes";
	else
		return false;
	copy_part(ret->id, sizeof(ret->id), p);
	return true;
}

/* systemd writes "-" of a name as "\x2d", and so on. */
static void unescape(char *s)
{
	static const char digits[] = "0123456789abcdef";
	char *to = s;

	for (; *s; s++) {
		const char *high, *low;

		if (s[0] == '\\' && s[1] == 'x' && s[2] && (high = strchr(digits, s[2])) && s[3] &&
		    (low = strchr(digits, s[3]))) {
			*to++ = (char)((high - digits) * 16 + (low - digits));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Names instead of ids: systemd-machined's scopes, nspawn's units, LXC. Virtual machines have such scopes, too. */
static bool by_name(struct part parent, struct part p, struct container *ret)
{
	struct part name;

	if (is(parent, "machine.slice") && starts_with(p, "machine-") && !starts_with(p, "machine-qemu") &&
	    ends_with(p, ".scope")) {
		ret->runtime = "systemd-nspawn";
		name = without(p, "machine-", ".scope");
	} else if (starts_with(p, "systemd-nspawn@") && ends_with(p, ".service")) {
		ret->runtime = "systemd-nspawn";
		name = without(p, "systemd-nspawn@", ".service");
	} else if (starts_with(p, "lxc.payload.")) {
		ret->runtime = "lxc";
		name = without(p, "lxc.payload.", "");
	} else if ((is(parent, "lxc") || is(parent, "lxc.payload")) && p.len > 0) {
		ret->runtime = "lxc";
		name = p;
	} else {
		return false;
	}
	if (name.len == 0) {
		ret->runtime = "";
		return false;
	}
	copy_part(ret->id, sizeof(ret->id), name);
	unescape(ret->id);
	return true;
}

bool cgroup_container(const char *cgroup, struct container *ret)
{
	struct part parent = {"", 0};
	bool in_pod = false;

	*ret = (struct container){.runtime = ""};
	for (const char *path = cgroup; *path;) {
		const struct part p = next_part(&path);

		if (by_prefix(p, ret) || by_parent(parent, p, ret) || by_name(parent, p, ret))
			return true;
		in_pod |= starts_with(p, "kubepods") || is(p, "kubepods");
		parent = p;
	}
	if (in_pod)
		ret->runtime = "kubernetes";
	return in_pod;
}
