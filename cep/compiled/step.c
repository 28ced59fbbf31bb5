/* A batch through a track, key by key: vector_step.py says what must come of it.
 *
 *     key order    x x x | y y | z z z z      each key: its runs into lists, its events one by one,
 *                          ▲                  what is left of them into the bench
 *
 * Nothing that lives is changed here. What came of the runs stands in the bench until it is committed, so a key
 * can still be handed over as it was before the batch. */
#include "step.h"

#include <string.h>

#define OFFERED ((uint32_t)1 << 31)

/* The runs of a key come from the pool; those of the key before are forgotten. */
static void begin_key(struct walk *walk, int32_t key)
{
    struct bench *bench = walk->bench;
    const struct pool *pool = walk->pool;
    walk->key = key;
    walk->open = bench->active.count = 0;
    memset(walk->open_of, 0, sizeof walk->open_of);
    bench->runs.count = bench->refs.count = bench->folds.count = bench->log.count = 0;
    walk->handed = walk->changed = 0;
    for (int32_t slot = key < pool->first_count ? pool->first[key] : NONE; slot != NONE;) {
        const struct kept_run *kept = cep_kept_run(pool, slot);
        struct run run = {.start_ms = kept->start_ms, .start_seq = kept->start_seq, .last_ms = kept->last_ms,
                          .deadline_ms = kept->deadline_ms, .slot = slot, .cell = kept->cell,
                          .size = kept->size, .log = NONE, .stage = kept->stage};
        int32_t number = cep_entered(walk, &run);
        if (number == NONE)
            return;
        for (int64_t i = 0; i < bench->ref_count; i++)
            bench->refs.at[number * bench->ref_count + i] = -2 - kept->refs[i];
        for (int64_t i = 0; i < bench->fold_count; i++)
            bench->folds.at[number * bench->fold_count + i] = pool->folds[i][slot];
        walk->open++;
        ++*cep_open_of(walk, kept->stage);
        cep_enlist(walk, number, NONE);
        slot = kept->next;
    }
}

/* What only the last event of a key shows: absences that have lasted, windows that end with the batch. */
static void end_lists(struct walk *walk, int64_t last_ms)
{
    struct bench *bench = walk->bench;
    for (int64_t i = 0; i < bench->active.count; i++) {
        int32_t number = bench->active.at[i];
        struct list *list = &bench->lists.at[number];
        int waits = walk->program->stages[number].flags & WAITS;
        for (int32_t next = list->first; next >= 0;) {
            const struct run *run = &bench->runs.at[next];
            number = next;
            next = run->next;
            if (run->deadline_ms < (waits ? last_ms : walk->batch->last_ms)) {
                cep_overtaken(walk, number);
                cep_gone(walk, number);
                walk->changed = 1;
            }
        }
        list->first = UNUSED;
    }
}

/* The events of one key, from the place `i` of those picked; where the next key begins. */
static int64_t step_key(struct walk *walk, int64_t i, int64_t end)
{
    struct bench *bench = walk->bench;
    const struct batch *batch = walk->batch;
    const int32_t *picked = bench->picked.at;
    int64_t matches = bench->matches.count, match_log = bench->match_log.count;
    int32_t key = batch->ids[picked[i]];
    begin_key(walk, key);
    for (; i < end && batch->ids[picked[i]] == key; i++) {
        uint32_t bits = bench->picked_bits.at[i];
        if (walk->handed || walk->full)
            continue;
        if (walk->open)
            cep_looked(walk, picked[i], bits);
        if (bits & walk->starts)
            cep_started(walk, picked[i], bits);
    }
    end_lists(walk, batch->ts_ms[picked[i - 1]]);
    if (walk->handed) {
        bench->matches.count = matches;
        bench->match_log.count = match_log;
        if (ROOM(bench->handed, 1))
            bench->handed.at[bench->handed.count++] = key;
        else
            walk->full = 1;
    } else if (walk->changed && !cep_put_down(bench, key)) {
        walk->full = 1;
    }
    return i;
}

/* The positions of events that pass a test or are offered, with the bits of what they pass. */
static void pick(struct bench *bench, const struct program *program, const struct batch *batch)
{
    int32_t *picked = bench->picked.at;
    uint32_t *picked_bits = bench->picked_bits.at;
    int64_t count = 0;
    for (int64_t word = 0; word * 64 < batch->count; word++) {
        uint64_t offered = batch->offered ? batch->offered[word] : 0, any = offered;
        for (int64_t t = 0; t < program->test_count; t++)
            any |= batch->tests[t][word];
        for (; any; any &= any - 1) {
            int place = __builtin_ctzll(any);
            uint32_t bits = offered >> place & 1 ? OFFERED : 0;
            for (int64_t t = 0; t < program->test_count; t++)
                bits |= (uint32_t)(batch->tests[t][word] >> place & 1) << t;
            picked[count] = (int32_t)(word * 64 + place);
            picked_bits[count++] = bits;
        }
    }
    bench->picked.count = bench->picked_bits.count = count;
}

/* A bit for each position of the key order whose row is in the mask. `places` has the position of each row, or
 * one beyond all words that are read. `found` must be empty. */
void cep_marked(const byte *mask, const int32_t *places, int64_t row_count, uint64_t *found)
{
    for (int64_t begin = 0; begin < row_count; begin += 8) {
        int64_t end = begin + 8 < row_count ? begin + 8 : row_count;
        uint64_t eight = 0;
        memcpy(&eight, mask + begin, (size_t)(end - begin));
        for (int64_t row = begin; eight && row < end; row++)
            found[places[row] >> 6] |= (uint64_t)mask[row] << (places[row] & 63);
    }
}

/* Step a batch; what came of it, to be read from the bench. -1: memory is not enough. */
int64_t cep_step(struct bench *bench, const struct program *program, const struct batch *batch,
                 const struct pool *pool, struct counts *counts)
{
    int32_t trial_refs[REGISTERS_MAX];
    double trial_folds[REGISTERS_MAX];
    struct walk walk = {.bench = bench, .program = program, .batch = batch, .pool = pool,
                        .trial_refs = trial_refs, .trial_folds = trial_folds};
    if (!cep_bench_ready(bench, program, batch))
        return -1;
    for (int32_t i = program->stages[0].moves; i < program->stages[0].moves_end; i++)
        walk.starts |= program->moves[i].test;
    pick(bench, program, batch);
    int64_t barred = 0;
    for (int64_t i = 0; i < bench->picked.count && !walk.full;) {
        int32_t key = batch->ids[bench->picked.at[i]];
        while (barred < batch->barred_count && batch->barred[barred] < key)
            barred++;
        int held = barred < batch->barred_count && batch->barred[barred] == key;
        int has = key < pool->first_count && pool->first[key] != NONE;
        if (held || (!has && !(bench->picked_bits.at[i] & walk.starts)))
            i++;
        else
            i = step_key(&walk, i, bench->picked.count);
    }
    *counts = (struct counts){
        bench->matches.count, bench->match_log.count, bench->keys.count, bench->handed.count,
        bench->kept.count, bench->fresh, bench->left_log.count, bench->dead.count, bench->dead_cells,
    };
    return walk.full ? -1 : 0;
}
