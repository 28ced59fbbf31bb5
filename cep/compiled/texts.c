/* Equal texts get equal codes, in order of first appearance: a hash table that keeps a copy of each text.
 *
 *     bytes     ann\nbob\n            each text with a line end behind it, so a stretch of codes is a stretch of bytes
 *     distinct  (0, 3) (4, 3)         by code
 *
 * A table may be used for one batch or for many that follow each other: a code once given stays. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES_MIN = 1024, AT_ONCE = 32 };

/* A distinct text: where its copy stands, and its first and last eight bytes, which are all of most texts.
 * The lowest bits of `hash` are its kind. */
struct distinct {
    uint32_t at, length, hash, unused;
    uint64_t head, tail;
};

/* `places` has a code plus one, or 0, at or behind the place that a hash names; `last` is a power of two less
 * one. Few texts are distinct as a rule, so it starts small, to stay in the cache of the processor. */
struct texts {
    struct distinct *distinct;
    byte *bytes;
    uint32_t *places;
    int64_t count, room, size, byte_room;
    uint32_t last;
    uint64_t seed;
};

static inline uint64_t mixed(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to eight bytes as a word; zeros behind the last one. */
static inline uint64_t word_at(const byte *at, int64_t length, const byte *end)
{
    uint64_t found = 0;
    if (length >= 8)
        memcpy(&found, at, 8);
    else if (end - at >= 8) {
        memcpy(&found, at, 8);
        found &= ((uint64_t)1 << 8 * length) - 1;
    } else
        memcpy(&found, at, (size_t)length);
    return found;
}

static struct distinct text_at(const byte *at, uint32_t length, const byte *end, byte kind, uint64_t seed)
{
    struct distinct text = {.length = length};
    text.head = word_at(at, length, end);
    if (length > 8)
        memcpy(&text.tail, at + length - 8, 8);
    uint64_t hash = mixed(text.head ^ seed, text.tail ^ (uint64_t)length ^ 0x9E3779B97F4A7C15u);
    for (uint32_t i = 8; i + 8 < length; i += 8)
        hash = mixed(hash ^ word_at(at + i, 8, end), 0xD6E8FEB86659FD93u ^ seed);
    text.hash = ((uint32_t)hash & ~(uint32_t)KIND_MAX) | kind;
    return text;
}

static inline int same_text(const struct texts *texts, const struct distinct *one, const struct distinct *other,
                            const byte *at)
{
    return one->hash == other->hash && one->length == other->length && one->head == other->head &&
           one->tail == other->tail &&
           (one->length <= 16 || !memcmp(texts->bytes + one->at, at, one->length));
}

static inline uint32_t first_place(const struct texts *texts, uint32_t hash)
{
    return hash / (KIND_MAX + 1) & texts->last;
}

/* The place of a text that stands there, or the free one where it belongs. */
static uint32_t place_of(const struct texts *texts, const struct distinct *text, const byte *at)
{
    uint32_t place = first_place(texts, text->hash);
    while (texts->places[place] &&
           !same_text(texts, &texts->distinct[texts->places[place] - 1], text, at))
        place = (place + 1) & texts->last;
    return place;
}

static int resize(struct texts *texts, int64_t places)
{
    uint32_t *fresh = calloc((size_t)places, sizeof *fresh);
    if (!fresh)
        return 0;
    free(texts->places);
    texts->places = fresh;
    texts->last = (uint32_t)places - 1;
    for (uint32_t code = 0; code < texts->count; code++) {
        uint32_t place = first_place(texts, texts->distinct[code].hash);
        while (texts->places[place])
            place = (place + 1) & texts->last;
        texts->places[place] = code + 1;
    }
    return 1;
}

/* Add a text that is not there; whether memory was enough. */
static int added(struct texts *texts, struct distinct text, const byte *at)
{
    int64_t need = texts->size + text.length + 1;
    if (need > UINT32_MAX || !cep_room(&texts->bytes, &texts->byte_room, need, 1) ||
        !cep_room(&texts->distinct, &texts->room, texts->count + 1, sizeof *texts->distinct))
        return 0;
    text.at = (uint32_t)texts->size;
    memcpy(texts->bytes + texts->size, at, text.length);
    texts->bytes[need - 1] = '\n';
    texts->size = need;
    texts->distinct[texts->count++] = text;
    return texts->count <= texts->last / 2 || resize(texts, ((int64_t)texts->last + 1) * 4);
}

/* A table without texts; NULL if there is no memory. */
struct texts *cep_texts_new(uint64_t seed)
{
    struct texts *texts = calloc(1, sizeof *texts);
    if (!texts)
        return NULL;
    texts->seed = seed;
    if (resize(texts, PLACES_MIN))
        return texts;
    free(texts);
    return NULL;
}

void cep_texts_free(struct texts *texts)
{
    free(texts->distinct);
    free(texts->bytes);
    free(texts->places);
    free(texts);
}

/* Forget all texts; whether memory was enough. */
int64_t cep_texts_clear(struct texts *texts)
{
    texts->count = texts->size = 0;
    return resize(texts, PLACES_MIN);
}

/* The code of a text that stands there, a new one if need be; NONE if memory is not enough. */
static int32_t code_of(struct texts *texts, const struct distinct *text, const byte *at)
{
    uint32_t place = place_of(texts, text, at);
    if (texts->places[place])
        return (int32_t)texts->places[place] - 1;
    texts->places[place] = (uint32_t)texts->count + 1;
    return added(texts, *text, at) ? (int32_t)texts->count - 1 : NONE;
}

/* Code the spans of rows, those of different kinds apart; rows of a kind below `kind_min` get -1. How many
 * texts there are then, -1 if memory is not enough.
 *
 * Some rows at a time: first what they hash to, then where that leads, so that memory is fetched for all of
 * them at once and not for one after the other. */
int64_t cep_texts_code(struct texts *texts, const byte *data, int64_t size, const byte *kinds,
                       const int32_t *starts, const int32_t *lengths, int64_t rows, int32_t kind_min,
                       int32_t *codes)
{
    struct distinct block[AT_ONCE];
    int64_t row_of[AT_ONCE];
    for (int64_t row = 0; row < rows;) {
        int count = 0;
        for (; row < rows && count < AT_ONCE; row++) {
            codes[row] = NONE;
            if (kinds[row] < kind_min)
                continue;
            block[count] = text_at(data + starts[row], (uint32_t)lengths[row], data + size, kinds[row],
                                   texts->seed);
            __builtin_prefetch(&texts->places[first_place(texts, block[count].hash)]);
            row_of[count++] = row;
        }
        for (int i = 0; i < count; i++) {
            uint32_t likely = texts->places[first_place(texts, block[i].hash)];
            if (likely)
                __builtin_prefetch(&texts->distinct[likely - 1]);
        }
        for (int i = 0; i < count; i++) {
            codes[row_of[i]] = code_of(texts, &block[i], data + starts[row_of[i]]);
            if (codes[row_of[i]] == NONE)
                return -1;
        }
    }
    return texts->count;
}

/* How many bytes there are from the text of a code on, and where they are. */
int64_t cep_texts_from(const struct texts *texts, int64_t code, const byte **found)
{
    int64_t at = code < texts->count ? texts->distinct[code].at : texts->size;
    *found = texts->bytes + at;
    return texts->size - at;
}

/* The kind of each text. */
void cep_texts_kinds(const struct texts *texts, byte *out)
{
    for (int64_t code = 0; code < texts->count; code++)
        out[code] = texts->distinct[code].hash & KIND_MAX;
}
