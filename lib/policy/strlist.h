/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the configuration */
#pragma once

#include <stddef.h>

#include "custos/conf.h"

void strlist_deinit(struct strlist *l);

/* Append a copy; where it comes from is not known yet. 0, -E2BIG past CONF_LIST_MAX,
 * -ENOMEM. */
int strlist_add(struct strlist *l, const char *s, size_t len);
