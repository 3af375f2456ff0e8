/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sanitizer: what its runtime must know of the sealed pair; part of sanitizer builds only
 *
 * Owns: defaults; ASAN_OPTIONS in the environment comes on top of them.
 * Must not own: what is reported.
 */

const char *__asan_default_options(void);

/*
 * detect_leaks: the search stops all threads from a process of its own, which the seal forbids.
 * use_sigaltstack: threads have our alternate stack (crash.c); the runtime would unmap it as its own.
 * quarantine_size_mb: a keeper frees whole generations; kept, they would look like a leak.
 */
const char *__asan_default_options(void)
{
	return "detect_leaks=0:use_sigaltstack=0:quarantine_size_mb=8";
}
