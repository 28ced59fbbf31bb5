/* The bench on which step.c works: its memory, what Python reads of it, and how it is written to the pool. */
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

/* Room for so many runs with their registers. */
int cep_run_room(struct bench *bench, int64_t need)
{
    return cep_room(&bench->runs, &bench->run_room, need, sizeof *bench->runs) &&
           cep_room(&bench->refs, &bench->ref_room, need * bench->ref_count, sizeof *bench->refs) &&
           cep_room(&bench->folds, &bench->fold_room, need * bench->fold_count, sizeof *bench->folds);
}

struct bench *cep_bench_new(void)
{
    return calloc(1, sizeof(struct bench));
}

void cep_bench_free(struct bench *bench)
{
    void *arrays[] = {bench->runs, bench->refs, bench->folds, bench->log, bench->matches, bench->keys,
                      bench->handed, bench->heads, bench->active, bench->kept_rows, bench->kept_users,
                      bench->index, bench->bits, bench->picked, bench->picked_bits, bench};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
}

/* Make the bench empty, and large enough for the rows and stages. */
int cep_bench_ready(struct bench *bench, const struct program *program, const struct batch *batch)
{
    int64_t rows[] = {bench->row_room, bench->row_room, bench->row_room, bench->row_room};
    int64_t stages[] = {bench->stage_room, bench->stage_room};
    bench->run_count = bench->log_count = bench->match_count = 0;
    bench->key_count = bench->handed_count = bench->kept_count = 0;
    bench->ref_count = program->ref_count;
    bench->fold_count = program->fold_count;
    if (!cep_room(&bench->index, &rows[0], batch->row_count, sizeof *bench->index) ||
        !cep_room(&bench->bits, &rows[1], batch->row_count, sizeof *bench->bits) ||
        !cep_room(&bench->picked, &rows[2], batch->row_count, sizeof *bench->picked) ||
        !cep_room(&bench->picked_bits, &rows[3], batch->row_count, sizeof *bench->picked_bits) ||
        !cep_room(&bench->heads, &stages[0], program->stage_count, sizeof *bench->heads) ||
        !cep_room(&bench->active, &stages[1], program->stage_count, sizeof *bench->active))
        return 0;
    bench->row_room = rows[0];
    bench->stage_room = stages[0];
    memset(bench->heads, NONE, (size_t)program->stage_count * sizeof *bench->heads);
    return 1;
}

/* Give each row that an open run took a number, in order of first use, and count who uses it. */
static int64_t use_rows(struct bench *bench, const struct run *run)
{
    int64_t cells = 0;
    for (int32_t entry = run->log; entry != NONE; entry = bench->log[entry].before, cells++) {
        int32_t *index = &bench->index[bench->log[entry].row];
        if (*index == NONE) {
            *index = (int32_t)bench->kept_count;
            bench->kept_rows[bench->kept_count] = bench->log[entry].row;
            bench->kept_users[bench->kept_count++] = 0;
        }
        bench->kept_users[*index]++;
    }
    return cells;
}

/* Count what a step left in the bench; -1: memory is not enough. */
int64_t cep_counted(struct bench *bench, const struct batch *batch, struct counts *counts)
{
    int64_t rooms[] = {bench->kept_room, bench->kept_room};
    *counts = (struct counts){.matches = bench->match_count, .keys = bench->key_count,
                              .handed = bench->handed_count};
    if (!cep_room(&bench->kept_rows, &rooms[0], bench->log_count, sizeof *bench->kept_rows) ||
        !cep_room(&bench->kept_users, &rooms[1], bench->log_count, sizeof *bench->kept_users))
        return -1;
    bench->kept_room = rooms[0];
    memset(bench->index, NONE, (size_t)batch->row_count * sizeof *bench->index);
    for (int64_t i = 0; i < bench->run_count; i++) {
        const struct run *run = &bench->runs[i];
        if (run->stage != OVER) {
            counts->fresh += run->slot == NONE;
            counts->cells += use_rows(bench, run);
        } else if (run->slot != NONE) {
            counts->dead++;
            counts->dead_cells += run->cell != NONE;
        }
    }
    for (int64_t i = 0; i < bench->match_count; i++)
        for (int32_t at = bench->runs[bench->matches[i].run].log; at != NONE; at = bench->log[at].before)
            counts->match_log++;
    counts->rows = bench->kept_count;
    return 0;
}

/* --- what Python reads -------------------------------------------------------------------------------- */

/* Matches in columns: their runs, when they were decided, and what they took in this batch, match by match. */
struct found {
    int32_t *key, *cell;
    int64_t *start_ms, *start_seq, *last_ms, *ts_ms, *seq;
    int64_t *log_match, *log_row;
    int16_t *log_move;
};

