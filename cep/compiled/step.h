/* What is shared by the files that step runs: a track as a program, a batch in key order, open runs in a pool.
 *
 * The structs of the first part are laid out once more in vector_program.py and vector_compiled.py. */
#ifndef CEP_STEP_H
#define CEP_STEP_H

#include "kernel.h"

#include <stddef.h>

enum {
    STACK_MAX = 32, /* values that an expression may hold at once */
    REGISTERS_MAX = 16,
};

enum { ENDS = 1, WAITS = 2, WHOLE = 4, STRICT = 8 };

/* Where runs wait. `concerns` has the bits of tests whose events a run must look at. `ends_if` is an
 * expression or NONE. `gap_ms` is the longest gap after which some move still fits, or NONE. */
struct stage {
    int64_t hold_ms, gap_ms;
    uint32_t concerns;
    int32_t flags, moves, moves_end, kills, kills_end, ends_if, unused;
};

struct move {
    int64_t gap_ms, hold_ms;
    uint32_t test;
    int32_t number, target, var, correlated, conditions;
};

struct kill {
    int64_t for_ms;
    uint32_t test;
    int32_t correlated, first, unused;
};

/* Which registers a variable sets: of its last and its first event, or NONE, and its folds. */
struct var {
    int32_t last, first, folds, folds_end;
};

enum { COUNT, SUM, MIN, MAX, ALL, ANY };

struct fold {
    int32_t kind, operand;
};

struct program {
    const struct stage *stages;
    const struct move *moves;
    const struct kill *kills;
    const struct var *vars;
    const struct fold *folds;
    const int32_t *code;
    const double *constants;
    int64_t stage_count, ref_count, fold_count, test_count;
    int64_t within_ms, runs_max, events_max;
};

/* A batch: `rows[p]` is the row at position p of its key order, `ids[p]` its key. Rows pass test t where
 * `tests[t]` says so; `offered` adds rows that matter though they pass none. Field f of a row is
 * `fields[f][row]`, of an event that was kept `kept[f][slot]`; null is NaN, a text is a number. */
struct batch {
    const int32_t *ids;
    const int64_t *rows, *ts_ms, *seq;
    int64_t count, row_count, last_ms;
    const byte *const *tests, *offered;
    const double *const *fields, *const *kept;
    const int32_t *barred;
    int64_t barred_count;
};

/* An open run between batches. `next` is the next run of its key. Behind it come row slots by register. */
struct kept_run {
    int32_t key, next, cell, size;
    int64_t start_ms, start_seq, deadline_ms, last_ms;
    int32_t stage;
    int32_t refs[];
};

struct pool {
    int32_t *first;
    byte *runs;
    int64_t first_count, run_bytes;
    double *const *folds;
    int32_t *chain_row;
    int16_t *chain_move;
    int32_t *chain_before;
};

struct counts {
    int64_t matches, match_log, keys, handed, rows, fresh, cells, dead, dead_cells;
};

/* --- inside ------------------------------------------------------------------------------------------- */

/* A run under way. `at` is the last position it looked at, `log` the newest of what it took in this batch. */
struct run {
    int64_t start_ms, start_seq, last_ms, deadline_ms;
    int64_t at;
    int32_t slot, cell, size, stage, log, next;
};

enum { OVER = -1 };

/* A row that a run took, by which move, and what it took before. */
struct taken {
    int32_t row, before, move;
};

struct match {
    int64_t ts_ms, seq;
    int32_t run, key;
};

/* The runs of a key that something has happened to. */
struct touched {
    int32_t key, begin, end;
};

/* Memory for all of that; it grows, and is used again for the next batch. */
struct bench {
    struct run *runs;
    int32_t *refs;
    double *folds;
    struct taken *log;
    struct match *matches;
    struct touched *keys;
    int32_t *handed, *heads, *active, *kept_rows, *kept_users, *index;
    uint32_t *bits, *picked_bits;
    int32_t *picked;
    int64_t run_room, log_room, match_room, key_room, handed_room, stage_room, row_room, kept_room;
    int64_t ref_room, fold_room;
    int64_t ref_count, fold_count;
    int64_t run_count, log_count, match_count, key_count, handed_count, kept_count;
};

/* The registers of a run: `refs` is a row, -2 - slot of a kept event, or NONE. */
struct registers {
    int32_t *refs;
    double *folds;
};

/* What an expression is asked of: the event at `row` (NONE: there is none) and a run. */
struct asking {
    const struct program *program;
    const struct batch *batch;
    int64_t row;
    struct registers registers;
    int *inexact;
};

/* What a batch and its track are, while it is stepped, and whether the key under way must be handed over. */
struct walk {
    struct bench *bench;
    const struct program *program;
    const struct batch *batch;
    const struct pool *pool;
    int64_t active_count, open;
    int32_t key;
    uint32_t starts;
    int handed, changed, full;
    int32_t *trial_refs;
    double *trial_folds;
};

/* The list of a stage: its first run, or one of these. */
enum { EMPTY = -2, UNUSED = -1 };

enum outcome { STAYS, MOVED, GONE };

int32_t cep_entered(struct walk *walk, const struct run *run);
void cep_enlist(struct walk *walk, int32_t number, int64_t at);
void cep_gone(struct walk *walk, int32_t number);
enum outcome cep_overtaken(struct walk *walk, int32_t number);
void cep_looked(struct walk *walk, int64_t at, uint32_t bits);
void cep_started(struct walk *walk, int64_t at, uint32_t bits);

int cep_run_room(struct bench *bench, int64_t need);

/* Make the bench empty, and large enough for the rows and stages. */
int cep_bench_ready(struct bench *bench, const struct program *program, const struct batch *batch);

/* Count what a step left in the bench, and give each row that an open run took a number. */
int64_t cep_counted(struct bench *bench, const struct batch *batch, struct counts *counts);

static inline struct kept_run *cep_kept_run(const struct pool *pool, int64_t slot)
{
    return (struct kept_run *)(pool->runs + slot * pool->run_bytes);
}

double cep_asked(const struct asking *asking, int32_t code);

/* Set the registers of a run after `var` took the row. */
void cep_taken(const struct asking *asking, int32_t var);

#endif
