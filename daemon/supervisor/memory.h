/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: what the processes share, and the descriptors that wake them */
#pragma once

struct manager;

/* Fills in shared, cache, shared_fd, facts_kick, audit_kick, hold_kick of @m; freed with the manager. Context:
 * once, before any thread. Return: 0 or a negative errno. */
int memory_new(struct manager *m);
