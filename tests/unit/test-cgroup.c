/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup: paths as runtimes make them */
#include <string.h>

#include "cgroup.h"
#include "custos/types.h"
#include "unit.h"

#define ID   "3fa7c1d2e4b5968700112233445566778899aabbccddeeff0123456789abcdef"
#define ID32 "3fa7c1d2e4b596870011223344556677"

START_TEST(container_paths_of_runtimes)
{
	static const struct {
		const char *cgroup, *runtime, *id;
	} cases[] = {
		{"/system.slice/docker-" ID ".scope", "docker", ID},
		{"/docker/" ID, "docker", ID},
		{"/docker/" ID "/init.scope", "docker", ID},
		{"/machine.slice/libpod-" ID ".scope/container", "podman", ID},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", "podman", ID},
		{"/libpod_parent/libpod-" ID, "podman", ID},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope", "containerd", ID},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/crio-" ID ".scope",
		 "cri-o", ID},
		{"/kubepods/besteffort/pod0a-1b/" ID, "kubernetes", ID},
		{"/kubepods/besteffort/pod0a-1b/sandbox", "kubernetes", ""},
		{"/kubepods.slice/kubepods-pod1.slice", "kubernetes", ""},
		{"/system.slice/nerdctl-" ID ".scope", "containerd", ID},
		{"/docker/" ID32, "docker", ID32},
		/* one within another: the host's tools know the outer one */
		{"/docker/" ID "/kubepods/pod1/" ID32, "docker", ID},
		{"/lxc.payload.web-1/system.slice", "lxc", "web-1"},
		{"/lxc/web", "lxc", "web"},
		{"/machine.slice/machine-debian\\x2dtest.scope/payload", "systemd-nspawn", "debian-test"},
		{"/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn", "web"},
	};
	struct container c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(cgroup_container(cases[i].cgroup, &c), "%s", cases[i].cgroup);
		ck_assert_str_eq(c.runtime, cases[i].runtime);
		ck_assert_str_eq(c.id, cases[i].id);
	}
}
END_TEST

START_TEST(container_other_paths_are_none)
{
	static const char *const cases[] = {
		"", "/", "///", "/system.slice/docker.service", "/system.slice/containerd.service",
		"/machine.slice/libpod-conmon-" ID ".scope", /* the runtime's own */
		"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
		"/machine.slice/machine-.scope",
		"/system.slice/docker-" ID32 "x.scope", "/system.slice/docker-.scope",
		"/docker/3fa7c1d2", "/docker/" ID "0", /* too short, and one digit too long */
		"/docker/3FA7C1D2E4B596870011223344556677",
		"/user.slice/user-0.slice/session-1.scope", "/system.slice/kubelet.service", "/lxc/",
	};
	struct container c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(!cgroup_container(cases[i], &c), "%s is %s", cases[i], c.id);
		ck_assert_str_eq(c.id, "");
		ck_assert_str_eq(c.runtime, "");
	}
}
END_TEST

START_TEST(container_long_name_is_cut)
{
	char path[400] = "/lxc/";
	struct container c;

	memset(path + 5, 'n', CONTAINER_ID_BYTES - 1);
	ck_assert(cgroup_container(path, &c));
	ck_assert_uint_eq(strlen(c.id), CONTAINER_ID_BYTES - 1);
	ck_assert_str_eq(c.id, path + 5);
	memset(path + 5, 'n', 300);
	ck_assert(cgroup_container(path, &c));
	ck_assert_uint_eq(strlen(c.id), CONTAINER_ID_BYTES - 1);
}
END_TEST

static void check_unit(const char *cgroup, const char *unit, const char *slice)
{
	char u[32], s[32];

	cgroup_unit(cgroup, u, sizeof(u), s, sizeof(s));
	ck_assert_str_eq(u, unit);
	ck_assert_str_eq(s, slice);
}

START_TEST(unit_is_the_outermost_and_the_slice_the_one_above)
{
	check_unit("/system.slice/nginx.service", "nginx.service", "system.slice");
	check_unit("/user.slice/user-0.slice/session-1.scope", "session-1.scope", "user-0.slice");
	check_unit("/system.slice/a.service/sub.scope", "a.service", "system.slice");
	check_unit("/init.scope", "init.scope", "");
	check_unit("/", "", "");
	check_unit("", "", "");
	check_unit("//system.slice//dbus.socket", "dbus.socket", "system.slice");
	check_unit("/.service", "", "");
	check_unit("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.service", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "");
}
END_TEST

UNIT_MAIN("cgroup", container_paths_of_runtimes, container_other_paths_are_none, container_long_name_is_cut,
          unit_is_the_outermost_and_the_slice_the_one_above)
