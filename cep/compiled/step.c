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

static void begin_key(struct walk *walk, int32_t key)
{
    struct bench *bench = walk->bench;
    const struct pool *pool = walk->pool;
    walk->key = key;
    walk->open = walk->active_count = 0;
    walk->handed = walk->changed = 0;
    for (int32_t slot = key < pool->first_count ? pool->first[key] : NONE; slot != NONE;) {
        const struct kept_run *kept = cep_kept_run(pool, slot);
        struct run run = {kept->start_ms, kept->start_seq, kept->last_ms, kept->deadline_ms, NONE,
                          slot, kept->cell, kept->size, kept->stage, NONE, NONE};
        int32_t number = cep_entered(walk, &run);
        if (number == NONE)
            return;
        for (int64_t i = 0; i < bench->ref_count; i++)
            bench->refs[number * bench->ref_count + i] = -2 - kept->refs[i];
        for (int64_t i = 0; i < bench->fold_count; i++)
            bench->folds[number * bench->fold_count + i] = pool->folds[i][slot];
        walk->open++;
        cep_enlist(walk, number, NONE);
        slot = kept->next;
    }
}

/* What only the last event of a key shows: absences that have lasted, windows that end with the batch. */
static void end_lists(struct walk *walk, int64_t last_ms)
{
    struct bench *bench = walk->bench;
    for (int64_t i = 0; i < walk->active_count; i++) {
        const struct stage *stage = &walk->program->stages[bench->active[i]];
        int waits = stage->flags & WAITS;
        for (int32_t number = bench->heads[bench->active[i]]; number >= 0;) {
            const struct run *run = &bench->runs[number];
            int32_t next = run->next;
            if (run->deadline_ms < (waits ? last_ms : walk->batch->last_ms)) {
                cep_overtaken(walk, number);
                cep_gone(walk, number);
                walk->changed = 1;
            }
            number = next;
        }
        bench->heads[bench->active[i]] = UNUSED;
    }
}

/* How far the bench was filled before a key. */
struct mark {
    int64_t runs, log, matches;
};

static void end_key(struct walk *walk, struct mark mark, int64_t last_ms)
{
    struct bench *bench = walk->bench;
    end_lists(walk, last_ms);
    if (walk->handed || !walk->changed) {
        bench->run_count = mark.runs;
        bench->log_count = mark.log;
        bench->match_count = mark.matches;
    }
    if (walk->handed) {
        if (cep_room(&bench->handed, &bench->handed_room, bench->handed_count + 1, sizeof *bench->handed))
            bench->handed[bench->handed_count++] = walk->key;
        else
            walk->full = 1;
    } else if (walk->changed) {
        if (cep_room(&bench->keys, &bench->key_room, bench->key_count + 1, sizeof *bench->keys))
            bench->keys[bench->key_count++] =
                (struct touched){walk->key, (int32_t)mark.runs, (int32_t)bench->run_count};
        else
            walk->full = 1;
    }
}

/* The rows of one key, from the place `i` of those picked; where the next key begins. */
static int64_t step_key(struct walk *walk, int64_t i, int64_t end)
{
    struct bench *bench = walk->bench;
    const struct batch *batch = walk->batch;
    struct mark mark = {bench->run_count, bench->log_count, bench->match_count};
    uint32_t starts = walk->starts;
    int32_t key = batch->ids[bench->picked[i]];
    begin_key(walk, key);
    for (; i < end && batch->ids[bench->picked[i]] == key; i++) {
        uint32_t bits = bench->picked_bits[i];
        if (walk->handed || walk->full)
            continue;
        if (walk->open)
            cep_looked(walk, bench->picked[i], bits);
        if (bits & starts)
            cep_started(walk, bench->picked[i], bits);
    }
    end_key(walk, mark, batch->ts_ms[bench->picked[i - 1]]);
    return i;
}

/* The positions of rows that pass a test or are offered, with the bits of what they pass; how many. */
static int64_t picked(struct bench *bench, const struct program *program, const struct batch *batch)
{
    memset(bench->bits, 0, (size_t)batch->row_count * sizeof *bench->bits);
    for (int64_t t = 0; t < program->test_count; t++)
        for (int64_t row = 0; row < batch->row_count; row++)
            bench->bits[row] |= (uint32_t)batch->tests[t][row] << t;
    for (int64_t row = 0; batch->offered && row < batch->row_count; row++)
        if (batch->offered[row])
            bench->bits[row] |= OFFERED;
    int64_t count = 0;
    for (int64_t p = 0; p < batch->count; p++) {
        bench->picked[count] = (int32_t)p;
        bench->picked_bits[count] = bench->bits[batch->rows[p]];
        count += bench->picked_bits[count] != 0;
    }
    return count;
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
    int64_t end = picked(bench, program, batch), barred = 0;
    for (int64_t i = 0; i < end && !walk.full;) {
        int32_t key = batch->ids[bench->picked[i]];
        while (barred < batch->barred_count && batch->barred[barred] < key)
            barred++;
        int held = barred < batch->barred_count && batch->barred[barred] == key;
        int has = key < pool->first_count && pool->first[key] != NONE;
        if (held || (!has && !(bench->picked_bits[i] & walk.starts)))
            i++;
        else
            i = step_key(&walk, i, end);
    }
    return walk.full ? -1 : cep_counted(bench, batch, counts);
}
