/* Lines of JSON, each looked through once: where the values of wanted names stand, and what kind each is.
 *
 *     line    {"id":17,"ok":true,"who":{"name":"ann"},"note":"a\"b"}
 *     cells   id: INT 17     ok: TOKEN `true`     who.name: TEXT `ann`     note: TOKEN `"a\"b"`
 *
 * A line is accepted only if it is JSON to the last byte, UTF-8 included, and one object. Whatever is too odd
 * to be sure of is left to the caller, line by line: a wanted name that stands twice or is spelt with an
 * escape, numbers of a hundred characters, deep nesting, and everything that is no JSON. So this may be
 * stricter than JSON, and never laxer.
 *
 * No byte behind the end of a line is read but where the end of the data is asked for: a line end is no part
 * of any value, so every loop stops there. Nothing is allocated, nothing is kept between calls, and no Python
 * is called.
 */
#include "kernel.h"

#include <float.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "floats of more than 64 bits would be rounded twice"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first byte of a word must be its lowest"
#endif

enum {
    NAMES_MAX = 512,
    DEPTH_MAX = 64,
    NUMBER_BYTES_MAX = 100,
    EXPONENT_DIGITS_MAX = 2,
    INT_DIGITS_MAX = 18,
    FLOAT_DIGITS_MAX = 19,
    FLOAT_PLACES_MAX = 22,
    BUCKETS = 256,
    KEYS_MAX = 64,
};

#define WHOLE_MAX ((uint64_t)1 << 53)

/* A wanted name, or one on the way to it: its text, the name it stands under, and the slot of its values. */
struct name {
    int32_t at, length, parent, slot;
};

/* What was found in a block. Cell `slot * stride + row` is what a row holds of a slot; only numbers have a
 * number. Row i is line `lines[i]`. Lines that were not accepted are in `left`, except blank ones. */
struct found {
    byte *kinds;
    int32_t *starts, *lengths;
    int64_t *numbers;
    int64_t stride;
    int32_t *lines, *left;
    int64_t rows, left_count;
};

/* A key that was seen, quotes and all. */
struct key {
    const byte *at;
    int64_t length;
    int parent, child;
};

struct scan {
    const byte *data, *end;
    const byte *texts;
    const struct name *names;
    struct found *found;
    int32_t line;
    int32_t seen_in[NAMES_MAX];
    int16_t bucket[BUCKETS], behind[NAMES_MAX];
    struct key keys[KEYS_MAX];
    unsigned turn;
};

static const byte *value(struct scan *scan, const byte *at, int name, int depth);

/* ------------------------------------------------------------------------------------------- names */

static unsigned bucket_of(int parent, const byte *text, int64_t length)
{
    unsigned first = length ? text[0] : 0, last = length ? text[length - 1] : 0;
    return ((unsigned)parent * 67 + (unsigned)length * 31 + first * 7 + last) % BUCKETS;
}

static void learn_names(struct scan *scan, int32_t count)
{
    memset(scan->bucket, 0xff, sizeof scan->bucket);
    memset(scan->seen_in, 0xff, sizeof scan->seen_in);
    for (int32_t i = 0; i < KEYS_MAX; i++)
        scan->keys[i].parent = NONE - 1; /* that of no key */
    for (int32_t i = 1; i < count; i++) {
        const struct name *name = &scan->names[i];
        unsigned bucket = bucket_of(name->parent, scan->texts + name->at, name->length);
        scan->behind[i] = scan->bucket[bucket];
        scan->bucket[bucket] = (int16_t)i;
    }
}

static int find_name(const struct scan *scan, int parent, const byte *text, int64_t length)
{
    int found = scan->bucket[bucket_of(parent, text, length)];
    for (; found != NONE; found = scan->behind[found]) {
        const struct name *name = &scan->names[found];
        if (name->parent == parent && name->length == length && !memcmp(scan->texts + name->at, text, length))
            break;
    }
    return found;
}

/* ------------------------------------------------------------------------------------------ values */

static void put(struct scan *scan, int name, byte kind, const byte *start, const byte *end, int64_t number)
{
    int32_t slot = name == NONE ? NONE : scan->names[name].slot;
    if (slot == NONE)
        return;
    struct found *found = scan->found;
    int64_t cell = slot * found->stride + found->rows;
    found->kinds[cell] = kind;
    found->starts[cell] = (int32_t)(start - scan->data);
    found->lengths[cell] = (int32_t)(end - start);
    if (kind == INT || kind == FLOAT)
        found->numbers[cell] = number;
}

