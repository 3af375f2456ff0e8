/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup: whose process that is, by the path of its control group; pure */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Unit and slice as systemd names them; "" when there is none. */
void cgroup_unit(const char *cgroup, char *unit, size_t unit_size, char *slice, size_t slice_size);

#define CONTAINER_ID_BYTES 128 /* with the end; 64 digits for most, names for some */

struct container {
	const char *runtime; /* docker, podman, containerd, cri-o, kubernetes, lxc or systemd-nspawn; static; never NULL */
	char id[CONTAINER_ID_BYTES]; /* as that runtime knows it; "": in a container, but which is not to be seen */
};

/**
 * cgroup_container() - the container whose process this is
 * @cgroup: path below the unified hierarchy, as the host sees it
 *
 * The outermost one, which the host's own tools know. Not a process that belongs to the runtime (conmon), nor a
 * virtual machine. Users may make control groups below their own slice, as rootless runtimes do, and give them
 * such names: for those it is what they say of themselves.
 *
 * Return: false when it runs in none.
 */
bool cgroup_container(const char *cgroup, struct container *ret);
