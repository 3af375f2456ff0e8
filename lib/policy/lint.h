/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons that lint needs */
#pragma once

#include "custos/policy.h"

/* Does @before match everything that @line matches, at any time @line does? Pure. False
 * when that cannot be told. */
bool lint_covered(const struct policy_line *line, const struct policy_line *before);

/* What the host needs to run that @line speaks of ("/usr", "dbus.service"), or NULL.
 * Pure. */
const char *lint_critical(const struct policy_line *line);