static inline const byte *skip_space(const byte *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

static inline int is_digit(byte c)
{
    return (byte)(c - '0') < 10;
}

static const double POWERS[FLOAT_PLACES_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* A number; NULL if it is none, or so long that it might be infinite.
 *
 * The nearest float of digits and places is their quotient if both of them are floats without loss (Clinger
 * 1990). Other numbers are tokens: the caller reads them. */
static const byte *number(struct scan *scan, const byte *start, int name)
{
    const byte *at = start + (*start == '-'), *first = at;
    uint64_t whole = 0;
    while (is_digit(*at))
        whole = whole * 10 + (uint64_t)(*at++ - '0');
    int64_t digits = at - first, places = 0;
    if (!digits || (*first == '0' && digits > 1))
        return NULL;
    byte kind = digits <= INT_DIGITS_MAX ? INT : TOKEN;
    if (*at == '.') {
        const byte *point = at++;
        while (is_digit(*at))
            whole = whole * 10 + (uint64_t)(*at++ - '0');
        places = at - point - 1;
        if (!places)
            return NULL;
        digits += places;
        kind = digits <= FLOAT_DIGITS_MAX && whole <= WHOLE_MAX && places <= FLOAT_PLACES_MAX ? FLOAT : TOKEN;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        int digits_max = EXPONENT_DIGITS_MAX + (*at == '-');
        at += *at == '+' || *at == '-';
        const byte *exponent = at;
        while (is_digit(*at))
            at++;
        if (at == exponent || at - exponent > digits_max)
            return NULL;
        kind = TOKEN;
    }
    if (at - start > NUMBER_BYTES_MAX)
        return NULL;
    int64_t bits = *start == '-' ? -(int64_t)whole : (int64_t)whole;
    if (kind == FLOAT) {
        double nearest = (double)bits / POWERS[places] + 0.0; /* never -0.0: `bits` has none */
        memcpy(&bits, &nearest, sizeof bits);
    }
    put(scan, name, kind, start, at, bits);
    return at;
}

static const byte *word(struct scan *scan, const byte *start, int name, const char *text, byte kind)
{
    const byte *at = start;
    for (; *text; text++, at++)
        if (*at != (byte)*text)
            return NULL;
    put(scan, name, kind, start, at, 0);
    return at;
}

static const byte *text(struct scan *scan, const byte *start, int name)
{
    int escaped;
    const byte *at = cep_text_end(start + 1, scan->end, &escaped);
    if (!at)
        return NULL;
    if (escaped)
        put(scan, name, TOKEN, start, at + 1, 0);
    else
        put(scan, name, TEXT, start + 1, at, 0);
    return at + 1;
}

static const byte *list(struct scan *scan, const byte *start, int name, int depth)
{
    const byte *at = skip_space(start + 1);
    if (*at != ']')
        for (;; at = skip_space(at + 1)) {
            at = value(scan, at, NONE, depth);
            if (!at)
                return NULL;
            at = skip_space(at);
            if (*at == ']')
                break;
            if (*at != ',')
                return NULL;
        }
    put(scan, name, TOKEN, start, at + 1, 0);
    return at + 1;
}

/* Whether two stretches of bytes are equal; eight bytes behind each may be read. */
static inline int same_bytes(const byte *one, const byte *other, int64_t length)
{
    uint64_t a, b;
    for (;; one += 8, other += 8, length -= 8) {
        memcpy(&a, one, 8);
        memcpy(&b, other, 8);
        if (length <= 8)
            return ((a ^ b) & (~(uint64_t)0 >> (64 - 8 * length))) == 0;
        if (a != b)
            return 0;
    }
}

/* Behind a key and its quotes, and which name under `parent` it is, NONE if it is not wanted.
 *
 * Lines are alike as a rule: a key that is, byte for byte, what stood at this turn of a line before need not
 * be looked through again. NULL if it is no key, or too odd: a name with an escape, or one that is twice. */
static const byte *key(struct scan *scan, const byte *at, int parent, int *child)
{
    struct key *known = &scan->keys[scan->turn++ % KEYS_MAX];
    if (known->parent == parent && scan->end - at >= known->length + 8 &&
        same_bytes(known->at, at, known->length)) {
        at += known->length;
    } else {
        int escaped;
        const byte *end = *at == '"' ? cep_text_end(at + 1, scan->end, &escaped) : NULL;
        if (!end || (escaped && parent != NONE))
            return NULL;
        *known = (struct key){.at = at, .length = end + 1 - at, .parent = parent, .child = NONE};
        if (parent != NONE)
            known->child = find_name(scan, parent, at + 1, end - at - 1);
        at = end + 1;
    }
    *child = known->child;
    if (*child != NONE) {
        if (scan->seen_in[*child] == scan->line)
            return NULL;
        scan->seen_in[*child] = scan->line;
    }
    return at;
}

static const byte *object(struct scan *scan, const byte *start, int name, int depth)
{
    const byte *at = skip_space(start + 1);
    if (*at != '}')
        for (;; at = skip_space(at + 1)) {
            int child;
            if (!(at = key(scan, at, name, &child)))
                return NULL;
            at = skip_space(at);
            if (*at != ':')
                return NULL;
            at = value(scan, skip_space(at + 1), child, depth);
            if (!at)
                return NULL;
            at = skip_space(at);
            if (*at == '}')
                break;
            if (*at != ',')
                return NULL;
        }
    put(scan, name, TOKEN, start, at + 1, 0);
    return at + 1;
}

/* Behind the value that begins here, NULL if there is none. */
static const byte *value(struct scan *scan, const byte *at, int name, int depth)
{
    switch (*at) {
    case '"':
        return text(scan, at, name);
    case '{':
        return depth < DEPTH_MAX ? object(scan, at, name, depth + 1) : NULL;
    case '[':
        return depth < DEPTH_MAX ? list(scan, at, name, depth + 1) : NULL;
    case 't':
        return word(scan, at, name, "true", TOKEN);
    case 'f':
        return word(scan, at, name, "false", TOKEN);
    case 'n':
        return word(scan, at, name, "null", NUL);
    default:
        return number(scan, at, name);
    }
}

/* ------------------------------------------------------------------------------------------- lines */

/* Where the line ends are; gives how many there are. */
int64_t cep_line_ends(const byte *data, int64_t size, int64_t *ends)
{
    int64_t count = 0;
    const byte *at = data, *end = data + size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))))
        ends[count++] = at++ - data;
    return count;
}

