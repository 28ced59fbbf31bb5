/* Equal texts get equal codes, in order of first appearance: a hash table over spans of the data. */
#include "kernel.h"

#include <string.h>

enum { PLACES_MIN = 1024 };

/* A distinct text, and where it first stood. The lowest bits of `hash` are its kind. */
struct distinct {
    int32_t at, length, row;
    uint32_t hash;
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

static uint32_t hash_of(const byte *at, int64_t length, const byte *end, uint64_t seed, byte kind)
{
    uint64_t hash = seed ^ (uint64_t)length;
    do {
        hash = mixed(hash ^ word_at(at, length, end), 0x9E3779B97F4A7C15u);
        at += 8;
        length -= 8;
    } while (length > 0);
    hash = mixed(hash ^ seed, 0xD6E8FEB86659FD93u);
    return ((uint32_t)hash & ~(uint32_t)KIND_MAX) | kind;
}

static inline uint32_t first_place(const struct table *table, uint32_t hash)
{
    return hash / (KIND_MAX + 1) & table->last;
}

/* The place of a text, or the free one where it belongs. */
static uint32_t place_of(const struct table *table, const struct distinct *text)
{
    uint32_t place = first_place(table, text->hash);
    for (; table->places[place]; place = (place + 1) & table->last) {
        const struct distinct *found = &table->distinct[table->places[place] - 1];
        if (found->hash == text->hash && found->length == text->length &&
            !memcmp(table->data + found->at, table->data + text->at, (size_t)text->length))
            break;
    }
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
        struct distinct text = {.at = starts[row], .length = lengths[row], .row = (int32_t)row};
        text.hash = hash_of(data + text.at, text.length, data + size, seed, kinds[row]);
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
