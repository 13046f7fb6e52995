/* Compares what ../../native/memory.c does with the C library's own, for all short lengths at all places to one another. */
#define memcpy own_memcpy
#define memmove own_memmove
#define memcmp own_memcmp
#define bcmp own_bcmp
#include "../../native/memory.c"
#undef memcpy
#undef memmove
#undef memcmp
#undef bcmp

#include <stdio.h>
#include <string.h>

enum { LONGEST = 200, ROOM = 3 * LONGEST };

static int fails(const char *what, int n, int from, int to) {
  printf("%s of %d bytes from %d to %d is wrong\n", what, n, from, to);
  return 1;
}

int main(void) {
  static unsigned char one[ROOM], other[ROOM];
  int tried = 0;
  for (int n = 0; n <= LONGEST; n++) {
    for (int from = 0; from < LONGEST; from += 1 + n / 16) {
      for (int to = 0; to < LONGEST; to++, tried++) {
        for (int at = 0; at < ROOM; at++) one[at] = other[at] = at * 7 + n;
        memmove(one + to, one + from, n);
        if (own_memmove(other + to, other + from, n) != other + to || memcmp(one, other, ROOM))
          return fails("moving", n, from, to);
      }
    }
    for (int to = 0; to < 16; to++) {
      for (int at = 0; at < ROOM; at++) one[at] = at * 7 + n;
      memset(other, 9, ROOM);
      own_memcpy(other + to + 1, one, n);
      if (memcmp(other + to + 1, one, n) || other[to] != 9 || other[to + 1 + n] != 9) return fails("copying", n, 0, to);
    }
    for (int place = 0; place <= n; place++) {
      for (int less = 0; less < 2; less++, tried++) {
        memset(one, 200, ROOM);
        memset(other, 200, ROOM);
        other[n] = 1;
        if (place < n) (less ? one : other)[place] = 3;
        int expected = place == n ? 0 : less ? -1 : 1, found = own_memcmp(one, other, n);
        if ((found > 0) - (found < 0) != expected || (own_bcmp(one, other, n) == 0) != (expected == 0))
          return fails("comparing", n, place, less);
      }
    }
  }
  printf("%d tried\n", tried);
  return 0;
}
