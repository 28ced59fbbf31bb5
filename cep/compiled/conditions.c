/* Conditions on runs: expressions as code for a machine with a stack. Null is NaN, true 1, false 0.
 *
 *     b.amount > 2 * a.amount      FIELD amount · CONSTANT 2 · REF a amount · MULTIPLY · GREATER
 *
 * Three-valued as SQL is. A number too large for ints and floats to agree on is not worked out here: it sets
 * `inexact`, and who asked must ask elsewhere.
 */
#include "step.h"

/* As EXACT_INT_MAX in arrays.py. */
#define EXACT_MAX ((double)((int64_t)1 << 40))

static inline double both(double one, double other)
{
    if (one == 0 || other == 0)
        return 0;
    return isnan(one) || isnan(other) ? NAN : 1;
}

static inline double either(double one, double other)
{
    if (one == 1 || other == 1)
        return 1;
    return isnan(one) || isnan(other) ? NAN : 0;
}

static inline double compared(int32_t op, double left, double right)
{
    if (isnan(left) || isnan(right))
        return NAN;
    switch (op) {
    case EQUAL: return left == right;
    case UNEQUAL: return left != right;
    case LESS: return left < right;
    case AT_MOST: return left <= right;
    case GREATER: return left > right;
    default: return left >= right;
    }
}

static inline double exact(double found, int *inexact)
{
    if (fabs(found) > EXACT_MAX)
        *inexact = 1;
    return found;
}

static inline double computed(int32_t op, double left, double right, int *inexact)
{
    switch (op) {
    case ADD: return exact(left + right, inexact);
    case SUBTRACT: return exact(left - right, inexact);
    case MULTIPLY: return exact(left * right, inexact);
    default: {
        double found = right == 0 ? NAN : left / right;
        return isfinite(found) ? found : NAN;
    }
    }
}

/* The value of the expression whose code begins there. */
double cep_asked(const struct asking *asking, int32_t code)
{
    double stack[STACK_MAX], *top = stack - 1;
    const int32_t *refs = asking->registers.refs, *op = asking->program->code + code;
    /* The commonest one, a field beside that of an event taken before, goes without the stack. */
    if (op[0] == FIELD && op[3] == REF && op[9] == END && asking->at >= 0)
        return compared(op[6], asking->batch->fields[op[1]][asking->at],
                        cep_field(asking->batch, refs[op[4]], op[5]));
    for (;; op += 3) {
        switch (op[0]) {
        case END: return *top;
        case CONSTANT: *++top = asking->program->constants[op[1]]; break;
        case FIELD: *++top = asking->at < 0 ? NAN : asking->batch->fields[op[1]][asking->at]; break;
        case REF: *++top = cep_field(asking->batch, refs[op[1]], op[2]); break;
        case FOLD: *++top = asking->registers.folds[op[1]]; break;
        case UNBOUND: *++top = refs[op[1]] == NONE; break;
        case UNLESS:
            if (refs[op[1]] == NONE)
                *top = asking->program->constants[op[2]];
            break;
        case AND: top--; *top = both(top[0], top[1]); break;
        case OR: top--; *top = either(top[0], top[1]); break;
        case NOT: *top = 1 - *top; break;
        case IS_NULL: *top = isnan(*top); break;
        case NEGATE: *top = -*top; break;
        case ADD: case SUBTRACT: case MULTIPLY: case DIVIDE:
            top--;
            *top = computed(op[0], top[0], top[1], asking->inexact);
            break;
        default:
            top--;
            *top = compared(op[0], top[0], top[1]);
        }
    }
}

/* An aggregate with one more value; null is left out. */
static double folded(int32_t kind, double state, double value, int *inexact)
{
    if (kind == ALL)
        return both(state, value);
    if (kind == ANY)
        return either(state, value);
    if (isnan(value))
        return state;
    if (kind == COUNT)
        return state + 1;
    if (isnan(state))
        return exact(value, inexact);
    switch (kind) {
    case SUM: return exact(state + value, inexact);
    case MIN: return value < state ? value : state;
    default: return value > state ? value : state;
    }
}

void cep_taken(const struct asking *asking, int32_t number)
{
    const struct var *var = &asking->program->vars[number];
    struct registers registers = asking->registers;
    for (int32_t i = var->folds; i < var->folds_end; i++) {
        const struct fold *fold = &asking->program->folds[i];
        double value = fold->operand == NONE ? 1 : cep_asked(asking, fold->operand);
        registers.folds[i] = folded(fold->kind, registers.folds[i], value, asking->inexact);
    }
    if (var->last != NONE)
        registers.refs[var->last] = (int32_t)asking->at;
    if (var->first != NONE && registers.refs[var->first] == NONE)
        registers.refs[var->first] = (int32_t)asking->at;
}
