/* SPDX-License-Identifier: Apache-2.0 */
/* Drain: takes audit records out of shared memory and passes them on */
#pragma once

#include "daemon/supervisor/manager.h"

struct drain;

int drain_new(struct manager *m, struct drain **ret);
struct drain *drain_free(struct drain *d);

/* Everything that is there now; at the end, before the journal closes. */
void drain_run(struct drain *d);

/* Pass on one that came another way. What is in it was checked (record_sanitise()). */
void drain_take(struct manager *m, struct record *r);

/* Records that were lost because nobody took them in time. */
void drain_dropped(const struct drain *d, uint64_t *ret_detections, uint64_t *ret_routine);
