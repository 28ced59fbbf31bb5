/* What an event does to the open runs of its key, which stand in lists by stage.
 *
 *     event 7 stage 1 ─▶ run 4 ─▶ run 9      only lists of stages that it concerns;
 *             stage 2 ─▶ run 4               each run looks at it: takes it and moves on, ends, or stays
 *
 * Runs never look at each other, so their order in a list is no matter. */
#include "step.h"

#include <string.h>

#define FOREVER ((int64_t)1 << 62)
#define TIMER_SEQ ((int64_t)1 << 62)

/* Where the code of `FIELD op REF` has its parts. */
enum { REF_AT = 3, OP_AT = 6 };

static const struct list NO_RUNS = {INFINITY, -INFINITY, EMPTY};

static struct asking asking_of(struct walk *walk, int32_t run, int64_t at)
{
    struct bench *bench = walk->bench;
    return (struct asking){
        walk->program, walk->batch, at,
        {bench->refs.at + run * bench->ref_count, bench->folds.at + run * bench->fold_count},
        &walk->handed,
    };
}

static int is_true(struct walk *walk, int32_t code, int32_t run, int64_t at)
{
    struct asking asking = asking_of(walk, run, at);
    return code == NONE || cep_asked(&asking, code) == 1;
}

/* A run is a match, with all that it took. */
static void matched(struct walk *walk, int32_t number, int64_t ts_ms, int64_t seq)
{
    struct bench *bench = walk->bench;
    const struct run *run = &bench->runs.at[number];
    struct match match = {run->start_ms, run->start_seq, run->last_ms, ts_ms, seq, walk->key, run->cell, 0};
    for (int32_t i = run->log; i != NONE; i = bench->log.at[i].before)
        match.took++;
    if (!ROOM(bench->matches, 1) || !ROOM(bench->match_log, match.took)) {
        walk->full = 1;
        return;
    }
    bench->matches.at[bench->matches.count++] = match;
    bench->match_log.count += match.took;
    struct entry *entry = bench->match_log.at + bench->match_log.count;
    for (int32_t i = run->log; i != NONE; i = bench->log.at[i].before)
        *--entry = (struct entry){bench->log.at[i].at, bench->log.at[i].move};
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

static enum outcome arrive(struct walk *walk, int32_t number, int32_t target, int32_t at)
{
    struct run *run = &walk->bench->runs.at[number];
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
static int takes(struct walk *walk, const struct move *move, int32_t number, int64_t at)
{
    struct asking asking = asking_of(walk, number, at);
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

static enum outcome take(struct walk *walk, const struct move *move, int32_t number, int32_t at)
{
    struct bench *bench = walk->bench;
    struct run *run = &bench->runs.at[number];
    if (!ROOM(bench->log, 1)) {
        walk->full = 1;
        return GONE;
    }
    bench->log.at[bench->log.count] = (struct taken){at, run->log, move->number};
    run->log = (int32_t)bench->log.count++;
    run->last_ms = walk->batch->ts_ms[at];
    if (++run->size > walk->program->events_max)
        walk->handed = 1;
    return arrive(walk, number, move->target, at);
}

static int fits(struct walk *walk, const struct move *move, int32_t number, int32_t at, uint32_t bits)
{
    const struct run *run = &walk->bench->runs.at[number];
    int64_t ts_ms = walk->batch->ts_ms[at];
    return bits & move->test && (move->gap_ms == NONE || ts_ms - run->last_ms <= move->gap_ms) &&
           (!move->hold_ms || ts_ms > run->last_ms + move->hold_ms) &&
           is_true(walk, move->correlated, number, at) && takes(walk, move, number, at);
}

static int killed(struct walk *walk, const struct stage *stage, int32_t number, int32_t at, uint32_t bits,
                  int first)
{
    const struct run *run = &walk->bench->runs.at[number];
    for (int32_t i = stage->kills; i < stage->kills_end; i++) {
        const struct kill *kill = &walk->program->kills[i];
        if (kill->first == first && bits & kill->test &&
            (kill->for_ms == NONE || walk->batch->ts_ms[at] <= run->last_ms + kill->for_ms) &&
            is_true(walk, kill->correlated, number, at))
            return 1;
    }
    return 0;
}

/* Time has passed the deadline of a run. */
enum outcome cep_overtaken(struct walk *walk, int32_t number)
{
    const struct run *run = &walk->bench->runs.at[number];
    if (walk->program->stages[run->stage].flags & WAITS)
        matched(walk, number, run->deadline_ms, TIMER_SEQ);
    return GONE;
}

/* What an event that concerns its stage does to a run. */
static enum outcome look(struct walk *walk, int32_t number, int32_t at, uint32_t bits)
{
    struct run *run = &walk->bench->runs.at[number];
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

static void widen(struct list *list, double value)
{
    if (value < list->least)
        list->least = value;
    if (value > list->most)
        list->most = value;
}

/* The comparison that a stage watches: FIELD op REF. */
static const int32_t *watched(const struct walk *walk, const struct stage *stage)
{
    return walk->program->code + stage->watches;
}

/* Have a run wait at its stage. */
void cep_enlist(struct walk *walk, int32_t number, int32_t at)
{
    struct bench *bench = walk->bench;
    struct run *run = &bench->runs.at[number];
    struct list *list = &bench->lists.at[run->stage];
    const struct stage *stage = &walk->program->stages[run->stage];
    run->at = at;
    if (list->first == UNUSED)
        bench->active.at[bench->active.count++] = run->stage;
    if (list->first < 0)
        *list = NO_RUNS;
    run->next = list->first;
    list->first = number;
    if (stage->watches != NONE) {
        const int32_t *op = watched(walk, stage);
        int32_t ref = bench->refs.at[number * bench->ref_count + op[REF_AT + 1]];
        run->watched = cep_field(walk->batch, ref, op[REF_AT + 2]);
        widen(list, run->watched);
    }
}

/* How many runs of the variant that a stage belongs to are open. */
int64_t *cep_open_of(struct walk *walk, int32_t stage)
{
    return &walk->open_of[walk->program->stages[stage].variant];
}

void cep_gone(struct walk *walk, int32_t number)
{
    struct run *run = &walk->bench->runs.at[number];
    --*cep_open_of(walk, run->stage);
    run->stage = OVER;
    walk->open--;
}

/* Whether there is a value from `least` to `most` for which `value op` it may be true. */
static int may_hold(int32_t op, double value, double least, double most)
{
    switch (op) {
    case EQUAL: return least <= value && value <= most;
    case UNEQUAL: return least < most || (least == most && value != least && !isnan(value));
    case LESS: return value < most;
    case AT_MOST: return value <= most;
    case GREATER: return value > least;
    default: return value >= least;
    }
}

/* An event as a list sees it: whether it may do nothing but what a comparison decides, and that comparison. */
struct sight {
    int32_t at, op;
    uint32_t bits;
    int watches;
    double value;
};

static struct sight sight_of(const struct walk *walk, const struct stage *stage, int32_t at, uint32_t bits)
{
    struct sight sight = {.at = at, .bits = bits};
    if (stage->watches != NONE && bits && !(bits & stage->kill_tests)) {
        const int32_t *op = watched(walk, stage);
        sight.watches = 1;
        sight.op = op[OP_AT];
        sight.value = walk->batch->fields[op[1]][at];
    }
    return sight;
}

/* One run looks at an event, or only at its time. */
static enum outcome seen(struct walk *walk, int32_t number, const struct sight *sight)
{
    const struct run *run = &walk->bench->runs.at[number];
    if (run->at == sight->at)
        return STAYS;
    if (walk->batch->ts_ms[sight->at] > run->deadline_ms)
        return cep_overtaken(walk, number);
    if (!sight->bits ||
        (sight->watches && !may_hold(sight->op, sight->value, run->watched, run->watched)))
        return STAYS;
    return look(walk, number, sight->at, sight->bits);
}

/* All runs look at an event; with `bits` 0 only at its time. A run that comes to a stage now has looked. */
void cep_looked(struct walk *walk, int32_t at, uint32_t bits)
{
    struct bench *bench = walk->bench;
    for (int64_t i = 0; i < bench->active.count; i++) {
        const struct stage *stage = &walk->program->stages[bench->active.at[i]];
        struct list *list = &bench->lists.at[bench->active.at[i]];
        if (list->first < 0 || (bits && !(bits & stage->concerns)))
            continue;
        struct sight sight = sight_of(walk, stage, at, bits);
        if (sight.watches && !may_hold(sight.op, sight.value, list->least, list->most))
            continue;
        /* The values of those that stay are gathered anew; a run that comes in meanwhile adds its own. */
        list->least = NO_RUNS.least;
        list->most = NO_RUNS.most;
        for (int32_t *link = &list->first; *link >= 0;) {
            int32_t number = *link;
            struct run *run = &bench->runs.at[number];
            enum outcome outcome = seen(walk, number, &sight);
            if (outcome == STAYS) {
                widen(list, run->watched);
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
    if (!ROOM(bench->runs, 1) || !ROOM(bench->refs, bench->ref_count) ||
        !ROOM(bench->folds, bench->fold_count)) {
        walk->full = 1;
        return NONE;
    }
    bench->runs.at[bench->runs.count] = *run;
    for (int64_t i = 0; i < bench->ref_count; i++)
        bench->refs.at[bench->refs.count++] = NONE;
    for (int64_t i = 0; i < bench->fold_count; i++)
        bench->folds.at[bench->folds.count++] = nothing[walk->program->folds[i].kind];
    return (int32_t)bench->runs.count++;
}

/* A run begins with a move of the first stage if it fits. */
static int begun(struct walk *walk, const struct move *move, const struct run *run, int32_t at)
{
    struct bench *bench = walk->bench;
    int64_t *open = cep_open_of(walk, move->target);
    int32_t number = cep_entered(walk, run);
    if (number == NONE)
        return 0;
    if (!is_true(walk, move->correlated, number, at) || !takes(walk, move, number, at)) {
        bench->runs.count--;
        bench->refs.count -= bench->ref_count;
        bench->folds.count -= bench->fold_count;
        return 0;
    }
    walk->changed = 1;
    walk->open++;
    ++*open;
    bench->runs.at[number].stage = move->target;
    if (take(walk, move, number, at) == MOVED)
        cep_enlist(walk, number, at);
    else
        cep_gone(walk, number);
    if (*open > walk->program->runs_max)
        cep_looked(walk, at, 0);
    if (*open > walk->program->runs_max)
        walk->handed = 1;
    return 1;
}

/* A run of each variant starts here if a move of the first stage fits. */
void cep_started(struct walk *walk, int32_t at, uint32_t bits)
{
    const struct program *program = walk->program;
    int64_t ts_ms = walk->batch->ts_ms[at];
    struct run run = {.start_ms = ts_ms, .start_seq = walk->batch->seq[at], .last_ms = ts_ms,
                      .deadline_ms = ts_ms, .slot = NONE, .cell = NONE, .log = NONE};
    int32_t started = NONE;
    for (int32_t i = program->stages[0].moves; i < program->stages[0].moves_end; i++) {
        const struct move *move = &program->moves[i];
        int32_t variant = program->stages[move->target].variant;
        if (variant != started && bits & move->test && begun(walk, move, &run, at))
            started = variant;
    }
}
