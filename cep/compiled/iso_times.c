/* Times in the usual forms of ISO 8601, as milliseconds since 1970: `2026-01-31T08:30:00.125+01:00`.
 *
 * Date and time with a `T` or a blank between them, then nothing or three, six or nine places of the
 * second, then nothing, `Z` or an offset. Every other form is left to the caller.
 */
#include "kernel.h"

enum { SECONDS_AT = 19, YEAR_MIN = 2, YEAR_MAX = 9998 };

struct text {
    const byte *at;
    int32_t length;
};

/* The number that some digits say, NONE if they are no digits. */
static int digits(struct text text, int at, int count)
{
    int number = 0;
    for (int i = at; i < at + count; i++) {
        if (i >= text.length || text.at[i] < '0' || text.at[i] > '9')
            return NONE;
        number = number * 10 + text.at[i] - '0';
    }
    return number;
}

static inline int is(struct text text, int at, byte c)
{
    return at < text.length && text.at[at] == c;
}

static int days_of_month(int year, int month)
{
    static const byte DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return DAYS[month - 1] + leap;
}

/* Days from 1970-01-01 in the Gregorian calendar, counted from a year that begins with March. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = year - (month <= 2), in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

/* Put down the offset that the rest of a text names; 0 if that is none of the usual ones. */
static int offset(struct text text, int at, int64_t zone_ms, int64_t *ms)
{
    if (at == text.length && zone_ms != NO_ZONE)
        *ms = zone_ms;
    else if (is(text, at, 'Z') && at + 1 == text.length)
        *ms = 0;
    else if ((is(text, at, '+') || is(text, at, '-')) && is(text, at + 3, ':') && at + 6 == text.length) {
        int hours = digits(text, at + 1, 2), minutes = digits(text, at + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
            return 0;
        *ms = (int64_t)(hours * 60 + minutes) * (text.at[at] == '-' ? -60000 : 60000);
    } else
        return 0;
    return 1;
}

static int iso_time(struct text text, int64_t zone_ms, int64_t *ms)
{
    int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 ||
        second < 0 || hour > 23 || minute > 59 || second > 59 || day > days_of_month(year, month))
        return 0;
    if (text.at[4] != '-' || text.at[7] != '-' || text.at[13] != ':' || text.at[16] != ':' ||
        (text.at[10] != 'T' && text.at[10] != ' '))
        return 0;
    int at = SECONDS_AT, thousandths = 0;
    if (is(text, at, '.')) {
        thousandths = digits(text, at + 1, 3);
        at += 4;
        for (int more = 0; more < 2 && digits(text, at, 3) >= 0; more++)
            at += 3;
    }
    int64_t offset_ms;
    if (thousandths < 0 || !offset(text, at, zone_ms, &offset_ms))
        return 0;
    int64_t minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute;
    *ms = minutes * 60000 + second * 1000 + thousandths - offset_ms;
    return 1;
}

/* Read the texts among these cells; `good` says of which rows `ms` is the time. `zone_ms` is the offset of a
 * time that names none, NO_ZONE if such times are not to be read. */
void cep_iso_times(const byte *data, const byte *kinds, const int32_t *starts, const int32_t *lengths,
                   int64_t rows, int64_t zone_ms, int64_t *ms, byte *good)
{
    for (int64_t row = 0; row < rows; row++) {
        struct text text = {data + starts[row], lengths[row]};
        good[row] = kinds[row] == TEXT && iso_time(text, zone_ms, &ms[row]);
    }
}
