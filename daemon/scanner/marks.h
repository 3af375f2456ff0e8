/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: files the kernel need not ask about again */
#pragma once

#include "daemon/scanner/inquiry.h"

/* After a verdict from the cache was answered: spare the kernel the question next time, if only root
 * can change the file and policy has nothing to say about who opens it. */
void marks_consider(struct inquiry *q, uint64_t max_size_bytes);

/* It was written: ask again. */
void marks_written(const struct job *job);
