/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign: file systems that are mounted in other mount namespaces alone
 *
 * Containers and users' own namespaces. What is mounted in the namespace we were started in is
 * coverage.h's, wherever else it is seen. Nothing here waits for a foreign file system, and no
 * descriptor keeps one mounted (docs/adr/0022).
 */
#pragma once

#include "daemon/supervisor/manager.h"

int foreign_new(struct manager *m, struct foreign **ret); /* after coverage_new(), the event loop */
struct foreign *foreign_free(struct foreign *f);

/* Configuration, policy or our own mounts have changed: judge all anew. The first call starts it. */
void foreign_update(struct foreign *f);

size_t foreign_max(const struct foreign *f); /* namespaces that are watched, at most */
size_t foreign_n(const struct foreign *f);
const struct coverage_row *foreign_row(const struct foreign *f, size_t i);
const struct coverage_row *foreign_find(const struct foreign *f, dev_t dev); /* NULL: unknown */

/* What is beyond a ceiling, or failed; NULL: nothing. Valid until the loop runs again. */
const char *foreign_reason(const struct foreign *f);
