/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/unit.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { NAMES = 6 };
static const struct {
    struct kp_unit unit;
    const char *names[NAMES]; /* others for the same; MTConnect's (Part 2, units) among them */
} units[] = {
    { { "CEL", "°C" }, { "celsius", "degC", "deg C", "C" } },
    { { "FAH", "°F" }, { "fahrenheit", "degF" } },
    { { "KEL", "K" }, { "kelvin" } },
    { { "P1", "%" }, { "percent", "pct" } },
    { { "59", "ppm" }, { "parts per million" } },
    { { "C62", "1" }, { "count", "pcs", "pieces", "stuks", "st" } },
    { { "RPM", "rpm" }, { "REVOLUTION/MINUTE", "1/min", "r/min", "min-1", "U/min" } },
    { { "RPS", "1/s" }, { "REVOLUTION/SECOND", "rps" } },
    { { "HTZ", "Hz" }, { "hertz" } },
    { { "KHZ", "kHz" }, { "kilohertz" } },
    { { "MMT", "mm" }, { "millimeter", "millimetre" } },
    { { "4H", "µm" }, { "micrometer", "micrometre", "um", "μm" } },
    { { "CMT", "cm" }, { "centimeter", "centimetre" } },
    { { "MTR", "m" }, { "meter", "metre" } },
    { { "INH", "in" }, { "inch" } },
    { { "C16", "mm/s" }, { "MILLIMETER/SECOND" } },
    { { "H81", "mm/min" }, { "MILLIMETER/MINUTE" } },
    { { "MTS", "m/s" }, { "METER/SECOND" } },
    { { "2X", "m/min" }, { "METER/MINUTE" } },
    { { "KMH", "km/h" }, { NULL } },
    { { "MSK", "m/s²" }, { "METER/SECOND^2", "m/s2" } },
    { { "M38", "mm/s²" }, { "MILLIMETER/SECOND^2", "mm/s2" } },
    { { "DD", "°" }, { "degree", "deg" } },
    { { "C81", "rad" }, { "radian" } },
    { { "C25", "mrad" }, { "MILLI_RADIAN", "milliradian" } },
    { { "B97", "µrad" }, { "MICRO_RADIAN", "microradian" } },
    { { "E96", "°/s" }, { "DEGREE/SECOND", "deg/s" } },
    { { "M45", "°/s²" }, { "DEGREE/SECOND^2", "deg/s2" } },
    { { "SEC", "s" }, { "second", "sec" } },
    { { "C26", "ms" }, { "millisecond" } },
    { { "B98", "µs" }, { "microsecond", "us", "μs" } },
    { { "MIN", "min" }, { "minute" } },
    { { "HUR", "h" }, { "hour", "hr" } },
    { { "DAY", "d" }, { "day" } },
    { { "VLT", "V" }, { "volt" } },
    { { "2Z", "mV" }, { "millivolt" } },
    { { "KVT", "kV" }, { "kilovolt" } },
    { { "AMP", "A" }, { "ampere", "amp" } },
    { { "4K", "mA" }, { "milliampere" } },
    { { "OHM", "Ω" }, { "ohm", "Ω" } },
    { { "C61", "Ω·m" }, { "OHM_METER" } },
    { { "WTT", "W" }, { "watt" } },
    { { "KWT", "kW" }, { "kilowatt" } },
    { { "MAW", "MW" }, { "megawatt" } },
    { { "D46", "VA" }, { "VOLT_AMPERE" } },
    { { "KVA", "kVA" }, { "kilovolt ampere" } },
    { { "D44", "var" }, { "VOLT_AMPERE_REACTIVE" } },
    { { "KVR", "kvar" }, { "kilovar" } },
    { { "WHR", "Wh" }, { "WATT_HOUR", "watt hour" } },
    { { "J55", "W·s" }, { "WATT_SECOND", "Ws" } },
    { { "KWH", "kWh" }, { "KILOWATT_HOUR", "kilowatt hour" } },
    { { "MWH", "MWh" }, { "megawatt hour" } },
    { { "K3", "kvarh" }, { NULL } },
    { { "JOU", "J" }, { "joule" } },
    { { "KJO", "kJ" }, { "kilojoule" } },
    { { "3B", "MJ" }, { "megajoule" } },
    { { "GV", "GJ" }, { "gigajoule" } },
    { { "NEW", "N" }, { "newton" } },
    { { "B47", "kN" }, { "kilonewton" } },
    { { "NU", "N·m" }, { "NEWTON_METER", "Nm" } },
    { { "PAL", "Pa" }, { "pascal" } },
    { { "C65", "Pa·s" }, { "PASCAL_SECOND" } },
    { { "A97", "hPa" }, { "hectopascal" } },
    { { "KPA", "kPa" }, { "kilopascal" } },
    { { "MPA", "MPa" }, { "megapascal" } },
    { { "BAR", "bar" }, { NULL } },
    { { "MBR", "mbar" }, { "millibar" } },
    { { "PS", "psi" }, { NULL } },
    { { "GRM", "g" }, { "gram" } },
    { { "MGM", "mg" }, { "milligram" } },
    { { "A93", "g/m³" }, { "GRAM/CUBIC_METER", "g/m3" } },
    { { "KGM", "kg" }, { "kilogram" } },
    { { "TNE", "t" }, { "tonne" } },
    { { "LTR", "L" }, { "liter", "litre", "l" } },
    { { "MLT", "mL" }, { "milliliter", "millilitre", "ml" } },
    { { "MTQ", "m³" }, { "CUBIC_METER", "m3" } },
    { { "MMQ", "mm³" }, { "CUBIC_MILLIMETER", "mm3" } },
    { { "MTK", "m²" }, { "m2" } },
    { { "L2", "L/min" }, { "LITER/MINUTE", "l/min" } },
    { { "G51", "L/s" }, { "LITER/SECOND", "l/s" } },
    { { "E32", "L/h" }, { "LITER/HOUR", "l/h" } },
    { { "MQH", "m³/h" }, { "CUBIC_METER/HOUR", "m3/h" } },
    { { "MQS", "m³/s" }, { "CUBIC_METER/SECOND", "m3/s" } },
    { { "2N", "dB" }, { "decibel" } },
    { { "LUX", "lx" }, { "lux" } },
    { { "LUM", "lm" }, { "lumen" } },
    { { "D10", "S/m" }, { "SIEMENS/METER" } },
    { { "D33", "T" }, { "tesla" } },
    { { "Q30", "pH" }, { "PH" } },
    { { "AD", "B" }, { "byte" } },
    { { "2P", "kB" }, { "kilobyte" } },
    { { "4L", "MB" }, { "megabyte" } },
};

/* Symbols differ by case alone (mW, MW), names and codes do not. */
static bool is_called(size_t i, const char *written)
{
    if (strcasecmp(units[i].unit.code, written) == 0)
        return true;
    for (size_t k = 0; k < NAMES && units[i].names[k]; k++)
        if (strlen(written) > 3 ? strcasecmp(units[i].names[k], written) == 0
                                : strcmp(units[i].names[k], written) == 0)
            return true;
    return false;
}

bool kp_unit_find(const char *written, struct kp_unit *out)
{
    enum { N = sizeof units / sizeof *units };
    size_t found = N;
    for (size_t i = 0; i < N && found == N; i++)
        if (strcmp(units[i].unit.text, written) == 0)
            found = i;
    for (size_t i = 0; i < N && found == N; i++)
        if (is_called(i, written))
            found = i;
    if (found == N)
        return false;
    *out = units[found].unit;
    return true;
}