/* Look through lines, the first of which begins at `start`. `ends` has the place of each line end in `data`.
 * All cells of `found` must be MISSING and its counts 0. Gives -1 if the arguments make no sense. */
int64_t cep_scan_lines(const byte *data, int64_t size, int64_t start, const int64_t *ends, int64_t count,
                       int64_t line_bytes_max, const byte *texts, const struct name *names,
                       int32_t names_count, int32_t slots, struct found *found)
{
    struct scan scan = {.data = data, .end = data + size, .texts = texts, .names = names, .found = found};
    if (names_count < 1 || names_count > NAMES_MAX || size > INT32_MAX || count > found->stride)
        return -1;
    if (count && (ends[count - 1] >= size || data[ends[count - 1]] != '\n'))
        return -1;
    learn_names(&scan, names_count);
    for (int64_t i = 0; i < count; start = ends[i++] + 1) {
        const byte *at = skip_space(data + start), *end = data + ends[i];
        if (at == end)
            continue;
        scan.line = (int32_t)i;
        scan.turn = 0;
        if (*at == '{' && ends[i] - start <= line_bytes_max) {
            at = object(&scan, at, 0, 1);
            if (at && skip_space(at) == end) {
                found->lines[found->rows++] = (int32_t)i;
                continue;
            }
        }
        found->left[found->left_count++] = (int32_t)i;
        for (int32_t slot = 0; slot < slots; slot++)
            found->kinds[slot * found->stride + found->rows] = MISSING;
    }
    return 0;
}

/* Which kinds occur: bit k says that k does. */
int32_t cep_present(const byte *kinds, int64_t rows)
{
    int32_t found = 0;
    for (int64_t row = 0; row < rows; row++)
        found |= 1 << kinds[row];
    return found;
}
