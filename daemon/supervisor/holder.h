/* SPDX-License-Identifier: Apache-2.0 */
/* Holder: clean files that nobody can change unnoticed, so that the kernel need not ask about them
 *
 * For each: a read lease, so that whoever wants to write waits until we have let go; and an ignore mark,
 * so that its opens are no events. The mark comes after the lease and goes before it, so it never
 * stands while the file can change. While it is set, opens of the file wait. docs/adr/0018 has the proof, and what it costs.
 *
 * A thread of its own: whoever wants to write waits for it. It waits for nothing but the disk.
 */
#pragma once

struct coverage;
struct holder;
struct manager;

/* Start the thread. @m: shared, cache, group, guard, hold_kick; they outlive it. Context: SIGIO and SIGRTMIN
 * are blocked in all threads. */
int holder_new(struct manager *m, struct holder **ret);
/* Lets go of everything. */
struct holder *holder_free(struct holder *h);

/* All below: the main thread. */

/* HeldFiles= of @m's configuration. None are held when the kernel would take leases away too soon for the
 * keeper to notice that we are stopped (/proc/sys/fs/lease-break-time below 10 s): logged. */
void holder_configure(struct manager *m);

/* Which file systems there are; those that are gone are let go of, else they could not be ended. */
void holder_set_mounts(struct holder *h, const struct coverage *c);

/* Verdicts by which files are held hold no more (another generation is in force, or the cache was
 * cleared; before this is called). When it returns, all files are asked about again. */
void holder_forget(struct holder *h);

/* Held now. Any thread. */
unsigned holder_n(const struct holder *h);
