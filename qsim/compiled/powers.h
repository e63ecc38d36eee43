/* Powers of prices: `money.log`, `money.exp` and `money.power`. */
#include <math.h>

#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10

static double logarithm(double x) {
    int exponent;
    double mantissa = frexp(x, &exponent);
    int low = mantissa < 0.7071067811865476;
    mantissa = low ? mantissa * 2.0 : mantissa;
    double twos = exponent - low, s = (mantissa - 1.0) / (mantissa + 1.0), square = s * s, series = 1.0 / 23;
    for (int odd = 21; odd > 0; odd -= 2) series = series * square + 1.0 / odd;
    return twos * LN2_HIGH + (twos * LN2_LOW + 2.0 * s * series);
}

static double exponential(double x) {
    static const double factorials[] = {1,    1,     2,      6,       24,       120,       720,
                                        5040, 40320, 362880, 3628800, 39916800, 479001600, 6227020800};
    double whole = floor(x / (LN2_HIGH + LN2_LOW) + 0.5), rest = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    double series = 1 / factorials[13];
    for (int n = 12; n >= 0; n--) series = series * rest + 1 / factorials[n];
    return ldexp(series, (int)whole);
}
