/* What the files of the kernel know, and json_kernel.py as well. */
#ifndef CEP_KERNEL_H
#define CEP_KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t byte;

/* What a cell holds. A token is any other value of JSON as it is written: `true`, `1e9`, `"a\"b"`, `[1]`. */
enum { MISSING, NUL, INT, FLOAT, TEXT, TOKEN, KIND_MAX = 7 };

enum { NONE = -1 };

/* In the place of an offset: more than a day, so it is none. */
#define NO_ZONE ((int64_t)1 << 40)

/* The closing quote of a text that begins here, NULL if it is none; `end` is that of the data. */
const byte *cep_text_end(const byte *at, const byte *end, int *escaped);

/* Whether an array has room for so many, grown if need be. `held` points to the array. */
int cep_room(void *held, int64_t *have, int64_t need, size_t size);

#endif
