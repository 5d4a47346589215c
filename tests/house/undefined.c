/* SPDX-License-Identifier: Apache-2.0 */
/* Shifts further than an int is wide: with the sanitizer it must not come to its end. */
int main(int argc, char **argv) {
  volatile int shifted = 1 << (argc + 40);
  (void)argv, (void)shifted;
  return 0;
}
