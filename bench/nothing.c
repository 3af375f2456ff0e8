/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest process there is; built static and dynamic, started by spawn.c */
int main(void)
{
	return 0;
}
