/* Equal texts get equal codes, in order of first appearance: a hash table over spans of the data. */
#include "kernel.h"

#include <string.h>

enum { PLACES_MIN = 1024 };

/* A distinct text: where it first stood, and its first and last eight bytes, which are all of most texts.
 * The lowest bits of `hash` are its kind. */
struct distinct {
    int32_t at, length;
    uint32_t hash, unused;
    uint64_t head, tail;
};

/* `places` has a code plus one, or 0, at or behind the place that a hash names; `last` is a power of two less
 * one. Few texts are distinct as a rule, so it starts small, to stay in the cache of the processor. */
struct table {
    const byte *data;
    struct distinct *distinct;
    uint32_t count;
    uint32_t *places, last;
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

static struct distinct text_at(const byte *data, int64_t size, int32_t start, int32_t length, byte kind,
                               uint64_t seed)
{
    struct distinct text = {.at = start, .length = length};
    const byte *at = data + start;
    text.head = word_at(at, length, data + size);
    if (length > 8)
        memcpy(&text.tail, at + length - 8, 8);
    uint64_t hash = mixed(text.head ^ seed, text.tail ^ (uint64_t)length ^ 0x9E3779B97F4A7C15u);
    for (int32_t i = 8; i + 8 < length; i += 8)
        hash = mixed(hash ^ word_at(at + i, 8, data + size), 0xD6E8FEB86659FD93u ^ seed);
    text.hash = ((uint32_t)hash & ~(uint32_t)KIND_MAX) | kind;
    return text;
}

static inline int same_text(const byte *data, const struct distinct *one, const struct distinct *other)
{
    return one->hash == other->hash && one->length == other->length && one->head == other->head &&
           one->tail == other->tail &&
           (one->length <= 16 || !memcmp(data + one->at, data + other->at, (size_t)one->length));
}

static inline uint32_t first_place(const struct table *table, uint32_t hash)
{
    return hash / (KIND_MAX + 1) & table->last;
}

/* The place of a text, or the free one where it belongs. */
static uint32_t place_of(const struct table *table, const struct distinct *text)
{
    uint32_t place = first_place(table, text->hash);
    while (table->places[place] && !same_text(table->data, &table->distinct[table->places[place] - 1], text))
        place = (place + 1) & table->last;
    return place;
}

static void resize(struct table *table, int64_t places)
{
    table->last = (uint32_t)places - 1;
    memset(table->places, 0, (size_t)places * sizeof *table->places);
    for (uint32_t code = 0; code < table->count; code++) {
        uint32_t place = first_place(table, table->distinct[code].hash);
        while (table->places[place])
            place = (place + 1) & table->last;
        table->places[place] = code + 1;
    }
}

/* Code the spans of rows, those of different kinds apart; rows of a kind below `kind_min` get -1.
 *
 * `distinct` has room for as many texts as there are rows. `places` is scratch: `places_max` is a power of
 * two, more than twice the rows. Gives how many codes there are. */
int64_t cep_code_texts(const byte *data, int64_t size, const byte *kinds, const int32_t *starts,
                       const int32_t *lengths, int64_t rows, int32_t kind_min, uint64_t seed, int32_t *codes,
                       struct distinct *distinct, uint32_t *places, int64_t places_max)
{
    struct table table = {.data = data, .distinct = distinct, .places = places};
    resize(&table, places_max < PLACES_MIN ? places_max : PLACES_MIN);
    for (int64_t row = 0; row < rows; row++) {
        codes[row] = NONE;
        if (kinds[row] < kind_min)
            continue;
        struct distinct text = text_at(data, size, starts[row], lengths[row], kinds[row], seed);
        uint32_t place = place_of(&table, &text);
        if (!places[place]) {
            distinct[table.count++] = text;
            places[place] = table.count;
            codes[row] = (int32_t)table.count - 1;
            if (table.count > table.last / 2) {
                int64_t more = ((int64_t)table.last + 1) * 4;
                resize(&table, more < places_max ? more : places_max);
            }
        } else
            codes[row] = (int32_t)places[place] - 1;
    }
    return table.count;
}

/* Write distinct texts one after the other, a line end behind each. */
void cep_join_texts(const byte *data, const struct distinct *distinct, int64_t count, byte *out)
{
    for (int64_t i = 0; i < count; i++) {
        memcpy(out, data + distinct[i].at, (size_t)distinct[i].length);
        out += distinct[i].length;
        *out++ = '\n';
    }
}
