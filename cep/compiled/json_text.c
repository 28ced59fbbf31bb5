/* Texts of JSON: where one ends, and whether it is one at all: UTF-8, with escapes that mean something. */
#include "kernel.h"

#include <string.h>

static int hex4(const byte *at)
{
    int number = 0;
    for (int i = 0; i < 4; i++) {
        byte c = at[i];
        if (c >= '0' && c <= '9')
            number = number * 16 + c - '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            number = number * 16 + (c | 32) - 'a' + 10;
        else
            return NONE;
    }
    return number;
}

/* Behind an escape, NULL if it is none; half of a pair of surrogates is none. */
static const byte *skip_escape(const byte *at)
{
    if (at[1] == '\n' || at[1] == 0)
        return NULL;
    if (at[1] != 'u')
        return strchr("\"\\/bfnrt", at[1]) ? at + 2 : NULL;
    int unit = hex4(at + 2);
    if (unit == NONE || (unit >= 0xDC00 && unit <= 0xDFFF))
        return NULL;
    if (unit < 0xD800 || unit > 0xDBFF)
        return at + 6;
    if (at[6] != '\\' || at[7] != 'u')
        return NULL;
    unit = hex4(at + 8);
    return unit >= 0xDC00 && unit <= 0xDFFF ? at + 12 : NULL;
}

static inline int continues(byte c)
{
    return (c & 0xC0) == 0x80;
}

/* Behind a character of two to four bytes, NULL if it is no UTF-8. */
static const byte *skip_wide(const byte *at)
{
    byte first = at[0], low = 0x80, high = 0xBF;
    if (first < 0xC2 || first > 0xF4)
        return NULL;
    if (first < 0xE0)
        return continues(at[1]) ? at + 2 : NULL;
    if (first == 0xE0)
        low = 0xA0; /* shorter spellings of the same character */
    else if (first == 0xED)
        high = 0x9F; /* surrogates */
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F; /* beyond the last character */
    if (at[1] < low || at[1] > high || !continues(at[2]))
        return NULL;
    if (first < 0xF0)
        return at + 3;
    return continues(at[3]) ? at + 4 : NULL;
}

#define EACH(c) ((uint64_t)(c) * 0x0101010101010101u)

/* How many plain bytes come first in a word: printable ASCII, neither quote nor backslash. */
static inline int plain_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH('"'), slash = word ^ EACH('\\');
    uint64_t odd = (quote - EACH(1)) & ~quote;
    odd |= (slash - EACH(1)) & ~slash;
    odd |= (word - EACH(0x20)) | word;
    odd &= EACH(0x80);
    /* A borrow may mark a byte behind an odd one, never one before it. */
    return odd ? __builtin_ctzll(odd) / 8 : 8;
}

const byte *cep_text_end(const byte *at, const byte *end, int *escaped)
{
    *escaped = 0;
    for (;;) {
        while (end - at >= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            int plain = plain_bytes(word);
            at += plain;
            if (plain < 8)
                break;
        }
        if (*at == '"')
            return at;
        if (*at == '\\') {
            *escaped = 1;
            at = skip_escape(at);
        } else if (*at >= 0x80) {
            at = skip_wide(at);
        } else if (*at >= 0x20) {
            at++; /* the last few bytes of the data */
        } else {
            return NULL;
        }
        if (!at)
            return NULL;
    }
}
