/* What is shared by the files that step runs: a track as a program, a batch in key order, open runs in a pool.
 *
 * The structs of the first part are laid out once more in vector_program.py and vector_compiled.py. */
#ifndef CEP_STEP_H
#define CEP_STEP_H

#include "kernel.h"

#include <math.h>
#include <stddef.h>

enum {
    STACK_MAX = 32, /* values that an expression may hold at once */
    REGISTERS_MAX = 16,
    VARIANTS_MAX = 32, /* tracks that stand side by side */
};

enum { ENDS = 1, WAITS = 2, WHOLE = 4, STRICT = 8 };

/* Where runs wait: those of one variant. `concerns` has the bits of tests whose events a run must look at. `ends_if` is an
 * expression or NONE. `gap_ms` is the longest gap after which some move still fits, or NONE. `watches` is a
 * comparison of a field with one of an earlier event, without which an event does nothing to a run, or NONE: so
 * it is of events that pass none of the tests of `kill_tests`. */
struct stage {
    int64_t hold_ms, gap_ms;
    uint32_t concerns, kill_tests;
    int32_t flags, moves, moves_end, kills, kills_end, ends_if, watches, variant;
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

/* A batch in key order: `ids[p]` is the key of the event at position p, `fields[f][p]` its field f; that of an
 * event that was kept is `kept[f][slot]`. Null is NaN, a text is a number. `tests[t]` has a bit for each position,
 * set where the event passes test t; `offered` adds events that matter though they pass none. */
struct batch {
    const int32_t *ids;
    const int64_t *ts_ms, *seq;
    int64_t count, last_ms;
    const uint64_t *const *tests, *offered;
    const double *const *fields, *const *kept;
    const int32_t *barred;
    int64_t barred_count;
};

/* An open run between batches. `next` is the next run of its key. Behind it come slots of events by register. */
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
    int64_t matches, match_log, keys, handed, kept, fresh, cells, dead, dead_cells;
};

/* --- inside ------------------------------------------------------------------------------------------- */

/* An array that grows: `count` of its `room` entries are in use. */
#define GROWING(type) \
    struct { \
        type *at; \
        int64_t count, room; \
    }

/* Whether an array has room for so many more. */
#define ROOM(array, more) \
    ((array).count + (more) <= (array).room || \
     cep_room(&(array).at, &(array).room, (array).count + (more), sizeof *(array).at))

/* A run under way. `at` is the last position it looked at, `log` the newest of what it took in this batch,
 * `watched` the value that its stage compares with. */
struct run {
    int64_t start_ms, start_seq, last_ms, deadline_ms;
    double watched;
    int32_t at, slot, cell, size, stage, log, next;
};

enum { OVER = -1 };

/* That a run took the event at a position, by which move, and what it took before. */
struct taken {
    int32_t at, before, move;
};

/* The runs that wait at a stage, and between which values lie those that it compares with. */
struct list {
    double least, most;
    int32_t first;
};

/* The first run of a list, or one of these. */
enum { EMPTY = -2, UNUSED = -1 };

/* A run that is open after the batch: as it was under way, and what it took: so many, newest first. */
struct left {
    struct run run;
    int32_t took;
};

/* An event that was taken: its position, or its number among those to be kept; and the move. */
struct entry {
    int32_t event, move;
};

struct match {
    int64_t start_ms, start_seq, last_ms, ts_ms, seq;
    int32_t key, cell, took;
};

/* The runs of a key that something has happened to. */
struct touched {
    int32_t key, begin, end;
};

/* What is over, and was in the pool. */
struct dead {
    int32_t slot, cell;
};

/* Memory that is used again for the next key or batch. */
struct bench {
    /* One key: its runs, their registers, what they took in this batch, and which of them wait where. */
    GROWING(struct run) runs;
    GROWING(int32_t) refs;
    GROWING(double) folds;
    GROWING(struct taken) log;
    GROWING(struct list) lists;
    GROWING(int32_t) active;
    /* What came of the keys so far: matches and what those took, oldest first; runs that are open. */
    GROWING(struct match) matches;
    GROWING(struct entry) match_log;
    GROWING(struct touched) keys;
    GROWING(int32_t) handed;
    GROWING(struct left) left;
    GROWING(int32_t) left_refs;
    GROWING(double) left_folds;
    GROWING(struct entry) left_log;
    GROWING(struct dead) dead;
    /* Events to be kept: their positions, how many use each; and the number of each position, or NONE. */
    GROWING(int32_t) kept;
    GROWING(int32_t) kept_users;
    GROWING(int32_t) index;
    /* The positions that matter, with the bits of the tests that they pass. */
    GROWING(int32_t) picked;
    GROWING(uint32_t) picked_bits;
    int64_t fresh, dead_cells, ref_count, fold_count;
};

/* The registers of a run: `refs` is a position, -2 - slot of a kept event, or NONE. */
struct registers {
    int32_t *refs;
    double *folds;
};

/* What an expression is asked of: the event at a position (NONE: there is none) and a run. */
struct asking {
    const struct program *program;
    const struct batch *batch;
    int64_t at;
    struct registers registers;
    int *inexact;
};

/* What a batch and its track are, while it is stepped, and whether the key under way must be handed over. */
struct walk {
    struct bench *bench;
    const struct program *program;
    const struct batch *batch;
    const struct pool *pool;
    int64_t open, open_of[VARIANTS_MAX];
    int32_t key;
    uint32_t starts;
    int handed, changed, full;
    int32_t *trial_refs;
    double *trial_folds;
};

enum outcome { STAYS, MOVED, GONE };

int32_t cep_entered(struct walk *walk, const struct run *run);
int64_t *cep_open_of(struct walk *walk, int32_t stage);
void cep_enlist(struct walk *walk, int32_t number, int32_t at);
void cep_gone(struct walk *walk, int32_t number);
enum outcome cep_overtaken(struct walk *walk, int32_t number);
void cep_looked(struct walk *walk, int32_t at, uint32_t bits);
void cep_started(struct walk *walk, int32_t at, uint32_t bits);

/* Make the bench empty, and large enough for the batch and the stages. */
int cep_bench_ready(struct bench *bench, const struct program *program, const struct batch *batch);

/* Put down what came of the runs of a key; 0: memory is not enough. */
int cep_put_down(struct bench *bench, int32_t key);

static inline struct kept_run *cep_kept_run(const struct pool *pool, int64_t slot)
{
    return (struct kept_run *)(pool->runs + slot * pool->run_bytes);
}

/* As `OPS` in vector_code.py. */
enum {
    END, CONSTANT, FIELD, REF, FOLD, UNBOUND, UNLESS, EQUAL, UNEQUAL, LESS, AT_MOST, GREATER, AT_LEAST,
    AND, OR, NOT, IS_NULL, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATE,
};

static inline double cep_field(const struct batch *batch, int32_t ref, int32_t field)
{
    if (ref >= 0)
        return batch->fields[field][ref];
    return ref == NONE ? NAN : batch->kept[field][-2 - ref];
}

double cep_asked(const struct asking *asking, int32_t code);

/* Set the registers of a run after `var` took the event. */
void cep_taken(const struct asking *asking, int32_t var);

#endif
