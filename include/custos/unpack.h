/* SPDX-License-Identifier: Apache-2.0 */
/* Unpack: judge what is in a file: members of the archive that it is, payloads of the script */
#pragma once

#include "custos/archive.h"
#include "custos/engine.h"
#include "custos/payload.h"

/**
 * unpack_judge() - judge the members of a file that is clean as a whole
 * @p:  NULL: no payloads are looked for
 * @in: what engine_scan() was called with, keep_bytes among it; its bytes are still
 * there
 * @f:  what it said. Unless that is clean, for another reason than an allow list, or a match of
 * level "log", nothing is done. A member that is malicious makes the file so, and what could not be
 * read in full makes it an error: f->member says where. digest and size stay those of
 * the file
 * A file in windows that may be an archive is an error: of it not all is there.
 * @cancel: NULL, or what ends it early once it is true
 *
 * Context: as engine_scan() and arc_walk(). The file's bytes are released.
 */
void unpack_judge(struct arc_walker *w, struct payload_walker *p, struct engine *e,
                  const struct engine_input *in, const _Atomic bool *cancel, struct finding *f);
