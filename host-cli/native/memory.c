/* Copying and comparing memory for static builds on musl, whose own versions compare a byte at a time and copy the short
 * pieces that rendering is full of with string instructions that are slow to begin: together a seventh of its time.
 * Meaning as in C17, 7.24; every piece is loaded before one that may overlap it is stored. */
#include <stddef.h>
#include <stdint.h>

typedef uint16_t two __attribute__((may_alias, aligned(1)));
typedef uint32_t four __attribute__((may_alias, aligned(1)));
typedef uint64_t eight __attribute__((may_alias, aligned(1)));
typedef uint64_t pair __attribute__((vector_size(16)));
typedef pair sixteen __attribute__((may_alias, aligned(1)));

#define AT(type, place) (*(type *)(place))
/* The first and the last of a kind cover all bytes when there are at most two of it. */
#define BOTH_ENDS(type)                                                       \
  do {                                                                        \
    type first = AT(const type, from), last = AT(const type, from + n - sizeof(type)); \
    AT(type, to) = first;                                                     \
    AT(type, to + n - sizeof(type)) = last;                                   \
  } while (0)

static inline void copy_short(char *to, const char *from, size_t n) {
  if (n > 16) BOTH_ENDS(sixteen);
  else if (n >= 8) BOTH_ENDS(eight);
  else if (n >= 4) BOTH_ENDS(four);
  else if (n >= 2) BOTH_ENDS(two);
  else if (n == 1) *to = *from;
}

/* More than 32 bytes, from the first to the last. */
static inline void copy_up(char *to, const char *from, size_t n) {
  sixteen last = AT(const sixteen, from + n - 16), before = AT(const sixteen, from + n - 32);
  size_t at = 0;
  for (; at + 32 < n; at += 32) {
    sixteen first = AT(const sixteen, from + at), second = AT(const sixteen, from + at + 16);
    AT(sixteen, to + at) = first;
    AT(sixteen, to + at + 16) = second;
  }
  AT(sixteen, to + n - 32) = before;
  AT(sixteen, to + n - 16) = last;
}

/* The same from the last to the first. */
static inline void copy_down(char *to, const char *from, size_t n) {
  sixteen first = AT(const sixteen, from), second = AT(const sixteen, from + 16);
  size_t left = n;
  for (; left > 32; left -= 32) {
    sixteen last = AT(const sixteen, from + left - 16), before = AT(const sixteen, from + left - 32);
    AT(sixteen, to + left - 16) = last;
    AT(sixteen, to + left - 32) = before;
  }
  AT(sixteen, to + 16) = second;
  AT(sixteen, to) = first;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  if (n <= 32) copy_short(to, from, n);
  else copy_up(to, from, n);
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  if (n <= 32) copy_short(to, from, n);
  else if ((uintptr_t)to - (uintptr_t)from >= n) copy_up(to, from, n);
  else copy_down(to, from, n);
  return to;
}

static inline int difference(const unsigned char *a, const unsigned char *b, size_t n) {
  for (size_t at = 0; at < n; at++)
    if (a[at] != b[at]) return a[at] - b[at];
  return 0;
}

int memcmp(const void *one, const void *other, size_t n) {
  const unsigned char *a = one, *b = other;
  size_t at = 0;
  for (; at + 8 <= n; at += 8)
    if (AT(const eight, a + at) != AT(const eight, b + at)) return difference(a + at, b + at, 8);
  if (n >= 8 && at < n && AT(const eight, a + n - 8) == AT(const eight, b + n - 8)) return 0;
  return difference(a + at, b + at, n - at);
}

int bcmp(const void *one, const void *other, size_t n) { return memcmp(one, other, n); }