void cep_found(const struct bench *bench, const struct found *found)
{
    int64_t end = 0;
    for (int64_t i = 0; i < bench->match_count; i++) {
        const struct match *match = &bench->matches[i];
        const struct run *run = &bench->runs[match->run];
        found->key[i] = match->key;
        found->cell[i] = run->cell;
        found->start_ms[i] = run->start_ms;
        found->start_seq[i] = run->start_seq;
        found->last_ms[i] = run->last_ms;
        found->ts_ms[i] = match->ts_ms;
        found->seq[i] = match->seq;
        for (int32_t at = run->log; at != NONE; at = bench->log[at].before)
            end++;
        int64_t place = end;
        for (int32_t at = run->log; at != NONE; at = bench->log[at].before) {
            found->log_match[--place] = i;
            found->log_row[place] = bench->log[at].row;
            found->log_move[place] = (int16_t)bench->log[at].move;
        }
    }
}

/* The keys that something has happened to, those that must be handed over, and the rows to be kept. */
void cep_left(const struct bench *bench, int32_t *keys, int32_t *handed, int64_t *rows, int64_t *users)
{
    for (int64_t i = 0; i < bench->key_count; i++)
        keys[i] = bench->keys[i].key;
    for (int64_t i = 0; i < bench->handed_count; i++)
        handed[i] = bench->handed[i];
    for (int64_t i = 0; i < bench->kept_count; i++) {
        rows[i] = bench->kept_rows[i];
        users[i] = bench->kept_users[i];
    }
}

/* --- what is written to the pool ---------------------------------------------------------------------- */

/* The slots to write to, by number of row, fresh run and cell; and where slots of what is over are put. */
struct slots {
    const int32_t *rows, *runs, *cells;
    int32_t *dead_runs, *dead_cells;
};

/* Make the chain of a run longer by what it took, newest first; how many cells that needs. */
static int64_t lengthen(const struct bench *bench, const struct pool *pool, const struct slots *slots,
                        struct run *run, int64_t used)
{
    int32_t before = run->cell, entry = run->log;
    int64_t end = used;
    for (; entry != NONE; entry = bench->log[entry].before, end++) {
        int32_t cell = slots->cells[end];
        const struct taken *taken = &bench->log[entry];
        pool->chain_row[cell] = slots->rows[bench->index[taken->row]];
        pool->chain_move[cell] = (int16_t)taken->move;
        pool->chain_before[cell] = taken->before == NONE ? before : slots->cells[end + 1];
    }
    if (end > used)
        run->cell = slots->cells[used];
    return end;
}

static void write_run(const struct bench *bench, const struct pool *pool, const struct slots *slots,
                      int32_t number, int32_t key, int32_t next)
{
    const struct run *run = &bench->runs[number];
    struct kept_run *kept = cep_kept_run(pool, run->slot);
    kept->key = key;
    kept->next = next;
    kept->cell = run->cell;
    kept->size = run->size;
    kept->start_ms = run->start_ms;
    kept->start_seq = run->start_seq;
    kept->deadline_ms = run->deadline_ms;
    kept->last_ms = run->last_ms;
    kept->stage = run->stage;
    for (int64_t i = 0; i < bench->ref_count; i++) {
        int32_t ref = bench->refs[number * bench->ref_count + i];
        kept->refs[i] = ref >= 0 ? slots->rows[bench->index[ref]] : -2 - ref;
    }
    for (int64_t i = 0; i < bench->fold_count; i++)
        pool->folds[i][run->slot] = bench->folds[number * bench->fold_count + i];
}

/* Write the runs of all keys down as they are now. */
void cep_commit(const struct bench *bench, const struct pool *pool, const struct slots *slots)
{
    int64_t fresh = 0, cells = 0, dead = 0, dead_cells = 0;
    for (int64_t k = 0; k < bench->key_count; k++) {
        const struct touched *key = &bench->keys[k];
        int32_t next = NONE;
        for (int32_t i = key->end - 1; i >= key->begin; i--) {
            struct run *run = &bench->runs[i];
            if (run->stage != OVER) {
                if (run->slot == NONE)
                    run->slot = slots->runs[fresh++];
                cells = lengthen(bench, pool, slots, run, cells);
                write_run(bench, pool, slots, i, key->key, next);
                next = run->slot;
            } else if (run->slot != NONE) {
                cep_kept_run(pool, run->slot)->stage = OVER;
                slots->dead_runs[dead++] = run->slot;
                if (run->cell != NONE)
                    slots->dead_cells[dead_cells++] = run->cell;
            }
        }
        pool->first[key->key] = next;
    }
}
