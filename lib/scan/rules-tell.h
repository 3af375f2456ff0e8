/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: every rule that matches, for who compares the engine with another */
#pragma once

#include "custos/rules.h"

/* @file: of rules, as it was named when they were compiled. Both are borrowed. */
typedef void (*rules_tell_t)(void *userdata, const char *file, const char *rule);

/**
 * rules_scanner_tell() - from now on no match ends a scan, and each is told
 *
 * rules_scan() then returns RULES_CLEAN when all rules were evaluated, whatever matched. Private rules are not
 * told, as libyara has it.
 */
void rules_scanner_tell(struct rules_scanner *s, rules_tell_t tell, void *userdata);
