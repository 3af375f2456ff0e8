/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandbox: Landlock
 *
 * Owns: the table of rights by ABI. The system's headers may be older than its kernel,
 * so the constants stand here. Must not own: when it is applied.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/sandbox.h"

/* The same numbers on every architecture. */
#define NR_LANDLOCK_CREATE_RULESET 444
#define NR_LANDLOCK_RESTRICT_SELF  446

#define CREATE_RULESET_VERSION 1U

#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_ABI1      ((UINT64_C(1) << 13) - 1) /* EXECUTE .. MAKE_SYM */
#define FS_REFER     (UINT64_C(1) << 13)       /* ABI 2 */
#define FS_TRUNCATE  (UINT64_C(1) << 14)       /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)       /* ABI 5 */
#define NET_TCP      UINT64_C(3)               /* ABI 4: bind, connect */
#define SCOPES       UINT64_C(3)               /* ABI 6: abstract sockets, signals */

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* Fields a kernel does not know must be zero, then it accepts the larger struct. */
static struct ruleset_attr rights_of(long abi, bool reads_events)
{
	struct ruleset_attr a = {.handled_access_fs = FS_ABI1 & ~FS_READ_FILE};

	if (abi >= 2)
		a.handled_access_fs |= FS_REFER;
	if (abi >= 3 && !reads_events)
		a.handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4)
		a.handled_access_net = NET_TCP;
	if (abi >= 5 && !reads_events)
		a.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		a.scoped = SCOPES;
	return a;
}

int sandbox_landlock(bool reads_events)
{
	long abi = syscall(NR_LANDLOCK_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset_attr attr;
	long fd, r;

	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr = rights_of(abi, reads_events);
	fd = syscall(NR_LANDLOCK_CREATE_RULESET, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;
	r = syscall(NR_LANDLOCK_RESTRICT_SELF, fd, 0) < 0 ? -errno : abi;
	(void)close((int)fd); /* the domain does not need it */
	return (int)r;
}
