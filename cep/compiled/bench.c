/* The bench on which step.c works: its memory, what Python reads of it, and how it is written to the pool.
 *
 *     one key under way: runs, log ──put down──▶ what came of all keys: left, matches, dead ──commit──▶ pool
 *
 * So the runs under way are always a few, and stay near the processor. */
#include "step.h"

#include <stdlib.h>
#include <string.h>

/* Whether an array has room for so many, grown if need be. `held` points to the array. */
int cep_room(void *held, int64_t *have, int64_t need, size_t size)
{
    if (need <= *have)
        return 1;
    void *array;
    memcpy(&array, held, sizeof array);
    int64_t more = need > 2 * *have ? need : 2 * *have;
    void *grown = realloc(array, (size_t)more * size);
    if (!grown)
        return 0;
    memcpy(held, &grown, sizeof grown);
    *have = more;
    return 1;
}

struct bench *cep_bench_new(void)
{
    return calloc(1, sizeof(struct bench));
}

void cep_bench_free(struct bench *bench)
{
    void *arrays[] = {bench->runs.at, bench->refs.at, bench->folds.at, bench->log.at, bench->lists.at,
                      bench->active.at, bench->matches.at, bench->match_log.at, bench->keys.at,
                      bench->handed.at, bench->left.at, bench->left_refs.at, bench->left_folds.at,
                      bench->left_log.at, bench->dead.at, bench->kept.at, bench->kept_users.at,
                      bench->index.at, bench->picked.at, bench->picked_bits.at, bench};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
}

/* Make the bench empty, and large enough for the batch and the stages. */
int cep_bench_ready(struct bench *bench, const struct program *program, const struct batch *batch)
{
    for (int64_t i = 0; i < bench->kept.count; i++)
        bench->index.at[bench->kept.at[i]] = NONE;
    bench->kept.count = bench->kept_users.count = 0;
    bench->matches.count = bench->match_log.count = bench->keys.count = bench->handed.count = 0;
    bench->left.count = bench->left_refs.count = bench->left_folds.count = bench->left_log.count = 0;
    bench->dead.count = bench->picked.count = bench->picked_bits.count = bench->active.count = 0;
    bench->fresh = bench->dead_cells = 0;
    bench->ref_count = program->ref_count;
    bench->fold_count = program->fold_count;
    int64_t numbered = bench->index.room;
    if (!ROOM(bench->index, batch->count))
        return 0;
    for (; numbered < bench->index.room; numbered++)
        bench->index.at[numbered] = NONE;
    /* Registers and what matches took are pointed to though there may be none. */
    if (!ROOM(bench->picked, batch->count) || !ROOM(bench->picked_bits, batch->count) ||
        !ROOM(bench->lists, program->stage_count) || !ROOM(bench->active, program->stage_count) ||
        !ROOM(bench->refs, 1) || !ROOM(bench->folds, 1) || !ROOM(bench->match_log, 1))
        return 0;
    for (int64_t i = 0; i < program->stage_count; i++)
        bench->lists.at[i].first = UNUSED;
    return 1;
}

/* The number of an event that is kept: in order of first use. There must be room for it. */
static int32_t number_of(struct bench *bench, int32_t at)
{
    int32_t *index = &bench->index.at[at];
    if (*index == NONE) {
        *index = (int32_t)bench->kept.count;
        bench->kept.at[bench->kept.count++] = at;
        bench->kept_users.at[bench->kept_users.count++] = 0;
    }
    return *index;
}

/* Put down an open run; its registers only if it took something, since else they are in the pool already. */
static int put_down(struct bench *bench, int32_t number)
{
    const struct run *run = &bench->runs.at[number];
    struct left left = {*run, 0};
    for (int32_t entry = run->log; entry != NONE; entry = bench->log.at[entry].before)
        left.took++;
    if (!ROOM(bench->left, 1) || !ROOM(bench->left_log, left.took) || !ROOM(bench->kept, left.took) ||
        !ROOM(bench->kept_users, left.took) || !ROOM(bench->left_refs, bench->ref_count) ||
        !ROOM(bench->left_folds, bench->fold_count))
        return 0;
    bench->left.at[bench->left.count++] = left;
    bench->fresh += run->slot == NONE;
    if (!left.took)
        return 1;
    for (int32_t i = run->log; i != NONE; i = bench->log.at[i].before) {
        const struct taken *taken = &bench->log.at[i];
        int32_t kept = number_of(bench, taken->at);
        bench->kept_users.at[kept]++;
        bench->left_log.at[bench->left_log.count++] = (struct entry){kept, taken->move};
    }
    for (int64_t i = 0; i < bench->ref_count; i++) {
        int32_t ref = bench->refs.at[number * bench->ref_count + i];
        bench->left_refs.at[bench->left_refs.count++] = ref >= 0 ? number_of(bench, ref) : ref;
    }
    for (int64_t i = 0; i < bench->fold_count; i++)
        bench->left_folds.at[bench->left_folds.count++] = bench->folds.at[number * bench->fold_count + i];
    return 1;
}

