/* What an event does to the open runs of its key, which stand in lists by stage.
 *
 *     row 7   stage 1 ─▶ run 4 ─▶ run 9      only lists of stages that the row concerns;
 *             stage 2 ─▶ run 4               each run looks at it: takes it and moves on, ends, or stays
 *
 * Runs never look at each other, so their order in a list is no matter. */
#include "step.h"

#include <math.h>
#include <string.h>

#define FOREVER ((int64_t)1 << 62)
#define TIMER_SEQ ((int64_t)1 << 62)

static struct asking asking_of(struct walk *walk, int32_t run, int64_t row)
{
    struct bench *bench = walk->bench;
    return (struct asking){
        walk->program, walk->batch, row,
        {bench->refs + run * bench->ref_count, bench->folds + run * bench->fold_count},
        &walk->handed,
    };
}

static int is_true(struct walk *walk, int32_t code, int32_t run, int64_t row)
{
    struct asking asking = asking_of(walk, run, row);
    return code == NONE || cep_asked(&asking, code) == 1;
}

static void matched(struct walk *walk, int32_t run, int64_t ts_ms, int64_t seq)
{
    struct bench *bench = walk->bench;
    if (cep_room(&bench->matches, &bench->match_room, bench->match_count + 1, sizeof *bench->matches))
        bench->matches[bench->match_count++] = (struct match){ts_ms, seq, run, walk->key};
    else
        walk->full = 1;
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* When time alone ends a run that waits at a stage, or completes it. */
static int64_t deadline_ms(const struct program *program, const struct stage *stage, const struct run *run)
{
    int64_t window = least(run->start_ms + program->within_ms, FOREVER);
    if (stage->flags & WAITS) {
        int64_t fires = run->last_ms + stage->hold_ms;
        return least(stage->flags & WHOLE && window > fires ? window : fires, FOREVER);
    }
    return stage->gap_ms == NONE ? window : least(window, run->last_ms + stage->gap_ms);
}

static enum outcome arrive(struct walk *walk, int32_t number, int32_t target, int64_t at)
{
    struct run *run = &walk->bench->runs[number];
    const struct stage *stage = &walk->program->stages[target];
    int64_t ts_ms = walk->batch->ts_ms[at], seq = walk->batch->seq[at];
    if (stage->flags & ENDS) {
        matched(walk, number, ts_ms, seq);
        return GONE;
    }
    if (stage->ends_if != NONE) {
        if (is_true(walk, stage->ends_if, number, NONE)) {
            matched(walk, number, ts_ms, seq);
            return GONE;
        }
        if (stage->moves == stage->moves_end)
            return GONE;
    }
    run->stage = target;
    run->deadline_ms = deadline_ms(walk->program, stage, run);
    return MOVED;
}

/* Whether the conditions of a move hold of a run, the event taken; its registers are then set. */
static int takes(struct walk *walk, const struct move *move, int32_t number, int64_t row)
{
    struct asking asking = asking_of(walk, number, row);
    struct registers own = asking.registers;
    const struct program *program = walk->program;
    if (move->conditions == NONE) {
        cep_taken(&asking, move->var);
        return 1;
    }
    asking.registers = (struct registers){walk->trial_refs, walk->trial_folds};
    memcpy(walk->trial_refs, own.refs, (size_t)program->ref_count * sizeof *own.refs);
    memcpy(walk->trial_folds, own.folds, (size_t)program->fold_count * sizeof *own.folds);
    cep_taken(&asking, move->var);
    if (cep_asked(&asking, move->conditions) != 1)
        return 0;
    memcpy(own.refs, walk->trial_refs, (size_t)program->ref_count * sizeof *own.refs);
    memcpy(own.folds, walk->trial_folds, (size_t)program->fold_count * sizeof *own.folds);
    return 1;
}

static enum outcome take(struct walk *walk, const struct move *move, int32_t number, int64_t at)
{
    struct bench *bench = walk->bench;
    struct run *run = &bench->runs[number];
    if (!cep_room(&bench->log, &bench->log_room, bench->log_count + 1, sizeof *bench->log)) {
        walk->full = 1;
        return GONE;
    }
    bench->log[bench->log_count] = (struct taken){(int32_t)walk->batch->rows[at], run->log, move->number};
    run->log = (int32_t)bench->log_count++;
    run->last_ms = walk->batch->ts_ms[at];
    if (++run->size > walk->program->events_max)
        walk->handed = 1;
    return arrive(walk, number, move->target, at);
}

static int fits(struct walk *walk, const struct move *move, int32_t number, int64_t at, uint32_t bits)
{
    const struct run *run = &walk->bench->runs[number];
    int64_t ts_ms = walk->batch->ts_ms[at], row = walk->batch->rows[at];
    return bits & move->test && (move->gap_ms == NONE || ts_ms - run->last_ms <= move->gap_ms) &&
           (!move->hold_ms || ts_ms > run->last_ms + move->hold_ms) &&
           is_true(walk, move->correlated, number, row) && takes(walk, move, number, row);
}

static int killed(struct walk *walk, const struct stage *stage, int32_t number, int64_t at, uint32_t bits,
                  int first)
{
    const struct run *run = &walk->bench->runs[number];
    for (int32_t i = stage->kills; i < stage->kills_end; i++) {
        const struct kill *kill = &walk->program->kills[i];
        if (kill->first == first && bits & kill->test &&
            (kill->for_ms == NONE || walk->batch->ts_ms[at] <= run->last_ms + kill->for_ms) &&
            is_true(walk, kill->correlated, number, walk->batch->rows[at]))
            return 1;
    }
    return 0;
}

/* Time has passed the deadline of a run. */
enum outcome cep_overtaken(struct walk *walk, int32_t number)
{
    const struct run *run = &walk->bench->runs[number];
    if (walk->program->stages[run->stage].flags & WAITS)
        matched(walk, number, run->deadline_ms, TIMER_SEQ);
    return GONE;
}

/* What an event that concerns its stage does to a run. */
static enum outcome look(struct walk *walk, int32_t number, int64_t at, uint32_t bits)
{
    struct run *run = &walk->bench->runs[number];
    const struct stage *stage = &walk->program->stages[run->stage];
    if (walk->batch->ts_ms[at] > run->deadline_ms)
        return cep_overtaken(walk, number);
    if (killed(walk, stage, number, at, bits, 1))
        return GONE;
    for (int32_t i = stage->moves; i < stage->moves_end; i++)
        if (fits(walk, &walk->program->moves[i], number, at, bits))
            return take(walk, &walk->program->moves[i], number, at);
    if (killed(walk, stage, number, at, bits, 0) || stage->flags & STRICT)
        return GONE;
    return STAYS;
}

void cep_enlist(struct walk *walk, int32_t number, int64_t at)
{
    struct bench *bench = walk->bench;
    struct run *run = &bench->runs[number];
    run->at = at;
    if (bench->heads[run->stage] == UNUSED) {
        bench->active[walk->active_count++] = run->stage;
        bench->heads[run->stage] = EMPTY;
    }
    run->next = bench->heads[run->stage];
    bench->heads[run->stage] = number;
}

void cep_gone(struct walk *walk, int32_t number)
{
    walk->bench->runs[number].stage = OVER;
    walk->open--;
}

/* All runs look at an event; with `bits` 0 only at its time. A run that comes to a stage now has looked. */
void cep_looked(struct walk *walk, int64_t at, uint32_t bits)
{
    struct bench *bench = walk->bench;
    for (int64_t i = 0; i < walk->active_count; i++) {
        int32_t stage = bench->active[i];
        if (bits && !(bits & walk->program->stages[stage].concerns))
            continue;
        for (int32_t *link = &bench->heads[stage]; *link >= 0;) {
            int32_t number = *link;
            struct run *run = &bench->runs[number];
            int late = walk->batch->ts_ms[at] > run->deadline_ms;
            if (run->at == at || (!bits && !late)) {
                link = &run->next;
                continue;
            }
            enum outcome outcome = bits ? look(walk, number, at, bits) : cep_overtaken(walk, number);
            if (outcome == STAYS) {
                link = &run->next;
                continue;
            }
            walk->changed = 1;
            *link = run->next;
            if (outcome == MOVED)
                cep_enlist(walk, number, at);
            else
                cep_gone(walk, number);
        }
    }
}

/* A run in the bench, its registers as they are of one that has taken nothing; NONE if there is no memory. */
int32_t cep_entered(struct walk *walk, const struct run *run)
{
    static const double nothing[] = {0, NAN, NAN, NAN, 1, 0};
    struct bench *bench = walk->bench;
    int64_t number = bench->run_count;
    if (!cep_run_room(bench, number + 1)) {
        walk->full = 1;
        return NONE;
    }
    bench->runs[number] = *run;
    for (int64_t i = 0; i < bench->ref_count; i++)
        bench->refs[number * bench->ref_count + i] = NONE;
    for (int64_t i = 0; i < bench->fold_count; i++)
        bench->folds[number * bench->fold_count + i] = nothing[walk->program->folds[i].kind];
    return (int32_t)bench->run_count++;
}

/* A run starts here if a move of the first stage fits. */
void cep_started(struct walk *walk, int64_t at, uint32_t bits)
{
    const struct program *program = walk->program;
    int64_t ts_ms = walk->batch->ts_ms[at];
    struct run run = {.start_ms = ts_ms, .start_seq = walk->batch->seq[at], .last_ms = ts_ms,
                      .deadline_ms = ts_ms, .slot = NONE, .cell = NONE, .log = NONE};
    int32_t number = cep_entered(walk, &run);
    if (number == NONE)
        return;
    for (int32_t i = program->stages[0].moves; i < program->stages[0].moves_end; i++) {
        const struct move *move = &program->moves[i];
        if (!(bits & move->test) || !is_true(walk, move->correlated, number, walk->batch->rows[at]) ||
            !takes(walk, move, number, walk->batch->rows[at]))
            continue;
        walk->changed = 1;
        walk->open++;
        if (take(walk, move, number, at) == MOVED)
            cep_enlist(walk, number, at);
        else
            cep_gone(walk, number);
        if (walk->open > program->runs_max)
            cep_looked(walk, at, 0);
        if (walk->open > program->runs_max)
            walk->handed = 1;
        return;
    }
    walk->bench->run_count--;
}
