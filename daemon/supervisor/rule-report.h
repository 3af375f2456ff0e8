/* SPDX-License-Identifier: Apache-2.0 */
/* Rule report: what custos-compile found out about the rules in force */
#pragma once

#include "custos/rules-report.h"

struct rule_report;

/**
 * rule_report_read() - the report in a rule image
 * @image_fd: borrowed; -1: none
 *
 * Read, not mapped, and checked: whoever wrote it has parsed rules. Of what is not one, of
 * an image without, and without memory, comes an empty report.
 * Return: NULL or a report.
 */
struct rule_report *rule_report_read(int image_fd);
struct rule_report *rule_report_free(struct rule_report *r);

/* Never NULL; empty when @r is. Lives as long. */
const struct rules_report *rule_report_get(const struct rule_report *r);
/* Why files of rules are left out; NULL: none is. Lives as long as @r. NULL is accepted. */
const char *rule_report_reason(const struct rule_report *r);
