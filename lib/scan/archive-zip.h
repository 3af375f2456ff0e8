/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: where a zip lists its members */
#pragma once

#include "archive-sign.h"

/**
 * arc_zip_find() - is it a zip, perhaps behind a program, and what is it read by?
 * @ret: of kind ARC_ZIP; set on success
 *
 * Programs go by the list at the end, and do not agree on which end and which list that
 * is. Where libarchive would read another than one of them, ret->is_damaged is set.
 *
 * Pure. Return: it is one.
 */
bool arc_zip_find(const uint8_t *buf, size_t len, struct arc_sign *ret);
