/* SPDX-License-Identifier: Apache-2.0 */
/* Rule report: what custos-compile found out about the rules in force */
#pragma once

#include "custos/rules-report.h"

struct rule_report;

/**
 * rule_report_read() - the report in a rule image
 * @image_fd: borrowed; -1: none
 * @before:   of the rules that were in force until now; NULL: there were none
 * @generation: of the rules in the image
 *
 * Read, not mapped, and checked: whoever wrote it has parsed rules. Of what is not one, of
 * an image without, and without memory, comes an empty report.
 * Return: NULL or a report.
 */
struct rule_report *rule_report_read(int image_fd, const struct rule_report *before,
                                     uint64_t generation);
struct rule_report *rule_report_free(struct rule_report *r);

/* Never NULL; empty when @r is. Lives as long. */
const struct rules_report *rule_report_get(const struct rule_report *r);
/* The generation in which set @i of the report came to be as it is. 0: there is none such. */
uint64_t rule_report_generation(const struct rule_report *r, uint32_t i);
/* Why files of rules are left out; NULL: none is. Lives as long as @r. NULL is accepted. */
const char *rule_report_reason(const struct rule_report *r);
