/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: names */
#pragma once

#include <limits.h>

/* What a stream holds is called as its file, without folders and the last suffix; cut
 * at NAME_MAX. Pure. Return: @buf. */
const char *arc_stream_name(const char *name, char buf[NAME_MAX + 1]);
