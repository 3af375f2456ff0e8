/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: files that custosctl wants judged, on their way to the scanner and back */
#pragma once

#include "daemon/supervisor/manager.h"

/* At the scanner at once: they share slots and workers with opens, which come first. */
#define REQUESTS_SENT_MAX 64
/* Waiting here for all clients together; more is -EBUSY. */
#define REQUESTS_MAX 4096

struct requests;

int requests_new(struct manager *m, struct requests **ret);
struct requests *requests_free(struct requests *q); /* no callback comes any more */

/* See manager_scan(). */
int requests_add(struct requests *q, int fd, manager_scan_fn done, void *userdata);
void requests_cancel(struct requests *q, void *userdata);

/* The socket to the pair is about to be closed; and: there is a pair. What an earlier one had been
 * sent and not answered is sent again. */
void requests_disconnect(struct requests *q);
void requests_connect(struct requests *q);
