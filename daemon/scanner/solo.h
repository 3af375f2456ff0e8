/* SPDX-License-Identifier: Apache-2.0 */
/* Solo: a suspect is looked at while nothing else is */
#pragma once

#include "daemon/scanner/inquiry.h"

void solo_init(struct scanner *sc); /* before the first thread */

/* May this thread look at the bytes of q->job now? Workers wait for it, within bounds;
 * for a reader, false means: not here, queue it. After true comes solo_end(). */
bool solo_begin(struct inquiry *q);
void solo_end(struct inquiry *q);