/* Put down what came of the runs of a key; 0: memory is not enough. */
int cep_put_down(struct bench *bench, int32_t key)
{
    struct touched touched = {key, (int32_t)bench->left.count, 0};
    for (int32_t i = 0; i < bench->runs.count; i++) {
        const struct run *run = &bench->runs.at[i];
        if (run->stage != OVER) {
            if (!put_down(bench, i))
                return 0;
        } else if (run->slot != NONE) {
            if (!ROOM(bench->dead, 1))
                return 0;
            bench->dead.at[bench->dead.count++] = (struct dead){run->slot, run->cell};
            bench->dead_cells += run->cell != NONE;
        }
    }
    touched.end = (int32_t)bench->left.count;
    if (!ROOM(bench->keys, 1))
        return 0;
    bench->keys.at[bench->keys.count++] = touched;
    return 1;
}

/* --- what Python reads -------------------------------------------------------------------------------- */

/* Matches in columns: their runs, when they were decided, and what they took in this batch, match by match. */
struct found {
    int32_t *key, *cell;
    int64_t *start_ms, *start_seq, *last_ms, *ts_ms, *seq;
    int64_t *log_match, *log_at;
    int16_t *log_move;
};

void cep_found(const struct bench *bench, const struct found *found)
{
    int64_t place = 0;
    for (int64_t i = 0; i < bench->matches.count; i++) {
        const struct match *match = &bench->matches.at[i];
        found->key[i] = match->key;
        found->cell[i] = match->cell;
        found->start_ms[i] = match->start_ms;
        found->start_seq[i] = match->start_seq;
        found->last_ms[i] = match->last_ms;
        found->ts_ms[i] = match->ts_ms;
        found->seq[i] = match->seq;
        for (int64_t end = place + match->took; place < end; place++) {
            found->log_match[place] = i;
            found->log_at[place] = bench->match_log.at[place].event;
            found->log_move[place] = (int16_t)bench->match_log.at[place].move;
        }
    }
}

/* The keys that something has happened to, those that must be handed over, and the events to be kept. */
void cep_left(const struct bench *bench, int32_t *keys, int32_t *handed, int64_t *kept, int64_t *users)
{
    for (int64_t i = 0; i < bench->keys.count; i++)
        keys[i] = bench->keys.at[i].key;
    for (int64_t i = 0; i < bench->handed.count; i++)
        handed[i] = bench->handed.at[i];
    for (int64_t i = 0; i < bench->kept.count; i++) {
        kept[i] = bench->kept.at[i];
        users[i] = bench->kept_users.at[i];
    }
}

/* --- what is written to the pool ---------------------------------------------------------------------- */

/* The slots to write to, by number of event, fresh run and cell; and where slots of what is over are put. */
struct slots {
    const int32_t *events, *runs, *cells;
    int32_t *dead_runs, *dead_cells;
};

/* How much of what the bench holds has been written. */
struct written {
    int64_t fresh, cells, refs, folds;
};

/* The chain of a run made longer by what it took; its newest cell. */
static int32_t lengthen(const struct bench *bench, const struct pool *pool, const struct slots *slots,
                        const struct left *left, struct written *written)
{
    const int32_t *cells = slots->cells + written->cells;
    const struct entry *entries = bench->left_log.at + written->cells;
    for (int32_t i = 0; i < left->took; i++) {
        pool->chain_row[cells[i]] = slots->events[entries[i].event];
        pool->chain_move[cells[i]] = (int16_t)entries[i].move;
        pool->chain_before[cells[i]] = i + 1 < left->took ? cells[i + 1] : left->run.cell;
    }
    written->cells += left->took;
    return cells[0];
}

/* Write a run that took something; its slot. */
static int32_t write_run(const struct bench *bench, const struct pool *pool, const struct slots *slots,
                         const struct left *left, int32_t key, struct written *written)
{
    const struct run *run = &left->run;
    int32_t slot = run->slot == NONE ? slots->runs[written->fresh++] : run->slot;
    struct kept_run *kept = cep_kept_run(pool, slot);
    kept->key = key;
    kept->cell = lengthen(bench, pool, slots, left, written);
    kept->size = run->size;
    kept->start_ms = run->start_ms;
    kept->start_seq = run->start_seq;
    kept->deadline_ms = run->deadline_ms;
    kept->last_ms = run->last_ms;
    kept->stage = run->stage;
    for (int64_t i = 0; i < bench->ref_count; i++) {
        int32_t ref = bench->left_refs.at[written->refs++];
        kept->refs[i] = ref >= 0 ? slots->events[ref] : -2 - ref;
    }
    for (int64_t i = 0; i < bench->fold_count; i++)
        pool->folds[i][slot] = bench->left_folds.at[written->folds++];
    return slot;
}

/* Write the runs of all keys down as they are now. */
void cep_commit(const struct bench *bench, const struct pool *pool, const struct slots *slots)
{
    struct written written = {0};
    for (int64_t k = 0; k < bench->keys.count; k++) {
        const struct touched *key = &bench->keys.at[k];
        int32_t *link = &pool->first[key->key];
        for (int32_t i = key->begin; i < key->end; i++) {
            const struct left *left = &bench->left.at[i];
            int32_t slot = left->took ? write_run(bench, pool, slots, left, key->key, &written) : left->run.slot;
            *link = slot;
            link = &cep_kept_run(pool, slot)->next;
        }
        *link = NONE;
    }
    int64_t cells = 0;
    for (int64_t i = 0; i < bench->dead.count; i++) {
        const struct dead *dead = &bench->dead.at[i];
        cep_kept_run(pool, dead->slot)->stage = OVER;
        slots->dead_runs[i] = dead->slot;
        if (dead->cell != NONE)
            slots->dead_cells[cells++] = dead->cell;
    }
}
