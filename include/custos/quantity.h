/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as administrators write them: sizes (100M) and durations (1h30min) */
#pragma once

#include "custos/types.h"

/**
 * size_parse() - read a size
 * @s:   digits with an optional K, M, G or T (powers of 1024), nothing else
 * @ret: bytes; set on success only
 *
 * Context: any; pure. Return: 0, -EINVAL when it is not a size, -ERANGE past 2^64 - 1.
 */
int size_parse(const char *s, uint64_t *ret);

/**
 * duration_parse() - read a duration
 * @s:   number and unit, repeated and added up: 300ms, 3s, 1h30min, "1h 30min". Units: us,
 *       ms, s, sec, m, min, h, hr, d, w. One number without a unit is seconds.
 * @ret: nanoseconds; set on success only
 *
 * Context: any; pure. Return: 0, -EINVAL when it is not a duration, -ERANGE past 2^64 - 1.
 */
int duration_parse(const char *s, nsec_t *ret);
